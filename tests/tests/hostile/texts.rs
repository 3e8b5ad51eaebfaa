//! What others send is data: a person's screen gets it escaped, programs get it as it is, and SVG and workbooks stay whole.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use serde_json::{Value, json};
use steps_shared::is_hidden;
use steps_tests::history::History;
use steps_tests::hostile::{HostileServer, answer, on_terminal, without_styles};
use steps_tests::steps::{column, encoded};
use steps_tests::{Cli, Run, Server, TestDb, on_both_stores};

on_both_stores!(
    recorded_names_do_not_steer_a_terminal,
    a_workbook_has_every_character,
    a_name_without_a_visible_character_is_refused,
    a_name_that_was_recorded_before_is_read,
);

/// Each is a name that may be recorded.
const NAME: &str = "a\u{202e}b\u{200b}c\u{e0041}\u{ffff}\u{fe0f}\u{2028}\u{2066}é";

/// The same on a screen.
const SHOWN: &str = "a\\u{202e}b\\u{200b}c\\u{e0041}\\u{ffff}\\u{fe0f}\\u{2028}\\u{2066}é";

/// What an answer, an argument or a file may hold beside.
const STEERING: &str = "x\u{1b}]0;title\u{7}\u{1b}[2J\u{9b}31m\u{7f}\r\u{8}\u{202e}\u{200b}y";

/// The same on a screen.
const STEERING_SHOWN: &str = "x\\u{1b}]0;title\\u{7}\\u{1b}[2J\\u{9b}31m\\u{7f}\\r\\u{8}\\u{202e}\\u{200b}y";

/// Whether a screen has nothing hidden on it but the styles of the command.
#[track_caller]
fn assert_harmless(screen: &str, what: &str) {
    // A progress bar is wiped away.
    let left = without_styles(&screen.replace("\r\u{1b}[2K", ""));
    let hidden: Vec<_> = left.chars().filter(|character| *character != '\n' && is_hidden(*character)).collect();
    assert!(hidden.is_empty(), "{what}: {hidden:?} in {screen:?}");
}

/// Runs a command on a terminal, and asserts that its screen is harmless.
#[track_caller]
fn screen(cli: &Cli, arguments: &[&str]) -> (i32, String) {
    let (code, screen) = on_terminal(&mut cli.command(arguments));
    assert_harmless(&screen, &arguments.join(" "));
    (code, screen)
}

