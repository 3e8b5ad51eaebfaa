//! Who gets in before there is a token: what a server asks for at its start, and what it believes on a loopback address.

use reqwest::Method;
use serde_json::{Value, json};
use steps_tests::access::generated_token;
use steps_tests::faults::attack::{raw, read_to_end};
use steps_tests::server::Builder;
use steps_tests::{Answer, Server, TestDb, eventually, on_both_stores};

on_both_stores!(
    an_address_that_others_reach_needs_a_token,
    a_token_is_given_to_servers_that_start_together,
    a_page_of_another_site_neither_writes_nor_reads,
);

/// A server on every address.
fn everywhere(db: &TestDb) -> Builder {
    Builder::bare().env("STEPS_DEADLINE", "60s").args(&["--listen", "0.0.0.0:0", "--database-url", &db.url()])
}

async fn an_address_that_others_reach_needs_a_token(db: TestDb) {
    let refused = everywhere(&db).run_with(&[]).failed(2);
    for part in ["0.0.0.0:0", "steps-server token create", "STEPS_BOOTSTRAP_TOKEN", "--allow-anonymous"] {
        assert!(refused.contains(part), "{refused}");
    }
    let unspecified = ["--listen", "[::]:0", "--database-url", &db.url()];
    Builder::bare().args(&unspecified).run_with(&[]).failed(2);
    // A name of this machine is none for others.
    let mapped = ["--listen", "[::ffff:127.0.0.1]:0", "--database-url", &db.url()];
    Builder::bare().args(&mapped).start().await.stop().await;

    for (flags, variable) in [(&["--allow-anonymous"][..], ""), (&[][..], "true")] {
        let mut builder = everywhere(&db).args(flags);
        if !variable.is_empty() {
            builder = builder.env("STEPS_ALLOW_ANONYMOUS", variable);
        }
        let server = builder.start().await;
        assert_eq!(server.get("/v1/steps").await.status, 200);
        server.process().logged("because --allow-anonymous is given").await;
        // Its names are not known here, but a page of another site is told by its own.
        let post = || server.request(Method::POST, "/v1/steps?component=c&version=1&owner=o&status=started");
        assert_eq!(Answer::of(post().header("host", "steps.example.com")).await.status, 201);
        let foreign = post().header("host", "steps.example.com").header("origin", "https://example.com");
        Answer::of(foreign).await.problem(403);
        server.stop().await;
    }

    let token = Builder::on(&db.url()).run_with(&["token", "create", "ci", "--scope", "record"]).ok();
    let server = everywhere(&db).start().await;
    server.get("/v1/steps").await.problem(401);
    assert_eq!(server.get("/healthz").await.status, 200);
    let post = |host: &str| {
        let request = server.request(Method::POST, "/v1/steps?component=c&version=2&owner=o&status=started");
        request.bearer_auth(token.trim()).header("host", host)
    };
    // Whoever has a token may call the server what they like.
    assert_eq!(Answer::of(post("steps.example.com")).await.status, 201);
    assert_eq!(Answer::of(post("x").header("origin", "https://example.com")).await.status, 201);
    assert!(!server.process().log().contains("may record and read everything"));
    server.stop().await;
}

async fn a_token_is_given_to_servers_that_start_together(db: TestDb) {
    let (first, second) = (generated_token(), generated_token());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{first}\n")).unwrap();
    let path = file.path().to_str().unwrap();

    let given = |number: u32| match number % 2 {
        0 => everywhere(&db).env("STEPS_BOOTSTRAP_TOKEN", &first),
        _ => everywhere(&db).env("STEPS_BOOTSTRAP_TOKEN_FILE", path),
    };
    let mut processes: Vec<_> = (0..4).map(|number| given(number).spawn()).collect();
    for process in &mut processes {
        process.listening().await;
    }
    assert_eq!(db.number("SELECT count(*) FROM tokens").await, 1);
    drop(processes);

    let server = given(0).start().await;
    let with = async |token: &str| Answer::of(server.request(Method::GET, "/v1/tokens").bearer_auth(token)).await;
    let listed = with(&first).await.json();
    assert_eq!(
        (&listed["tokens"][0]["name"], &listed["tokens"][0]["scopes"]),
        (&json!("bootstrap"), &json!(["admin"]))
    );
    assert_eq!((&listed["tokens"][0]["owner"], &listed["tokens"][0]["components"]), (&Value::Null, &json!([])));

    // Another one takes its place, on the servers that are running too.
    let next = everywhere(&db).env("STEPS_BOOTSTRAP_TOKEN", &second).start().await;
    next.process().logged("the bootstrap token was replaced").await;
    assert_eq!(with(&second).await.status, 200);
    eventually("the first one is refused", async || (with(&first).await.status == 401).then_some(())).await;
    assert_eq!(db.number("SELECT count(*) FROM tokens").await, 1);
    server.stop().await;
    next.stop().await;

    // What is no token is refused, and not shown.
    let cut = &first[..54];
    for wrong in [cut, "secret", &first.replace("steps_", "ghp_")] {
        let said = everywhere(&db).env("STEPS_BOOTSTRAP_TOKEN", wrong).run_with(&[]).failed(2);
        assert!(said.contains("STEPS_BOOTSTRAP_TOKEN is not a token") && !said.contains(wrong), "{said}");
        assert!(said.contains("steps-server token generate"), "{said}");
    }
    std::fs::write(file.path(), cut).unwrap();
    let said = everywhere(&db).env("STEPS_BOOTSTRAP_TOKEN_FILE", path).run_with(&[]).failed(2);
    assert!(said.contains(path) && !said.contains(&cut[6..]), "{said}");
    everywhere(&db).env("STEPS_BOOTSTRAP_TOKEN_FILE", "/nowhere/token").run_with(&[]).failed(2);
}

