//! `steps run` starts its command, whatever is wrong with the recording; and what is found out where nothing is given.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use steps_tests::steps::{column, columns};
use steps_tests::{Cli, DatabaseKind, Run, Server, TestDb, binary, block_on};

const COMMAND: [&str; 4] = ["--", "sh", "-c", "echo ran; exit 3"];

/// `steps run --status s … -- sh -c 'echo ran; exit 3'`.
fn run(more: &[&'static str]) -> Vec<&'static str> {
    [&["run", "--status", "s"][..], more, &COMMAND].concat()
}

/// It ran, exited as it does, and one line says this.
#[track_caller]
fn ran(run: &Run, said: &[&str]) {
    assert_eq!((run.code, run.stdout.as_str()), (3, "ran\n"), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    for part in [&["warning: "], said].concat() {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
}

fn with_server(test: impl AsyncFnOnce(&Server)) {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async { test(&Server::start(&db).await).await });
}

#[test]
fn what_is_missing_or_wrong_keeps_no_command_from_starting() {
    with_server(async |server| {
        let cli = Cli::of(server);
        let said =
            ["not recorded", "the component is missing", "STEPS_COMPONENT", "the version is missing", "--version"];
        ran(&cli.run(&run(&[])), &said);
        let said = ["the version is missing", "version = ", "GITHUB_SHA", "git says: not a git repository"];
        ran(&cli.run(&run(&["--component", "c"])), &said);
        let stream = ["--component", "c", "--version", "1"];
        let cli = Cli::of(server).env("STEPS_OWNER", "a\nb");
        ran(&cli.run(&run(&stream)), &["not recorded: ", "--owner has a control character", "(from STEPS_OWNER)"]);
        let cli = Cli::of(server).env("STEPS_SERVER", "nonsense");
        ran(&cli.run(&run(&stream)), &["not recorded: ", "server is not a URL"]);
        assert_eq!(column(&server.list("").await, "status"), [""; 0]);

        // These do not keep it from being recorded either.
        for (name, value) in [("STEPS_TIMEOUT", "soon"), ("STEPS_SPOOL_LIMIT", "much"), ("STEPS_NO_SPOOL", "perhaps")] {
            let run = Cli::of(server).env(name, value).run(&run(&stream));
            ran(&run, &[name]);
            assert!(!run.stderr.contains("not recorded"), "{}", run.stderr);
        }
        for wrong in ["component = ", "onwer = \"ann\"", "version = 1"] {
            let cli = Cli::of(server);
            cli.file(".steps.toml", wrong);
            ran(&cli.run(&run(&stream)), &["settings file", ".steps.toml, line 1"]);
            let strict = [&["--strict"][..], &stream].concat();
            assert!(cli.run(&run(&strict)).failed(2).contains(".steps.toml, line 1"));
        }
        assert_eq!(column(&server.list("").await, "status").len(), 6);
    });
}

#[test]
fn who_is_unknown_is_a_number_and_needs_no_home() {
    with_server(async |server| {
        let cli = Cli::of(server);
        let stream = ["--component", "c", "--version", "1"];
        let is_root = rustix::process::geteuid().is_root();
        let program = cli.work().join("steps");
        std::fs::copy(binary("steps"), &program).unwrap();
        let mut command = cli.program(&program, &run(&stream));
        command.env_remove("HOME").env_remove("XDG_CONFIG_HOME").current_dir("/");
        if is_root {
            let folder = cli.work().parent().unwrap().to_owned();
            Run::of(Command::new("chmod").arg("-R").arg("a+rX").arg(folder)).ok();
            command.uid(12_345);
        }
        let run = Run::of(&mut command);
        assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (3, "ran\n", ""));
        let owner = column(&server.list("").await, "owner").remove(0);
        assert!(!is_root || owner == "uid-12345", "{owner}");
    });
}

#[test]
fn the_refusal_of_git_is_told() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let cli = Cli::at("http://127.0.0.1:9");
    for args in
        [&["init", "-q"][..], &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "1", "--allow-empty"]]
    {
        Run::of(&mut cli.program("git".as_ref(), args)).ok();
    }
    for folder in [cli.work(), cli.work().join(".git")] {
        chown(folder, Some(12_345), None).unwrap();
    }
    ran(&cli.run(&run(&["--component", "c"])), &["the version is missing", "git says: detected dubious ownership"]);
    let record = ["record", "--component", "c", "--status", "s"];
    assert!(cli.run(&record).failed(2).contains("git says: detected dubious ownership"));
}

#[test]
fn best_effort_never_fails() {
    let id = ["--id", "0197a000-0000-7000-8000-000000000001"];
    with_server(async |server| {
        let stream = ["--component", "c", "--version", "1", "--owner", "o", "--status", "s"];
        let record = |cli: &Cli, more: &[&str], fails: i32| {
            let args = [&["record"][..], more].concat();
            cli.run(&args).failed(fails);
            let run = cli.run(&[&args[..], &["--best-effort"]].concat());
            assert_eq!(run.code, 0, "{more:?}: {}", run.stderr);
            assert!(!run.stderr.is_empty(), "{more:?}");
        };
        let cli = Cli::of(server);
        cli.run(&[&["record"][..], &stream, &id].concat()).ok();
        record(&cli, &["--status", "s"], 2);
        record(&cli, &[&stream[..], &["--ts", "2999-01-01T00:00:00Z"]].concat(), 3);
        record(&cli, &[&stream[..], &["--no-such-flag"]].concat(), 2);
        record(&cli, &[&stream[..], &id, &["--version", "2"]].concat(), 2);
        record(&Cli::at("http://127.0.0.1:9"), &[&stream[..], &["--no-spool"]].concat(), 1);
        record(&Cli::at("nonsense"), &stream, 2);
        assert_eq!(column(&server.list("").await, "status"), ["s"]);
        cli.run(&[&["record", "--best-effort"][..], &stream].concat()).ok();
        assert_eq!(column(&server.list("").await, "status"), ["s", "s"]);
    });
}

#[test]
fn what_deploy_systems_say_is_found() {
    with_server(async |server| {
        let kamal = Cli::of(server).env("KAMAL_SERVICE", "web").env("KAMAL_DESTINATION", "staging");
        let kamal = kamal.env("KAMAL_VERSION", "abc").env("KAMAL_PERFORMER", "ann");
        let run = kamal.run(&["record", "--status", "deploying"]);
        assert_eq!(run.stderr, "");
        run.ok();
        let github = Cli::of(server).env("GITHUB_REPOSITORY", "acme/shop").env("GITHUB_SHA", "def");
        let github = github.env("GITHUB_ACTOR", "bob").env("GITHUB_RUN_ID", "9").env("GITHUB_RUN_ATTEMPT", "2");
        let run = github.run(&["record", "--status", "deploying"]);
        assert!(run.stderr.starts_with("steps: the component is shop, the repository's name in GITHUB_REPOSITORY; "));
        run.ok();
        let found = columns(&server.list("").await, ["component", "environment", "version", "owner", "run", "attempt"]);
        assert_eq!(found[0], ["web", "staging", "abc", "ann", "", ""].map(str::to_owned));
        assert_eq!(found[1], ["shop", "production", "def", "bob", "9", "2"].map(str::to_owned));
        let config = github.run(&["config", "--format", "csv"]).ok();
        for line in ["run,9,GITHUB_RUN_ID", "attempt,2,GITHUB_RUN_ATTEMPT", "component,shop,the repository's name in"] {
            assert!(config.contains(line), "{line}: {config}");
        }
    });
}
