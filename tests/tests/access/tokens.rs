//! Tokens: how they are made, known, limited and revoked, on one server and on several.

mod limits;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use steps_shared::StepId;
use steps_tests::server::Builder;
use steps_tests::{Answer, Server, TestDb, eventually, on_both_stores};

use limits::{
    requests_are_limited_by_token, the_program_itself_makes_lists_and_revokes_tokens,
    wrong_tokens_are_limited_by_address,
};

on_both_stores!(
    the_first_token_closes_an_open_server,
    a_token_is_known_to_every_server_and_revoked_on_every_server,
    a_token_records_as_its_owner,
    a_token_is_asked_for_properly,
    known_tokens_go_on_while_tokens_cannot_be_read,
    wrong_tokens_are_limited_by_address,
    requests_are_limited_by_token,
    the_program_itself_makes_lists_and_revokes_tokens,
);

/// Asks with a token.
struct Holder<'a>(&'a Server, String);

impl Holder<'_> {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.0.request(method, path).bearer_auth(&self.1)
    }

    async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    /// Makes a token; the answer.
    async fn make(&self, name: &str, more: Value) -> Value {
        let mut new = json!({"name": name, "scopes": ["record", "read"]});
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = self.post("/v1/tokens", &new).await;
        assert_eq!(made.status, 201, "{}", made.text());
        assert_eq!(made.header("cache-control"), "no-store");
        made.json()
    }

    /// Revokes a token by its id.
    async fn revoke(&self, id: &Value) {
        let path = format!("/v1/tokens/{}", id.as_str().unwrap());
        assert_eq!(Answer::of(self.request(Method::DELETE, &path)).await.status, 204);
    }
}

/// A token that permits everything, made before a server starts.
fn admin(db: &TestDb) -> String {
    let made = Builder::on(&db.url()).run_with(&["token", "create", "admin", "--scope", "admin"]).ok();
    made.trim().to_owned()
}

fn secret(made: &Value) -> String {
    made["secret"].as_str().unwrap().to_owned()
}

fn step(owner: Option<&str>) -> Value {
    let mut step = json!({"component": "shop", "version": StepId::generate(), "status": "building"});
    if let Some(owner) = owner {
        step["owner"] = json!(owner);
    }
    step
}

async fn the_first_token_closes_an_open_server(db: TestDb) {
    let server = Server::start(&db).await;
    let other = Server::start(&db).await;
    let warned = || server.process().log().matches("may record and read everything, because there is no token").count();
    assert_eq!(warned(), 1);
    let open = server.post_body("/v1/steps", "application/json", step(Some("ann")).to_string()).await;
    assert_eq!(open.status, 201, "{}", open.text());
    let current = server.get("/v1/tokens/current").await.json();
    assert_eq!((&current["kind"], &current["name"]), (&json!("anonymous"), &json!("anonymous")));
    // What is sent is looked at even where nothing need be.
    let wrong = "steps_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp13sRzl1";
    Holder(&server, wrong.to_owned()).get("/v1/steps").await.problem(401);
    // A password that a proxy has asked for is none of ours.
    let basic = server.request(Method::GET, "/v1/steps").header("authorization", "Basic YTpi");
    assert_eq!(Answer::of(basic).await.status, 200);

    let new = json!({"name": "first", "scopes": ["admin"]}).to_string();
    let first = server.post_body("/v1/tokens", "application/json", new).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let first = first.json();
    // At once here, and within a few seconds elsewhere.
    server.get("/v1/steps").await.problem(401);
    Answer::of(server.request(Method::GET, "/v1/steps").header("authorization", "Basic YTpi")).await.problem(401);
    eventually("the other server asks for a token", async || {
        (other.get("/v1/steps").await.status == 401).then_some(())
    })
    .await;
    let admin = Holder(&server, secret(&first));
    let listed = admin.get("/v1/tokens").await.json();
    assert_eq!((&listed["tokens"][0]["name"], listed["tokens"].as_array().map(Vec::len)), (&json!("first"), Some(1)));
    assert!(!listed.to_string().contains("secret") && !listed.to_string().contains(&admin.1[6..]), "{listed}");

    // Without the last token it is not open again, until somebody starts it anew.
    admin.revoke(&first["id"]).await;
    admin.get("/v1/steps").await.problem(401);
    server.get("/v1/steps").await.problem(401);
    assert_eq!(warned(), 1);
    server.stop().await;
    other.stop().await;
    let server = Server::start(&db).await;
    assert_eq!(server.get("/v1/steps").await.status, 200);
    server.stop().await;
}

