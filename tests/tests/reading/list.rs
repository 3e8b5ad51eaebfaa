//! `GET /v1/steps`: which steps, in what order, and how they are written.

use std::collections::HashSet;
use std::fs::File;
use std::io::Cursor;
use std::process::Command;

use calamine::{Data, Reader, Xlsx};
use reqwest::Method;
use serde_json::{Value, json};
use steps_shared::{BatchAnswer, StepId};
use steps_tests::steps::{column, encoded, rows};
use steps_tests::{Answer, Cli, PATIENCE, Server, TestDb, binary, on_both_stores};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HEADER: &str = "component,version,owner,status,ts,environment,run,id,started_at,ended_at,duration_seconds,\
                      deployment_id,span,outcome,exit_code,attempt,result";

fn step(status: &str, ts: &str) -> Value {
    json!({"component": "c", "version": "1", "owner": "o", "status": status, "ts": ts})
}

/// Records five steps, a to e, a second apart.
async fn five(server: &Server) -> BatchAnswer {
    let ts = |second: usize| format!("2026-01-05 09:30:0{second}");
    let steps: Vec<Value> = ["a", "b", "c", "d", "e"].iter().enumerate().map(|(i, s)| step(s, &ts(i))).collect();
    server.batch(&steps).await
}

async fn statuses(server: &Server, query: &str) -> String {
    column(&server.list(query).await, "status").concat()
}

on_both_stores!(
    every_filter_filters_and_all_combine_with_and,
    names_are_compared_by_bytes,
    bounds_are_inclusive_to_the_last_microsecond,
    order_and_limit,
    equal_times_keep_the_order_they_were_recorded_in,
    a_misspelt_filter_does_not_return_everything,
    columns_are_chosen_and_ordered,
    what_is_derived_is_read_for_each_column_that_needs_it,
    long_lists_are_whole_in_either_order,
    rows_of_long_names_are_whole,
    formats_are_named_or_accepted,
    a_step_has_one_shape_everywhere,
    an_empty_list_is_whole_in_every_format,
    a_spreadsheet_opens_the_workbook,
    a_client_that_leaves_frees_its_connection,
);

async fn every_filter_filters_and_all_combine_with_and(db: TestDb) {
    let server = Server::start(&db).await;
    let good =
        [("component", "a b"), ("version", "1"), ("owner", "é"), ("status", "s"), ("environment", "e"), ("run", "r")];
    server.record(&good).await.recorded();
    for different in 0..good.len() {
        let mut other = good;
        other[different].1 = "other";
        server.record(&other).await.recorded();
    }
    let query =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| format!("{n}={}", encoded(v))).collect::<Vec<_>>().join("&");
    for one in good {
        assert_eq!(rows(&server.list(&query(&[one])).await).len(), good.len(), "{one:?}");
    }
    assert_eq!(rows(&server.list(&query(&good)).await).len(), 1);
    assert_eq!(server.count(&query(&good[..2])).await, 5);
    assert_eq!(server.count("").await, 7);
}

async fn names_are_compared_by_bytes(db: TestDb) {
    let server = Server::start(&db).await;
    for component in ["api", "API", "ápi", "api💥"] {
        server.record(&[("component", component), ("version", "1"), ("owner", "o"), ("status", "s")]).await.recorded();
    }
    assert_eq!(column(&server.list("component=API").await, "component"), ["API"]);
    assert_eq!(column(&server.list("component=api").await, "component"), ["api"]);
    assert_eq!(server.count(&format!("component={}", encoded("api💥"))).await, 1);
}

async fn bounds_are_inclusive_to_the_last_microsecond(db: TestDb) {
    let server = Server::start(&db).await;
    let times = ["09:30:00.999999", "09:30:01", "09:30:01.999999", "09:30:02"];
    let steps: Vec<Value> =
        ["a", "b", "c", "d"].iter().zip(times).map(|(s, t)| step(s, &format!("2026-01-05 {t}"))).collect();
    server.batch(&steps).await;
    for (query, expected) in [
        ("start_datetime=2026-01-05 09:30:01", "bcd"),
        ("end_datetime=2026-01-05 09:30:01", "abc"),
        ("start_datetime=2026-01-05 09:30:01&end_datetime=2026-01-05 09:30:01", "bc"),
        ("end_datetime=2026-01-05T09:30:01Z", "ab"),
        ("start_datetime=2026-01-05T11:30:02%2B02:00", "d"),
        ("start_datetime=2026-01-05 09:30:03", ""),
    ] {
        assert_eq!(statuses(&server, &query.replace(' ', "%20")).await, expected, "{query}");
    }
}

