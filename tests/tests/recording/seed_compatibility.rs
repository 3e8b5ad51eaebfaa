//! The manual of the service that this one replaces: its calls, and what it answers to them.
//!
//! A team's old `curl` lines, its spreadsheets and its scripts must not notice the change.

use steps_shared::Timestamp;
use steps_tests::steps::{column, encoded, now, rows};
use steps_tests::{Cli, Server, TestDb, on_both_stores};

const STEP: &str = "component=checkout&version=4.2.0&owner=ann&status=building";

on_both_stores!(
    a_step_is_recorded_from_the_query_string,
    a_missing_parameter_is_named,
    all_missing_parameters_are_named_at_once,
    a_list_is_csv,
    filters_combine,
    the_old_pages_form_works,
    a_wrong_datetime_is_refused,
    json_has_its_steps_in_one_list,
    hello_and_not_found,
    the_old_services_export_is_imported,
);

/// `POST /v1/steps` records a step from its query string.
async fn a_step_is_recorded_from_the_query_string(db: TestDb) {
    let server = Server::start(&db).await;
    let before = now();
    let answer = server.post(&format!("/v1/steps?{STEP}")).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("content-type"), "application/json");
    let json = answer.json();
    for (name, value) in [("component", "checkout"), ("version", "4.2.0"), ("owner", "ann"), ("status", "building")] {
        assert_eq!(json[name], value);
    }
    let ts: Timestamp = json["ts"].as_str().unwrap().parse().unwrap();
    assert!(before <= ts && ts <= now(), "{ts} is not between {before} and now");
}

/// Without one of its four parameters a step is refused, in these words.
async fn a_missing_parameter_is_named(db: TestDb) {
    let server = Server::start(&db).await;
    for missing in ["component", "version", "owner", "status"] {
        let rest: Vec<&str> = STEP.split('&').filter(|pair| !pair.starts_with(missing)).collect();
        let problem = server.post(&format!("/v1/steps?{}", rest.join("&"))).await.problem(400);
        assert_eq!(problem.legacy, format!("Missing {missing} parameter"));
    }
    assert_eq!(server.count("").await, 0);
}

/// Without any of them, all four are named.
async fn all_missing_parameters_are_named_at_once(db: TestDb) {
    let server = Server::start(&db).await;
    let problem = server.post("/v1/steps").await.problem(400);
    for missing in ["component", "version", "owner", "status"] {
        assert!(problem.legacy.contains(&format!("Missing {missing} parameter")), "{}", problem.legacy);
    }
    assert_eq!(problem.errors.len(), 4);
}

/// `GET /v1/steps?owner=…` is a CSV with the rows of that owner. It begins with the old columns, and
/// `ts` has the form that spreadsheets and `strptime` know.
async fn a_list_is_csv(db: TestDb) {
    let server = Server::start(&db).await;
    server.post(&format!("/v1/steps?{STEP}&ts=2026-01-05%2009:30:00.987654")).await.recorded();
    server.post("/v1/steps?component=search&version=1&owner=bob&status=building").await.recorded();

    let answer = server.get("/v1/steps?owner=ann").await;
    assert!(answer.header("content-type").starts_with("text/csv"));
    let lines: Vec<&str> = answer.ok().split("\r\n").collect();
    assert!(lines[0].starts_with("component,version,owner,status,ts"), "{}", lines[0]);
    assert!(lines[1].starts_with("checkout,4.2.0,ann,building,2026-01-05 09:30:00,"), "{}", lines[1]);
    assert_eq!(lines[2..], [""], "one row, and a line end after it");
}

/// Filters are combined with AND; both ends of the time are inclusive.
async fn filters_combine(db: TestDb) {
    let server = Server::start(&db).await;
    for (owner, status, second) in
        [("ann", "building", 0), ("ann", "testing", 1), ("bob", "testing", 2), ("ann", "testing", 3)]
    {
        let path =
            format!("/v1/steps?component=c&version=1&owner={owner}&status={status}&ts=2026-01-05%2009:30:0{second}");
        server.post(&path).await.recorded();
    }
    let seconds =
        async |query: &str| column(&server.list(query).await, "ts").concat().replace("2026-01-05 09:30:0", "");
    assert_eq!(seconds("owner=ann").await, "013");
    assert_eq!(seconds("owner=ann&status=testing").await, "13");
    let (one, two) = ("2026-01-05%2009%3A30%3A01", "2026-01-05%2009%3A30%3A02");
    assert_eq!(seconds(&format!("start_datetime={one}")).await, "123");
    assert_eq!(seconds(&format!("end_datetime={two}")).await, "012");
    assert_eq!(seconds(&format!("start_datetime={one}&end_datetime={two}")).await, "12");
    assert_eq!(seconds(&format!("owner=ann&start_datetime={one}&end_datetime={two}")).await, "1");
    assert_eq!(seconds("owner=carol").await, "");
}