async fn recorded_names_do_not_steer_a_terminal(db: TestDb) {
    let server = Server::start(&db).await;
    // Words are separated by white space, of which U+2028 is.
    let status = NAME.replace('\u{2028}', "");
    let words =
        |nth: usize| format!("building@0 {status}@100 succeeded@{}", 200 + nth + if nth < 20 { 0 } else { 200 });
    History::of(NAME).by(NAME).record(&server, (0..40).map(words)).await;
    let spanning = json!({"component": NAME, "environment": NAME, "version": NAME, "owner": NAME, "run": NAME,
        "status": NAME, "ts": "2026-05-05 09:30:00", "span": true, "outcome": "failed", "ended_at": "2026-05-05 09:31:00"});
    server.batch(&[spanning]).await;
    let id = column(&server.list(&format!("environment={}", encoded(NAME))).await, "deployment_id").swap_remove(0);
    let cli = Cli::of(&server).env("LC_ALL", "C.UTF-8").env("STEPS_OWNER", NAME);
    let version = |csv: &str| column(csv, "version").swap_remove(0);
    let newest = version(&server.deployments("limit=1&order=desc").await);

    for arguments in [
        &["list"][..],
        &["list", "--columns", "component,owner,run,status,environment,version"],
        &["list", "--format", "csv"],
        &["list", "--format", "json"],
        &["list", "--format", "jsonl"],
        &["list", "--output", "/dev/stdout", "--format", "csv"],
        &["deployments"],
        &["deployments", "--format", "csv"],
        &["show", &id],
        &["show", &id, "--ascii"],
        &["show", &id, "--format", "json"],
        &["show", NAME, &newest],
        &["stats", "--by", "component,owner,environment"],
        &["stats", "--by", "status"],
        &["trend", "--since", "2026-01-01"],
        &["trend", NAME, "--since", "2026-01-01"],
        &["trend", NAME, "--since", "2026-01-01", "--ascii"],
        &["check", "--component", NAME, "--max", "1s"],
        &["check", "--component", NAME, "--max", "1s", "--replay", "3650d"],
        &["check", "--component", NAME, "--max", "1s", "--format", "csv"],
        &["check", "--component", NAME, "--max", "1s", "--format", "json"],
        &["exclude", &id, "--reason", NAME],
        &["deployments", "--columns", "excluded,component"],
        &["include", &id],
        &["record", "--component", NAME, "--version", NAME, "--status", NAME],
        &["record", "--component", NAME, "--version", NAME, "--status", NAME, "--format", "json"],
    ] {
        let (code, shown) = screen(&cli, arguments);
        assert!([0, 4].contains(&code), "{arguments:?}: {shown}");
        let json = arguments.contains(&"json") || arguments.contains(&"jsonl");
        let part = if json { "a\\u202eb\\u200bc\\udb40\\udc41\\uffff\\ufe0f\\u2028\\u2066é" } else { "a\\u{202e}" };
        assert!(shown.contains(part), "{arguments:?}: {shown}");
        assert!(json || shown.contains("\u{1b}[") || !arguments.contains(&"show"), "styles are there: {shown:?}");
    }
    // A column is as wide as what is shown, so that the next one begins at one place in all lines.
    let (_, table) = screen(&cli, &["list", "--columns", "status,ts", "--limit", "3"]);
    let starts: Vec<_> = table.lines().filter_map(|line| without_styles(line).find("2026-")).collect();
    assert!(starts.len() == 3 && starts.iter().all(|start| *start == starts[0]), "{table}");

    // The document on a screen is that of a pipe.
    let (_, on_screen) = screen(&cli, &["list", "--format", "json"]);
    let piped = cli.run(&["list", "--format", "json"]).ok();
    let document = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(document(&on_screen), document(&piped));
    // Programs get bytes, people never, wherever they read.
    assert!(piped.contains(NAME));
    let csv = cli.run(&["list"]).ok();
    assert_eq!(csv, server.list("").await.replace("\r\n", "\n"));
    assert!(csv.contains(NAME));
    let Run { code, stdout, stderr } = cli.run(&["list", "--format", "table"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("a\\u{202e}"));
    assert_harmless(&stdout, "a table in a pipe");

    let svg = cli.work().join("chart.svg");
    cli.run(&["trend", NAME, "--since", "2026-01-01", "--environment", "production", "--svg", "chart.svg"]).ok();
    let svg = std::fs::read_to_string(svg).unwrap();
    // A title is cut where the picture ends.
    assert!(svg.contains(&SHOWN[..40]), "{svg}");
    assert_harmless(&svg, "the SVG");
}

async fn a_workbook_has_every_character(db: TestDb) {
    let server = Server::start(&db).await;
    let names = ["a\u{ffff}\u{fffe}b", "x_x0041_", "_xFFFF_", "<&>\"'", "\u{202e}\u{200b}.", "=1+1", "a  b", "\u{85}x"];
    for name in names {
        let answer = server.record(&[("component", name), ("version", "1"), ("owner", "o"), ("status", "s")]).await;
        assert_eq!(answer.status, 201, "{name:?}: {}", answer.text());
    }
    let book = server.get("/v1/steps?format=xlsx&columns=component").await;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(book.bytes)).unwrap();
    let sheet = book.worksheet_range("steps").unwrap();
    let found = sheet.rows().skip(1).map(|row| match &row[0] {
        Data::String(text) => text.clone(),
        other => panic!("{other:?}"),
    });
    let found: Vec<_> = found.collect();
    // XML has no U+FFFF: Excel writes it so.
    let expected: Vec<_> =
        names.iter().map(|name| name.trim().replace('\u{ffff}', "_xFFFF_").replace('\u{fffe}', "_xFFFE_")).collect();
    assert_eq!(found, expected);
}