async fn a_page_of_another_site_neither_writes_nor_reads(db: TestDb) {
    let server = Server::start(&db).await;
    let port = server.url().rsplit(':').next().unwrap().to_owned();
    let own = format!("127.0.0.1:{port}");
    let path = "/v1/steps?component=c&version=1&owner=o&status=started";
    let ask = async |line: &str, headers: &[(&str, &str)]| {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!("{line}\r\n{headers}Connection: close\r\n\r\n");
        let said = read_to_end(&mut raw(&server, request.as_bytes()).await).await;
        let head = said.to_ascii_lowercase();
        assert!(!head.contains("access-control-"), "{said}");
        said.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok()).unwrap_or_else(|| panic!("{said:?}"))
    };
    let (get, post) = ("GET /v1/steps HTTP/1.1", format!("POST {path} HTTP/1.1"));
    for host in [&own, "localhost", "LOCALHOST:1", "steps.localhost", "127.9.9.9", "[::1]:80", "localhost."] {
        assert_eq!(ask(get, &[("Host", host)]).await, 200, "{host}");
    }
    // A name that was the page's own, and now means this machine.
    for host in [
        "example.com",
        &format!("example.com:{port}"),
        "localhost.example.com",
        "127.0.0.1.example.com",
        "0.0.0.0",
        "2130706433",
        "",
    ] {
        assert_eq!(ask(get, &[("Host", host)]).await, 421, "{host}");
        assert_eq!(ask(&post, &[("Host", host)]).await, 421, "{host}");
        assert_eq!(ask(&post, &[("Host", host), ("Origin", &format!("http://{host}"))]).await, 421, "{host}");
    }
    // The same where another part of the request says it, says it twice, or does not say it.
    assert_eq!(ask("GET http://example.com/v1/steps HTTP/1.1", &[("Host", &own)]).await, 421);
    assert_eq!(ask(&format!("GET http://{own}/v1/steps HTTP/1.1"), &[("Host", "example.com")]).await, 200);
    assert_eq!(ask(get, &[("Host", &own), ("Host", "example.com")]).await, 421);
    assert_eq!(ask(get, &[("Host", "example.com"), ("Host", &own)]).await, 421);
    assert_eq!(ask(get, &[("Host", &format!("{own}, example.com"))]).await, 421);
    assert_eq!(ask(get, &[("Host", &format!("{own}@example.com"))]).await, 421);
    assert_eq!(ask(get, &[("X-Forwarded-Host", &own)]).await, 421);
    assert_eq!(ask("GET /v1/steps HTTP/1.0", &[]).await, 421);
    assert_eq!(ask("GET /v1/steps HTTP/1.0", &[("Host", &own)]).await, 200);
    assert_eq!(ask("GET /healthz HTTP/1.0", &[]).await, 200);

    // A form that a page sends here without reading the answer.
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    for origin in [
        "https://example.com",
        "null",
        "http://localhost:3000",
        "http://127.0.0.1",
        &format!("https://{own}.example.com"),
        "",
    ] {
        assert_eq!(ask(&post, &[("Host", &own), form, ("Origin", origin)]).await, 403, "{origin}");
        assert_eq!(ask("POST /v1/tokens HTTP/1.1", &[("Host", &own), ("Origin", origin)]).await, 403, "{origin}");
    }
    let twice = [("Host", own.as_str()), ("Origin", &format!("http://{own}")), ("Origin", "https://example.com")];
    assert_eq!(ask(&post, &twice).await, 403);
    let preflight =
        [("Host", own.as_str()), ("Origin", "https://example.com"), ("Access-Control-Request-Method", "POST")];
    assert_eq!(ask(&format!("OPTIONS {path} HTTP/1.1"), &preflight).await, 405);
    assert_eq!(db.stored_steps().await, 0);
    // Its own page may, and whoever is no browser sends none.
    assert_eq!(ask(&post, &[("Host", &own), ("Origin", &format!("http://{own}"))]).await, 201);
    assert_eq!(ask(&post.replace("version=1", "version=2"), &[("Host", &own)]).await, 201);
    assert_eq!(db.stored_steps().await, 2);
    server.stop().await;
}
