//! How trends are told: lists of `GET /v1/trend`, and the tables, sentences and charts of `steps trend`.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use reqwest::Method;
use serde_json::Value;
use steps_shared::{Timestamp, TrendAnswer, TrendColumn};
use steps_tests::history::{History, lasting, wobble};
use steps_tests::steps::{now, rows};
use steps_tests::{Answer, Cli, Run, Server, TestDb, on_both_stores};

on_both_stores!(
    lists_are_for_spreadsheets_and_tools,
    the_most_alarming_is_the_first_line,
    one_component_is_told_in_sentences,
    a_chart_is_a_whole_file_or_none,
    settings_say_what_a_sprint_is,
);

/// Thirty deployments in ten days; from the next on, by bob, migrating takes a hundred seconds more.
async fn jumping(server: &Server) {
    let migrating = |took: f64| format!("building@0 migrating@100 succeeded@{}", 100.0 + took);
    let took = |nth: usize| 200.0 + nth as f64 + wobble(nth);
    let history = History::of("checkout");
    history.record(server, (0..30).map(|nth| migrating(took(nth)))).await;
    history.by("bob").going_on_at(30).record(server, (30..60).map(|nth| migrating(100.0 + took(nth)))).await;
}

/// What was printed, in one line.
fn prose(run: Run) -> String {
    run.ok().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The command with a format and a beginning.
fn trend<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["trend", "--since", "2026-01-01"], args].concat()
}

async fn lists_are_for_spreadsheets_and_tools(db: TestDb) {
    let server = Server::start(&db).await;
    let (history, later) = (History::of("c"), History::of("c").by("bob").going_on_at(30));
    let migrating = |took: usize| format!("building@0 migrating@200 succeeded@{}", 200 + took);
    history.record(&server, (0..30).map(|nth| migrating(100 + nth + nth % 3))).await;
    later.record(&server, (30..60).map(|nth| migrating(200 + nth + nth % 3))).await;
    let waiting =
        |nth: usize| format!("a@0+10 b@{0}+10 succeeded@{1}", 20.0 + nth as f64 / 6.0, 30.0 + nth as f64 / 6.0);
    History::of("idle").record(&server, (0..60).map(waiting)).await;
    History::of("few").record(&server, ["building@0 succeeded@1.5"]).await;
    let trends = server.trends("since=2026-01-01").await.trends;
    let list = async |format: &str| server.get(&format!("/v1/trend?since=2026-01-01&format={format}")).await;

    let csv = list("csv").await;
    let names: Vec<_> = TrendColumn::ALL.iter().map(|column| column.name()).collect();
    assert_eq!(csv.ok().lines().next().unwrap(), names.join(","));
    let few = "few,production,,1,2026-01-05T09:00:00.000000Z,2026-01-05T09:00:00.000000Z,not enough data,1.5,1.5";
    assert_eq!(csv.ok().lines().last().unwrap(), format!("{few}{}", ",".repeat(12) + "0,,,,,"), "unknown is empty");
    let row = &rows(csv.ok())[0];
    let idle = &rows(csv.ok())[1];
    assert_eq!((idle["component"].as_str(), idle["cause"].as_str()), ("idle", "(gaps)"));
    let growth = trends[0].growth.unwrap();
    for (column, expected) in [
        ("percent_per_week", growth.percent_per_week.unwrap().value),
        ("percent_per_week_low", growth.percent_per_week.unwrap().low),
        ("seconds_per_week", growth.seconds_per_week.value),
        ("seconds_per_week_high", growth.seconds_per_week.high),
        ("seconds_per_sprint", growth.seconds_per_sprint.value),
        ("p_value", growth.p_value),
        ("cause_share", 1.0),
    ] {
        let found: f64 = row[column].parse().unwrap();
        assert!((found - expected).abs() < 1e-9, "{column}: {found} is not {expected}");
    }
    assert_eq!((row["cause"].as_str(), row["change_points"].as_str()), ("migrating", "1"));
    assert_eq!((row["changed_version"].as_str(), row["changed_owner"].as_str()), ("1.30", "bob"));
    assert_eq!(row["changed_at"], later.start(30).to_rfc3339());

    let jsonl = list("jsonl").await;
    let lines: Vec<Value> = jsonl.ok().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!((&lines[0]["component"], &lines[0]["deployments"]), (&Value::from("c"), &Value::from(60)));
    assert_eq!((&lines[2]["verdict"], &lines[2]["growth"]), (&Value::from("not enough data"), &Value::Null));
    assert_eq!(Value::from(lines), list("json").await.json()["trends"], "the same objects");

    let mut book = Xlsx::new(Cursor::new(list("xlsx").await.bytes)).unwrap();
    let name = book.sheet_names()[0].clone();
    let sheet = book.worksheet_range(&name).unwrap();
    let cell = |row, column| sheet.get_value((row, column)).cloned().unwrap_or(Data::Empty);
    assert_eq!((cell(0, 0), cell(1, 0)), (Data::String("component".to_owned()), Data::String("c".to_owned())));
    assert_eq!((cell(1, 3), cell(3, 7), cell(3, 9)), (Data::Float(60.0), Data::Float(1.5), Data::Empty));
    let asked = server.request(Method::GET, "/v1/trend?since=2026-01-01").header("accept", "text/csv");
    assert_eq!(Answer::of(asked).await.text(), csv.text());
}

