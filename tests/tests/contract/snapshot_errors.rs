//! Every kind of message that says what went wrong: what is wrong, with which value, and what to do.

use std::net::TcpListener;
use std::process::Command;

use insta::assert_snapshot;
use serde_json::Value;
use steps_tests::{Cli, DatabaseKind, Run, Server, TestDb, Transcript, binary, block_on};

/// What is wrong before anything is sent.
#[test]
fn errors_of_usage() {
    let mut seen = Transcript::default();
    let cli = Cli::at("http://127.0.0.1:1").env("STEPS_OWNER", "ann");
    cli.file("passwd", "root:x:0:0::/root:/bin/sh\n");
    std::fs::create_dir(cli.work().join("folder")).unwrap();
    let stream = ["record", "--component", "c", "--version", "1", "--status", "s"];
    let record = |more: &[&'static str]| [&stream[..], more].concat();
    for args in [
        vec!["frobnicate"],
        vec!["lsit"],
        vec!["record"],
        vec!["record", "--component", "c"],
        vec!["record", "--component", "c\nd", "--version", "1", "--status", "s"],
        record(&["--ts", "2026-13-01"]),
        record(&["--id", "xyz"]),
        record(&["--attempt", "0"]),
        record(&["--server", "ftp://x"]),
        record(&["--server", "steps.example.com"]),
        record(&["--timeout", "x"]),
        record(&["--timeout", "0"]),
        record(&["--spool-limit", "x"]),
        record(&["--run", ""]),
        vec!["list", "--since", "tomorow"],
        vec!["list", "--since", "2026-02-01", "--until", "2026-01-01"],
        vec!["list", "--columns", "foo"],
        vec!["list", "--format", "yaml"],
        vec!["list", "--limit", "0"],
        vec!["list", "--order", "up"],
        vec!["list", "--id", "123"],
        vec!["list", "--component", ""],
        vec!["list", "--tz", "Europe/Berln"],
        vec!["list", "--safe", "--format", "json"],
        vec!["list", "--output", "none/steps.csv"],
        vec!["list", "--output", "folder"],
        vec!["list", "--output", "steps.parquet"],
        vec!["list", "--output", "steps.xlsx.gz"],
        vec!["list", "--format", "table", "--output", "steps.csv"],
        vec!["list", "--format", "markdown", "--output", "steps.md"],
        vec!["list", "--ca-file", "none", "--server", "https://127.0.0.1:1"],
        vec!["list", "--token-file", "none"],
        vec!["deployments", "--outcome", "succeded"],
        vec!["deployments", "--min-duration", "10", "--max-duration", "5"],
        vec!["deployments", "--min-duration", "5x"],
        vec!["show"],
        vec!["stats", "--by", "foo"],
        vec!["trend", "c", "--svg", "-"],
        vec!["trend", "c", "--by", "month"],
        vec!["trend", "c", "--sprint-length", "0d"],
        vec!["check"],
        vec!["check", "--component", "c", "--max", "5x"],
        vec!["check", "--component", "c", "--baseline", "p200"],
        vec!["exclude", "abc", "--reason", "x"],
        vec!["note", "c"],
        vec!["note", "c", "text", "--at", "2026-01-02", "--until", "2026-01-01"],
        vec!["import", "none.csv"],
        vec!["import", "folder"],
        vec!["import", "passwd"],
        vec!["import", "--map", "foo=bar", "passwd"],
        vec!["import", "--tz", "nope", "passwd"],
        vec!["login"],
        vec!["token", "create", "x"],
        vec!["token", "create", "x", "--scope", "foo"],
        vec!["flush", "--from", "x"],
        vec!["config", "--format", "x"],
        vec!["completions", "ksh"],
        vec!["run", "--status", "s"],
        vec!["run", "--deployment", "--component", "c", "--version", "1", "--", "none-of-this-name"],
    ] {
        seen.run(&cli, &args);
    }
    assert_snapshot!("errors_of_usage", seen.text());
}

/// What a server does not have, and what is no server.
#[test]
fn errors_of_the_server() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let server = Server::start(&db).await;
        let cli = Cli::of(&server);
        let mut seen = Transcript::default();
        let record = ["record", "--component", "checkout", "--version", "1", "--owner", "ann", "--ts"];
        for (status, ts) in [("started", "2026-01-05 09:30:00"), ("succeeded", "2026-01-05 09:31:00")] {
            cli.run(&[&record[..], &[ts, "--status", status]].concat()).ok();
        }
        let unknown = "0197a000-0000-7000-8000-000000000001";
        for args in [
            vec!["show", "checkuot"],
            vec!["show", "checkout", "9"],
            vec!["show", "checkout", "--environment", "staging"],
            vec!["show", unknown],
            vec!["show", "0197a000"],
            vec!["compare", "checkout", unknown],
            vec!["trend", "checkuot"],
            vec!["trend", "checkout", "--step", "nope", "--since", "2026-01-01"],
            vec!["trend", "checkout", "--svg", "c.svg", "--since", "2026-01-01"],
            vec!["check", "--component", "checkuot", "--max", "5m"],
            vec!["exclude", unknown, "--reason", "x", "--owner", "ann"],
            vec!["include", unknown, "--owner", "ann"],
            vec!["note", "--remove", unknown],
            vec!["notes", "checkuot"],
            vec!["token", "revoke", "nope"],
            vec!["list", "--component", "checkuot"],
            vec!["list", "--since", "2h"],
        ] {
            seen.run(&cli, &args);
        }
        for address in [server.url().replace("http:", "https:"), format!("{}/x", server.url())] {
            let told = cli.run(&["list", "--server", &address]);
            let told = told.stderr.replace(server.url(), "http://[server]").replace(&address, "https://[server]");
            seen.add(&format!("$ steps list --server elsewhere\n{told}--- exit code\n"));
        }
        seen.run(&cli, &["list", "--server", "http://127.0.0.1:1"]);
        assert_snapshot!("errors_of_the_server", seen.text());
    });
}