async fn a_token_is_known_to_every_server_and_revoked_on_every_server(db: TestDb) {
    let admin = admin(&db);
    let servers = [Server::start(&db).await, Server::start(&db).await];
    let [one, other] = &servers;
    let admin = Holder(one, admin);
    for _ in 0..5 {
        let made = admin.make(&StepId::generate().to_string(), json!({})).await;
        // At once, because a token that is not known is looked for.
        let elsewhere = Holder(other, secret(&made));
        assert_eq!(elsewhere.get("/v1/steps").await.status, 200);
        assert_eq!(Holder(one, secret(&made)).get("/v1/steps").await.status, 200);
        admin.revoke(&made["id"]).await;
        Holder(one, secret(&made)).get("/v1/steps").await.problem(401);
        eventually("the other server refuses it", async || {
            (elsewhere.get("/v1/steps").await.status == 401).then_some(())
        })
        .await;
    }
    let gone = Answer::of(admin.request(Method::DELETE, &format!("/v1/tokens/{}", StepId::generate()))).await;
    assert!(gone.problem(404).detail.contains("no token has the id"));

    // Past every server, as an operator would in a hurry.
    let made = admin.make("leaked", json!({})).await;
    let [here, there] = [one, other].map(|server| Holder(server, secret(&made)));
    assert_eq!((here.get("/v1/steps").await.status, there.get("/v1/steps").await.status), (200, 200));
    db.execute("DELETE FROM tokens WHERE name = 'leaked'").await;
    for holder in [here, there] {
        eventually("it is refused", async || (holder.get("/v1/steps").await.status == 401).then_some(())).await;
    }
    for server in servers {
        server.stop().await;
    }
}

