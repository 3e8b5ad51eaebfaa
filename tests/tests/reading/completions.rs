//! Completions in a real shell: what the server knows is offered, and nothing is told when it is away.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use steps_tests::hostile::HostileServer;
use steps_tests::pty::Pty;
use steps_tests::{Cli, DatabaseKind, Server, TestDb, binary, block_on, eventually};

/// The command where a shell finds it by its name.
fn in_path(cli: Cli) -> Cli {
    let folder = binary("steps").parent().expect("a folder").display().to_string();
    cli.env("PATH", &format!("{folder}:/usr/local/bin:/usr/bin:/bin"))
}

async fn with_history() -> (TestDb, Server) {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let server = Server::start(&db).await;
    let step = |component: &str, environment: &str, version: &str, owner: &str| {
        json!({"component": component, "environment": environment, "version": version, "owner": owner,
            "status": "succeeded", "age": 10})
    };
    let steps = [
        step("checkout", "production", "4.2.0", "ann"),
        step("bank", "staging", "7.1.9", "bob"),
        // A shell would run this.
        step("x$(touch pwned)", "production", "1", "eve;id"),
    ];
    assert_eq!(server.batch(&steps).await.recorded, 3);
    server.get("/v1/deployments").await.ok();
    (db, server)
}

/// What a shell is offered for the last of these words.
fn offered(cli: &Cli, words: &[&str]) -> Vec<String> {
    let line = [&["--", "steps"], words].concat();
    let mut command = cli.command(&line);
    command.env("STEPS_COMPLETE", "fish");
    let run = steps_tests::Run::of(&mut command);
    assert_eq!(run.stderr, "", "nothing is told at a prompt");
    let name = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
    run.ok().lines().map(name).collect()
}

/// Waits until the server has told its names, which are kept then: on a busy machine it may be too slow for a prompt at first.
async fn names_are_known(cli: &Cli) {
    eventually("names are offered", async || (!offered(cli, &["show", ""]).is_empty()).then_some(())).await;
}

#[test]
fn names_of_the_server_are_offered() {
    block_on(async {
        let (_db, server) = with_history().await;
        let cli = Cli::of(&server);
        names_are_known(&cli).await;
        let mut components = offered(&cli, &["show", ""]);
        components.sort();
        assert_eq!(components, ["bank", "checkout"], "what a shell would run is not offered");
        assert_eq!(offered(&cli, &["show", "checkout", ""]), ["4.2.0"]);
        assert_eq!(offered(&cli, &["list", "--environment", "s"]), ["staging"]);
        assert_eq!(offered(&cli, &["deployments", "--component", "bank", "--owner", ""]), ["bob"]);
        assert_eq!(offered(&cli, &["stats", "--by", "component,w"]), ["component,week"]);
        assert_eq!(offered(&cli, &["list", "--format", "js"]), ["json", "jsonl"]);
        assert_eq!(offered(&cli, &["list", "--cou"]), ["--count"]);
        // They are kept for a moment, so that the server may go.
        let url = server.url().to_owned();
        server.stop().await;
        assert_eq!(offered(&cli, &["list", "--environment", "s"]), ["staging"]);
        let names = cli.home().join(".cache/steps/names");
        assert_eq!(std::fs::read_dir(names).unwrap().count(), 1);
        // One that only a project names is not asked.
        let cli = Cli::new();
        cli.file(".steps.toml", &format!("server = \"{url}\"\n"));
        assert_eq!(offered(&cli, &["list", "--environment", ""]), [""; 0]);
    });
}

#[test]
fn a_server_that_is_away_or_hangs_offers_nothing() {
    let silent = HostileServer::start(|_, _| {
        loop {
            std::thread::park_timeout(std::time::Duration::from_secs(3600));
        }
    });
    let garbage = HostileServer::saying("SSH-2.0-OpenSSH_9.2\r\n");
    for url in ["http://127.0.0.1:9", &silent.url(), &garbage.url(), "nonsense"] {
        assert_eq!(offered(&Cli::at(url), &["list", "--component", ""]), [""; 0], "{url}");
        assert!(offered(&Cli::at(url), &["list", "--comp"]).contains(&"--component".to_owned()), "{url}");
    }
}

/// Types in a real shell, and waits for what it makes of it.
async fn completes(cli: &Cli, shell: &[&str], setup: &str) {
    names_are_known(cli).await;
    let program = Path::new(shell[0]);
    let mut command: Command = cli.program(program, &shell[1..]);
    command.env("PS1", "> ").env("INPUTRC", "/dev/null");
    let mut pty = Pty::start(&command, 80, 24);
    pty.types(&format!("{setup}; echo set-up-$((40+2))\r"));
    pty.shows("set-up-42").await;
    pty.types("steps show che\t");
    pty.shows("steps show checkout").await;
    pty.types("4\t");
    pty.shows("steps show checkout 4.2.0").await;
    pty.types("\r");
    pty.shows("succeeded").await;
    pty.types("exit\r");
    pty.ended().await;
}

#[test]
fn bash_completes_names() {
    block_on(async {
        let (_db, server) = with_history().await;
        let cli = in_path(Cli::of(&server));
        completes(&cli, &["/bin/bash", "--norc", "--noprofile", "-i"], "source <(steps completions bash)").await;
    });
}

/// Where it is installed.
#[test]
fn zsh_completes_names() {
    if !Path::new("/usr/bin/zsh").exists() {
        return;
    }
    block_on(async {
        let (_db, server) = with_history().await;
        let cli = in_path(Cli::of(&server));
        // As a package installs it: in a folder of functions, whose first call completes already.
        let setup =
            "mkdir f; steps completions zsh > f/_steps; fpath=($PWD/f $fpath); autoload -U compinit; compinit -u -D";
        completes(&cli, &["/usr/bin/zsh", "-f", "-i"], setup).await;
    });
}
