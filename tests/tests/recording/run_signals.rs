//! `steps run` is told to stop, or is the first process of a container.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use steps_tests::steps::columns;
use steps_tests::{Cli, DatabaseKind, Run, Server, TestDb, binary, block_on, eventually};

/// Enough to meet the orders in which signals and the command's end can come.
const TIMES: usize = 8;

fn sleeping(script: &str) -> Vec<&str> {
    let stream = ["--component", "c", "--version", "1", "--owner", "o"];
    [&["run"][..], &stream, &["--status", "s", "--", "sh", "-c", script]].concat()
}

fn id(child: &Child) -> Pid {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw).unwrap()
}

/// Whoever stops it, and however often at once: the end is recorded.
#[test]
fn an_end_that_was_asked_for_is_delivered() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let server = Server::start(&db).await;
        let cli = Cli::of(&server);
        let steps = binary("steps").display().to_string();
        for _ in 0..TIMES {
            let args = [&["1", &steps][..], &sleeping("exec sleep 60")].concat();
            let run = Run::of(&mut cli.program("timeout".as_ref(), &args));
            assert_eq!((run.code, run.stderr.as_str()), (124, ""));
        }
        for at in 0..TIMES {
            let signal = [Signal::TERM, Signal::INT][at % 2];
            let mut command = cli.command(&sleeping("echo ready; exec sleep 60"));
            let mut child = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
            kill_process_group(id(&child), signal).unwrap();
            kill_process(id(&child), signal).unwrap();
            let run = Run::from(child.wait_with_output().unwrap());
            assert_eq!((run.code, run.stderr.as_str()), (128 + signal.as_raw(), ""));
        }
        let ends = columns(&server.list("").await, ["outcome", "exit_code"]);
        let failed = |code: &str| ["failed".to_owned(), code.to_owned()];
        let killed = (0..TIMES).map(|at| failed(["143", "130"][at % 2]));
        assert_eq!(ends, std::iter::repeat_n(failed("143"), TIMES).chain(killed).collect::<Vec<_>>());
    });
}

/// The server never answers. The first signal stops the command, the second the waiting; everything is kept.
#[test]
fn a_second_signal_ends_the_waiting() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let cli = Cli::at(&format!("http://{}", silent.local_addr().unwrap()));
    let mut child = cli
        .command(&sleeping("echo ready; exec sleep 60"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let begun = Instant::now();
    block_on(eventually("it is told to stop", async || {
        kill_process(id(&child), Signal::TERM).unwrap();
        child.try_wait().unwrap()
    }));
    assert!(begun.elapsed() > Duration::from_millis(900), "signals that come at once are one: {:?}", begun.elapsed());
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, 143);
    assert!(run.stderr.contains("kept, and recorded later: a signal came"), "{}", run.stderr);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let waiting = fs::read_to_string(cli.spool_file("waiting")).unwrap();
    assert!(waiting.lines().last().unwrap().contains("\"exit_code\":143"), "{waiting}");
}

/// As in a container: what its command leaves behind is ours, and `kill 1` means the command.
#[test]
fn the_first_process_reaps_and_forwards() {
    let cli = Cli::at("http://127.0.0.1:9");
    let unshare = ["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"];
    if Run::of(&mut cli.program("unshare".as_ref(), &[&unshare[..], &["true"]].concat())).code != 0 {
        eprintln!("no namespaces here");
        return;
    }
    let script = "for i in 1 2 3 4 5 6 7 8 9; do sh -c 'sleep 0.1 & sleep 0.2 &'; done; sleep 1
        grep -l '^State:.Z' /proc/[0-9]*/status; echo counted; trap 'echo told; exit 5' TERM; (sh -c 'kill 1'; true); sleep 9 & wait";
    let steps = binary("steps").display().to_string();
    let args = [&unshare[..], &[steps.as_str()], &sleeping(script)].concat();
    let run = Run::of(&mut cli.program("unshare".as_ref(), &args));
    assert_eq!((run.code, run.stdout.as_str()), (5, "counted\ntold\n"), "{}", run.stderr);
}