async fn a_name_without_a_visible_character_is_refused(db: TestDb) {
    let server = Server::start(&db).await;
    let says = "has no visible character, only such as \\u{200b}";
    let fields = ["component", "version", "owner", "status", "environment", "run"];
    for wrong in fields {
        let step: serde_json::Map<_, _> = fields
            .iter()
            .map(|field| ((*field).to_owned(), json!(if *field == wrong { "\u{200b}\u{2060}" } else { "x" })))
            .collect();
        let pairs: Vec<_> = step.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
        let query: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let query = query.join("&");
        let body = Value::from(step.clone()).to_string();
        for answer in [
            server.record(&pairs).await,
            server.post(&format!("/v1/steps?{query}")).await,
            server.post_body("/v1/steps", "application/json", body.clone()).await,
            server.post_body("/v1/steps", "application/x-www-form-urlencoded", query.clone()).await,
        ] {
            let problem = answer.problem(400);
            assert!(problem.detail.contains(&format!("{wrong} {says}")), "{problem:?}");
            assert!(problem.legacy.contains(says), "{problem:?}");
        }
        let batch = server.batch(&[Value::from(step.clone())]).await;
        assert!(batch.refused == 1 && batch.steps[0].errors[0].message.contains(says), "{batch:?}");

        let cli = Cli::of(&server);
        let mut arguments = vec!["record".to_owned()];
        arguments.extend(pairs.iter().map(|(name, value)| format!("--{name}={value}")));
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let stderr = cli.run(&arguments).failed(2);
        assert!(stderr.contains(says), "{stderr}");
        let names: Vec<_> = fields.iter().copied().chain(["ts"]).collect();
        let values: Vec<_> =
            fields.iter().map(|field| step[*field].as_str().unwrap()).chain(["2026-01-05 09:30:00"]).collect();
        let file = cli.file("old.csv", &format!("{}\n{}\n", names.join(","), values.join(",")));
        let stderr = cli.run(&["import", &file]).failed(3);
        assert!(stderr.contains(says), "{stderr}");
    }
    let stderr = Cli::of(&server).run(&["list", "--component", "\u{301}"]).failed(2);
    assert!(stderr.contains("has no visible character"), "{stderr}");
    server.get(&format!("/v1/steps?owner={}", encoded("\u{200b}"))).await.problem(400);
    assert_eq!(server.count("").await, 0);
}