/// The old page's form wrote `start_datatetime`, and sent empty fields for what was not filled in.
async fn the_old_pages_form_works(db: TestDb) {
    let server = Server::start(&db).await;
    for ts in ["2026-01-05 09:30:00", "2026-01-06 09:30:00"] {
        server.post(&format!("/v1/steps?{STEP}&ts={}", encoded(ts))).await.recorded();
    }
    let form = "component=&version=&owner=ann&status=&start_datatetime=2026-01-06+00%3A00%3A00&end_datetime=";
    assert_eq!(column(&server.list(form).await, "ts"), ["2026-01-06 09:30:00"]);
    assert_eq!(rows(&server.list("component=&owner=").await).len(), 2);
}

/// A time in another form is refused, in these words.
async fn a_wrong_datetime_is_refused(db: TestDb) {
    let server = Server::start(&db).await;
    for wrong in ["2015-20-11%2013%3A00%3A00", "2015-11-20%2013%3A00%3A00%20or%20so", "2015-11-20", "yesterday"] {
        for name in ["start_datetime", "start_datatetime", "end_datetime"] {
            let problem = server.get(&format!("/v1/steps?{name}={wrong}")).await.problem(400);
            let words = "Datetimes must follow the YYYY-MM-DD HH:MM:SS format";
            assert!(problem.legacy.contains(words), "{wrong}: {}", problem.legacy);
        }
    }
}

/// `format=json` is one document with all steps in it.
async fn json_has_its_steps_in_one_list(db: TestDb) {
    let server = Server::start(&db).await;
    assert_eq!(server.get("/v1/steps?format=json").await.json(), serde_json::json!({"steps": []}));
    server.post(&format!("/v1/steps?{STEP}&ts=2026-01-05%2009:30:00")).await.recorded();
    let answer = server.get("/v1/steps?format=json&owner=ann").await;
    assert_eq!(answer.header("content-type"), "application/json");
    let json = answer.json();
    let steps = json["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 1);
    assert_eq!(steps[0]["component"], "checkout");
    assert_eq!(steps[0]["version"], "4.2.0");
    assert_eq!(steps[0]["owner"], "ann");
    assert_eq!(steps[0]["status"], "building");
}

/// `/` says hello to `curl`, and what is nowhere is not found.
async fn hello_and_not_found(db: TestDb) {
    let server = Server::start(&db).await;
    let hello = server.get("/").await;
    assert!(hello.ok().starts_with("Hello World!"), "{}", hello.text());
    assert_eq!(hello.text().lines().count(), 1);

    let nowhere = server.get("/v1/stepz").await;
    assert_eq!(nowhere.problem(404).not_found.as_deref(), Some("Not found"));
    assert!(nowhere.text().contains(r#""error":"Not found""#), "{}", nowhere.text());
}

/// The old database is taken over by importing the CSV that the old service exported, whatever the
/// order of its columns.
async fn the_old_services_export_is_imported(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let export = "component,version,owner,status,ts\r\n\
                  checkout,4.2.0,ann,building,2015-11-20 13:00:00\r\n\
                  checkout,4.2.0,ann,\"testing, slowly\",2015-11-20 13:05:00\r\n";
    cli.run(&["import", &cli.file("old.csv", export)]).ok();
    let listed = server.list("columns=component,version,owner,status,ts").await;
    assert_eq!(listed, export);

    let turned = "ts,status,owner,version,component\n2015-11-20 13:05:00,\"testing, slowly\",ann,4.2.0,checkout\n\
                  2015-11-20 13:06:00,done,ann,4.2.0,checkout\n";
    cli.run(&["import", &cli.file("turned.csv", turned)]).ok();
    assert_eq!(column(&server.list("").await, "status"), ["building", "testing, slowly", "done"]);
}
