//! Settings files that somebody else wrote: they name things, and do nothing else.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, mkfifoat};
use steps_tests::steps::column;
use steps_tests::{Cli, DatabaseKind, Run, Server, TestDb, block_on};

const STREAM: [&str; 6] = ["--component", "c", "--version", "1", "--owner", "o"];

fn record(cli: &Cli) -> Run {
    cli.run(&[&["record", "--status", "s"][..], &STREAM].concat())
}

fn run(cli: &Cli) -> Run {
    cli.run(&[&["run", "--status", "s"][..], &STREAM, &["--", "sh", "-c", "exit 3"]].concat())
}

fn with_server(test: impl AsyncFnOnce(&Server)) {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async { test(&Server::start(&db).await).await });
}

/// Each command refuses it; a deploy hook goes on without it, and says so.
#[track_caller]
fn is_refused(cli: &Cli, sentence: &[&str]) {
    for args in [&["list"][..], &["config"], &["status"], &["flush"], &["check", "--component", "c", "--max", "1m"]] {
        let said = cli.run(args).failed(2);
        assert!(sentence.iter().all(|part| said.contains(part)), "{args:?}: {said}");
    }
    let (recorded, ran) = (record(cli), run(cli));
    assert!(recorded.stdout.starts_with("recorded c 1 s"), "{recorded:?}");
    assert_eq!((recorded.code, ran.code), (0, 3), "{recorded:?} {ran:?}");
    for said in [recorded.stderr, ran.stderr] {
        assert!(said.starts_with("warning: ") && said.lines().count() == 1, "{said}");
        assert!(sentence.iter().all(|part| said.contains(part)), "{said}");
    }
}

#[test]
fn a_project_may_name_things_and_nothing_else() {
    with_server(async |server| {
        for (line, variable) in [
            ("spool_dir = \"stolen\"", "STEPS_SPOOL_DIR"),
            ("spool_limit = 0", "STEPS_SPOOL_LIMIT"),
            ("no_spool = true", "STEPS_NO_SPOOL"),
            ("timeout = \"24h\"", "STEPS_TIMEOUT"),
            ("attempt = 2", "STEPS_ATTEMPT"),
            ("tz = \"Asia/Tokyo\"", "STEPS_TZ"),
            ("sprint_start = 2026-01-07", "STEPS_SPRINT_START"),
            ("sprint_length = \"3w\"", "STEPS_SPRINT_LENGTH"),
            ("min_change = 2", "STEPS_MIN_CHANGE"),
        ] {
            let cli = Cli::of(server);
            cli.file(".steps.toml", &format!("environment = \"staging\"\n{line}\n"));
            let key = line.split(' ').next().unwrap();
            let own = cli.home().join(".config/steps/config.toml").display().to_string();
            is_refused(&cli, &[".steps.toml, line 2: a project's file may not set ", key, variable, &own]);
            let away = cli.env("STEPS_SERVER", "http://127.0.0.1:9");
            assert!(record(&away).stderr.contains("is kept"), "{line}");
            assert!(away.spool_file("waiting").exists() && !away.work().join("stolen").exists(), "{line}");
        }
        // The rest of the file is used.
        assert!(column(&server.list("").await, "environment").iter().all(|environment| environment == "staging"));
        let cli = Cli::of(server);
        cli.file(
            ".steps.toml",
            "component = \"x\"\nenvironment = \"y\"\nversion = \"1\"\nowner = \"o\"\nrun = \"7\"\n",
        );
        let run = cli.run(&["record", "--status", "s"]);
        assert_eq!(run.stderr, "");
        assert!(run.ok().starts_with("recorded x 1 s in y by o run 7"));
    });
}

