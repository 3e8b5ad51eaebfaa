//! A CSV that a spreadsheet opens does not run, and one that programs read is as it was recorded.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use serde_json::json;
use steps_shared::{neutralized, original};
use steps_tests::{Cli, Server, TestDb, on_both_stores};

on_both_stores!(
    no_text_of_a_safe_export_begins_a_formula,
    a_safe_export_is_imported_as_what_it_was,
    what_the_command_writes_itself_is_made_safe_too,
);

/// Names that spreadsheets run, in whatever way they separate cells.
const HOSTILE: [&str; 14] = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "=cmd|' /C calc'!A0",
    "=HYPERLINK(\"http://127.0.0.1/\"&A1,\"x\")",
    "a;=1+1",
    "a,=1+1",
    "a\",=1+1,\"",
    "'=1+1",
    "a| -1+1",
    "＝1+1",
    "\u{200b}=1+1",
    "plain-name@1.2+x=y",
];

async fn hostile_server(db: &TestDb) -> Server {
    let server = Server::start(db).await;
    let step = |(nth, name): (usize, &&str)| {
        let status = |status: &str, second| {
            json!({"component": name, "version": name, "owner": name, "status": status, "environment": name, "run": name,
                "ts": format!("2026-01-05 09:{nth:02}:{second:02}")})
        };
        [status(name, 0), status("succeeded", 30)]
    };
    let steps: Vec<_> = HOSTILE.iter().enumerate().flat_map(step).collect();
    server.batch(&steps).await;
    server
}

/// The cells of a CSV.
fn cells(text: &str) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()).collect()
}

const EXPORTS: [&str; 6] = [
    "/v1/steps",
    "/v1/deployments",
    "/v1/stats?by=component,owner,environment",
    "/v1/stats?by=status",
    "/v1/trend?since=2026-01-01",
    "/v1/steps?columns=component,duration_seconds,ts",
];

async fn no_text_of_a_safe_export_begins_a_formula(db: TestDb) {
    let server = hostile_server(&db).await;
    let id = steps_tests::steps::column(&server.list("").await, "id").swap_remove(0);
    let one = format!("/v1/steps/{id}");
    for path in EXPORTS.into_iter().chain([one.as_str()]) {
        let path = format!("{path}{}format=csv", if path.contains('?') { '&' } else { '?' });
        let plain = server.get(&path).await.ok().to_owned();
        let safe = server.get(&format!("{path}&safe=true")).await.ok().to_owned();
        assert_eq!(server.get(&format!("{path}&safe=false")).await.ok().to_owned(), plain);
        let (plain, safe) = (cells(&plain), cells(&safe));
        assert!(HOSTILE.iter().any(|name| plain.iter().any(|cell| cell == name)), "{path}: byte for byte");
        assert_eq!(plain.len(), safe.len());
        for (plain, safe) in plain.iter().zip(&safe) {
            let is_number = plain.parse::<f64>().is_ok();
            assert_eq!(*safe, if is_number { plain.clone() } else { neutralized(plain).into_owned() }, "{path}");
            assert_eq!(original(safe), plain.as_str());
            // As a spreadsheet splits it that separates by semicolons, and knows no quotes.
            for part in safe.split([';', ',', '|', '"']) {
                let first = part.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{200b}').chars().next();
                assert!(is_number || !first.is_some_and(|first| "=+-@＝".contains(first)), "{path}: {safe}");
            }
        }
        // Every text is quoted, so that none is two cells for a program that knows quotes.
        let raw = server.get(&format!("{path}&safe=true")).await.ok().to_owned();
        assert!(path.starts_with(&one) || raw.contains("\"plain-name@1.2+x=y\""), "{path}: {raw}");
        // Nothing runs the others: they are as they are.
        for format in ["json", "jsonl"] {
            let path = path.replace("format=csv", &format!("format={format}"));
            assert_eq!(
                server.get(&path).await.ok().to_owned(),
                server.get(&format!("{path}&safe=true")).await.ok().to_owned()
            );
        }
    }
    let refused = server.get("/v1/steps?safe=maybe").await;
    assert_eq!(refused.status, 400);

    // In a workbook each is a text: no formula, no link, no number.
    let workbook = server.get("/v1/steps?format=xlsx").await.bytes;
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(workbook)).unwrap();
    assert!(workbook.worksheet_formula("steps").unwrap().is_empty());
    let sheet = workbook.worksheet_range("steps").unwrap();
    for name in HOSTILE {
        let is_it = |cell: &Data| matches!(cell, Data::String(text) if text == name);
        assert!(sheet.rows().any(|row| row.iter().filter(|cell| is_it(cell)).count() >= 5), "{name}");
    }
}

