//! `steps watch` and `steps run --progress` as a person sees them, in a terminal: what they show, and that they leave it as it was.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};
use steps_shared::Timestamp;
use steps_tests::faults::free_port;
use steps_tests::history::{History, step, wobble};
use steps_tests::pty::Pty;
use steps_tests::server::Builder;
use steps_tests::steps::now;
use steps_tests::{Cli, DatabaseKind, Server, TestDb, block_on, eventually, on_both_stores};

on_both_stores!(what_runs_is_seen);

/// Records deployments of two steps: 60 s and 100 s, give or take 6.
async fn before(server: &Server, component: &str) {
    let deployments = (0..10).map(|nth| {
        let testing = 60.0 + wobble(nth);
        format!("building@0 testing@{testing} succeeded@{}", testing + 100.0 + wobble(nth + 1))
    });
    History::of(component).record(server, deployments).await;
}

/// Records the beginning of deployments that began a minute and 70 seconds ago.
async fn begin(server: &Server, component: &str, versions: impl Iterator<Item = String>) {
    let start = Timestamp::from_micros(now().micros() - 70_000_000).unwrap();
    let steps = versions.flat_map(|version| {
        let of = json!({"component": component, "version": version, "owner": "ann"});
        ["building@0", "testing@60"].map(|word| step(start, word, of.clone()))
    });
    let steps: Vec<Value> = steps.collect();
    assert_eq!(server.batch(&steps).await.recorded, steps.len() as u64);
}

async fn end(server: &Server, component: &str, version: &str, status: &str) {
    let step = json!({"component": component, "version": version, "owner": "ann", "status": status}).to_string();
    assert_eq!(server.post_body("/v1/steps", "application/json", step).await.status, 201);
}

/// The widest row of the screen, in characters: no wide ones are shown here.
fn widest(pty: &Pty) -> usize {
    pty.seen().lines().map(|line| line.chars().count()).max().unwrap_or_default()
}

async fn what_runs_is_seen(db: TestDb) {
    let port = free_port().await;
    let mut server = Builder::on_port(port, &db.url()).start().await;
    let cli = Cli::of(&server);
    before(&server, "shop").await;
    let mut pty = Pty::start(&cli.command(&["watch"]), 80, 24);
    pty.shows("watching everything: nothing is running; q ends").await;
    begin(&server, "shop", ["9.0".to_owned()].into_iter()).await;
    for words in
        ["shop 9.0 → production  by ann  for 1m", "█", "▓", "▒", "testing 1", ", usually 1m", " left, most likely "]
    {
        pty.shows(words).await;
    }
    pty.shows("; by 10 deployments before").await;
    pty.resize(40, 24);
    eventually("it fits", async || (widest(&pty) < 40).then_some(())).await;
    pty.shows("by 10 deployments before").await;
    pty.resize(80, 24);
    pty.shows("watching everything: 1 running; q ends").await;

    // Thirty more are one line each, as far as there is room.
    begin(&server, "bank", (0..30).map(|nth| format!("7.{nth}"))).await;
    pty.shows("31 running").await;
    pty.shows("and 10 more").await;
    assert_eq!(pty.seen().lines().filter(|line| line.contains("→ production")).count(), 21, "{}", pty.seen());

    // The server goes and comes back, and meanwhile they end.
    let other = Server::start(&db).await;
    server.kill();
    pty.shows("the server is away for ").await;
    for nth in 0..30 {
        end(&other, "bank", &format!("7.{nth}"), "failed").await;
    }
    server = Builder::on_port(port, &db.url()).start().await;
    pty.shows("watching everything: 1 running; q ends").await;
    eventually("all ends are told", async || {
        (pty.all().matches("→ production  failed after").count() == 30).then_some(())
    })
    .await;
    end(&server, "shop", "9.0", "succeeded").await;
    pty.shows("shop 9.0 → production  succeeded after ").await;
    pty.shows("watching everything: nothing is running; q ends").await;
    pty.types("q");
    assert_eq!(pty.ended().await.code(), Some(130));
    pty.is_right_again().await;
    eventually("nothing of it is left", async || (!pty.seen().contains("q ends")).then_some(())).await;
    other.stop().await;
    server.stop().await;
}

