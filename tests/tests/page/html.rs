//! What the pages hold: on both databases, without a browser.

use std::collections::BTreeSet;
use std::io::Read as _;

use flate2::read::GzDecoder;
use reqwest::Method;
use serde_json::json;
use steps_tests::access::{Caller, generated_token};
use steps_tests::history::{History, deploy};
use steps_tests::server::Builder;
use steps_tests::{Answer, Server, TestDb, on_both_stores};

on_both_stores!(
    every_page_shows_what_the_api_answers,
    a_token_sees_what_it_may_and_nobody_else_sees_anything,
    many_components_and_many_deployments_stay_small,
);

/// A name with markup, a script, and a character that turns the direction.
pub const EVIL: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;\u{202e}abc";

/// A page as a browser asks for it.
async fn page(server: &Server, path: &str) -> Answer {
    Answer::of(server.request(Method::GET, path).header("accept", "text/html,*/*;q=0.8")).await
}

/// The addresses that a page leads to.
fn links(html: &str) -> BTreeSet<String> {
    let found = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    found.map(|link| link.replace("&amp;", "&")).collect()
}

async fn every_page_shows_what_the_api_answers(db: TestDb) {
    let server = Server::start(&db).await;
    let hello = server.get("/").await;
    assert!(hello.ok().starts_with("Hello World!") && hello.text().lines().count() == 1);
    let empty = page(&server, "/").await;
    assert_eq!(empty.header("content-type"), "text/html; charset=utf-8");
    assert!(empty.ok().contains(&format!("export STEPS_SERVER={}", server.url())), "{}", empty.text());

    server.record_example().await;
    let names = json!({"component": EVIL, "version": EVIL, "owner": EVIL, "environment": "<b>env</b>", "run": EVIL});
    deploy(&server, "2026-03-01 09:00:00", "<i>x</i>@0 succeeded@60", names).await;
    let note = json!({"component": "checkout", "text": "<b>moved</b> to the new cluster", "at": "2026-02-01 00:00:00", "owner": "ann"});
    assert_eq!(server.post_body("/v1/notes", "application/json", note.to_string()).await.status, 201);
    let noted = page(&server, "/component?component=checkout&since=2026-01-01").await;
    assert!(noted.ok().contains("&lt;b&gt;moved&lt;/b&gt; to the new cluster"), "{}", noted.text());
    let home = page(&server, "/?sort=component").await;
    // A line for each component and environment, in the order that is asked for.
    let order: Vec<usize> = ["billing", "checkout", "search"]
        .iter()
        .map(|name| {
            home.ok().find(&format!("component={name}&amp;environment=production")).unwrap_or_else(|| panic!("{name}"))
        })
        .collect();
    assert!(order.is_sorted(), "{order:?}");
    assert!(home.text().contains("migrating"), "what runs is shown");
    let found = page(&server, "/?q=CHECK").await;
    assert!(found.ok().contains("component=checkout&amp;") && !found.text().contains("component=billing&amp;"));

    // Whatever a page leads to is there, and so is whatever that leads to.
    let since = "since=2026-01-01";
    let mut waiting: Vec<String> = vec![
        "/".to_owned(),
        "/login".to_owned(),
        format!("/component?component=checkout&{since}"),
        format!("/component?component=billing&environment=staging&{since}"),
        format!("/trend?{since}"),
        format!("/trend?component=search&{since}"),
        format!("/trend?component=search&step=testing&{since}"),
        "/stats?by=component&sort=p50_seconds".to_owned(),
        "/stats?by=status&component=checkout".to_owned(),
        "/check".to_owned(),
        "/check?component=search&max=5m&baseline=p95&replay=400d".to_owned(),
        "/deployments".to_owned(),
        "/deployments?outcome=failed".to_owned(),
    ];
    let mut seen: BTreeSet<String> = waiting.iter().cloned().collect();
    let mut kinds: BTreeSet<String> = BTreeSet::new();
    while let Some(path) = waiting.pop() {
        let answer = page(&server, &path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        if !answer.header("content-type").starts_with("text/html") {
            continue;
        }
        let policy = answer.header("content-security-policy");
        let html = answer.text();
        if path != "/docs" {
            assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{path}: {policy}");
            for forbidden in
                [" style=", "<style", "javascript:", "onclick", "http://www", "https://", "<script>", "<img"]
            {
                assert!(!html.contains(forbidden), "{path} has {forbidden}");
            }
            // A form sends again what was asked for, to the letter; nowhere else is a hidden character as it is.
            let values = html.split("value=\"").map(|part| part.split_once('"').map_or(part, |(_, rest)| rest));
            assert!(!values.skip(1).any(|rest| rest.contains('\u{202e}')), "{path} has a hidden character");
            assert!(html.contains("<main") && html.contains("<h1"), "{path}");
        }
        for link in links(html) {
            // One of each kind is enough.
            let (kind, query) = link.split_once('?').unwrap_or((&link, ""));
            let names: BTreeSet<&str> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
            let kind = match kind.strip_prefix("/deployments/") {
                Some(of) if of.ends_with("/compare") => "/deployments/{id}/compare",
                Some(_) => "/deployments/{id}",
                None => kind,
            };
            let is_new = kinds.insert(format!("{kind}?{names:?}"));
            if link.starts_with('/') && is_new && seen.insert(link.clone()) {
                waiting.push(link);
            }
        }
    }
    assert!(kinds.iter().any(|kind| kind.starts_with("/v1/deployments?")) && kinds.len() > 20, "{kinds:?}");
    assert!(kinds.iter().any(|kind| kind.starts_with("/deployments/{id}/compare?")), "{kinds:?}");

    // What it refuses is a page too, and what is no page a problem document.
    for (path, status) in [
        ("/component", 400),
        ("/component?component=a&outcome=x", 400),
        ("/deployments/0197a000-0000-7000-8000-00000000ffff", 404),
        ("/deployments/x", 400),
        ("/trend?onwer=a", 400),
        ("/?sort=x", 400),
        ("/assets/none", 404),
    ] {
        let refused = page(&server, path).await;
        assert_eq!((refused.status, refused.header("content-type")), (status, "text/html; charset=utf-8"), "{path}");
    }
    page(&server, "/v1/trend?x=1").await.problem(400);

    // What pages load may be kept for ever, and is compressed.
    let asset = links(home.text()).into_iter().find(|link| link.starts_with("/assets/page-")).unwrap();
    let style = Answer::of(server.request(Method::GET, &asset).header("accept-encoding", "gzip")).await;
    assert_eq!((style.status, style.header("content-encoding")), (200, "gzip"));
    assert_eq!(style.header("cache-control"), "public, max-age=31536000, immutable");
    let head = Answer::of(server.request(Method::HEAD, "/trend")).await;
    assert_eq!((head.status, head.bytes.len(), head.header("cache-control")), (200, 0, "no-store"));
    Answer::of(server.request(Method::POST, "/trend")).await.problem(405);
    server.stop().await;
}

async fn a_token_sees_what_it_may_and_nobody_else_sees_anything(db: TestDb) {
    let admin = generated_token();
    let server = Builder::on(&db.url()).env("STEPS_BOOTSTRAP_TOKEN", &admin).start().await;
    let as_admin = Caller::with(&server, &admin);
    for component in ["shop", "bank"] {
        let step = json!({"component": component, "version": "1", "owner": "ann", "status": "building"});
        assert_eq!(as_admin.post("/v1/steps", &step).await.status, 201);
    }
    let limits = json!({"name": "shop alone", "scopes": ["read"], "components": ["shop"]});
    let token = as_admin.post("/v1/tokens", &limits).await.json()["secret"].as_str().unwrap().to_owned();

    // Without a session every page asks for a token, and leads back.
    let asked = page(&server, "/trend?by=week").await;
    assert_eq!((asked.status, asked.header("www-authenticate")), (401, r#"Bearer realm="steps""#));
    assert!(asked.text().contains(r#"name="next" value="/trend?by=week""#) && asked.text().contains(r#"name="token""#));
    assert!(!asked.text().contains("shop"), "nothing is told to who is not known");
    assert!(server.get("/").await.ok().starts_with("Hello World!"), "a program needs no token for one line");

    let sign_in = async |token: &str, next: &str| {
        let form = server.request(Method::POST, "/login").header("accept", "text/html");
        Answer::of(form.form(&[("token", token), ("next", next)])).await
    };
    let wrong = sign_in("steps_wrong", "/trend").await;
    assert_eq!((wrong.status, wrong.header("content-type")), (401, "text/html; charset=utf-8"));
    assert!(wrong.text().contains("role=\"alert\"") && wrong.text().contains(r#"value="/trend""#));
    assert_eq!(sign_in(&token, "//example.com/").await.header("location"), "/", "it leads nowhere else");
    let begun = sign_in(&token, "/trend?by=week").await;
    assert_eq!((begun.status, begun.header("location")), (303, "/trend?by=week"));
    let cookie = begun.header("set-cookie").split(';').next().unwrap().to_owned();

    let with_session = async |path: &str, site: &str| {
        let request = server.request(Method::GET, path).header("accept", "text/html").header("cookie", &cookie);
        Answer::of(request.header("sec-fetch-site", site)).await
    };
    for path in ["/", "/deployments", "/stats", "/trend"] {
        let shown = with_session(path, "same-origin").await;
        assert!(!shown.ok().contains("bank"), "{path}");
    }
    assert!(with_session("/", "same-origin").await.text().contains("shop"));
    let bank = as_admin.get("/v1/deployments?component=bank&format=json").await.json();
    let id = bank["deployments"][0]["id"].as_str().unwrap();
    assert_eq!(with_session(&format!("/deployments/{id}"), "same-origin").await.status, 404);
    // A link of another site comes without the cookie. The page of this one that it gets leads on, with the cookie.
    let followed = server.request(Method::GET, "/trend").header("accept", "text/html");
    let followed = Answer::of(followed.header("sec-fetch-site", "cross-site")).await;
    assert!(
        followed.text().contains(r#"http-equiv="refresh" content="0; url=/login?next=%2Ftrend""#),
        "{}",
        followed.text()
    );
    let led = with_session("/login?next=%2Ftrend", "same-origin").await;
    assert_eq!((led.status, led.header("location")), (303, "/trend"));

    // To record is not to read.
    let recorder = json!({"name": "recorder", "scopes": ["record"], "owner": "ann"});
    let recorder = as_admin.post("/v1/tokens", &recorder).await.json()["secret"].as_str().unwrap().to_owned();
    let refused = server.request(Method::GET, "/").header("accept", "text/html").bearer_auth(recorder);
    let refused = Answer::of(refused).await;
    assert_eq!((refused.status, refused.header("content-type")), (403, "text/html; charset=utf-8"));
    server.stop().await;
}

async fn many_components_and_many_deployments_stay_small(db: TestDb) {
    let server = Server::start(&db).await;
    for nth in 0..60 {
        let history = History::of(&format!("team/service-{nth}")).every_hours(40.0);
        history.record(&server, (0..6).map(|_| "building@0 testing@40 succeeded@90")).await;
    }
    let busy = History::of("busy").every_hours(1.0);
    let took = |nth: usize| 300 + (nth * 7919) % 97;
    busy.record(&server, (0..2000).map(|nth| format!("building@0 succeeded@{}", took(nth)))).await;
    let size = async |path: &str| {
        let request = server.request(Method::GET, path).header("accept", "text/html").header("accept-encoding", "gzip");
        let answer = Answer::of(request).await;
        assert_eq!((answer.status, answer.header("content-encoding")), (200, "gzip"), "{path}");
        let mut text = String::new();
        GzDecoder::new(answer.bytes.as_slice()).read_to_string(&mut text).unwrap();
        (answer.bytes.len(), text)
    };
    let (bytes, home) = size("/").await;
    assert!(home.matches("<tr").count() > 61 && bytes < 20_000, "{bytes}");
    let (bytes, busy) = size("/component?component=busy&since=2026-01-01").await;
    assert!(busy.contains("2,000") && bytes < 30_000, "{bytes}");
    // The list goes on without leaving one out, or showing one twice.
    let few = "start_datetime=2026-01-05%2000:00:00&end_datetime=2026-01-10%2000:00:00";
    let (mut path, mut versions) = (format!("/deployments?component=busy&{few}"), BTreeSet::new());
    let mut pages = 0;
    loop {
        let (_, html) = size(&path).await;
        let shown = links(&html).into_iter().filter(|link| link.starts_with("/deployments/"));
        for link in shown {
            assert!(versions.insert(link.clone()), "{link} is shown twice");
        }
        pages += 1;
        let next = links(&html).into_iter().find(|link| link.contains("before="));
        match next {
            Some(next) => path = next,
            None => break,
        }
    }
    assert_eq!((versions.len(), pages), (112, 3));
    server.stop().await;
}
