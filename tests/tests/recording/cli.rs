//! The `steps` command, as a deploy hook and a person use it.

use std::process::Stdio;
use std::time::Duration;

use steps_shared::{Step, Timestamp};
use steps_tests::steps::{as_recorded, column, now, rows};
use steps_tests::{Cli, Run, SLACK, Server, TestDb, on_both_stores};

on_both_stores!(record_prints_one_line, list_filters_and_formats, what_the_server_refuses_is_code_3);

const RECORD: [&str; 9] =
    ["record", "--component", "checkout", "--version", "4.2.0", "--owner", "ann", "--status", "building"];

fn record_with<'a>(more: &[&'a str]) -> Vec<&'a str> {
    RECORD.into_iter().chain(more.iter().copied()).collect()
}

async fn record_prints_one_line(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let line = cli.run(&RECORD).ok();
    assert_eq!(line.lines().count(), 1);
    for word in ["checkout", "4.2.0", "building", "ann"] {
        assert!(line.contains(word), "{line}");
    }
    assert_eq!(cli.run(&record_with(&["--quiet"])).ok(), "");
    let more = ["--environment", "staging", "--ts", "2026-01-05 09:30:00", "--run", "7", "--format", "json"];
    let step: Step = serde_json::from_str(&cli.run(&record_with(&more)).ok()).unwrap();
    assert_eq!(step.environment.as_str(), "staging");
    assert_eq!(step.ts.to_rfc3339(), "2026-01-05T09:30:00.000000Z");
    assert_eq!(step.run.as_ref().unwrap().as_str(), "7");
    assert_eq!(as_recorded(&server.get(&format!("/v1/steps/{}", step.id)).await.step(200)), step);
    assert_eq!(server.count("").await, 3);
}

async fn list_filters_and_formats(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    cli.run(&record_with(&["--ts", "2026-01-05 09:30:00"])).ok();
    cli.run(&record_with(&["--environment", "staging", "--run", "7"])).ok();

    let csv = server.list("").await.replace("\r\n", "\n");
    assert_eq!(cli.run(&["list"]).ok(), csv, "CSV when piped, with the line ends of Unix");
    assert_eq!(column(&cli.run(&["list", "--since", "2h"]).ok(), "environment"), ["staging"]);
    assert_eq!(column(&cli.run(&["list", "--until", "2026-01-05 09:30:00"]).ok(), "run"), [""]);
    assert_eq!(column(&cli.run(&["list", "--run", "7", "--owner", "ann"]).ok(), "run"), ["7"]);
    assert_eq!(
        cli.run(&["list", "--columns", "environment,run", "--order", "desc", "--limit", "1"]).ok(),
        "environment,run\nstaging,7\n"
    );
    assert_eq!(cli.run(&["list", "--format", "jsonl"]).ok(), server.get("/v1/steps?format=jsonl").await.ok());
    let json: serde_json::Value = serde_json::from_str(&cli.run(&["list", "--format", "json"]).ok()).unwrap();
    assert_eq!(json["steps"].as_array().unwrap().len(), 2);

    let table = cli.run(&["list", "--format", "table"]).ok();
    assert!(table.contains("checkout") && table.contains("staging"), "{table}");
    assert!(table.find("2026-01-05").unwrap() < table.find("staging").unwrap(), "the oldest first: {table}");

    let id = &column(&server.list("").await, "id")[0];
    assert!(cli.run(&["list", "--id", id, "--format", "json"]).ok().contains(id.as_str()));

    assert_eq!(cli.run(&["list", "--format", "xlsx", "--output", "steps.xlsx"]).ok(), "");
    assert!(std::fs::read(cli.work().join("steps.xlsx")).unwrap().starts_with(b"PK"));
    cli.run(&["list", "--output", "steps.csv"]).ok();
    assert_eq!(std::fs::read_to_string(cli.work().join("steps.csv")).unwrap(), csv);
}

async fn what_the_server_refuses_is_code_3(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let said = cli.run(&record_with(&["--ts", "2999-01-01 00:00:00"])).failed(3);
    assert!(said.contains("5 minutes in the future"), "{said}");
    let none = "0197a000-0000-7000-8000-000000000001";
    let said = cli.run(&["list", "--id", none]).failed(3);
    assert!(said.contains(none), "{said}");
    assert_eq!(db.stored_steps().await, 0);
}