async fn order_and_limit(db: TestDb) {
    let server = Server::start(&db).await;
    five(&server).await;
    assert_eq!(statuses(&server, "").await, "abcde");
    assert_eq!(statuses(&server, "order=desc").await, "edcba");
    assert_eq!(statuses(&server, "limit=2").await, "ab");
    assert_eq!(statuses(&server, "limit=2&order=desc").await, "ed");
    assert_eq!(statuses(&server, "limit=99").await, "abcde");
    for wrong in ["limit=0", "limit=-1", "limit=x", "order=up", "columns=ts,x", "format=pdf"] {
        let problem = server.get(&format!("/v1/steps?{wrong}")).await.problem(400);
        assert_eq!(problem.errors.len(), 1, "{wrong}");
    }
}

async fn equal_times_keep_the_order_they_were_recorded_in(db: TestDb) {
    let server = Server::start(&db).await;
    let names: Vec<String> = (0..300).map(|i| format!("s{i:03}")).collect();
    let steps: Vec<Value> = names.iter().rev().map(|name| step(name, "2026-01-05 09:30:00")).collect();
    server.batch(&steps).await;
    let mut listed = column(&server.list("").await, "status");
    listed.reverse();
    assert_eq!(listed, names);
    assert_eq!(column(&server.list("order=desc").await, "status"), names);
}

async fn a_misspelt_filter_does_not_return_everything(db: TestDb) {
    let server = Server::start(&db).await;
    for path in ["/v1/steps?onwer=ann", "/v1/steps/count?onwer=ann"] {
        let problem = server.get(path).await.problem(400);
        assert_eq!(problem.errors[0].suggestion.as_deref(), Some("owner"), "{path}");
    }
}

