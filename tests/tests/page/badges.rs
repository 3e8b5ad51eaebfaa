//! Badges: what everybody sees, and of which components.

use reqwest::Method;
use steps_shared::Timestamp;
use steps_tests::history::{History, lasting, wobble};
use steps_tests::server::Builder;
use steps_tests::steps::now;
use steps_tests::{Answer, Cli, TestDb, on_both_stores};

on_both_stores!(a_badge_is_seen_without_a_token_where_the_server_says_so);

async fn a_badge_is_seen_without_a_token_where_the_server_says_so(db: TestDb) {
    let server = Builder::on(&db.url()).args(&["--badges", "acme/*,shop"]).start().await;
    let cli = Cli::of(&server);
    let start = Timestamp::from_micros(now().micros() - 30 * 86_400_000_000).unwrap();
    for component in ["acme/shop", "bank"] {
        let history = History::of(component).starting(start);
        history.record(&server, (0..60).map(|nth| lasting(100.0 + wobble(nth)))).await;
    }
    // From now on nobody is let in without a token.
    cli.run(&["token", "create", "admin", "--scope", "admin"]).ok();
    assert_eq!(server.get("/v1/trend").await.status, 401);

    let badge = server.get("/badge/acme%2Fshop.svg").await;
    let svg = badge.ok();
    assert!(svg.contains(">deploy</text>") && svg.contains(">1m\u{a0}40s → steady</text>"), "{svg}");
    for (name, value) in [
        ("content-type", "image/svg+xml"),
        ("cache-control", "public, max-age=300, s-maxage=300"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(badge.header(name), value, "{name}");
    }
    let tag = badge.header("etag").to_owned();
    assert!(tag.starts_with('"') && badge.header("set-cookie").is_empty(), "{tag}");
    for (known, status) in [(tag.as_str(), 304), (&*format!("\"x\", W/{tag}"), 304), ("*", 304), ("\"x\"", 200)] {
        let request = server.request(Method::GET, "/badge/acme%2Fshop.svg").header("if-none-match", known);
        let answer = Answer::of(request).await;
        assert_eq!((answer.status, answer.header("etag")), (status, tag.as_str()), "{known}");
        assert_eq!(answer.bytes.is_empty(), status == 304);
        assert_eq!(answer.header("cache-control"), "public, max-age=300, s-maxage=300");
    }
    let head = Answer::of(server.request(Method::HEAD, "/badge/acme%2Fshop.svg")).await;
    assert_eq!((head.status, head.header("etag"), head.bytes.len()), (200, tag.as_str(), 0));
    let nothing = server.get("/badge/shop.svg?environment=staging").await;
    assert!(nothing.ok().contains(">deploy to staging</text>") && nothing.ok().contains(">no deployments yet</text>"));
    assert_eq!(server.get("/badge/shop.svg?enviroment=x").await.problem(400).errors[0].field, "enviroment");

    // All others are answered alike, whether they are there or not.
    let elsewhere = server.get("/nowhere").await;
    let detail = |answer: &Answer| answer.problem(404).detail;
    for path in [
        "/badge/bank.svg",
        "/badge/none.svg",
        "/badge/bank.svg?x=1",
        "/badge/shop",
        "/badge/shop.png",
        "/badge/%ff.svg",
    ] {
        let answer = server.get(path).await;
        assert_eq!(detail(&answer), detail(&elsewhere), "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
    }
    server.stop().await;
    let server = Builder::on(&db.url()).start().await;
    let off = server.get("/badge/acme%2Fshop.svg").await;
    assert_eq!(detail(&off), detail(&elsewhere), "off by default");
    server.stop().await;
}
