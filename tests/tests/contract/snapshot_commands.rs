//! What a person reads: the help, the tables and the sentences of every subcommand, as they stand in `snapshots/`.
//!
//! `make snapshots` writes them again after a change that is meant; the diff shows what people will notice.

use std::process::{Command, Stdio};

use insta::assert_snapshot;
use steps_tests::example::{deployment, id};
use steps_tests::transcript::{without_times, without_values};
use steps_tests::{Cli, DatabaseKind, Run, Server, TestDb, Transcript, binary, block_on};

/// The time in which all of the example is.
const RANGE: [&str; 4] = ["--since", "2026-01-05", "--until", "2026-04-30"];

/// Runs a test with a server that has the example, and a command that draws with Unicode.
fn with_example(test: impl AsyncFnOnce(&Server, Cli, &mut Transcript)) {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let server = Server::start(&db).await;
        server.record_example().await;
        let cli = Cli::of(&server).env("LC_ALL", "C.UTF-8");
        let mut seen = Transcript::of(&cli, &server);
        test(&server, cli, &mut seen).await;
    });
}

/// The arguments, for a table.
fn table<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--format", "table"]].concat()
}

#[test]
fn help() {
    let cli = Cli::new();
    let mut seen = Transcript::default();
    seen.run(&cli, &["-h"]);
    seen.run(&cli, &["--help"]);
    for command in [
        "record",
        "run",
        "flush",
        "status",
        "list",
        "deployments",
        "show",
        "compare",
        "watch",
        "stats",
        "trend",
        "check",
        "note",
        "notes",
        "open",
        "import",
        "config",
        "completions",
    ] {
        seen.run(&cli, &[command, "--help"]);
    }
    assert_snapshot!("help", seen.text());
}

#[test]
fn help_of_the_server() {
    let help = |args: &[&str]| Run::of(Command::new(binary("steps-server")).env_clear().args(args)).ok();
    let pages = [&["--help"][..], &["backup", "--help"], &["prune", "--help"]];
    assert_snapshot!("help_of_the_server", pages.map(help).join("\n"));
}

#[test]
fn recording() {
    with_example(async |_, cli, seen| {
        let cli = cli.env("STEPS_VERSION", "1.47").env("STEPS_OWNER", "ann").env("STEPS_COMPONENT", "billing");
        let (first, at) = (id(9000), ["--ts", "2026-03-01 10:00:00"]);
        let record = [&["record", "--status", "started", "--id", &first][..], &at].concat();
        seen.run(&cli, &record);
        seen.run(&cli, &record);
        let second = id(9001);
        seen.run(&cli, &[&["record", "--status", "a", "--format", "json", "--id", &second][..], &at].concat());
        seen.run(&cli, &["record", "--status", "other", "--id", &first]);
        seen.run(&cli, &["record", "--status", "building", "--run", "7", "--ts", "yesterday"]);
        seen.run(&cli, &["record", "--component", " ", "--status", ""]);
        seen.run(&cli, &["record", "--stauts", "s"]);
        seen.run(&Cli::new(), &["record", "--status", "s", "--no-spool"]);
        seen.run(&cli, &["run", "--status", "migrating", "--", "sh", "-c", "echo out; echo err >&2; exit 3"]);
        seen.run(&cli, &["run", "--deployment", "--", "nothing-of-this-name"]);
        seen.run(&cli, &["run", "--", "true"]);
        assert_snapshot!("command_recording", seen.text());
    });
}

#[test]
fn lists() {
    with_example(async |_, cli, seen| {
        seen.run(&cli, &table(&["list", "--environment", "staging"]));
        seen.run(&cli, &table(&["list", "--limit", "3", "--columns", "component,status,owner,ts"]));
        seen.run(&cli, &["list", "--component", "billing", "--limit", "2"]);
        seen.run(&cli, &["list", "--id", &deployment("billing", "1.46").to_string(), "--format", "json"]);
        seen.run(&cli, &table(&["list", "--component", "nothing"]));
        seen.run(&cli, &["list", "--count", "--status", "succeeded"]);
        seen.run(&cli, &table(&["deployments", "--limit", "5"]));
        seen.run(&cli, &table(&["deployments", "--outcome", "failed"]));
        seen.run(&cli, &["deployments", "--component", "billing", "--limit", "2"]);
        seen.run(&cli, &["deployments", "--outcome", "succeded"]);
        seen.run(&cli, &["list", "--since", "2026-02-01", "--until", "2026-01-01"]);
        assert_snapshot!("command_lists", seen.text());
    });
}

#[test]
fn timelines() {
    with_example(async |_, cli, seen| {
        seen.run(&cli, &table(&["show", "billing", "1.46"]));
        seen.run(&cli, &table(&["show", "billing", "1.46", "--ascii"]));
        for version in ["4.89", "4.60", "4.40"] {
            seen.run(&cli, &table(&["show", "checkout", version]));
        }
        let abandoned = deployment("checkout", "4.41").to_string();
        seen.run(&cli, &table(&["show", &abandoned]));
        seen.run(&cli, &["show", "billing", "1.46"]);
        seen.run(&cli, &["show", "billing", "1.17", "--format", "json"]);
        seen.run(&cli, &["show", "billing", "9"]);
        let running = table(&["show", "search", "2.61", "--environment", "staging"]);
        seen.add(&format!("still running:\n{}", without_times(&cli.run(&running).ok())));
        assert_snapshot!("command_timelines", seen.text());
    });
}