#[test]
fn the_terminal_is_as_it_was_whatever_ends_it() {
    block_on(async {
        let db = TestDb::new(DatabaseKind::Sqlite);
        let server = Server::start(&db).await;
        let cli = Cli::of(&server);
        begin(&server, "shop", ["1".to_owned()].into_iter()).await;
        let start = async || {
            let pty = Pty::start(&cli.command(&["watch", "shop", "--once"]), 80, 24);
            pty.shows("time left unknown: there is no successful deployment before it").await;
            assert!(!pty.is_as_before());
            pty
        };
        for (typed, signal, code) in [("q", None, Some(130)), ("\x1b", None, Some(130)), ("\x03", Some(2), None)] {
            let mut pty = start().await;
            // An arrow is no Esc.
            pty.types("\x1b[A");
            pty.types(typed);
            let status = pty.ended().await;
            assert_eq!((status.signal(), status.code()), (signal, code), "{typed:?}");
            pty.is_right_again().await;
        }
        for signal in [Signal::TERM, Signal::HUP, Signal::KILL, Signal::ABORT] {
            let mut pty = start().await;
            pty.signal(signal);
            assert_eq!(pty.ended().await.signal(), Some(signal.as_raw()));
            pty.is_right_again().await;
        }
        // Stopped, it has left the terminal to others; it goes on where it was.
        let mut pty = start().await;
        pty.types("\x1a");
        eventually("it is stopped", async || pty.is_stopped().then_some(())).await;
        pty.is_right_again().await;
        pty.signal(Signal::CONT);
        eventually("it reads keys again", async || (!pty.is_as_before()).then_some(())).await;
        end(&server, "shop", "1", "failed").await;
        assert_eq!(pty.ended().await.code(), Some(1));
        pty.is_right_again().await;
        pty.shows("shop 1 → production  failed after ").await;

        // What needs a terminal that moves its cursor writes lines on others.
        let begun = || server.process().log().matches("/v1/events").count();
        let before = begun();
        let mut dumb = Pty::start(cli.command(&["watch", "shop"]).env("TERM", "dumb"), 80, 24);
        eventually("it has begun", async || (begun() > before).then_some(())).await;
        end(&server, "shop", "2", "started").await;
        dumb.shows("shop 2 (production): started").await;
        assert!(dumb.is_as_before());
        dumb.types("\x03");
        assert_eq!(dumb.ended().await.signal(), Some(2));
        server.stop().await;
    });
}

/// A command that writes many lines, the last of them when the file `go` is there, and fails.
const DEPLOY: &str = "i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo \"line $i of the command\"; done; printf 'half'; \
                      until [ -e go ]; do sleep 0.05; done; echo ' a line'; exit 7";

#[test]
fn a_bar_stands_below_the_output_of_a_command() {
    block_on(async {
        let db = TestDb::new(DatabaseKind::Sqlite);
        let server = Server::start(&db).await;
        before(&server, "shop").await;
        let run = ["run", "--deployment", "--progress", "--component", "shop", "--version", "9", "--owner", "ann"];
        let command = |cli: &Cli| -> Command { cli.command(&[&run[..], &["--", "sh", "-c", DEPLOY]].concat()) };
        let last_row = |pty: &Pty, row: usize| pty.seen().lines().nth(row - 1).unwrap_or_default().to_owned();
        let written: String =
            (1..=40).map(|nth| format!("line {nth} of the command\n")).collect::<String>() + "half a line";
        // The emulator of the tests forgets what scrolls out of a part of the screen; terminals do not.
        let is_whole = |pty: &Pty| pty.seen().lines().count() > 20 && written.ends_with(pty.seen().trim_end());

        let cli = Cli::of(&server);
        let mut pty = Pty::start(&command(&cli), 80, 24);
        eventually("the bar is there", async || {
            let row = last_row(&pty, 24);
            (row.starts_with("shop 9 → production  ") && row.ends_with(" left")).then_some(())
        })
        .await;
        pty.resize(100, 30);
        eventually("the bar has moved", async || last_row(&pty, 30).ends_with(" left").then_some(())).await;
        assert_eq!(pty.seen().matches("→").count(), 1, "{}", pty.seen());
        std::fs::write(cli.work().join("go"), "").unwrap();
        assert_eq!(pty.ended().await.code(), Some(7));
        pty.is_right_again().await;
        assert!(is_whole(&pty), "{}", pty.seen());

        // Killed, it leaves no bar, and a screen of which each line scrolls.
        let cli = Cli::of(&server);
        let mut pty = Pty::start(&command(&cli), 80, 24);
        eventually("the bar is there", async || last_row(&pty, 24).contains("shop 9 →").then_some(())).await;
        pty.signal(Signal::KILL);
        pty.ended().await;
        eventually("the bar has gone", async || (!pty.seen().contains("shop 9 →")).then_some(())).await;
        pty.writes(&format!("{}the end\n", "\n".repeat(30)));
        eventually("the last line is used", async || (last_row(&pty, 23) == "the end").then_some(())).await;
        assert!(pty.is_as_before());

        // Without a server there is a bar that knows less, and the exit code is the command's.
        let cli = Cli::at("http://127.0.0.1:9");
        std::fs::write(cli.work().join("go"), "").unwrap();
        let mut pty = Pty::start(&command(&cli), 80, 24);
        assert_eq!(pty.ended().await.code(), Some(7));
        pty.shows("half a line").await;
        eventually("no bar is left", async || (!pty.seen().contains("→")).then_some(())).await;
        assert!(pty.is_as_before(), "{}", pty.seen());

        // Where nobody sees it, there is none.
        let piped = steps_tests::Run::of(&mut command(&cli));
        assert!(piped.code == 7 && !format!("{}{}", piped.stdout, piped.stderr).contains('\x1b'), "{piped:?}");
        let wrong = cli.run(&["run", "--progress", "--status", "building", "--", "true"]).failed(2);
        assert!(wrong.contains("steps run --deployment --progress -- CMD"), "{wrong}");
        server.stop().await;
    });
}