async fn the_most_alarming_is_the_first_line(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    for format in ["table", "csv"] {
        let said = cli.run(&["trend", "--format", format]);
        assert_eq!(said.code, 0, "{}", said.stderr);
    }
    let said = cli.run(&["trend", "--format", "table"]);
    assert_eq!(said.stdout, "");
    assert!(said.stderr.starts_with("no successful deployments since 20"), "{}", said.stderr);
    History::of("calm").record(&server, (0..60).map(|nth| lasting(90.0 + wobble(nth)))).await;
    jumping(&server).await;
    let csv = server.get("/v1/trend?since=2026-01-01&format=csv").await;
    assert_eq!(cli.run(&trend(&[])).ok(), csv.ok().replace("\r\n", "\n"), "CSV when piped");
    let json: Value = serde_json::from_str(&cli.run(&trend(&["--format", "json"])).ok()).unwrap();
    assert_eq!(json, server.get("/v1/trend?since=2026-01-01").await.json());
    cli.run(&trend(&["--format", "xlsx", "--output", "t.xlsx"])).ok();
    assert!(std::fs::read(cli.work().join("t.xlsx")).unwrap().starts_with(b"PK"));

    let table = cli.run(&trend(&["--format", "table"])).ok();
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((lines[0][0], lines[1][0], lines[2][0]), ("component", "checkout", "calm"), "{table}");
    for cell in ["60", "growing", "migrating", "2026-01-15", "1.30"] {
        assert!(lines[1].contains(&cell), "{cell}:\n{table}");
    }
    assert!(lines[2].contains(&"steady") && lines[2].contains(&"1m30s"), "{table}");
    // A component that is set for recording hides nothing.
    let other = Cli::of(&server).env("STEPS_COMPONENT", "calm").env("STEPS_ENVIRONMENT", "staging");
    assert_eq!(other.run(&trend(&["--format", "table"])).ok(), table);
}

async fn one_component_is_told_in_sentences(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    jumping(&server).await;
    History::of("few").record(&server, (0..9).map(|nth| lasting(90.0 + wobble(nth)))).await;
    let growth = server.trend("since=2026-01-01&component=checkout").await.growth.unwrap();
    let weekly = growth.percent_per_week.unwrap();
    let told = prose(cli.run(&trend(&["checkout", "--format", "table"])));
    for words in [
        &format!("checkout grew {:.1}% a week ({:.1} to {:.1})", weekly.value, weekly.low, weekly.high),
        "from 5m06s to 7m33s since 2026-01-05",
        "; all of it is `migrating`; ",
        "the level jumped at version 1.30, deployed by bob, on 2026-01-15 (from 5m27s to 7m08s)",
        "Since then there is too little to tell a trend: 30 deployments.",
    ] {
        assert!(told.contains(words), "{words}:\n{told}");
    }
    let told = prose(cli.run(&trend(&["checkout", "--step", "building", "--format", "table"])));
    assert!(told.contains("`building` in deploys of checkout is steady at about 1m40s"), "{told}");
    let told = prose(cli.run(&trend(&["checkout", "--min-change", "500%", "--format", "table"])));
    assert!(told.contains("deploys of checkout jumped") && told.contains("less than the 500% that"), "{told}");
    // Growth without a jump goes on from sprint to sprint.
    History::of("gradual").record(&server, (0..60).map(|nth| lasting(90.0 + f64::from(nth)))).await;
    let told = prose(cli.run(&trend(&["gradual", "--format", "table"])));
    assert!(told.contains("% or 42.1s a sprint (14d)."), "a second more each, three a day: {told}");
    let told = prose(cli.run(&trend(&["few", "--format", "table"])));
    assert!(told.contains("not enough data") && told.contains("9 deployments over 2 days"), "{told}");
    for format in ["table", "csv", "json"] {
        let said = cli.run(&trend(&["chekcout", "--format", format])).failed(3);
        let hint = "nothing was ever recorded under the component chekcout; did you mean checkout?";
        assert!(said.contains(hint), "{said}");
    }
    for nothing in [&["checkout", "--step", "unknown"][..], &["checkout", "--environment", "staging"]] {
        let said = cli.run(&trend(&[nothing, &["--format", "table"]].concat()));
        assert_eq!((said.code, said.stdout.as_str()), (0, ""), "{nothing:?}");
        assert!(said.stderr.contains("no successful deployments"), "{nothing:?}: {}", said.stderr);
    }
    // Ninety days back, unless it is said.
    let recent = Timestamp::from_micros(now().micros() - 30 * 86_400_000_000).unwrap();
    History::of("recent").starting(recent).record(&server, (0..60).map(|nth| lasting(90.0 + nth as f64))).await;
    assert!(prose(cli.run(&["trend", "recent", "--format", "table"])).contains("recent grew"));
}

