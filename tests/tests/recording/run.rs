//! `steps run`: a command in a deploy script that must not notice that it is timed.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use steps_tests::steps::{column, columns};
use steps_tests::{Cli, DatabaseKind, Run, SLACK, Server, TestDb, binaries, block_on, on_both_stores};

on_both_stores!(
    a_command_is_recorded_with_its_code_and_duration,
    a_deployment_is_wrapped_and_what_runs_in_it_needs_no_flags,
);

const STREAM: [&str; 8] = ["--component", "checkout", "--version", "4.2.0", "--owner", "ann", "--run", "7"];

/// `steps run --component … --status migrating -- COMMAND`.
fn migrating<'a>(command: &[&'a str]) -> Vec<&'a str> {
    let args = ["run"].into_iter().chain(STREAM).chain(["--status", "migrating", "--"]);
    args.chain(command.iter().copied()).collect()
}

/// `steps` where commands find it, too.
fn with_path(cli: Cli) -> Cli {
    cli.env("PATH", &format!("{}:/usr/local/bin:/usr/bin:/bin", binaries().display()))
}

async fn a_command_is_recorded_with_its_code_and_duration(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let plain = cli.file("plain.txt", "not a program");
    std::fs::set_permissions(&plain, std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut expected = Vec::new();
    for (command, code, outcome) in [
        (&["true"][..], 0, "succeeded"),
        (&["sh", "-c", "exit 3"], 3, "failed"),
        (&["sh", "-c", "exit 255"], 255, "failed"),
        (&["sh", "-c", "kill -TERM $$"], 143, "failed"),
        (&["sh", "-c", "kill -KILL $$"], 137, "failed"),
        (&["no-such-command"], 127, "failed"),
        (&[plain.as_str()], 126, "failed"),
        (&["./nowhere/run.sh"], 127, "failed"),
    ] {
        let run = cli.run(&migrating(command));
        assert_eq!((run.code, run.stdout.as_str()), (code, ""), "{command:?}: {}", run.stderr);
        // Only what could not be started is told.
        assert_eq!(run.stderr.is_empty(), ![126, 127].contains(&code), "{command:?}: {}", run.stderr);
        expected.push(["migrating", "true", outcome, &code.to_string()].map(str::to_owned));
        let found = columns(&server.list("").await, ["status", "span", "outcome", "exit_code"]);
        assert_eq!(found, expected, "{command:?}");
    }
    cli.run(&migrating(&["sh", "-c", "sleep 0.3"])).ok();
    let seconds: f64 = column(&server.list("order=desc&limit=1").await, "duration_seconds")[0].parse().unwrap();
    assert!((0.3..60.0).contains(&seconds), "{seconds} s");
    let row = &steps_tests::steps::rows(&server.list("order=desc&limit=1").await)[0];
    assert_eq!(
        ["component", "version", "owner", "run"].map(|name| row[name].as_str()),
        ["checkout", "4.2.0", "ann", "7"]
    );
}

async fn a_deployment_is_wrapped_and_what_runs_in_it_needs_no_flags(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = with_path(Cli::of(&server));
    // On a busy machine the start could arrive behind what begins with it.
    let script = "set -e\n\
        until [ \"$(steps list --status started --count)\" = \"${STARTS:-1}\" ]; do sleep 0.1; done\n\
        steps run --status building -- sh -c 'sleep 0.1'\n\
        steps run --status lint -- sh -c 'sleep 0.3' & steps run --status test -- sh -c 'sleep 0.3'; wait\n\
        steps record --quiet --status deploying\n\
        exit ${CODE:-0}\n";
    let file = cli.file("deploy.sh", script);
    let wrap: Vec<&str> = ["run"].into_iter().chain(STREAM).chain(["--deployment", "--", "sh", &file]).collect();
    assert_eq!(cli.run(&wrap).ok(), "");
    let statuses = column(&server.list("").await, "status");
    assert_eq!((statuses.first().unwrap().as_str(), statuses.last().unwrap().as_str()), ("started", "succeeded"));
    let mut within = statuses[1..statuses.len() - 1].to_vec();
    within.sort();
    assert_eq!(within, ["building", "deploying", "lint", "test"]);
    let deployments = columns(&server.deployments("").await, ["outcome", "steps", "run", "duration_seconds"]);
    let [deployment] = &deployments[..] else { panic!("one stream, one deployment: {deployments:?}") };
    assert_eq!(deployment[..3], ["succeeded", "6", "7"]);
    let seconds: f64 = deployment[3].parse().unwrap();
    assert!((0.4..10.0).contains(&seconds), "{seconds}");

    // What failed exits as it did, and is the end of a deployment of its own.
    let failing = cli.env("CODE", "9").env("STARTS", "2");
    assert_eq!(failing.run(&wrap).code, 9);
    assert_eq!(column(&server.deployments("").await, "outcome"), ["succeeded", "failed"]);
}

#[test]
fn the_command_has_our_input_output_and_error() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let server = Server::start(&db).await;
        let cli = Cli::of(&server);
        let run = cli.run_with_input(&migrating(&["sh", "-c", "cat; echo told >&2"]), "one\ntwo\n");
        assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, "one\ntwo\n", "told\n"));
        let run = cli.run(&migrating(&["echo", "--status", "x", "--", "-v"]));
        assert_eq!(run.ok(), "--status x -- -v\n", "the command's arguments are its own");

        let env = cli.run(&migrating(&["env"])).ok();
        let mut seen: Vec<&str> = env.lines().filter(|line| line.starts_with("STEPS_")).collect();
        seen.sort_unstable();
        let url = format!("STEPS_SERVER={}", server.url());
        for line in [
            "STEPS_COMPONENT=checkout",
            "STEPS_ENVIRONMENT=production",
            "STEPS_OWNER=ann",
            "STEPS_RUN=7",
            "STEPS_VERSION=4.2.0",
        ] {
            assert!(seen.contains(&line), "{line}: {seen:?}");
        }
        assert!(seen.iter().any(|line| line.trim_end_matches('/') == url), "{seen:?}");
    });
}