#[test]
fn a_server_that_a_project_names_is_told_by_every_command() {
    with_server(async |server| {
        let cli = Cli::new();
        let file = cli.file(".steps.toml", &format!("server = \"{}\"\n", server.url()));
        let line =
            format!("steps: the server is {}, from {file}; --server or STEPS_SERVER name another\n", server.url());
        for args in [
            &["list"][..],
            &["deployments"],
            &["stats"],
            &["trend"],
            &["status"],
            &["check", "--component", "c", "--max", "1m"],
            &["record", "--quiet", "--status", "s", "--component", "c", "--version", "1", "--owner", "o"],
            &["run", "--status", "s", "--component", "c", "--version", "1", "--owner", "o", "--", "true"],
            &["show", "c"],
        ] {
            let run = cli.run(args);
            assert_eq!(run.stderr.matches(&line).count(), 1, "{args:?}: {run:?}");
        }
        let marked = format!("server,{},{file} (named by the project only)\n", server.url());
        assert!(cli.run(&["config", "--format", "csv"]).ok().contains(&marked));
        // What 'steps run' starts knows it too, wherever it goes.
        let inner = format!("cd / && {} list", steps_tests::binary("steps").display());
        let args = [&["run", "--status", "s"][..], &STREAM, &["--", "sh", "-c", &inner]].concat();
        let said = cli.run(&args).stderr;
        assert!(said.contains(&line) && said.contains("from a project's file, by 'steps run';"), "{said}");
        // Whoever names it too trusts it.
        let list = |cli: &Cli, args: &[&str]| cli.run(&[&["list"][..], args].concat()).stderr;
        assert_eq!(list(&cli, &["--server", server.url()]), "");
        cli.user_settings(&format!("server = \"{}\"\n", server.url()));
        assert_eq!(list(&cli, &[]), "");
        assert_eq!(list(&cli.env("STEPS_SERVER", server.url()), &[]), "");
    });
}

#[test]
fn only_regular_files_of_a_reasonable_size_are_read() {
    let begun = Instant::now();
    with_server(async |server| {
        type Make = fn(&Path);
        let attacks: [(&str, Make); 5] = [
            ("it is a FIFO", |path| mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).unwrap()),
            ("it is a symbolic link", |path| symlink("/dev/zero", path).unwrap()),
            ("it is a symbolic link", |path| symlink("../home/secret", path).unwrap()),
            ("it is a folder", |path| fs::create_dir(path).unwrap()),
            ("it is larger than", |path| fs::File::create(path).unwrap().set_len(1 << 40).unwrap()),
        ];
        for (sentence, attack) in attacks {
            let cli = Cli::of(server);
            fs::write(cli.home().join("secret"), "password").unwrap();
            let path = cli.work().join(".steps.toml");
            attack(&path);
            is_refused(&cli, &[sentence, &path.display().to_string()]);
        }
        // The user's own may be a link, but to a file.
        let cli = Cli::of(server);
        cli.user_settings("");
        let own = cli.home().join(".config/steps/config.toml");
        for (target, is_file) in [("/dev/zero", false), ("../../elsewhere", true)] {
            fs::remove_file(&own).unwrap();
            symlink(target, &own).unwrap();
            fs::write(cli.home().join("elsewhere"), "environment = \"linked\"\n").unwrap();
            match is_file {
                true => assert!(record(&cli).ok().contains(" in linked by o")),
                false => is_refused(&cli, &["it is a device", "config.toml"]),
            }
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(60), "nothing hangs");
}

#[test]
fn files_of_other_users_are_ignored_and_told() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    with_server(async |server| {
        let cli = Cli::of(server);
        // In a shared folder above: not ours, and so the one above that is used.
        let foreign = cli.file("shared/.steps.toml", "component = \"theirs\"\n");
        cli.file(".steps.toml", "component = \"ours\"\n");
        chown(&foreign, Some(12_345), None).unwrap();
        let record = ["record", "--status", "s", "--version", "1", "--owner", "o"];
        let line = format!("steps: the settings file {foreign} is ignored: it belongs to another user, uid 12345\n");
        let run = cli.run_in("shared/deep", &record);
        assert_eq!(run.stderr, line);
        assert!(run.ok().starts_with("recorded ours 1 s"));
        assert_eq!(cli.run_in("shared", &["list", "--format", "csv"]).stderr, line);
        let args = [&["run", "--status", "s"][..], &STREAM, &["--", "true"]].concat();
        assert_eq!(cli.run_in("shared", &args).stderr, line);
        // Whatever it is, it stops nobody.
        fs::remove_file(&foreign).unwrap();
        mkfifoat(CWD, foreign.as_str(), Mode::RUSR | Mode::WUSR).unwrap();
        chown(&foreign, Some(12_345), None).unwrap();
        assert_eq!(cli.run_in("shared", &record).stderr, line);
        cli.user_settings("component = \"theirs\"\n");
        let own = cli.home().join(".config/steps/config.toml");
        chown(&own, Some(12_345), None).unwrap();
        assert!(cli.run(&record).stderr.contains("config.toml is ignored: it belongs to another user, uid 12345"));
    });
}