async fn a_name_that_was_recorded_before_is_read(db: TestDb) {
    let server = Server::start(&db).await;
    History::of("checkout").record(&server, (0..30).map(|nth| format!("building@0 succeeded@{}", 100 + nth))).await;
    // Folded before, so that only what is stored is changed.
    server.deployments("").await;
    for table in ["steps", "deployments"] {
        db.execute(&format!("UPDATE {table} SET owner = '\u{200b}'")).await;
    }
    let cli = Cli::of(&server).env("LC_ALL", "C.UTF-8");
    assert!(column(&cli.run(&["list"]).ok(), "owner").iter().all(|owner| owner == "\u{200b}"));
    for arguments in [
        &["list"][..],
        &["deployments"],
        &["show", "checkout"],
        &["stats", "--by", "owner"],
        &["trend", "checkout", "--since", "2026-01-01"],
        &["check", "--component", "checkout", "--max", "1h"],
    ] {
        let (code, shown) = screen(&cli, arguments);
        assert_eq!(code, 0, "{arguments:?}: {shown}");
    }
    assert!(screen(&cli, &["list"]).1.contains("\\u{200b}"));
    for path in ["/v1/steps?format=json", "/v1/deployments?format=json", "/v1/stats?by=owner", "/v1/steps?format=xlsx"]
    {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
}

/// An answer of a server that is not one.
fn said(status: &str, media_type: &str, body: &Value) -> Cli {
    let server = HostileServer::saying(answer(status, media_type, &body.to_string()));
    Cli::at(&server.url()).env("LC_ALL", "C.UTF-8")
}

#[test]
fn answers_do_not_steer_a_terminal() {
    for status in ["400 Bad Request", "404 Not Found", "500 Oops", "503 Service Unavailable"] {
        let code: u16 = status[..3].parse().unwrap();
        let problem = json!({"type": "about:blank", "title": STEERING, "status": code, "detail": STEERING, "Error": STEERING,
            "errors": [{"field": STEERING, "message": STEERING}], "request_id": STEERING});
        let cli = said(status, "application/problem+json", &problem);
        for arguments in [
            &["list"][..],
            &["show", "checkout"],
            &["status"],
            &["status", "--format", "csv"],
            &["check", "--component", "checkout", "--max", "1s"],
            &["record", "--component", "c", "--version", "1", "--owner", "o", "--status", "s", "--best-effort"],
            &["run", "--component", "c", "--version", "1", "--owner", "o", "--status", "s", "--", "true"],
            &["flush"],
        ] {
            let (_, shown) = screen(&cli, arguments);
            let is_told = shown.contains("x\\u{1b}]0;");
            assert!(
                is_told || arguments[0] == "flush" || arguments[0] == "run" || arguments[0] == "record",
                "{arguments:?}: {shown}"
            );
        }
    }
    // Headers, and a reason phrase.
    for head in [
        "HTTP/1.1 404 a\u{1b}]0;t\u{7}b\r\nserver: x\u{9b}31m\u{202e}\r\ncontent-length: 0\r\n\r\n".to_owned(),
        "HTTP/1.1 302 x\r\nlocation: http://h/\u{202e}\u{9b}2J\r\nserver: y\u{7f}\r\ncontent-length: 0\r\n\r\n"
            .to_owned(),
        format!("HTTP/1.1 200 OK\r\nserver: steps-server/{}\u{202e}\r\ncontent-length: 0\r\n\r\n", "9".repeat(9)),
        "HTTP/1.1 200 OK\r\ncontent-type: text/\u{202e}\r\ncontent-length: 0\r\n\r\n".to_owned(),
    ] {
        let server = HostileServer::saying(head);
        for arguments in [&["list"][..], &["list", "--format", "csv"], &["status"]] {
            screen(&Cli::at(&server.url()), arguments);
        }
    }
    // What a check says, and what cannot be read.
    let check = json!({"component": "c", "environment": "e", "step": null, "result": "over", "deployment": null,
        "budgets": [{"budget": "max", "result": "over", "reason": STEERING}], "replay": null});
    let cli = said("200 OK", "application/json", &check);
    let (code, shown) = screen(&cli, &["check", "--component", "c", "--max", "1s"]);
    assert!(code == 4 && shown.contains(STEERING_SHOWN), "{shown}");
    for format in ["csv", "json"] {
        screen(&cli, &["check", "--component", "c", "--max", "1s", "--format", format]);
    }
    let piped = cli.run(&["check", "--component", "c", "--max", "1s", "--format", "csv"]);
    assert!(piped.stdout.contains(STEERING), "{piped:?}");
    let wrong = said("200 OK", "application/json", &json!({"stats": STEERING, "trends": STEERING, "count": STEERING}));
    for arguments in [&["stats"][..], &["trend"], &["list", "--count"]] {
        let (code, shown) = screen(&wrong, arguments);
        assert_eq!(code, 1, "{shown}");
    }
    // An export that is no CSV, nor text.
    let bytes = [b"a\x1b]0;t\x07,\xff\x9b\xe2\x80\xae\r\n".as_slice(), &STEERING.as_bytes()[..5]].concat();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\ncontent-length: {}\r\n\r\n", bytes.len());
    let server = HostileServer::saying([head.as_bytes(), &bytes].concat());
    let (_, shown) = screen(&Cli::at(&server.url()), &["list", "--format", "csv"]);
    assert_eq!(shown, "a\\u{1b}]0;t\\u{7},\\xff\\x9b\\u{202e}\nx\\u{1b}]0;");
}

#[test]
fn arguments_files_and_variables_do_not_steer_a_terminal() {
    let cli = Cli::at("http://127.0.0.1:9").env("LC_ALL", "C.UTF-8").env("STEPS_TIMEOUT", "2s");
    let file = cli.file(&format!("{STEERING}.csv"), &format!("component,version,owner,status,{STEERING}\nc,1,o,s,x\n"));
    let settings = cli.file("home.toml", &format!("component = \"x\\u001b]0;t\\u0007\"\n\"{}\" = 1\n", "\u{202e}"));
    std::fs::rename(settings, cli.work().join(".steps.toml")).unwrap();
    for arguments in [
        &[STEERING][..],
        &["list", STEERING],
        &["list", "--since", STEERING],
        &["list", "--component", STEERING],
        &["list", "--tz", STEERING],
        &["list", "--server", STEERING],
        &["list", "--output", &format!("no/{STEERING}")],
        &["show", STEERING],
        &["config"],
        &["config", "--format", "csv"],
        &["record", "--status", STEERING, "--version", STEERING],
        &["import", &file],
        &["import", "--dry-run", STEERING],
        &["run", "--component", "c", "--version", "1", "--owner", "o", "--status", "s", "--", STEERING],
        &["check", "--max", STEERING],
    ] {
        let (code, shown) = screen(&cli, arguments);
        assert!(code != 0 || arguments[0] == "config", "{arguments:?}: {shown}");
    }
    for (variable, arguments) in
        [("STEPS_SERVER", &["list"][..]), ("STEPS_TIMEOUT", &["list"]), ("STEPS_TZ", &["list"])]
    {
        let cli = Cli::new().env(variable, STEERING);
        let (_, shown) = screen(&cli, arguments);
        assert!(shown.contains("\\u{1b}"), "{variable}: {shown}");
    }
}
