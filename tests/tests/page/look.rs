//! The pages in a real browser.

use reqwest::Method;
use serde_json::{Value, json};
use steps_shared::Timestamp;
use steps_tests::access::{Caller, generated_token};
use steps_tests::browser::Browser;
use steps_tests::history::deploy;
use steps_tests::server::Builder;
use steps_tests::{Answer, DatabaseKind, Server, TestDb, block_on, eventually};

use crate::html::EVIL;

/// Records a step that begins now, or so many seconds ago; its id.
async fn record(server: &Server, component: &str, version: &str, status: &str, more: Value) -> String {
    let mut step = json!({"component": component, "version": version, "owner": "ann", "status": status});
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = server.post_body("/v1/steps", "application/json", step.to_string()).await;
    answer.recorded().id.to_string()
}

/// Ten deployments of the last days, so that it is known how long one takes.
async fn past(server: &Server, component: &str) {
    for day in 1..=10_i64 {
        let now = Timestamp::from_micros(steps_tests::steps::now().micros() - day * 86_400_000_000).unwrap();
        let of = json!({"component": component, "version": format!("1.{day}")});
        deploy(server, &now.to_seconds_text(), "building@0 migrating@60 deploying@200 succeeded@260", of).await;
    }
}

/// That nothing is wider than the window, nothing was complained of, and nothing came from elsewhere.
async fn check(browser: &Browser, server: &Server, what: &str) {
    let wide =
        browser.value("return document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
    assert!(wide.as_i64().unwrap() <= 0, "{what} is wider than the window: {wide}");
    assert_eq!(browser.complaints().await, Vec::<String>::new(), "{what}");
    let loaded = browser.value("return performance.getEntriesByType('resource').map(one => one.name)").await;
    for address in loaded.as_array().unwrap().iter().filter_map(Value::as_str) {
        assert!(address.starts_with(server.url()), "{what} loads {address}");
    }
}

/// What axe-core finds that is serious, where its script is at hand: `make page-test` fetches it.
async fn axe(browser: &Browser, what: &str) {
    let Ok(path) = std::env::var("STEPS_TEST_AXE") else { return };
    let script = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let run = "const done = arguments[arguments.length - 1]; axe.run(document).then(found => done(found.violations
        .filter(one => ['serious', 'critical'].includes(one.impact))
        .map(one => one.id + ': ' + one.nodes.map(node => node.html + ' ' + node.failureSummary).slice(0, 3).join(' | '))), done)";
    browser.value(&script).await;
    let found = browser.client().execute_async(run, Vec::new()).await.unwrap();
    assert_eq!(found, json!([]), "{what}: axe-core finds something serious");
}

