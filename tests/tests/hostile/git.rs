//! Git in repositories that somebody else wrote: nothing that they name is run, and git is not waited for without end.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use steps_tests::{Cli, Run};

/// A command in a repository with one commit and the tag 1.0.
fn repository(cli: &Cli) {
    cli.file("file", "content\n");
    cli.file(".gitattributes", "* filter=evil diff=evil\n");
    git(cli, &["init", "-q"]);
    git(cli, &["config", "user.name", "Ann"]);
    git(cli, &["config", "user.email", "ann@example.com"]);
    git(cli, &["add", "."]);
    git(cli, &["commit", "-qm", "1"]);
    git(cli, &["tag", "1.0"]);
}

fn git(cli: &Cli, args: &[&str]) {
    Run::of(&mut cli.program("git".as_ref(), args)).ok();
}

fn program(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The version and the owner that `steps config` shows.
fn found(cli: &Cli) -> String {
    let csv = cli.run(&["config", "--format", "csv"]).ok();
    let line = |name: &str| csv.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    format!("{} {}", line("version,"), line("owner,"))
}

const FOUND: &str = "version,1.0,git describe --tags --always --dirty owner,Ann,git config user.name";

/// Lets git believe that a file may have changed, so that it compares the content.
fn touch(cli: &Cli) {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1_000_000);
    let seconds = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let file = fs::File::options().write(true).open(cli.work().join("file")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

#[test]
fn nothing_that_a_repository_configures_is_run() {
    let cli = Cli::new();
    repository(&cli);
    let witness = cli.home().join("witness");
    let evil = cli.home().join("evil");
    program(&evil, &format!("echo \"$0 $*\" >> {}; cat", witness.display()));
    let evil = evil.display().to_string();
    touch(&cli);
    assert_eq!(found(&cli), FOUND);
    cli.file("included", &format!("[filter \"included\"]\n\tclean = {evil}\n"));
    let hooks = cli.work().join(".git/hooks");
    fs::create_dir_all(&hooks).unwrap();
    program(&hooks.join("post-index-change"), &evil);
    for (key, value) in [
        ("core.fsmonitor", evil.as_str()),
        ("core.pager", &evil),
        ("pager.describe", "true"),
        ("pager.config", &evil),
        ("core.editor", &evil),
        ("alias.describe", &format!("!{evil}")),
        ("alias.config", &format!("!{evil}")),
        ("alias.diff", &format!("!{evil}")),
        ("filter.evil.clean", &evil),
        ("filter.evil.smudge", &evil),
        ("filter.evil.required", "true"),
        ("filter.a=b.process", &evil),
        ("filter.Evil \"quoted\".clean", &evil),
        ("diff.external", &evil),
        ("diff.evil.command", &evil),
        ("diff.evil.textconv", &evil),
        ("core.sshCommand", &evil),
        ("include.path", "../included"),
        ("core.hooksPath", hooks.to_str().unwrap()),
    ] {
        git(&cli, &["config", "--local", key, value]);
        touch(&cli);
        assert_eq!(found(&cli), FOUND, "{key}");
        assert!(!witness.exists(), "{key}: {}", fs::read_to_string(&witness).unwrap_or_default());
    }
    for filter in ["a=b", "included", "Evil \"quoted\""] {
        fs::write(cli.work().join(".git/info/attributes"), format!("* filter={filter}\n")).unwrap();
        touch(&cli);
        assert_eq!(found(&cli), FOUND, "{filter}");
    }
    assert!(!witness.exists(), "{}", fs::read_to_string(&witness).unwrap_or_default());
    cli.file("file", "changed\n");
    assert!(found(&cli).starts_with("version,1.0-dirty,"));
    assert!(!witness.exists(), "{}", fs::read_to_string(&witness).unwrap_or_default());

    // The attacks are real: git alone runs it.
    touch(&cli);
    let _ = Run::of(&mut cli.program("git".as_ref(), &["diff", "--quiet", "HEAD"]));
    assert!(witness.exists());
}

#[test]
fn no_variable_of_git_makes_it_run_or_write_anything() {
    let cli = Cli::new();
    repository(&cli);
    let witness = cli.home().join("witness");
    let evil = cli.home().join("evil");
    program(&evil, &format!("echo \"$0 $*\" >> {}; cat", witness.display()));
    let (evil, trace) = (evil.display().to_string(), witness.display().to_string());
    let cli = [
        ("GIT_EXTERNAL_DIFF", evil.as_str()),
        ("GIT_PAGER", &evil),
        ("GIT_CONFIG_COUNT", "3"),
        ("GIT_CONFIG_KEY_0", "core.fsmonitor"),
        ("GIT_CONFIG_VALUE_0", &evil),
        ("GIT_CONFIG_KEY_1", "filter.evil.clean"),
        ("GIT_CONFIG_VALUE_1", &evil),
        ("GIT_CONFIG_KEY_2", "safe.directory"),
        ("GIT_CONFIG_VALUE_2", "*"),
        ("GIT_CONFIG_PARAMETERS", &format!("'core.fsmonitor'='{evil}'")),
        ("GIT_TRACE", &trace),
        ("GIT_TRACE2_EVENT", &trace),
        ("GIT_EXEC_PATH", "/nowhere"),
        ("GIT_SSH_COMMAND", &evil),
        ("GIT_ASKPASS", &evil),
        ("GIT_EDITOR", &evil),
    ]
    .into_iter()
    .fold(cli, |cli, (name, value)| cli.env(name, value));
    touch(&cli);
    assert_eq!(found(&cli), FOUND);
    assert!(!witness.exists(), "{}", fs::read_to_string(&witness).unwrap_or_default());
    if rustix::process::geteuid().is_root() {
        // A container of a CI system says so that the checkout of another user is safe.
        for folder in [cli.work(), cli.work().join(".git")] {
            std::os::unix::fs::chown(folder, Some(12_345), None).unwrap();
        }
        assert_eq!(found(&cli), FOUND);
    }
}

#[test]
fn a_bare_repository_within_a_clone_is_not_entered() {
    let cli = Cli::new();
    repository(&cli);
    let witness = cli.home().join("witness");
    let evil = cli.home().join("evil");
    program(&evil, &format!("touch {}", witness.display()));
    git(&cli, &["clone", "-q", "--bare", ".", "bare"]);
    let evil = evil.display().to_string();
    for (key, value) in [("core.bare", "false"), ("core.worktree", ".."), ("core.fsmonitor", &evil)] {
        git(&cli, &["-C", "bare", "config", key, value]);
    }
    for args in [&["config"][..], &["record", "--status", "s", "--component", "c", "--server", "http://127.0.0.1:9"]] {
        let run = cli.run_in("bare", args);
        assert!(!witness.exists(), "{args:?}: {run:?}");
    }
    assert!(cli.run_in("bare", &["record", "--status", "s", "--component", "c"]).failed(2).contains("bareRepository"));
}

/// Objects that are missing are not fetched: the transport may be any program.
#[test]
fn nothing_is_fetched() {
    let cli = Cli::new();
    repository(&cli);
    let witness = cli.home().join("witness");
    let url = format!("ext::sh -c touch% {}", witness.display());
    for (key, value) in [
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.url", &url),
        ("remote.origin.promisor", "true"),
        ("protocol.ext.allow", "always"),
    ] {
        git(&cli, &["config", key, value]);
    }
    let objects = fs::read_dir(cli.work().join(".git/objects")).unwrap().flatten().map(|entry| entry.path());
    for folder in objects.filter(|path| path.file_name().unwrap().len() == 2) {
        fs::remove_dir_all(folder).unwrap();
    }
    let run = cli.run(&["config"]);
    assert!(!witness.exists(), "{run:?}");
}

#[test]
fn a_git_of_the_working_folder_is_not_run() {
    let cli = Cli::new().env("PATH", ".::bin:/usr/local/bin:/usr/bin:/bin");
    repository(&cli);
    let witness = cli.home().join("witness");
    fs::create_dir(cli.work().join("bin")).unwrap();
    for path in ["git", "bin/git"] {
        program(&cli.work().join(path), &format!("touch {}; echo 6.6.6", witness.display()));
    }
    assert_eq!(found(&cli), FOUND);
    assert!(!witness.exists());
}

#[test]
fn a_git_that_sleeps_or_prints_without_end_delays_nobody_for_long() {
    for (script, reason) in [
        ("exec sleep 600", "git takes longer than "),
        ("sleep 600 & exit 0", "git takes longer than "),
        ("exec yes", "git prints more than "),
        ("exec yes >&2", "git "),
        ("trap '' TERM INT; while :; do sleep 1; done", "git takes longer than "),
    ] {
        let cli = Cli::new().env("STEPS_SERVER", "http://127.0.0.1:9");
        let folder = cli.home().join("bin");
        fs::create_dir(&folder).unwrap();
        program(&folder.join("git"), script);
        let cli = cli.env("PATH", &format!("{}:/usr/bin:/bin", folder.display()));
        let begun = Instant::now();
        let stream = ["--status", "s", "--component", "c", "--timeout", "2s"];
        let said = cli.run(&[&["record"][..], &stream].concat()).failed(2);
        assert!(said.contains("the version is missing") && said.contains(reason), "{script}: {said}");
        let ran = cli.run(&[&["run"][..], &stream, &["--", "sh", "-c", "exit 3"]].concat());
        assert_eq!(ran.code, 3, "{script}: {ran:?}");
        assert!(ran.stderr.contains(reason), "{script}: {ran:?}");
        let given = cli.run(&[&["record", "--version", "1"][..], &stream].concat());
        assert!(given.stderr.contains("c 1 s is kept"), "the owner is somebody else: {given:?}");
        assert_eq!(given.code, 0);
        assert!(begun.elapsed() < Duration::from_secs(60), "{script}: {:?}", begun.elapsed());
    }
}