/// What a CI system sends when a job is cancelled: to us alone.
#[test]
fn signals_reach_the_command() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let server = Server::start(&db).await;
        let cli = Cli::of(&server);
        for (signal, name) in [(Signal::TERM, "TERM"), (Signal::INT, "INT"), (Signal::HUP, "HUP")] {
            let script = format!("trap 'echo got {name}; exit 7' {name}; echo ready; while :; do sleep 0.05; done");
            let mut command = cli.command(&migrating(&["sh", "-c", &script]));
            let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            assert_eq!(lines.next().unwrap().unwrap(), "ready");
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).unwrap();
            kill_process(pid, signal).unwrap();
            assert_eq!(lines.next().unwrap().unwrap(), format!("got {name}"));
            assert_eq!(child.wait().unwrap().code(), Some(7), "{name}: the command says how it ends");
        }
        let ends = columns(&server.list("").await, ["outcome", "exit_code"]);
        assert_eq!(ends, vec![["failed".to_owned(), "7".to_owned()]; 3]);
    });
}

/// A server that is away changes nothing but what is told, unless it is to matter.
#[test]
fn a_server_that_is_away_changes_nothing_but_a_warning() {
    let cli = Cli::at("http://127.0.0.1:9");
    for code in [0, 3] {
        let run = cli.run(&migrating(&["sh", "-c", &format!("echo done; exit {code}")]));
        assert_eq!((run.code, run.stdout.as_str()), (code, "done\n"));
        assert!(run.stderr.contains("warning") && run.stderr.contains("127.0.0.1:9"), "{}", run.stderr);
    }
    let strict = |command: &str| {
        let args = ["run"].into_iter().chain(STREAM).chain(["--status", "s", "--strict", "--", "sh", "-c", command]);
        cli.run(&args.collect::<Vec<_>>())
    };
    let said = strict("exit 0").failed(1);
    assert!(said.contains("kept, and recorded later"), "{said}");
    strict("exit 3").failed(3);
    let wrap: Vec<&str> =
        ["run"].into_iter().chain(STREAM).chain(["--deployment", "--", "sh", "-c", "exit 5"]).collect();
    assert_eq!(cli.run(&wrap).code, 5);
}

/// It takes the connection and never answers: the command neither starts later nor ends much later.
#[test]
fn a_silent_server_holds_nothing_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let cli = Cli::at(&format!("http://{}", silent.local_addr().unwrap()));
    let args = ["--timeout", "5s"].into_iter().chain(migrating(&["sh", "-c", "echo here; exit 4"]));
    let began = Instant::now();
    let mut child =
        cli.command(&args.collect::<Vec<_>>()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "here\n");
    assert!(began.elapsed() < Duration::from_secs(5), "the command was started at once: {:?}", began.elapsed());
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert!(run.stderr.contains("warning"), "{}", run.stderr);
    assert!(began.elapsed() < Duration::from_secs(5) + SLACK, "{:?}", began.elapsed());
}

#[test]
fn wrong_usage_is_told_before_the_command_runs() {
    let cli = Cli::new();
    let touch = ["--", "touch", "ran"];
    for wrong in [
        &["run", "--component", "c", "--version", "1"][..],
        &["run", "--component", "c", "--version", "1", "--status", "s", "--deployment"],
        &["run", "--component", "", "--status", "s"],
        &["run", "--attempt", "0", "--status", "s"],
        &["run", "--component", "c", "--version", "1", "--status", " "],
        &["run", "--component", "c", "--version", "1", "--status", "s", "--server", "nonsense"],
        &["run", "--component", "c", "--version", "1", "--status", "s", "--timeout", "soon"],
    ] {
        let args: Vec<&str> = wrong.iter().copied().chain(touch).collect();
        let said = cli.run(&args).failed(2);
        assert!(said.starts_with("error:") || said.contains("steps:"), "{wrong:?}: {said}");
    }
    cli.run(&["run", "--component", "c", "--version", "1", "--status", "s", "--"]).failed(2);
    assert!(!cli.work().join("ran").exists(), "nothing was run");
}