#[test]
fn a_page_lives_without_a_reload() {
    block_on(async {
        let db = TestDb::new(DatabaseKind::Sqlite);
        let server = Builder::on(&db.url()).args(&["--event-readers", "1"]).start().await;
        let browser = Browser::start().await;
        browser.open(server.url()).await;
        browser.says("h1", "How long does a deploy take?").await;
        browser.says("pre", &format!("export STEPS_SERVER={}", server.url())).await;
        assert_eq!(browser.value("return document.querySelector('[data-copy]').hidden").await, json!(false));

        // The first step of all appears by itself; once there is a component, the page has its other form.
        browser.value("window.isTheSame = true").await;
        past(&server, "checkout").await;
        browser.says("body", "checkout").await;
        browser.open(server.url()).await;
        browser.value("window.isTheSame = true").await;
        browser.says("#running", "Nothing is being deployed").await;
        record(&server, "checkout", "2.0", "building", json!({"age": 30})).await;
        browser.says("#running", "checkout 2.0").await;
        browser.says("#running", "left").await;
        browser.says("#components", "running").await;

        // Its bar advances, and so do the times beside it.
        let width = async || {
            let width = browser
                .value("return parseFloat(document.querySelector('#running [data-span]')?.getAttribute('width'))")
                .await;
            width.as_f64()
        };
        let before = width().await.unwrap();
        let said = browser.text("#running [data-since]").await;
        eventually("the bar advances", async || width().await.filter(|width| *width > before)).await;
        eventually("the time goes on", async || (browser.text("#running [data-since]").await != said).then_some(()))
            .await;

        // The next step, then the end.
        record(&server, "checkout", "2.0", "migrating", json!({})).await;
        browser.says("#running", "migrating").await;
        record(&server, "checkout", "2.0", "succeeded", json!({})).await;
        browser.says("#running", "Nothing is being deployed").await;
        browser.says("#components", "succeeded 2.0").await;

        // Searching by typing; what is typed stays when something changes.
        record(&server, "billing", "1", "building", json!({})).await;
        browser.says("#components", "billing").await;
        browser.keys("#q", "check").await;
        let shown = "return [...document.querySelectorAll('#components tbody tr')].filter(row => row.offsetParent).map(row => row.querySelector('th').innerText)";
        eventually("one row is left", async || (browser.value(shown).await == json!(["checkout"])).then_some(())).await;
        record(&server, "billing", "1", "succeeded", json!({})).await;
        browser.says("#running", "Nothing is being deployed").await;
        assert_eq!(browser.value(shown).await, json!(["checkout"]));
        assert_eq!(browser.value("return window.isTheSame").await, json!(true), "the page was not loaded again");
        check(&browser, &server, "the overview").await;

        // A deployment whose page is open shows its next step.
        let id = record(&server, "checkout", "3.0", "building", json!({"age": 10})).await;
        browser.open(&format!("{}/deployments/{id}", server.url())).await;
        browser.says("#timeline", "building").await;
        browser.value("window.isTheSame = true").await;
        record(&server, "checkout", "3.0", "deploying", json!({})).await;
        browser.says("#timeline", "deploying").await;
        record(&server, "checkout", "3.0", "failed", json!({})).await;
        browser.says("#state", "failed").await;
        browser.says("#neighbours", "2.0").await;
        assert_eq!(browser.value("return window.isTheSame").await, json!(true));
        check(&browser, &server, "a deployment").await;

        // It is compared with any other one, also of another component, by the names of that one.
        browser.click("#compare details summary").await;
        browser.click("#compare input[name=component]").await;
        browser.value("document.querySelector('#compare input[name=component]').value = ''").await;
        browser.keys("#compare input[name=component]", "billing").await;
        browser.keys("#compare input[name=version]", "1\u{e007}").await;
        browser.says("p.sentences", "than billing 1").await;
        assert!(browser.path().await.contains("/compare?with="), "its address names both");

        // A note appears and goes by itself.
        browser.open(&format!("{}/component?component=checkout", server.url())).await;
        browser.value("window.isTheSame = true").await;
        let note = json!({"component": "checkout", "text": "moved to the new cluster", "owner": "ann"}).to_string();
        let note = server.post_body("/v1/notes", "application/json", note).await.json();
        browser.says("#durations", "moved to the new cluster").await;
        let path = format!("/v1/notes/{}", note["id"].as_str().unwrap());
        assert_eq!(Answer::of(server.request(Method::DELETE, &path)).await.status, 204);
        let noted = async || browser.text("#durations").await.contains("moved");
        eventually("the note is gone", async || (!noted().await).then_some(())).await;

        // A hidden page ends its stream, which is the only one that the server permits, and catches up when it is shown again.
        let own = browser.client().window().await.unwrap();
        let other = browser.client().new_window(true).await.unwrap();
        browser.client().switch_to_window(other.handle).await.unwrap();
        let stream = eventually("its stream has ended", async || {
            let response = server.request(Method::GET, "/v1/events").send().await.unwrap();
            (response.status() == 200).then_some(response)
        });
        drop(stream.await);
        record(&server, "checkout", "4.0", "building", json!({})).await;
        browser.client().close_window().await.unwrap();
        browser.client().switch_to_window(own).await.unwrap();
        browser.says("#list", "4.0").await;
        assert_eq!(browser.value("return window.isTheSame").await, json!(true));
        record(&server, "checkout", "4.0", "failed", json!({})).await;
        eventually("it hears again", async || browser.text("#list tbody tr").await.contains("failed").then_some(()))
            .await;

        // Dates that are chosen are what is shown.
        let day = |ago: i64| {
            let at = steps_tests::steps::now().micros() - ago * 86_400_000_000;
            Timestamp::from_micros(at).unwrap().to_seconds_text()[..10].to_owned()
        };
        let dates = format!(
            "document.querySelector('[name=since]').value = '{}'; document.querySelector('[name=until]').value = '{}'",
            day(6),
            day(4)
        );
        browser.value(&dates).await;
        browser.click("form.filters button").await;
        eventually("zoomed", async || browser.path().await.contains("until=").then_some(())).await;
        let shown = browser
            .value(
                "return [...document.querySelectorAll('#list tbody tr')].map(row => row.querySelector('th').innerText)",
            )
            .await;
        assert_eq!(shown, json!(["1.4", "1.5", "1.6"]), "of all days that are named");

        // Without a script it is all there, and loaded again from time to time.
        browser.devtools("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
        browser.open(server.url()).await;
        let source = browser.client().source().await.unwrap();
        assert!(source.contains("http-equiv=\"refresh\"") && source.contains("checkout"), "{source}");
    });
}

#[test]
fn every_view_fits_and_can_be_used_by_keyboard() {
    block_on(async {
        let db = TestDb::new(DatabaseKind::Sqlite);
        let server = Server::start(&db).await;
        server.record_example().await;
        let names =
            json!({"component": EVIL, "version": EVIL, "owner": EVIL, "environment": "<b>env</b>", "run": EVIL});
        deploy(&server, "2026-03-01 09:00:00", "<i>x</i>@0 succeeded@60", names).await;
        let long = json!({"component": "c".repeat(200), "version": "v".repeat(200), "owner": "o".repeat(200)});
        let steps: Vec<String> = (0..60).map(|nth| format!("{nth:02}-{}@{}+30", "s".repeat(61), nth * 10)).collect();
        deploy(&server, "2026-03-02 09:00:00", &format!("{} succeeded@700", steps.join(" ")), long).await;
        past(&server, "checkout").await;
        record(&server, "checkout", "9.0", "building", json!({"age": 400})).await;

        let browser = Browser::start().await;
        let id = |component: &str| format!("/v1/deployments?format=json&order=desc&limit=1&component={component}");
        let first =
            async |path: String| server.get(&path).await.json()["deployments"][0]["id"].as_str().unwrap().to_owned();
        let (running, of_many) = (first(id("checkout")).await, first(id(&"c".repeat(200))).await);
        let succeeded = first(id("search") + "&outcome=succeeded").await;
        let views = [
            "/".to_owned(),
            "/component?component=checkout&since=2026-01-01".to_owned(),
            "/component?component=search&since=2026-01-01".to_owned(),
            format!("/deployments/{running}"),
            format!("/deployments/{of_many}"),
            format!("/deployments/{succeeded}/compare"),
            format!("/deployments/{of_many}/compare?with={succeeded}"),
            "/deployments".to_owned(),
            "/trend?since=2026-01-01".to_owned(),
            "/trend?component=search&environment=production&since=2026-01-01".to_owned(),
            "/stats?by=component,environment".to_owned(),
            "/check?component=search&max=5m&baseline=p95&replay=400d".to_owned(),
            "/login".to_owned(),
            "/deployments/x".to_owned(),
        ];
        // With axe-core each is looked at in all four ways.
        let looks = [(375, "light"), (1280, "dark"), (1280, "light"), (375, "dark")];
        let many = if std::env::var_os("STEPS_TEST_AXE").is_some() { looks.len() } else { 2 };
        for (width, scheme) in looks.into_iter().take(many) {
            browser.look(width, scheme).await;
            for view in &views {
                let what = format!("{view}, {width} pixels wide, {scheme}");
                browser.open(&format!("{}{view}", server.url())).await;
                if view == "/deployments/x" {
                    // That it is refused stands in the console.
                    browser.complaints().await;
                }
                check(&browser, &server, &what).await;
                let scripts = browser.value("return [document.querySelectorAll('img, main b, main i:not(.key)').length, document.scripts.length]").await;
                assert!(scripts[0] == json!(0) && scripts[1].as_i64().unwrap() <= 1, "{what}: {scripts}");
                axe(&browser, &what).await;
            }
        }

        // Times are in the reader's zone, with UTC beside them.
        browser.devtools("Emulation.setTimezoneOverride", json!({"timezoneId": "Asia/Tokyo"})).await;
        browser.open(&format!("{}/deployments/{of_many}", server.url())).await;
        browser.says("time[data-at]", "6:00:00").await;
        let title = browser.value("return document.querySelector('time[data-at]').title").await;
        assert_eq!(title, json!("2026-03-02 09:00:00 UTC"));

        // By keyboard alone: past the navigation, and from the overview to a component and its deployment.
        browser.open(server.url()).await;
        let focused = "return document.activeElement.innerText || document.activeElement.id";
        browser.keys("body", "\u{e004}").await;
        assert_eq!(browser.value(focused).await, json!("Skip to the content"));
        browser.keys(":focus", "\u{e007}").await;
        assert!(browser.path().await.ends_with("#main"));
        let mut places = 0;
        while browser.value("return document.activeElement.closest('#components tbody th') != null").await
            == json!(false)
        {
            browser.keys(":focus", "\u{e004}").await;
            places += 1;
            assert!(places < 40, "no component is reached");
        }
        let is_seen = "return getComputedStyle(document.activeElement).outlineStyle";
        assert_eq!(browser.value(is_seen).await, json!("solid"), "where one is can be seen");
        browser.keys(":focus", "\u{e007}").await;
        eventually("the component", async || browser.path().await.starts_with("/component?").then_some(())).await;

        // Filters, sorting and links.
        browser.open(&format!("{}/component?component=checkout&since=2026-01-01", server.url())).await;
        browser.click("select[name=outcome] option[value=failed]").await;
        browser.click("form.filters button").await;
        eventually("filtered", async || browser.path().await.contains("outcome=failed").then_some(())).await;
        assert!(!browser.text("#list").await.contains("succeeded") && browser.text("#list").await.contains("failed"));
        browser.click("#list tbody a").await;
        eventually("its deployment", async || browser.path().await.starts_with("/deployments/").then_some(())).await;
        browser.open(&format!("{}/stats?by=component", server.url())).await;
        browser.click("a[href*='sort=p50_seconds']").await;
        eventually("sorted", async || browser.path().await.contains("sort=p50_seconds").then_some(())).await;
    });
}

#[test]
fn who_signs_in_sees_the_page_that_was_asked_for() {
    block_on(async {
        let db = TestDb::new(DatabaseKind::Sqlite);
        let admin = generated_token();
        let server = Builder::on(&db.url()).env("STEPS_BOOTSTRAP_TOKEN", &admin).start().await;
        let step = json!({"component": "shop", "version": "1", "owner": "ann", "status": "building"});
        assert_eq!(Caller::with(&server, &admin).post("/v1/steps", &step).await.status, 201);
        let browser = Browser::start().await;
        browser.open(&format!("{}/deployments?component=shop", server.url())).await;
        browser.keys("#token", "steps_wrong\u{e007}").await;
        browser.says("[role=alert]", "not accepted").await;
        browser.keys("#token", &format!("{admin}\u{e007}")).await;
        browser.says("#list", "shop").await;
        assert_eq!(browser.path().await, "/deployments?component=shop");
        // What is refused is in the console; nothing else is.
        let complaints = browser.complaints().await;
        assert!(complaints.iter().all(|line| line.contains("401")), "{complaints:?}");
        browser.click("form.who button").await;
        browser.says("h1", "steps").await;
        assert_eq!(browser.path().await, "/login");
    });
}
