//! Who may do what: every endpoint of README.md × every kind of caller, as one table.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use steps_shared::StepId;
use steps_tests::server::Builder;
use steps_tests::{Answer, Server, TestDb, endpoints, on_both_stores};

on_both_stores!(every_endpoint_and_every_caller);

/// The statuses. `none` sends no token, `wrong` one that was never made; all others are of tokens: `limited` has all scopes for
/// `shop` in `production`, and `component` and `environment` have them for others.
const MATRIX: &str = "
POST   /v1/steps                     none 401  wrong 401  expired 401  revoked 401  record 201  read 403  both 201  admin 201  limited 201  component 403  environment 403
POST   /v1/steps/batch               none 401  wrong 401  expired 401  revoked 401  record 200  read 403  both 200  admin 200  limited 200  component 403  environment 403
GET    /v1/steps                     none 401  wrong 401  expired 401  revoked 401  record 403  read 200  both 200  admin 200  limited 200  component 200  environment 200
GET    /v1/steps/count               none 401  wrong 401  expired 401  revoked 401  record 403  read 200  both 200  admin 200  limited 200  component 200  environment 200
GET    /v1/steps/{id}                none 401  wrong 401  expired 401  revoked 401  record 403  read 200  both 200  admin 200  limited 200  component 404  environment 404
POST   /v1/steps/{id}/finish         none 401  wrong 401  expired 401  revoked 401  record 200  read 403  both 200  admin 200  limited 200  component 404  environment 404
GET    /v1/deployments               none 401  wrong 401  expired 401  revoked 401  record 403  read 200  both 200  admin 200  limited 200  component 200  environment 200
GET    /v1/deployments/count         none 401  wrong 401  expired 401  revoked 401  record 403  read 200  both 200  admin 200  limited 200  component 200  environment 200
GET    /v1/deployments/{id}          none 401  wrong 401  expired 401  revoked 401  record 403  read 200  both 200  admin 200  limited 200  component 404  environment 404
GET    /v1/deployments/{id}/expected  none 401  wrong 401  expired 401  revoked 401  record 403  read 200  both 200  admin 200  limited 200  component 404  environment 404
GET    /v1/deployments/{id}/compare  none 401  wrong 401  expired 401  revoked 401  record 403  read 200  both 200  admin 200  limited 200  component 404  environment 404
POST   /v1/deployments/{id}/exclude  none 401  wrong 401  expired 401  revoked 401  record 403  read 403  both 200  admin 200  limited 200  component 404  environment 404
POST   /v1/deployments/{id}/include  none 401  wrong 401  expired 401  revoked 401  record 403  read 403  both 200  admin 200  limited 200  component 404  environment 404
GET    /v1/stats                     none 401  wrong 401  expired 401  revoked 401  record 403  read 200  both 200  admin 200  limited 200  component 200  environment 200
POST   /v1/notes                     none 401  wrong 401  expired 401  revoked 401  record 201  read 403  both 201  admin 201  limited 201  component 403  environment 403
GET    /v1/notes                     none 401  wrong 401  expired 401  revoked 401  record 403  read 200  both 200  admin 200  limited 200  component 200  environment 200
GET    /v1/notes/count               none 401  wrong 401  expired 401  revoked 401  record 403  read 200  both 200  admin 200  limited 200  component 200  environment 200
DELETE /v1/notes/{id}                none 401  wrong 401  expired 401  revoked 401  record 403  read 403  both 204  admin 204  limited 204  component 404  environment 404
GET    /v1/events                    none 401  wrong 401  expired 401  revoked 401  record 403  read 200  both 200  admin 200  limited 200  component 200  environment 200
GET    /v1/trend                     none 401  wrong 401  expired 401  revoked 401  record 403  read 200  both 200  admin 200  limited 200  component 200  environment 200
GET    /v1/check                     none 401  wrong 401  expired 401  revoked 401  record 403  read 200  both 200  admin 200  limited 200  component 200  environment 200
GET    /v1/projection                none 401  wrong 401  expired 401  revoked 401  record 403  read 200  both 200  admin 200  limited 200  component 200  environment 200
GET    /v1/tokens                    none 401  wrong 401  expired 401  revoked 401  record 403  read 403  both 403  admin 200  limited 403  component 403  environment 403
POST   /v1/tokens                    none 401  wrong 401  expired 401  revoked 401  record 403  read 403  both 403  admin 201  limited 403  component 403  environment 403
DELETE /v1/tokens/{id}               none 401  wrong 401  expired 401  revoked 401  record 403  read 403  both 403  admin 204  limited 403  component 403  environment 403
GET    /v1/tokens/current            none 401  wrong 401  expired 401  revoked 401  record 200  read 200  both 200  admin 200  limited 200  component 200  environment 200
GET    /login                        none 200  wrong 200  expired 200  revoked 200  record 200  read 200  both 200  admin 200  limited 200  component 200  environment 200
POST   /login                        none 200  wrong 200  expired 200  revoked 200  record 200  read 200  both 200  admin 200  limited 200  component 200  environment 200
POST   /logout                       none 204  wrong 204  expired 204  revoked 204  record 204  read 204  both 204  admin 204  limited 204  component 204  environment 204
GET    /badge/{component}.svg        none 404  wrong 404  expired 404  revoked 404  record 404  read 404  both 404  admin 404  limited 404  component 404  environment 404
GET    /                             none 200  wrong 200  expired 200  revoked 200  record 200  read 200  both 200  admin 200  limited 200  component 200  environment 200
GET    /openapi.json                 none 200  wrong 200  expired 200  revoked 200  record 200  read 200  both 200  admin 200  limited 200  component 200  environment 200
GET    /docs                         none 200  wrong 200  expired 200  revoked 200  record 200  read 200  both 200  admin 200  limited 200  component 200  environment 200
GET    /metrics                      none 401  wrong 401  expired 401  revoked 401  record 403  read 200  both 200  admin 200  limited 403  component 403  environment 403
GET    /healthz                      none 200  wrong 200  expired 200  revoked 200  record 200  read 200  both 200  admin 200  limited 200  component 200  environment 200
GET    /readyz                       none 200  wrong 200  expired 200  revoked 200  record 200  read 200  both 200  admin 200  limited 200  component 200  environment 200
";