#[test]
fn statistics() {
    with_example(async |_, cli, seen| {
        seen.run(&cli, &table(&["stats"]));
        seen.run(&cli, &table(&["stats", "--by", "component,month"]));
        seen.run(&cli, &table(&["stats", "--by", "status", "--component", "checkout"]));
        seen.run(&cli, &["stats", "--by", "component"]);
        seen.run(&cli, &["stats", "--by", "component", "--format", "jsonl"]);
        seen.run(&cli, &table(&["stats", "--component", "nothing"]));
        seen.run(&cli, &["stats", "--by", "team"]);
        assert_snapshot!("command_statistics", seen.text());
    });
}

#[test]
fn trends() {
    with_example(async |_, cli, seen| {
        let mut trend = |args: &[&str]| seen.run(&cli, &table(&[&["trend"][..], args, &RANGE].concat()));
        trend(&[]);
        trend(&["--by", "sprint", "--ascii"]);
        trend(&["checkout"]);
        trend(&["checkout", "--ascii"]);
        trend(&["checkout", "--step", "migrating"]);
        trend(&["search"]);
        trend(&["billing"]);
        trend(&["nothing"]);
        seen.run(&cli, &[&["trend", "search", "--svg", "search.svg"][..], &RANGE].concat());
        seen.add(&std::fs::read_to_string(cli.work().join("search.svg")).unwrap());
        assert_snapshot!("command_trends", seen.text());
    });
}

#[test]
fn checks() {
    with_example(async |_, cli, seen| {
        let check = ["check", "--component", "checkout"];
        seen.run(&cli, &[&check[..], &["--max", "10m"]].concat());
        seen.run(&cli, &[&check[..], &["--max", "5m", "--baseline", "p95", "--max-growth", "5%/week"]].concat());
        seen.run(&cli, &["check", "--component", "billing", "--baseline", "p95", "--max", "10m"]);
        seen.run(&cli, &["check", "--component", "nothing", "--max", "10m"]);
        seen.run(&cli, &[&check[..], &["--max", "5m", "--format", "csv"]].concat());
        seen.run(&cli, &["check"]);
        cli.file(
            ".steps.toml",
            "[[check]]\ncomponent = \"search\"\nstep = \"testing\"\nmax = \"200\"\n\n[[check]]\ncomponent = \"billing\"\nbaseline = \"p95\"\n",
        );
        seen.run(&cli, &["check"]);
        // It ends now, so that when it begins depends on the day.
        let replay = ["check", "--component", "search", "--baseline", "p95", "--replay", "18000d"];
        let told = cli.run(&replay).ok();
        let (before, rest) = told.split_once("budget since ").unwrap();
        let (_, after) = rest.split_once(" UTC").unwrap();
        seen.add(&format!("$ steps {}\n{before}budget since […] UTC{after}", replay.join(" ")));
        assert_snapshot!("command_checks", seen.text());
    });
}

#[test]
fn what_waits_and_what_is_set() {
    with_example(async |_, cli, seen| {
        seen.run(&cli, &["import", "steps.csv"]);
        cli.file(
            "steps.csv",
            "component,version,owner,status,ts\nc,1,o,building,2026-01-05 09:00:00\nc,1,o,succeeded,2026-01-05 09:01:00\n",
        );
        seen.run(&cli, &["import", "steps.csv"]);
        seen.run(&cli, &["import", "steps.csv"]);
        cli.file("wrong.csv", "component,version,owner,status,ts\nc,1,o,building,soon\nc,1,,x,2026-01-05 09:01:00\n");
        seen.run(&cli, &["import", "wrong.csv"]);
        cli.file(".steps.toml", "component = \"checkout\"\n\n[[check]]\nmax = \"10m\"\n");
        let cli = cli.env("STEPS_OWNER", "ann");
        seen.add(&format!("$ steps config\n{}\n", without_values(&cli.run(&table(&["config"])).ok(), &[])));
        seen.run(&cli, &["config", "--format", "json"]);
        seen.run(&cli, &["flush"]);
        let varies = ["version", "spool", "waiting_bytes", "oldest_seconds"];
        let ready = without_values(&cli.run(&table(&["status"])).ok(), &varies);
        let (before, after) = ready.split_once("ready, in ").unwrap();
        let (_, after) = after.split_once(" ms").unwrap();
        seen.add(&format!("$ steps status\n{before}ready, in […] ms{after}\n"));
        let away = ["--server", "http://127.0.0.1:1", "--timeout", "20s"];
        seen.run(&cli, &[&["record", "--version", "1", "--owner", "o", "--status", "s"][..], &away].concat());
        seen.run(&cli, &[&["flush"][..], &away].concat());
        let run = cli.run(&[&table(&["status"])[..], &away].concat());
        seen.add(&format!("$ steps status\n{}--- exit code {}\n", without_values(&run.stdout, &varies), run.code));
        assert_snapshot!("command_settings_and_spool", seen.text());
    });
}

/// Colours are for terminals only, so these run in one of 100 columns.
#[test]
fn colours() {
    with_example(async |_, cli, seen| {
        let cli = cli.env("TERM", "xterm-256color");
        let mut in_terminal = |args: &str| {
            let script = format!("stty cols 100; {} {args}", binary("steps").display());
            let mut command = cli.program("script".as_ref(), &["-qec", &script, "/dev/null"]);
            let run = Run::of(command.stdin(Stdio::null()));
            let visible = run.ok().replace("\r\n", "\n").replace('\u{1b}', "␛");
            seen.add(&format!("$ steps {args}\n{visible}\n"));
        };
        in_terminal("show checkout 4.60");
        in_terminal("show checkout 4.89");
        in_terminal("deployments --limit 3");
        in_terminal("stats --by component");
        in_terminal("trend --since 2026-01-05 --until 2026-04-30");
        in_terminal("trend search --since 2026-01-05 --until 2026-04-30");
        in_terminal("check --component billing --max 10m");
        assert_snapshot!("command_colours", seen.text());
    });
}