#[test]
fn a_server_that_is_not_there_is_code_1() {
    let cli = Cli::at("http://127.0.0.1:9");
    for args in [record_with(&["--no-spool"]), vec!["list"]] {
        let said = cli.run(&args).failed(1);
        assert!(said.contains("http://127.0.0.1:9"), "says where it looked: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    let said = cli.run(&["list", "--server", "http://127.0.0.1:10"]).failed(1);
    assert!(said.contains("127.0.0.1:10"), "the flag is stronger: {said}");
}

/// A server that takes the connection and never answers.
#[test]
fn a_silent_server_is_given_up_on_in_time() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let cli = Cli::at(&format!("http://{}", silent.local_addr().unwrap()));
    let began = std::time::Instant::now();
    let said = cli.run(&record_with(&["--timeout", "300ms", "--no-spool"])).failed(1);
    let took = began.elapsed();
    // A tenth of the time is left to keep what the server does not take.
    assert!((Duration::from_millis(270)..SLACK).contains(&took), "{took:?}: {said}");
}

#[test]
fn wrong_usage_is_code_2_and_says_what_is_right() {
    // Nothing of what a CI or git would fill in is there.
    let cli = Cli::new();
    let said = cli.run(&["record", "--status", "building"]).failed(2);
    for (flag, variable, key) in
        [("--component", "STEPS_COMPONENT", "component"), ("--version", "STEPS_VERSION", "version")]
    {
        assert!(said.contains(flag) && said.contains(variable), "{said}");
        assert!(said.contains(&format!("{key} =")) && said.contains(".steps.toml"), "{said}");
    }
    assert!(!said.contains("--owner"), "the login is the owner: {said}");
    for wrong in [
        &["recrod"][..],
        &["list", "--since", "whenever"],
        &["list", "--columns", "statos"],
        &["list", "--onwer", "ann"],
        &["record", "--component", "c", "--version", "1", "--status", " "],
        &["import", "nowhere.csv"],
        &["--server", "not a url", "list"],
    ] {
        let said = cli.run(wrong).failed(2);
        assert!(said.starts_with("error:") || said.contains("steps:"), "{wrong:?}: {said}");
    }
    let help = cli.run(&["--help"]).ok();
    for code in ["Exit codes", "0 ", "1 ", "2 ", "3 "] {
        assert!(help.contains(code), "{help}");
    }
    assert!(cli.run(&["--version"]).ok().starts_with("steps 0."));
}

#[test]
fn settings_come_from_the_strongest_place() {
    let db = TestDb::new(steps_tests::DatabaseKind::Sqlite);
    steps_tests::block_on(async {
        let server = Server::start(&db).await;
        let cli = Cli::of(&server).env("STEPS_OWNER", "from variable");
        cli.file(".steps.toml", "component = \"from project\"\nowner = \"from project\"\n");
        let user = cli.home().join(".config/steps");
        std::fs::create_dir_all(&user).unwrap();
        std::fs::write(user.join("config.toml"), "component = \"from user\"\nversion = \"from user\"\n").unwrap();

        let run = cli.run_in("deep/below", &["record", "--status", "building", "--format", "json"]);
        let step: Step = serde_json::from_str(&run.ok()).unwrap();
        assert_eq!(step.component.as_str(), "from project", "upwards from where it is run");
        assert_eq!(step.owner.as_str(), "from variable");
        assert_eq!(step.version.as_str(), "from user");

        let shown = cli.run_in("deep/below", &["config"]).ok();
        let line = |name: &str| {
            let found = shown.lines().find(|line| line.contains(name) && line.contains("from"));
            found.unwrap_or_else(|| panic!("no {name} in {shown}")).to_owned()
        };
        assert!(line("component").contains(".steps.toml"), "{shown}");
        assert!(line("owner").contains("STEPS_OWNER"), "{shown}");
        assert!(line("version").contains("config.toml"), "{shown}");
        assert!(shown.contains("production") && shown.contains("default"), "{shown}");

        let broken = Cli::of(&server);
        broken.file(".steps.toml", "onwer = \"ann\"\n");
        let said = broken.run(&RECORD).failed(2);
        assert!(said.contains(".steps.toml") && said.contains("owner"), "{said}");
    });
}

#[test]
fn version_and_owner_come_from_git_and_ci() {
    let db = TestDb::new(steps_tests::DatabaseKind::Sqlite);
    steps_tests::block_on(async {
        let server = Server::start(&db).await;
        let cli = Cli::of(&server);
        let git = |args: &[&str]| Run::of(&mut cli.program("git".as_ref(), args)).ok();
        git(&["init", "-q"]);
        git(&["config", "user.name", "Ann of Git"]);
        git(&["-c", "user.email=ann@example.com", "commit", "-q", "--allow-empty", "-m", "first"]);
        git(&["tag", "v1.2"]);
        let record = ["record", "--component", "c", "--status", "s", "--format", "json"];
        let step: Step = serde_json::from_str(&cli.run(&record).ok()).unwrap();
        assert_eq!((step.version.as_str(), step.owner.as_str()), ("v1.2", "Ann of Git"));

        let cli = cli.env("GITHUB_SHA", "cb4adab28f63").env("GITHUB_ACTOR", "octocat");
        let step: Step = serde_json::from_str(&cli.run(&record).ok()).unwrap();
        assert_eq!((step.version.as_str(), step.owner.as_str()), ("cb4adab28f63", "octocat"));
    });
}

/// `steps list | head -1`, with more than a pipe holds behind it.
#[test]
fn a_closed_pipe_is_success() {
    let db = TestDb::new(steps_tests::DatabaseKind::Sqlite);
    steps_tests::block_on(async {
        let server = Server::start(&db).await;
        let step = serde_json::json!({"component": "x".repeat(200), "version": "1", "owner": "o", "status": "s"});
        server.batch(&vec![step; 2000]).await;
        let cli = Cli::of(&server);
        for format in ["csv", "json", "jsonl", "table"] {
            let mut list = cli.command(&["list", "--format", format]);
            let mut child = list.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            drop(child.stdout.take());
            let run = Run::from(child.wait_with_output().unwrap());
            assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{format}");
        }
    });
}

#[test]
fn a_wrong_clock_bends_nothing() {
    let db = TestDb::new(steps_tests::DatabaseKind::Sqlite);
    steps_tests::block_on(async {
        let server = Server::start(&db).await;
        let before = now();
        Cli::of(&server).run(&RECORD).ok();
        let ts: Timestamp = rows(&server.list("").await)[0]["started_at"].parse().unwrap();
        assert!(before <= ts && ts <= now(), "the time is the server's: {ts}");
    });
}

#[test]
fn completions_are_not_stale() {
    let cli = Cli::new();
    for (shell, file) in [("bash", "steps.bash"), ("zsh", "_steps"), ("fish", "steps.fish")] {
        let path = steps_tests::repository().join("completions").join(file);
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(kept == cli.run(&["completions", shell]).ok(), "{file} is stale; run `make completions`");
    }
}