/// A token that is well-formed, and that nobody made.
const WRONG: &str = "steps_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp13sRzl1";
/// A name that no other part of an answer has.
const SHOP: &str = "shop-7d1f";

/// What is recorded, and who may make more of it.
struct World<'a> {
    server: &'a Server,
    admin: &'a str,
    deployment: String,
    /// One that has ended.
    ended: String,
}

impl World<'_> {
    fn request(&self, method: &str, path: &str, token: Option<&str>) -> RequestBuilder {
        // Each request comes from an address of its own, so that no limit of addresses is met.
        let address = format!("10.{}.{}.{}", fastrand::u8(..), fastrand::u8(..), fastrand::u8(..));
        let request = self.server.request(method.parse::<Method>().unwrap(), path).header("x-forwarded-for", address);
        let request = request.header("x-forwarded-proto", "https");
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn as_admin(&self, method: &str, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(method, path, Some(self.admin)).json(body)).await
    }

    /// A span of the shop that has not ended.
    async fn span(&self) -> String {
        let answer = self.as_admin("POST", "/v1/steps", &step(json!({"span": true}))).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// How an endpoint is asked so that who may do it is answered well.
    async fn call(&self, method: &str, path: &str, token: Option<&str>) -> Answer {
        let deployment = || path.replace("{id}", &self.deployment);
        let (path, body) = match (method, path) {
            ("POST", "/v1/steps") => (path.to_owned(), step(json!({}))),
            ("POST", "/v1/steps/batch") => (path.to_owned(), json!([step(json!({}))])),
            ("POST", "/v1/steps/{id}/finish") => {
                (path.replace("{id}", &self.span().await), json!({"outcome": "succeeded"}))
            }
            ("POST", "/v1/deployments/{id}/exclude") => (deployment(), json!({"owner": "ann", "reason": "a test"})),
            ("POST", "/v1/deployments/{id}/include") => (deployment(), json!({"owner": "ann"})),
            ("POST", "/v1/notes") => (path.to_owned(), note()),
            ("DELETE", "/v1/notes/{id}") => {
                let made = self.as_admin("POST", "/v1/notes", &note()).await;
                assert_eq!(made.status, 201, "{}", made.text());
                (path.replace("{id}", made.json()["id"].as_str().unwrap()), Value::Null)
            }
            ("POST", "/v1/tokens") => (path.to_owned(), new_token(&StepId::generate().to_string(), json!({}))),
            ("DELETE", "/v1/tokens/{id}") => {
                let new = new_token(&StepId::generate().to_string(), json!({}));
                let made = self.as_admin("POST", "/v1/tokens", &new).await;
                assert_eq!(made.status, 201, "{}", made.text());
                (path.replace("{id}", made.json()["id"].as_str().unwrap()), Value::Null)
            }
            ("POST", "/login") => (path.to_owned(), json!({"token": self.admin})),
            ("POST", "/logout") => (path.to_owned(), Value::Null),
            ("GET", "/badge/{component}.svg") => (path.replace("{component}", SHOP), Value::Null),
            ("GET", "/v1/check") => (format!("/v1/check?component={SHOP}&max=10m"), Value::Null),
            ("GET", "/v1/deployments/{id}/compare") => {
                (path.replace("{id}", &self.ended) + "?with=" + &self.ended, Value::Null)
            }
            ("GET", "/v1/steps/{id}" | "/v1/deployments/{id}" | "/v1/deployments/{id}/expected") => {
                (deployment(), Value::Null)
            }
            // The stream has no end.
            ("GET", "/v1/events") => {
                let answer = Answer::of(self.request("HEAD", path, token)).await;
                // A refusal has no body either.
                return if answer.status == 200 { answer } else { Answer::of(self.request("GET", path, token)).await };
            }
            ("GET", _) if !path.contains('{') => (path.to_owned(), Value::Null),
            _ => panic!("{method} {path} is new: say here how it is asked, and in MATRIX who may"),
        };
        let request = self.request(method, &path, token);
        Answer::of(if body.is_null() { request } else { request.json(&body) }).await
    }
}