/// What keeps a server, or one of its commands, from starting.
#[test]
fn errors_of_starting() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("unknown.toml"), "lisen = ':7878'\n").unwrap();
    let fresh = format!("sqlite:{}", at("fresh.db"));
    let replaced = [(taken.as_str(), "TAKEN"), (folder.path().to_str().unwrap(), "FOLDER")];
    let mut seen = Transcript::replacing(&replaced);
    for args in [
        vec!["serve"],
        vec!["--lisen", ":1"],
        vec!["--listen", "nowhere"],
        vec!["--listen", &taken],
        vec!["--listen", "0.0.0.0:0"],
        vec!["--listen", "203.0.113.1:0", "--allow-anonymous"],
        vec!["--database-url", "sqlite:"],
        vec!["--database-url", "postgres://db/steps"],
        vec!["--database-url", "mysql://db"],
        vec!["--database-url", "sqlite:/proc/none/steps.db"],
        vec!["--database-url-file", &at("none")],
        vec!["--database-read-url", "mysql://replica/steps"],
        vec!["--config", &at("none.toml")],
        vec!["--config", &at("unknown.toml")],
        vec!["--log", "nope"],
        vec!["--deadline", "5x"],
        vec!["--tls-cert", &at("tls.crt")],
        vec!["--tls-cert", &at("tls.crt"), "--tls-key", &at("tls.key")],
        vec!["--trusted-proxy", "10.0.0.0/99"],
        vec!["--otlp-endpoint", "ftp://collector"],
        vec!["verify"],
        vec!["rebuild"],
        vec!["backup", &at("copy.db")],
        vec!["prune"],
        vec!["restore", &at("copy.db")],
        vec!["copy", "--to", &fresh],
        vec!["token", "create", "ci", "--scope", "write"],
    ] {
        let mut command = Command::new(binary("steps-server"));
        // The embedded database would be in the home.
        command.env_clear().env("HOME", folder.path());
        let mut run = Run::of(command.args(&args));
        // The line of the log that says why.
        if let Some(line) = run.stderr.lines().last().filter(|line| line.starts_with('{')) {
            let line: Value = serde_json::from_str(line).unwrap();
            run.stderr = format!("{}\n", line["message"].as_str().unwrap());
        }
        seen.ran_by("steps-server", &args, run);
        if folder.path().join(".local").exists() {
            std::fs::remove_dir_all(at(".local")).unwrap();
        }
    }
    assert_snapshot!("errors_of_starting", seen.text());
}
