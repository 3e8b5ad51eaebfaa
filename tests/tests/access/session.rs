//! Sessions: a token is exchanged for a cookie that is worth no more than the token, and that no page of another site can use.

use reqwest::Method;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use steps_shared::StepId;
use steps_tests::access::{Caller, generated_token};
use steps_tests::server::Builder;
use steps_tests::{Answer, Server, TestDb, eventually, on_both_stores};

on_both_stores!(
    a_token_is_exchanged_for_a_session_and_back,
    a_session_ends_with_its_token_and_with_its_time,
    over_tls_the_cookie_is_of_this_host_alone,
);

/// A token that permits everything, and a server that has it.
async fn server(db: &TestDb, args: &[&str]) -> (Server, String) {
    let admin = generated_token();
    let builder = Builder::on(&db.url()).env("STEPS_BOOTSTRAP_TOKEN", &admin);
    (builder.args(args).start().await, admin)
}

/// Another token; its id and its text.
async fn token(server: &Server, admin: &str, more: Value) -> (String, String) {
    let mut token = json!({"name": format!("t-{}", StepId::generate()), "scopes": ["record", "read"], "owner": "ann"});
    token.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = Caller::with(server, admin).post("/v1/tokens", &token).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let text = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

async fn login(server: &Server, token: &str) -> Answer {
    Answer::of(server.request(Method::POST, "/login").form(&[("token", token)])).await
}

/// The cookie of an answer, as a browser sends it back.
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// A request with these headers.
async fn ask(server: &Server, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = headers.iter().fold(server.request(method, path), |it, (name, value)| it.header(*name, *value));
    Answer::of(request).await
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn a_token_is_exchanged_for_a_session_and_back(db: TestDb) {
    let (server, admin) = server(&db, &[]).await;
    let other = Server::start(&db).await;
    let (_, text) = token(&server, &admin, json!({"components": ["shop"]})).await;

    let page = server.get("/login").await;
    assert!(page.ok().contains("method=\"post\" action=\"/login\"") && !page.text().contains("<script"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'self'"), "{policy}");

    let begun = login(&server, &text).await;
    assert_eq!((begun.status, begun.header("location")), (303, "/"), "{}", begun.text());
    let set = begun.header("set-cookie");
    assert!(
        set.starts_with("steps-session=") && set.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"),
        "{set}"
    );
    let cookie = cookie(&begun);
    let (_, value) = cookie.split_once('=').unwrap();
    // The database has nothing that could be sent.
    let stored = |hex: &str| &*format!("SELECT COUNT(*) FROM sessions WHERE LOWER(HEX(sha256)) = '{hex}'").leak();
    let bits: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&value[2 * at..2 * at + 2], 16).unwrap()).collect();
    let sha256 = hex(digest(&SHA256, &bits).as_ref());
    assert_eq!((db.number(stored(value)).await, db.number(stored(&sha256)).await), (0, 1));
    let forged = format!("steps-session={sha256}");
    assert_eq!(ask(&server, Method::GET, "/v1/steps", &[("cookie", &forged)]).await.status, 401);

    // It is worth what the token is, on every server.
    for server in [&server, &other] {
        let current = ask(server, Method::GET, "/v1/tokens/current", &[("cookie", &cookie)]).await;
        assert_eq!(current.json()["components"], json!(["shop"]), "{}", current.text());
        ask(server, Method::GET, "/v1/tokens", &[("cookie", &cookie)]).await.problem(403);
    }
    ask(&server, Method::GET, "/v1/steps", &[]).await.problem(401);
    for cookies in
        [format!("{cookie}; {cookie}"), format!("{cookie}0"), format!("__Host-{cookie}"), "steps-session=".to_owned()]
    {
        assert_eq!(ask(&server, Method::GET, "/v1/steps", &[("cookie", &cookies)]).await.status, 401, "{cookies}");
    }

    // Who writes must be a page of this server.
    let (own, path) = (server.url().to_owned(), "/v1/steps?component=shop&version=1&status=s");
    for headers in [
        &[][..],
        &[("origin", "https://example.com")],
        &[("origin", "null")],
        &[("origin", &own), ("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site")],
    ] {
        let headers: Vec<_> = headers.iter().copied().chain([("cookie", cookie.as_str())]).collect();
        ask(&server, Method::POST, path, &headers).await.problem(403);
        ask(&server, Method::POST, "/logout", &headers).await.problem(403);
    }
    ask(&server, Method::GET, "/v1/steps", &[("cookie", &cookie), ("sec-fetch-site", "cross-site")]).await.problem(403);
    let of_own = [("cookie", cookie.as_str()), ("origin", own.as_str())];
    assert_eq!(ask(&server, Method::POST, path, &of_own).await.recorded().owner.as_str(), "ann");
    let fetched = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    ask(&server, Method::POST, path, &fetched).await.recorded();
    assert_eq!(server.process().log().matches(value).count(), 0);

    // What is no token begins no session, and nobody is signed in by another site.
    for wrong in ["", "a.b.c", "steps_0000", &text[..text.len() - 1]] {
        let answer = login(&server, wrong).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (401, ""), "{wrong}: {}", answer.text());
    }
    ask(&server, Method::POST, &format!("/login?token={text}"), &[]).await.problem(400);
    let of_another = server.request(Method::POST, "/login").header("origin", "https://example.com");
    Answer::of(of_another.form(&[("token", &text)])).await.problem(403);
    let as_json = server.post_body("/login", "application/json", json!({"token": text}).to_string()).await;
    assert_eq!((as_json.json()["owner"].as_str(), as_json.header("cache-control")), (Some("ann"), "no-store"));

    // It ends at once on every server.
    let ended = ask(&server, Method::POST, "/logout", &of_own).await;
    assert_eq!(ended.status, 204);
    assert!(ended.header("set-cookie").starts_with("steps-session=; Path=/; Max-Age=0;"));
    for server in [&server, &other] {
        assert_eq!(ask(server, Method::GET, "/v1/steps", &[("cookie", &cookie)]).await.status, 401);
    }
    // A token has so many sessions, and no more.
    for _ in 0..40 {
        assert_eq!(login(&server, &text).await.status, 303);
    }
    assert_eq!(db.number("SELECT COUNT(*) FROM sessions").await, 32);
    other.stop().await;
    server.stop().await;
}

async fn a_session_ends_with_its_token_and_with_its_time(db: TestDb) {
    let (server, admin) = server(&db, &[]).await;
    let (id, text) = token(&server, &admin, json!({})).await;
    let cookie_of_revoked = cookie(&login(&server, &text).await);
    let sent = [("cookie", cookie_of_revoked.as_str())];
    ask(&server, Method::GET, "/v1/steps", &sent).await.ok();
    let revoked = Answer::of(Caller::with(&server, &admin).request(Method::DELETE, &format!("/v1/tokens/{id}"))).await;
    assert_eq!(revoked.status, 204);
    assert_eq!(ask(&server, Method::GET, "/v1/steps", &sent).await.status, 401);

    let (_, short) = token(&server, &admin, json!({"expires_in": 20})).await;
    let begun = login(&server, &short).await;
    let lasts = begun.header("set-cookie").split("Max-Age=").nth(1).unwrap().split(';').next().unwrap();
    assert!(lasts.parse::<u32>().unwrap() <= 20, "{lasts}");
    let cookie = cookie(&begun);
    eventually("the session has ended", async || {
        let status = ask(&server, Method::GET, "/v1/tokens/current", &[("cookie", &cookie)]).await.status;
        [401, 429].contains(&status).then_some(())
    })
    .await;
    // Of what has ended nothing stays.
    let (_, text) = token(&server, &admin, json!({})).await;
    login(&server, &text).await;
    assert_eq!(db.number("SELECT COUNT(*) FROM sessions").await, 1);
    server.stop().await;
}

async fn over_tls_the_cookie_is_of_this_host_alone(db: TestDb) {
    let (server, admin) = server(&db, &["--trusted-proxy", "127.0.0.1"]).await;
    let (_, text) = token(&server, &admin, json!({})).await;
    let over_tls = ("x-forwarded-proto", "https");
    let request = server.request(Method::POST, "/login").header(over_tls.0, over_tls.1).form(&[("token", &text)]);
    let begun = Answer::of(request).await;
    let set = begun.header("set-cookie");
    assert!(
        set.starts_with("__Host-steps-session=") && set.contains("; Path=/;") && set.ends_with("; Secure"),
        "{set}"
    );
    let cookie = cookie(&begun);
    ask(&server, Method::GET, "/v1/steps", &[over_tls, ("cookie", &cookie)]).await.ok();
    // One that was set without TLS is of anybody on the way.
    let plain = cookie.replace("__Host-", "");
    for sent in [&[over_tls, ("cookie", plain.as_str())][..], &[("cookie", &cookie)]] {
        assert_eq!(ask(&server, Method::GET, "/v1/steps", sent).await.status, 401);
    }
    let own = server.url().replace("http://", "https://");
    let path = "/v1/steps?component=shop&version=1&status=s";
    ask(&server, Method::POST, path, &[over_tls, ("cookie", &cookie), ("origin", server.url())]).await.problem(403);
    ask(&server, Method::POST, path, &[over_tls, ("cookie", &cookie), ("origin", &own)]).await.recorded();

    // Where everybody on the way could read it, nobody signs in.
    for protocol in [&[][..], &[("x-forwarded-proto", "http")]] {
        let request = server.request(Method::POST, "/login").header("x-forwarded-for", "192.0.2.1");
        let request = protocol.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Answer::of(request.form(&[("token", &text)])).await.problem(403);
    }
    server.stop().await;
}