/// A step of the shop, with more fields.
fn step(more: Value) -> Value {
    let version = StepId::generate().to_string();
    let mut step = json!({"component": SHOP, "version": version, "owner": "ann", "status": "building"});
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

/// A note about the shop in production.
fn note() -> Value {
    json!({"component": SHOP, "environment": "production", "text": "moved", "owner": "ann"})
}

/// A token that may read, with other members.
fn new_token(name: &str, more: Value) -> Value {
    let mut token = json!({"name": name, "scopes": ["read"]});
    token.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    token
}

async fn every_endpoint_and_every_caller(db: TestDb) {
    let admin = Builder::on(&db.url()).run_with(&["token", "create", "admin", "--scope", "admin"]).ok();
    let admin = admin.trim();
    let server = Builder::on(&db.url()).args(&["--trusted-proxy", "127.0.0.1"]).start().await;
    let mut world = World { server: &server, admin, deployment: String::new(), ended: String::new() };
    let first = world.as_admin("POST", "/v1/steps", &step(json!({"status": "started"}))).await;
    world.deployment = first.json()["id"].as_str().unwrap().to_owned();
    let ended = [("started", "2026-01-05T09:30:00Z"), ("succeeded", "2026-01-05T09:31:00Z")]
        .map(|(status, ts)| step(json!({"status": status, "ts": ts, "version": "ended"})));
    let ended = world.as_admin("POST", "/v1/steps/batch", &json!(ended)).await.json();
    world.ended = ended["steps"][0]["id"].as_str().unwrap().to_owned();

    let mut callers = vec![("none", None), ("wrong", Some(WRONG.to_owned()))];
    for (name, more) in [
        ("expired", json!({"scopes": ["admin"], "expires_in": "1ms"})),
        ("revoked", json!({"scopes": ["admin"]})),
        ("record", json!({"scopes": ["record"]})),
        ("read", json!({"scopes": ["read"]})),
        ("both", json!({"scopes": ["record", "read"]})),
        ("admin", json!({"scopes": ["admin"]})),
        ("limited", json!({"scopes": ["admin"], "components": ["shop*"], "environments": ["production"]})),
        ("component", json!({"scopes": ["admin"], "components": ["bank", "shop"]})),
        ("environment", json!({"scopes": ["admin"], "environments": ["staging*"]})),
    ] {
        let made = world.as_admin("POST", "/v1/tokens", &new_token(&format!("the {name} one"), more)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        callers.push((name, Some(made["secret"].as_str().unwrap().to_owned())));
        if name == "revoked" {
            let id = made["id"].as_str().unwrap();
            assert_eq!(world.as_admin("DELETE", &format!("/v1/tokens/{id}"), &Value::Null).await.status, 204);
        }
    }

    let mut table = String::from("\n");
    for (method, path) in endpoints() {
        let mut row = format!("{method:6} {path:28}");
        for (caller, token) in &callers {
            let answer = world.call(&method, &path, token.as_deref()).await;
            row.push_str(&format!("  {caller} {}", answer.status));
            check_answer(&format!("{method} {path} as {caller}"), caller, token.as_deref(), &answer);
        }
        table.push_str(&row);
        table.push('\n');
    }
    assert_eq!(table, MATRIX, "who may do what has changed");

    let log = server.process().log();
    for (caller, token) in &callers {
        let part = token.as_deref().map(|token| &token[6..30]);
        assert!(part.is_none_or(|part| !log.contains(part)), "the log shows the token {caller}");
    }
    assert!(log.contains("the record one") && log.contains("has expired") && log.contains("is not known"), "{log}");
    server.stop().await;
}

/// What an answer says beside its status.
#[track_caller]
fn check_answer(what: &str, caller: &str, token: Option<&str>, answer: &Answer) {
    let challenge = answer.header("www-authenticate");
    match answer.status {
        401 => {
            answer.problem(401);
            let expected = match token {
                Some(_) => r#"Bearer realm="steps", error="invalid_token""#,
                None => r#"Bearer realm="steps""#,
            };
            assert_eq!(challenge, expected, "{what}");
        }
        403 => {
            let problem = answer.problem(403);
            let names = |text: &str| problem.detail.contains(text);
            let is_named = match caller {
                "record" | "read" | "both" => {
                    ["record", "read", "admin"].iter().any(|scope| names(&format!("the scope {scope}")))
                }
                "component" | "environment" if what.contains("/v1/steps") || what.contains("/v1/notes") => {
                    problem.errors.iter().any(|error| error.field == caller)
                }
                _ if what.contains("/metrics") => {
                    names("only a token without components and environments may read them")
                }
                _ => names("only a token without components, environments and owner manages tokens"),
            };
            assert!(is_named, "{what}: {problem:?}");
        }
        404 => drop(answer.problem(404)),
        _ => assert_eq!(challenge, "", "{what}"),
    }
    let said = String::from_utf8_lossy(&answer.bytes);
    assert!(token.is_none_or(|token| !said.contains(token)), "{what}: {said}");
    let tells = said.contains(SHOP) && !what.contains("/v1/check");
    // The field that is refused is the caller's own text.
    assert!(
        !tells
            || !["none", "wrong", "expired", "revoked", "component", "environment"].contains(&caller)
            || answer.status == 403,
        "{what}: {said}"
    );
    if caller == "component" && what.contains("count") {
        assert_eq!(answer.json()["count"], 0, "{what}");
    }
}