async fn a_chart_is_a_whole_file_or_none(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    jumping(&server).await;
    History::of("two").record(&server, [lasting(60.0), lasting(61.0)]).await;
    History::of("two").to("staging").record(&server, [lasting(60.0), lasting(61.0)]).await;
    let names = || -> Vec<String> {
        let files = std::fs::read_dir(cli.work()).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    };
    let svg = |args: &[&'static str], file: &'static str| cli.run(&trend(&[args, &["--svg", file]].concat()));
    let said = svg(&["two"], "two.svg").failed(2);
    assert!(said.contains("production") && said.contains("staging") && said.contains("--environment"), "{said}");
    svg(&["unknown"], "two.svg").failed(3);
    svg(&[], "two.svg").failed(2);
    svg(&["checkout", "--server", "http://127.0.0.1:1"], "two.svg").failed(1);
    assert_eq!(names(), [""; 0], "what failed leaves nothing");

    let drawn = svg(&["checkout", "--format", "csv"], "chart.svg");
    assert!(drawn.stderr.contains("wrote chart.svg"), "{}", drawn.stderr);
    assert_eq!(drawn.ok().lines().count(), 2, "what is printed is printed still");
    let read = || std::fs::read_to_string(cli.work().join("chart.svg")).unwrap();
    let chart = read();
    assert!(chart.starts_with("<svg ") && chart.trim_end().ends_with("</svg>"), "{chart}");
    assert!(chart.contains("checkout") && chart.contains("1.30") && chart.contains("growing"), "{chart}");
    svg(&["two"], "chart.svg").failed(2);
    assert_eq!(read(), chart, "an older chart stays as it was");
    svg(&["two", "--environment", "staging"], "chart.svg").ok();
    assert!(read().contains("staging") && !read().contains("checkout"));
    assert_eq!(names(), ["chart.svg"]);
}

async fn settings_say_what_a_sprint_is(db: TestDb) {
    let server = Server::start(&db).await;
    jumping(&server).await;
    let cli = Cli::of(&server);
    cli.user_settings("sprint_start = \"2026-01-07\"\nsprint_length = \"10d\"\nmin_change = \"500%\"\n");
    let asked = |cli: &Cli, args: &[&'static str]| -> TrendAnswer {
        serde_json::from_str(&cli.run(&trend(&[args, &["--format", "json"]].concat())).ok()).unwrap()
    };
    let told = |answer: &TrendAnswer| {
        let TrendAnswer { by, sprint_start, sprint_length, min_change_percent, .. } = answer;
        format!("{by} {sprint_start} {sprint_length} {min_change_percent} {}", answer.trends[0].verdict)
    };
    assert_eq!(told(&asked(&cli, &["checkout"])), "sprint 2026-01-07 10d 500 jumped");
    assert_eq!(told(&asked(&cli, &["--min-change", "2%"])), "week 2026-01-07 10d 2 growing", "a flag is stronger");
    let variable = Cli::of(&server).env("STEPS_SPRINT_LENGTH", "3w");
    assert_eq!(told(&asked(&variable, &["--by", "sprint"])), "sprint 2026-01-05 21d 1 growing");
    let periods = asked(&cli, &["checkout"]).trends.remove(0).periods;
    let starts: Vec<String> = periods.iter().map(|period| period.start.to_seconds_text()).collect();
    assert_eq!(starts, ["2025-12-28 00:00:00", "2026-01-07 00:00:00", "2026-01-17 00:00:00"]);

    for wrong in [
        &["--sprint-start", "monday"][..],
        &["--sprint-length", "36h"],
        &["--min-change", "much"],
        &["--by", "month"],
        &["--since", "tomorrow"],
        &["--since", "2026-02-01", "--until", "2026-01-01"],
        &["--format", "pdf"],
    ] {
        let said = cli.run(&[&["trend"][..], wrong].concat()).failed(2);
        assert!(said.contains(wrong[wrong.len() - 2].trim_start_matches('-').split('-').next().unwrap()), "{said}");
    }
    cli.user_settings("sprint_length = \"36h\"\n");
    let said = cli.run(&["trend"]).failed(2);
    assert!(said.contains("sprint_length") && said.contains("config.toml"), "{said}");
}