async fn columns_are_chosen_and_ordered(db: TestDb) {
    let server = Server::start(&db).await;
    five(&server).await;
    assert_eq!(server.list("columns=status,ts&limit=1").await, "status,ts\r\na,2026-01-05 09:30:00\r\n");
    let all = server.list("limit=1").await;
    assert_eq!(all.lines().next(), Some(HEADER));
    assert_eq!(column(&all, "started_at"), ["2026-01-05T09:30:00.000000Z"]);
    assert_eq!(column(&all, "run"), [""], "a missing value is an empty cell");
    let json = server.get("/v1/steps?columns=status,component&limit=1&format=json").await;
    assert_eq!(json.text().replace('\n', ""), r#"{"steps":[{"status":"a","component":"c"}]}"#);
}

async fn what_is_derived_is_read_for_each_column_that_needs_it(db: TestDb) {
    let server = Server::start(&db).await;
    let mut steps: Vec<Value> = [("started", 0), ("building", 5), ("test", 10), ("lint", 12), ("failed", 50)]
        .map(|(status, second)| {
            let mut step = step(status, &format!("2026-01-05 09:30:{second:02}"));
            step["run"] = json!("7");
            step
        })
        .into();
    // One span ends, the other one is ended by the deployment.
    for span in &mut steps[2..4] {
        span["span"] = json!(true);
    }
    steps[2]["outcome"] = json!("failed");
    steps[2]["duration"] = json!(3);
    steps[2]["exit_code"] = json!(2);
    server.batch(&steps).await;
    let whole = server.list("").await;
    assert_eq!(column(&whole, "outcome"), ["", "", "failed", "unfinished", ""]);
    for name in HEADER.split(',') {
        assert_eq!(column(&server.list(&format!("columns={name}")).await, name), column(&whole, name), "{name}");
    }
}

/// Long lists are read in larger pieces, and each piece with the deployments of its time.
async fn long_lists_are_whole_in_either_order(db: TestDb) {
    const STEPS: usize = 10_500;
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let file = cli.work().join("history.csv");
    let mut history = Command::new(binary("history"));
    history.args(["--per-day", "4000", "--rows", &STEPS.to_string()]);
    assert!(history.stdout(File::create(&file).unwrap()).status().unwrap().success());
    cli.run(&["import", &file.display().to_string()]).ok();

    let listed = server.list("").await;
    let ids: HashSet<String> = column(&listed, "id").into_iter().collect();
    assert_eq!(ids.len(), STEPS);
    let mut backwards = rows(&server.list("order=desc").await);
    backwards.reverse();
    let forwards = rows(&listed);
    assert_eq!(forwards.len(), STEPS);
    assert!(forwards == backwards);
    for row in forwards.iter().step_by(500) {
        let alone = server.get(&format!("/v1/steps/{}?format=csv", row["id"])).await.ok().to_owned();
        assert_eq!(&rows(&alone)[0], row);
        assert!(!row["deployment_id"].is_empty(), "a deployment: {row:?}");
    }
}

/// They are read in smaller pieces, which end before the rows that were asked for.
async fn rows_of_long_names_are_whole(db: TestDb) {
    let server = Server::start(&db).await;
    let long = |limit: usize, last: &str| format!("{}{last}", "🚀".repeat(limit - last.len()));
    for from in (0..2400).step_by(400) {
        let steps = (from..from + 400).map(|version| {
            json!({
                "component": long(255, "c"), "version": long(255, &version.to_string()), "owner": long(255, "o"),
                "status": long(64, "s"), "environment": long(64, "e"), "run": long(255, &version.to_string()),
                "ts": format!("2026-01-{:02} {:02}:{:02}:00", 5 + version / 1440, version / 60 % 24, version % 60),
            })
        });
        server.batch(&steps.collect::<Vec<_>>()).await;
    }
    let expected: Vec<String> = (0..2400).map(|version: usize| long(255, &version.to_string())).collect();
    assert_eq!(column(&server.list("").await, "version"), expected);
    assert_eq!(column(&server.list("limit=900").await, "version"), expected[..900]);
}

async fn formats_are_named_or_accepted(db: TestDb) {
    let server = Server::start(&db).await;
    let ids: Vec<StepId> = five(&server).await.steps.iter().map(|line| line.id.unwrap()).collect();
    let accept =
        async |accept: &str| Answer::of(server.request(Method::GET, "/v1/steps").header("accept", accept)).await;

    let json = accept("application/json").await;
    assert_eq!(json.text(), server.get("/v1/steps?format=json").await.text());
    assert_eq!(
        json.json()["steps"][0],
        json!({
            "id": ids[0], "component": "c", "environment": "production", "version": "1", "owner": "o", "status": "a",
            "ts": "2026-01-05T09:30:00.000000Z", "run": null, "ended_at": "2026-01-05T09:30:01.000000Z",
            "duration_seconds": 1.0, "deployment_id": ids[0], "span": false, "outcome": null, "exit_code": null,
            "attempt": null, "result": "succeeded",
        })
    );
    let jsonl = accept("application/x-ndjson").await;
    assert_eq!(jsonl.header("content-type"), "application/x-ndjson");
    let lines: Vec<Value> = jsonl.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(Value::from(lines), json.json()["steps"]);

    let csv = server.list("").await;
    for csv_too in ["*/*", "text/csv", "text/html,*/*;q=0.8", "application/json;q=0.1, text/csv"] {
        assert_eq!(accept(csv_too).await.ok(), csv, "{csv_too}");
    }
    let said =
        Answer::of(server.request(Method::GET, "/v1/steps?format=csv").header("accept", "application/json")).await;
    assert_eq!(said.text(), csv, "what is said in the query wins");
}

async fn a_step_has_one_shape_everywhere(db: TestDb) {
    let server = Server::start(&db).await;
    let mut span = step("a", "2026-01-05 09:30:00");
    span["span"] = json!(true);
    let posted = server.post_body("/v1/steps", "application/json", span.to_string()).await;
    let id = posted.step(201).id;
    let mut posted = posted.json();
    assert_eq!((&posted["outcome"], &posted["duration_seconds"]), (&Value::Null, &Value::Null));
    server.batch(&[step("failed", "2026-01-05 09:30:05")]).await;

    let listed = server.get("/v1/steps?limit=1&format=json").await.json()["steps"][0].clone();
    assert_eq!((&listed["outcome"], &listed["duration_seconds"]), (&json!("unfinished"), &json!(5.0)));
    assert_eq!(server.get(&format!("/v1/steps/{id}")).await.json(), listed);
    let line = server.get("/v1/steps?limit=1&format=jsonl").await;
    assert_eq!(serde_json::from_str::<Value>(line.ok()).unwrap(), listed);
    let mut timed = server.get(&format!("/v1/deployments/{id}")).await.json()["timeline"][0].clone();
    assert_eq!(timed.as_object_mut().unwrap().remove("usual_seconds"), Some(Value::Null));
    timed.as_object_mut().unwrap().retain(|name, _| listed.get(name).is_some());
    assert_eq!(timed, listed);
    for derived in ["ended_at", "duration_seconds", "deployment_id", "outcome", "result"] {
        posted[derived] = listed[derived].clone();
    }
    assert_eq!(posted, listed, "recorded first, derived later");
}

async fn an_empty_list_is_whole_in_every_format(db: TestDb) {
    let server = Server::start(&db).await;
    assert_eq!(server.list("").await, format!("{HEADER}\r\n"));
    assert_eq!(server.get("/v1/steps?format=json").await.json(), json!({"steps": []}));
    assert_eq!(server.get("/v1/steps?format=jsonl").await.ok(), "");
    let sheet = server.get("/v1/steps?format=xlsx").await;
    assert!(Xlsx::new(Cursor::new(sheet.bytes)).is_ok());
}

async fn a_spreadsheet_opens_the_workbook(db: TestDb) {
    let server = Server::start(&db).await;
    let mut formula = step("a", "2026-01-05 12:00:00");
    formula["owner"] = json!("=1+1");
    server.batch(&[formula, step("007", "2026-01-06 00:00:00")]).await;

    let answer = server.get("/v1/steps?format=xlsx").await;
    assert_eq!(answer.header("content-type"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
    assert!(answer.header("content-disposition").contains(".xlsx"), "{}", answer.header("content-disposition"));
    let mut book = Xlsx::new(Cursor::new(answer.bytes)).unwrap();
    let name = book.sheet_names()[0].clone();
    let sheet = book.worksheet_range(&name).unwrap();
    let cell = |row: u32, column: u32| sheet.get_value((row, column)).cloned().unwrap_or(Data::Empty);
    let header: Vec<String> = (0..5).map(|column| cell(0, column).to_string()).collect();
    assert_eq!(header, ["component", "version", "owner", "status", "ts"]);
    assert_eq!(cell(1, 2), Data::String("=1+1".to_owned()));
    assert_eq!(cell(2, 3), Data::String("007".to_owned()), "text that looks like a number stays text");
    let Data::DateTime(began) = cell(1, 4) else { panic!("no date cell: {:?}", cell(1, 4)) };
    assert_eq!(began.as_f64(), 46027.5, "2026-01-05 12:00 in Excel's days");
    assert_eq!(book.worksheet_formula(&name).unwrap().used_cells().count(), 0);
}

/// Some 20 MB, so that the list is still under way when its reader leaves.
async fn a_client_that_leaves_frees_its_connection(db: TestDb) {
    let server = Server::start(&db).await;
    let long = "x".repeat(250);
    for _ in 0..4 {
        let steps: Vec<Value> = (0..5000)
            .map(|_| json!({"component": long, "version": long, "owner": long, "status": "s", "run": long}))
            .collect();
        server.batch(&steps).await;
    }
    let address = server.url().trim_start_matches("http://").to_owned();
    for _ in 0..50 {
        let mut connection = TcpStream::connect(&address).await.unwrap();
        connection.write_all(b"GET /v1/steps HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut begin = [0; 1000];
        connection.read_exact(&mut begin).await.unwrap();
        assert!(begin.starts_with(b"HTTP/1.1 200"));
    }
    let answered = tokio::time::timeout(PATIENCE, server.list("limit=1")).await;
    assert_eq!(rows(&answered.expect("lists are still answered")).len(), 1);
    server.stop().await;
}
