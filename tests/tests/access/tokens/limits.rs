//! How often may be asked, and what the program itself makes of tokens.

use super::*;

pub async fn wrong_tokens_are_limited_by_address(db: TestDb) {
    let admin = admin(&db);
    let server = Builder::on(&db.url()).args(&["--trusted-proxy", "127.0.0.1"]).start().await;
    let from = async |address: &str, token: &str| {
        let request = server.request(Method::GET, "/v1/steps/count").header("x-forwarded-for", address);
        Answer::of(request.bearer_auth(token)).await
    };
    let wrong = "steps_00000000000000000000000000000000000000000002CZclj";
    let mut limited = None;
    for nth in 0..200 {
        let answer = from("192.0.2.7", if nth % 2 == 0 { wrong } else { "steps_x" }).await;
        if answer.status == 429 {
            limited = Some((nth, answer));
            break;
        }
        answer.problem(401);
    }
    let (nth, limited) = limited.expect("a limit is reached");
    assert!(nth >= 30, "{nth}");
    assert!(limited.problem(429).detail.contains("too many wrong tokens"));
    assert!(limited.header("retry-after").parse::<u32>().is_ok_and(|seconds| (1..=60).contains(&seconds)));
    // Who has a valid one goes on behind the same address, and others elsewhere are told as before.
    assert_eq!(from("192.0.2.7", &admin).await.status, 200);
    from("192.0.2.8", wrong).await.problem(401);
    let mut statuses = Vec::new();
    for nth in 0..200 {
        statuses.push(from(&format!("2001:db8:7:7::{nth:x}"), wrong).await.status);
    }
    assert!(statuses.contains(&429), "one network of IPv6 has one limit");
    from("2001:db8:7:8::1", wrong).await.problem(401);
    let log = server.process().log();
    assert!(log.contains("a token was refused") && log.contains("192.0.2.7"), "{log}");
    assert!(!log.contains(&wrong[6..]) && !log.contains(&admin[6..]), "{log}");
    server.stop().await;
}

pub async fn requests_are_limited_by_token(db: TestDb) {
    let admin = admin(&db);
    let server = Builder::on(&db.url()).args(&["--requests-per-second", "2"]).start().await;
    let admin = Holder(&server, admin);
    let other = Holder(&server, secret(&admin.make("other", json!({})).await));
    let mut limited = None;
    for _ in 0..1000 {
        let answer = admin.get("/v1/tokens/current").await;
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
        assert_eq!(answer.status, 200);
    }
    let limited = limited.expect("a limit is reached");
    assert!(limited.problem(429).detail.contains("--requests-per-second"));
    assert_eq!(limited.header("retry-after"), "1");
    assert_eq!(other.get("/v1/tokens/current").await.status, 200);
    assert_eq!(server.get("/healthz").await.status, 200);
    eventually("it may ask again", async || (admin.get("/v1/tokens/current").await.status == 200).then_some(())).await;
    let token = admin.1;
    server.stop().await;

    let server = Builder::on(&db.url()).args(&["--requests-per-second", "0"]).start().await;
    let admin = Holder(&server, token);
    for _ in 0..100 {
        assert_eq!(admin.get("/v1/tokens/current").await.status, 200);
    }
    server.stop().await;
}

pub async fn the_program_itself_makes_lists_and_revokes_tokens(db: TestDb) {
    let run = |arguments: &[&str]| Builder::on(&db.url()).run_with(arguments);
    let made = run(&[
        "token",
        "create",
        "ci",
        "--scope",
        "record,read",
        "--component",
        "acme/*",
        "--component",
        "shop",
        "--environment",
        "staging",
        "--owner",
        "ann",
        "--expires-in",
        "90d",
    ]);
    assert!(made.stderr.contains("made the token ci (record,read)"), "{}", made.stderr);
    let token = made.ok();
    assert_eq!(token.lines().count(), 1);
    let server = Server::start(&db).await;
    let ci = Holder(&server, token.trim().to_owned());
    let current = ci.get("/v1/tokens/current").await.json();
    assert_eq!(current["components"], json!(["acme/*", "shop"]));
    assert_eq!((&current["environments"], &current["owner"]), (&json!(["staging"]), &json!("ann")));

    let listed = run(&["token", "list"]).ok();
    assert!(listed.starts_with("name  scopes") && listed.contains("record,read  acme/*,shop"), "{listed}");
    let json: Value = serde_json::from_str(&run(&["token", "list", "--json"]).ok()).unwrap();
    let id = json["tokens"][0]["id"].as_str().unwrap().to_owned();
    assert!(!listed.contains(&token[6..20]) && !json.to_string().contains(&token[6..20]));

    // What somebody who steals the database gets.
    if let TestDb::Sqlite(folder) = &db {
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            let part = &token.as_bytes()[6..20];
            assert!(!bytes.windows(part.len()).any(|window| window == part));
        }
    }
    assert!(run(&["token", "create", "ci", "--scope", "read"]).failed(1).contains("taken"));
    assert!(run(&["token", "create", "x"]).failed(2).contains("--scope"));
    assert!(run(&["token", "create", "x", "--scope", "write"]).failed(2).contains("record, read or admin"));
    assert!(run(&["token", "revoke", "nobody"]).failed(1).contains("there is no token"));
    let generated = run(&["token", "generate"]).ok();
    assert!(generated.starts_with("steps_") && generated.trim().len() == 55 && generated != token);
    let second = run(&["token", "create", "second", "--scope", "read"]).ok();
    run(&["token", "revoke", "second"]).ok();
    run(&["token", "revoke", &id]).ok();
    assert_eq!(run(&["token", "list"]).ok().lines().count(), 1);
    for token in [ci.1, second.trim().to_owned()] {
        let holder = Holder(&server, token);
        eventually("it is refused", async || (holder.get("/v1/steps").await.status == 401).then_some(())).await;
    }
    server.stop().await;
}
