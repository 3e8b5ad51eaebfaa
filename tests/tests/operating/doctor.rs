//! `steps doctor`: everything that recording and asking need, and what to do where it is wrong.

use serde_json::Value;

use steps_tests::{Cli, Run, Server, TestDb, on_both_stores};

on_both_stores!(it_says_what_is_wrong_and_what_to_do,);

/// The findings of a kind: how each is, and what was found.
fn findings<'a>(all: &'a Value, check: &str) -> Vec<(&'a str, &'a str)> {
    let text = |finding: &'a Value, member| finding[member].as_str().unwrap();
    let of_check = all.as_array().unwrap().iter().filter(|finding| finding["check"] == check);
    of_check.map(|finding| (text(finding, "state"), text(finding, "found"))).collect()
}

/// What it said with exit code 1.
fn failed(run: Run) -> Value {
    assert_eq!(run.code, 1, "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

async fn it_says_what_is_wrong_and_what_to_do(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server).env("STEPS_OWNER", "ann").env("SHELL", "/bin/bash");
    cli.file(".steps.toml", "component = \"checkout\"\nversion = \"4.2.0\"\n");
    let all: Value = serde_json::from_str(&cli.run(&["doctor"]).ok()).unwrap();
    let (state, found) = findings(&all, "server")[0];
    let database = if db.url().starts_with("mysql") { "MySQL" } else { "SQLite" };
    assert!(state == "good" && found.contains(&format!(" on {database}, in ")), "{found}");
    assert_eq!(findings(&all, "clock")[0].0, "good");
    assert!(findings(&all, "token")[0].1.contains("the server lets everybody"), "{all:#}");
    assert!(findings(&all, "spool")[0].1.starts_with("nothing waits in"), "{all:#}");
    assert!(findings(&all, "files")[0].1.contains(".steps.toml (of the project)"), "{all:#}");
    assert!(findings(&all, "settings")[0].1.contains("(from STEPS_SERVER)"), "{all:#}");
    let (state, found) = findings(&all, "record")[0];
    for part in
        ["component = checkout (from ", "owner = ann (from STEPS_OWNER)", "environment = production (from default)"]
    {
        assert!(state == "good" && found.contains(part), "{part}: {found}");
    }
    assert_eq!(findings(&all, "completions"), [("warning", "of bash, none are installed")]);
    assert!(cli.run(&["doctor", "--format", "table"]).ok().contains("steps completions bash >"));

    // Nobody is there, and a step waits.
    let record = ["record", "--status", "building", "--server", "http://127.0.0.1:9"];
    assert_eq!(cli.run(&record).code, 0);
    let away = failed(cli.run(&["doctor", "--server", "http://127.0.0.1:9"]));
    assert!(findings(&away, "server")[0].1.contains("is steps-server running there?"), "{away:#}");
    assert!(findings(&away, "spool")[0].1.starts_with("1 step waits for http://127.0.0.1:9"), "{away:#}");
    let here = cli.run(&["doctor", "--format", "table", "--ascii"]).ok();
    assert!(here.contains("steps flush --from http://127.0.0.1:9 delivers them"), "{here}");
    // What is wrong with a file is said, and everything else is looked at all the same.
    cli.user_settings("servr = \"http://h\"\n");
    let wrong = failed(cli.run(&["doctor"]));
    assert!(findings(&wrong, "settings")[0].1.contains("server"), "{wrong:#}");
    assert_eq!(findings(&wrong, "server")[0].0, "good");
}