async fn a_safe_export_is_imported_as_what_it_was(db: TestDb) {
    let server = hostile_server(&db).await;
    let cli = Cli::of(&server);
    let before = cli.run(&["list", "--format", "jsonl"]).ok();
    cli.run(&["list", "--format", "csv", "--safe", "--output", "safe.csv"]).ok();
    cli.run(&["list", "--format", "csv", "--output", "plain.csv"]).ok();
    let other = TestDb::new(steps_tests::DatabaseKind::Sqlite);
    let other = Server::start(&other).await;
    let cli_of_other = |arguments: &[&str]| {
        let server = ["--server", other.url()];
        cli.run(&[&["import"][..], &server, arguments].concat())
    };
    // Not as names that nobody recorded: each row that has one is refused, and named.
    let refused = cli_of_other(&["safe.csv"]);
    let said = refused.stderr.clone();
    assert!(refused.failed(3).contains("component has an apostrophe before what begins a formula"), "{said}");
    let listed = cli.run(&["list", "--format", "csv", "--columns", "component", "--server", other.url()]).ok();
    assert_eq!(listed, "component\nplain-name@1.2+x=y\nplain-name@1.2+x=y\n");
    let imported = cli_of_other(&["--safe", "safe.csv"]).ok();
    assert_eq!(imported, "imported 28 steps: 26 recorded, 2 already recorded, 0 refused\n");
    let after = cli.run(&["list", "--format", "jsonl", "--server", other.url()]).ok();
    assert_eq!(after, before);
    // The byte-true one holds a name that looks as if it had been made safe; it is that name.
    assert!(cli_of_other(&["plain.csv"]).ok().contains("28 already recorded"));
    cli.file("list.jsonl", &before);
    assert!(cli_of_other(&["list.jsonl"]).ok().contains("28 already recorded"));
    assert!(cli_of_other(&["--safe", "list.jsonl"]).failed(2).contains("--safe is of csv"));
}

async fn what_the_command_writes_itself_is_made_safe_too(db: TestDb) {
    let server = hostile_server(&db).await;
    let cli = Cli::of(&server);
    cli.file(".steps.toml", "component = \"=1+1\"\nowner = \"a;=1\"\n");
    for (arguments, plain, safe) in [
        (&["config", "--format", "csv"][..], "component,=1+1,", "\"component\",\"'=1+1\","),
        (
            &["check", "--component", "=1+1", "--environment", "=1+1", "--max", "1s", "--format", "csv"],
            "=1+1,=1+1,",
            "\"'=1+1\",\"'=1+1\",",
        ),
        (&["list", "--format", "csv"], "=1+1,=1+1,=1+1,=1+1,", "\"'=1+1\",\"'=1+1\",\"'=1+1\",\"'=1+1\","),
        (&["show", "=1+1", "--environment", "=1+1", "--format", "csv"], "=1+1,", "\"'=1+1\","),
        (&["deployments"], "=1+1,", "\"'=1+1\","),
        (&["stats", "--by", "owner"], "=1+1,", "\"'=1+1\","),
        (&["trend", "--since", "2026-01-01"], "=1+1,", "\"'=1+1\","),
    ] {
        let found = cli.run(arguments).stdout;
        assert!(found.lines().any(|line| line.starts_with(plain)), "{arguments:?}: {found}");
        let found = cli.run(&[arguments, &["--safe"]].concat()).stdout;
        assert!(found.lines().any(|line| line.starts_with(safe)), "{arguments:?}: {found}");
        assert!(!found.contains(",=") && !found.contains(";="), "{arguments:?}: {found}");
    }
    assert!(cli.run(&["status", "--safe"]).ok().starts_with("\"name\",\"value\"\n"));
    for arguments in [
        &["list", "--safe", "--format", "json"][..],
        &["list", "--safe", "--format", "table"],
        &["list", "--safe", "--output", "x.xlsx"],
        &["config", "--safe", "--format", "json"],
        &["show", "=1+1", "--safe", "--format", "json"],
        &["check", "--component", "c", "--max", "1s", "--safe"],
    ] {
        assert!(cli.run(arguments).failed(2).contains("--safe is of csv"), "{arguments:?}");
    }
}