async fn a_token_records_as_its_owner(db: TestDb) {
    let admin = admin(&db);
    let server = Server::start(&db).await;
    let admin = Holder(&server, admin);
    let ann = Holder(&server, secret(&admin.make("ann's", json!({"owner": "ann"})).await));
    let current = ann.get("/v1/tokens/current").await.json();
    assert_eq!((&current["owner"], &current["scopes"]), (&json!("ann"), &json!(["record", "read"])));

    // Where none is sent, the token's; others are refused.
    let recorded = ann.post("/v1/steps", &step(None)).await;
    assert_eq!(recorded.recorded().owner.as_str(), "ann");
    let path = format!("/v1/steps?component=shop&version={}&status=started", StepId::generate());
    assert_eq!(ann.post(&path, &Value::Null).await.status, 400);
    assert_eq!(Answer::of(ann.request(Method::POST, &path)).await.recorded().owner.as_str(), "ann");
    assert_eq!(ann.post("/v1/steps", &step(Some("ann"))).await.status, 201);
    let refused = ann.post("/v1/steps", &step(Some("bob"))).await.problem(403);
    assert_eq!(
        (refused.errors[0].field.as_str(), refused.detail.as_str()),
        ("owner", r#"owner must be "ann", not "bob""#)
    );
    admin.post("/v1/steps", &step(None)).await.problem(400);

    // A batch is recorded whole or not at all.
    let before = db.stored_steps().await;
    let batch = json!([step(None), step(Some("ann")), step(Some("bob"))]);
    let refused = ann.post("/v1/steps/batch", &batch).await.problem(403);
    assert!(refused.detail.contains("step 3: owner must be \"ann\""), "{refused:?}");
    assert_eq!(db.stored_steps().await, before);
    let batch = ann.post("/v1/steps/batch", &json!([step(None), step(Some("ann"))])).await.json();
    assert_eq!((&batch["recorded"], &batch["refused"]), (&json!(2), &json!(0)));
    let lines = format!("{}\n{}\n", step(None), step(None));
    let ndjson =
        ann.request(Method::POST, "/v1/steps/batch").header("content-type", "application/x-ndjson").body(lines);
    assert_eq!(Answer::of(ndjson).await.json()["recorded"], 2);

    // The ends of spans, and what is said of deployments.
    let mut span = step(Some("bob"));
    span["span"] = json!(true);
    let bobs = admin.post("/v1/steps", &span).await.recorded();
    let end = json!({"outcome": "succeeded"});
    let finish = format!("/v1/steps/{}/finish", bobs.id);
    assert_eq!(ann.post(&finish, &end).await.problem(403).errors[0].field, "owner");
    assert!(admin.get(&format!("/v1/steps/{}", bobs.id)).await.json()["outcome"].is_null());
    assert_eq!(admin.post(&finish, &end).await.status, 200);
    span = step(None);
    span["span"] = json!(true);
    let anns = ann.post("/v1/steps", &span).await.recorded();
    assert_eq!(ann.post(&format!("/v1/steps/{}/finish", anns.id), &end).await.status, 200);
    let exclude = format!("/v1/deployments/{}/exclude", anns.id);
    assert_eq!(ann.post(&exclude, &json!({"reason": "x", "owner": "bob"})).await.problem(403).errors[0].field, "owner");
    assert_eq!(ann.post(&exclude, &json!({"reason": "x"})).await.status, 200);
    let include = format!("/v1/deployments/{}/include", anns.id);
    assert_eq!(ann.post(&include, &json!({"owner": "bob"})).await.problem(403).errors[0].field, "owner");
    assert_eq!(Answer::of(ann.request(Method::POST, &include)).await.status, 200);

    // When it was used last is stored, and by whom a request was is in the log.
    eventually("the last use is stored", async || {
        let listed = admin.get("/v1/tokens").await.json();
        let used = |name: &str| {
            listed["tokens"].as_array()?.iter().find(|token| token["name"] == name)?["last_used_at"]
                .as_str()
                .map(str::to_owned)
        };
        used("ann's").and(used("admin"))
    })
    .await;
    server.process().logged(r#""caller":"ann's""#).await;
    server.stop().await;
}

async fn a_token_is_asked_for_properly(db: TestDb) {
    let admin = admin(&db);
    let server = Server::start(&db).await;
    let admin = Holder(&server, admin);
    admin.make("ci", json!({"components": ["acme/*"], "environments": ["staging"], "expires_in": "90d"})).await;
    let taken = admin.post("/v1/tokens", &json!({"name": "ci", "scopes": ["read"]})).await.problem(409);
    assert!(taken.detail.contains("\"ci\" is taken"), "{taken:?}");
    for (new, part) in [
        (json!({"scopes": ["read"]}), "Missing name parameter"),
        (json!({"name": "x"}), "Missing scopes parameter"),
        (json!({"name": "x", "scopes": ["wirte"]}), "record, read or admin"),
        (json!({"name": "x", "scopes": "read", "component": "a"}), "did you mean \"components\"?"),
        (json!({"name": "x", "scopes": "read", "components": [""]}), "components must not be empty"),
        (json!({"name": "x", "scopes": "read", "expires_in": "0s"}), "longer than nothing"),
        (json!({"name": "x", "scopes": "read", "expires_in": "9000y"}), "before the year 10000"),
        (json!({"name": "a\u{7}b", "scopes": "admin"}), "control character"),
    ] {
        let problem = admin.post("/v1/tokens", &new).await.problem(400);
        assert!(problem.detail.contains(part), "{new}: {problem:?}");
    }
    for name in ["bootstrap", "anonymous"] {
        admin.post("/v1/tokens", &json!({"name": name, "scopes": "admin"})).await.problem(409);
    }
    let form = admin.request(Method::POST, "/v1/tokens").form(&[("name", "x"), ("scopes", "read")]);
    Answer::of(form).await.problem(415);
    admin.post("/v1/tokens?name=x", &json!({"name": "x", "scopes": "read"})).await.problem(400);
    admin.post("/v1/tokens", &json!([1])).await.problem(400);
    let large = json!({"name": "x", "scopes": "read", "owner": "x".repeat(300_000)});
    admin.post("/v1/tokens", &large).await.problem(413);
    Answer::of(admin.request(Method::DELETE, "/v1/tokens/ci")).await.problem(400);

    // Any text is a name, and comes back as it was.
    for name in ["'; DROP TABLE tokens; --", "<b>&amp;\"", "é 🚀 \u{202e}", "%s{}\\n"] {
        let made = admin.make(name, json!({"owner": name, "components": [name], "environments": [name]})).await;
        let listed = admin.get("/v1/tokens").await.json();
        let token = listed["tokens"].as_array().unwrap().iter().find(|token| token["id"] == made["id"]).unwrap();
        assert_eq!((&token["name"], &token["owner"]), (&json!(name), &json!(name)));
        assert_eq!((&token["components"], &token["environments"]), (&json!([name]), &json!([name])));
        assert_eq!(Holder(&server, secret(&made)).get("/v1/tokens/current").await.json()["name"], name);
    }

    // The header as nobody should write it.
    let authorized = async |value: &str| {
        Answer::of(server.request(Method::GET, "/v1/tokens/current").header("authorization", value)).await.status
    };
    let token = &admin.1;
    for good in [format!("Bearer {token}"), format!("bearer {token}"), format!("BEARER   {token}")] {
        assert_eq!(authorized(&good).await, 200);
    }
    for wrong in [
        token.clone(),
        format!("Basic {token}"),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {token} {token}"),
        format!("Bearer {token},"),
        format!("Bearer \"{token}\""),
        format!("Bearer {}", token.to_uppercase()),
        format!("Bearer {}", &token[..54]),
        format!("Bearer {}", "x".repeat(20_000)),
        format!("Token {token}"),
    ] {
        assert_eq!(authorized(&wrong).await, 401, "{wrong:?}");
    }
    let twice = server.request(Method::GET, "/v1/tokens/current").bearer_auth(token).bearer_auth(token);
    Answer::of(twice).await.problem(401);
    // Where a URL or a form could hold it, it would stand in logs.
    server.get(&format!("/v1/tokens/current?access_token={token}")).await.problem(401);
    assert!(!server.process().log().contains(&token[6..]));
    server.stop().await;
}

async fn known_tokens_go_on_while_tokens_cannot_be_read(db: TestDb) {
    let admin = admin(&db);
    let server = Server::start(&db).await;
    let admin = Holder(&server, admin);
    let unknown = Holder(&server, "steps_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp13sRzl1".to_owned());
    unknown.get("/v1/steps").await.problem(401);
    db.execute("ALTER TABLE tokens RENAME TO tokens_away").await;
    server.process().logged("the tokens cannot be read").await;
    assert_eq!(admin.post("/v1/steps", &step(Some("ann"))).await.status, 201);
    assert_eq!(admin.get("/v1/steps").await.status, 200);
    // Whether it is one cannot be told now.
    let untold = unknown.get("/v1/steps").await;
    untold.problem(503);
    assert_ne!(untold.header("retry-after"), "");
    admin.get("/v1/tokens").await.problem(503);
    assert_eq!(server.get("/healthz").await.status, 200);
    db.execute("ALTER TABLE tokens_away RENAME TO tokens").await;
    server.process().logged("the tokens can be read again").await;
    unknown.get("/v1/steps").await.problem(401);
    assert_eq!(admin.get("/v1/tokens").await.status, 200);
    server.stop().await;
}
