//! A spool that somebody else has prepared harms nothing and holds up nobody; and clocks that are set bend no time.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, mkfifoat};
use steps_tests::clock::Clock;
use steps_tests::server::Builder;
use steps_tests::steps::{column, columns, now};
use steps_tests::{Cli, DatabaseKind, Run, TestDb, block_on, on_both_stores};

on_both_stores!(
    what_can_never_be_delivered_is_set_aside_and_blocks_nothing,
    a_clock_that_is_set_while_a_step_waits_changes_no_time,
);

const AWAY: &str = "http://127.0.0.1:9";
const STREAM: [&str; 8] = ["--component", "c", "--version", "1", "--owner", "o", "--status", "s"];

fn record(cli: &Cli) -> Run {
    cli.run(&[&["record"][..], &STREAM].concat())
}

fn run(cli: &Cli) -> Run {
    cli.run(&[&["run"][..], &STREAM, &["--", "sh", "-c", "exit 3"]].concat())
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A command in whose spool a step waits, and the folder of that spool.
fn with_spool() -> (Cli, PathBuf) {
    let cli = Cli::at(AWAY);
    assert!(record(&cli).stderr.contains("is kept"));
    let folder = cli.spool_file("waiting").parent().unwrap().to_owned();
    (cli, folder)
}

#[test]
fn no_link_is_followed_and_nothing_but_private_files_is_used() {
    let is_root = rustix::process::geteuid().is_root();
    /// Prepares a file, given its path and that of another file of the user's.
    type Prepare = fn(&Path, &Path);
    let attacks: [(&str, &str, bool, Prepare); 12] = [
        ("waiting", "symbolic link", false, |path, victim| symlink(victim, path).unwrap()),
        ("waiting", "a FIFO", false, |path, _| mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).unwrap()),
        ("waiting", "a device", false, |path, _| {
            let zero = Run::of(std::process::Command::new("mknod").arg(path).args(["c", "1", "5"]));
            if zero.code != 0 {
                symlink("/dev/zero", path).unwrap();
            }
        }),
        ("waiting", "chmod 600", false, |path, victim| {
            fs::copy(victim, path).unwrap();
            chmod(path, 0o644);
        }),
        ("waiting", "another user", true, |path, victim| {
            fs::copy(victim, path).unwrap();
            chown(path, Some(12_345), None).unwrap();
        }),
        ("waiting", "a folder", false, |path, _| fs::create_dir(path).unwrap()),
        ("lock", "symbolic link", false, |path, victim| symlink(victim, path).unwrap()),
        ("lock", "a FIFO", false, |path, _| mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).unwrap()),
        (".", "symbolic link", false, |path, victim| symlink(victim.parent().unwrap(), path).unwrap()),
        (".", "chmod 700", false, |path, _| {
            fs::create_dir(path).unwrap();
            chmod(path, 0o755);
        }),
        (".", "another user", true, |path, _| {
            fs::create_dir(path).unwrap();
            chmod(path, 0o700);
            chown(path, Some(12_345), None).unwrap();
        }),
        ("..", "symbolic link", false, |path, victim| symlink(victim.parent().unwrap(), path).unwrap()),
    ];
    let begun = Instant::now();
    for (name, sentence, needs_root, attack) in attacks {
        if needs_root && !is_root {
            continue;
        }
        let (cli, folder) = with_spool();
        let victims = cli.home().join("victims");
        fs::create_dir(&victims).unwrap();
        chmod(&victims, 0o755);
        let victim = victims.join("profile");
        fs::write(&victim, "mine\n").unwrap();
        let path = match name {
            "." => folder,
            ".." => folder.parent().unwrap().to_owned(),
            name => folder.join(name),
        };
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap()
        } else {
            fs::remove_file(&path).unwrap()
        }
        attack(&path, &victim);
        let what = format!("{name}, {sentence}");
        let recorded = record(&cli);
        assert!(recorded.stderr.contains(sentence), "{what}: {recorded:?}");
        // It is told, and waits in the next place.
        assert_eq!(recorded.code, 0, "{what}: {recorded:?}");
        assert!(recorded.stderr.contains("so it waits in "), "{what}: {recorded:?}");
        assert_eq!(cli.run(&[&["record", "--best-effort"][..], &STREAM].concat()).code, 0, "{what}");
        let ran = run(&cli);
        assert_eq!(ran.code, 3, "{what}: {ran:?}");
        assert!(ran.stderr.contains(sentence), "{what}: {ran:?}");
        let flushed = cli.run(&["flush"]);
        assert_eq!(flushed.code, 1, "{what}: {flushed:?}");
        let _ = cli.run(&["status"]);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine\n", "{what}");
        assert_eq!(fs::metadata(&victims).unwrap().permissions().mode() & 0o777, 0o755, "{what}");
        assert_eq!(fs::read_dir(&victims).unwrap().count(), 1, "{what}: nothing was put there");
    }
    assert!(begun.elapsed() < Duration::from_secs(120), "nothing hangs");
}

/// The marks are written anew, so that a link in their place is not written through.
#[test]
fn a_link_in_place_of_a_mark_is_replaced() {
    for name in ["away", "server"] {
        let (cli, folder) = with_spool();
        let victim = cli.home().join("profile");
        fs::write(&victim, "mine\n").unwrap();
        fs::write(folder.join("waiting"), "").unwrap();
        let _ = fs::remove_file(folder.join(name));
        symlink(&victim, folder.join(name)).unwrap();
        let old = std::time::SystemTime::now() - Duration::from_secs(60);
        File::options().write(true).open(&victim).unwrap().set_modified(old).unwrap();
        let run = record(&cli);
        assert!(run.stderr.contains("is kept"), "{name}: {run:?}");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine\n", "{name}");
    }
}

#[test]
fn a_lock_that_another_holds_delays_nobody_for_long() {
    let (cli, folder) = with_spool();
    let lock = File::options().write(true).open(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let begun = Instant::now();
    let short = ["--timeout", "1s"];
    let recorded = cli.run(&[&["record"][..], &STREAM, &short].concat());
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert!(recorded.stderr.contains("is kept, and sent later"), "{recorded:?}");
    assert_eq!(recorded.code, 0, "{recorded:?}");
    let ran = cli.run(&[&["run"][..], &STREAM, &short, &["--", "sh", "-c", "exit 3"]].concat());
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stderr.contains("recorded later"), "{ran:?}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    drop(lock);
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let port = steps_tests::faults::free_port().await;
        let server = Builder::on_port(port, &db.url()).start().await;
        let flushed = cli.run(&["flush", "--from", AWAY, "--server", server.url()]);
        assert!(flushed.stdout.starts_with("delivered 3 steps"), "all of them: {flushed:?}");
        assert_eq!(column(&server.list("").await, "status").len(), 3, "the run is one");
    });
}

/// A step in a line as another version of the command may have written it.
fn line(json: &str) -> String {
    let mut crc = u32::MAX;
    for byte in json.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    format!("{:08x} {json}\n", !crc)
}

async fn what_can_never_be_delivered_is_set_aside_and_blocks_nothing(db: TestDb) {
    let port = steps_tests::faults::free_port().await;
    let cli = Cli::at(&format!("http://127.0.0.1:{port}"));
    assert!(record(&cli).stderr.contains("is kept"));
    let waiting = cli.spool_file("waiting");
    let good = fs::read_to_string(&waiting).unwrap();
    let entry: serde_json::Value = serde_json::from_str(good.split_once(' ').unwrap().1).unwrap();
    let with = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut entry = entry.clone();
        change(&mut entry);
        line(&entry.to_string())
    };
    let mut file = File::create(&waiting).unwrap();
    // 20 MB in a whole line, and in one of nothing; fields of the wrong type, none at all, a time beyond all.
    file.write_all(with(&|entry| entry["step"]["component"] = "x".repeat(20 << 20).into()).as_bytes()).unwrap();
    file.write_all(&vec![0; 20 << 20]).unwrap();
    file.write_all(b"\n").unwrap();
    for odd in [
        with(&|entry| entry["step"]["version"] = "y".repeat(60_000).into()),
        with(&|entry| entry["step"] = serde_json::json!({})),
        with(&|entry| entry["step"]["status"] = serde_json::json!([1, {"a": null}])),
        with(&|entry| entry["step"]["age"] = 1e300.into()),
        with(&|entry| (0..2_000).for_each(|at| entry["step"][format!("f{at}")] = at.into())),
        with(&|entry| {
            entry["queued_at"] = i64::MIN.into();
            entry["boot_id"] = serde_json::Value::Null;
        }),
    ] {
        file.write_all(odd.as_bytes()).unwrap();
    }
    file.write_all(good.as_bytes()).unwrap();
    drop(file);
    let server = Builder::on_port(port, &db.url()).start().await;
    let flushed = cli.run(&["flush"]);
    assert!(flushed.stdout.starts_with("delivered 1 steps"), "{flushed:?}");
    assert_eq!(flushed.stderr.matches("which can be no step, is set aside in").count(), 2, "{}", flushed.stderr);
    assert_eq!(flushed.stderr.matches("the server refused a kept step").count(), 6, "{}", flushed.stderr);
    assert_eq!(flushed.code, 3);
    assert_eq!(column(&server.list("").await, "version"), ["1"]);
    assert_eq!(fs::metadata(&waiting).unwrap().len(), 0);
    let aside = fs::metadata(cli.spool_file("torn")).unwrap();
    assert_eq!((aside.len() > 40 << 20, aside.permissions().mode() & 0o777), (true, 0o600));
    assert_eq!(cli.run(&["flush"]).ok(), "nothing waits\n");
}

/// How many seconds before now the one step that is recorded began.
async fn age(server: &steps_tests::Server) -> f64 {
    let list = server.list("").await;
    let [started] = columns(&list, ["started_at"]).remove(0);
    let started: steps_shared::Timestamp = started.parse().unwrap();
    (now().micros() - started.micros()) as f64 / 1e6
}

/// The clock of the build machine is set while a step waits: it was an hour behind or ahead when the step was kept.
async fn a_clock_that_is_set_while_a_step_waits_changes_no_time(db: TestDb) {
    let port = steps_tests::faults::free_port().await;
    let server = Builder::on_port(port, &db.url()).start().await;
    for (version, was_off, boot, expected) in [
        ("behind", -3600, None, 0.0),
        ("ahead", 3600, None, 0.0),
        ("restarted", -3600, Some("another"), 3600.0),
        ("no such clock", -3600, Some(""), 3600.0),
    ] {
        let cli = Cli::at(AWAY);
        let begun = Instant::now();
        let step = ["record", "--component", "c", "--version", version, "--owner", "o", "--status", "s"];
        assert!(cli.run(&step).stderr.contains("is kept"));
        let waiting = cli.spool_file("waiting");
        let text = fs::read_to_string(&waiting).unwrap();
        let mut entry: serde_json::Value = serde_json::from_str(text.split_once(' ').unwrap().1).unwrap();
        entry["queued_at"] = (entry["queued_at"].as_i64().unwrap() + was_off * 1_000_000).into();
        match boot {
            None => assert!(entry["boot_id"].is_string() || cfg!(not(target_os = "linux")), "{entry}"),
            Some("") => drop(entry.as_object_mut().unwrap().remove("boot_id")),
            Some(id) => entry["boot_id"] = id.into(),
        }
        fs::write(&waiting, line(&entry.to_string())).unwrap();
        cli.run(&["flush", "--from", AWAY, "--server", server.url()]).ok();
        let list = server.list(&format!("&version={}", version.replace(' ', "%20"))).await;
        let started: steps_shared::Timestamp = columns(&list, ["started_at"]).remove(0)[0].parse().unwrap();
        let age = (now().micros() - started.micros()) as f64 / 1e6;
        let most = expected + begun.elapsed().as_secs_f64() + 1.0;
        assert!((expected..=most).contains(&age), "{version}: {age} s, {expected} to {most} s");
    }
}

/// A clock of its own for the time since the start, as in a machine that has slept: what waited meanwhile is older.
#[test]
fn the_time_since_the_start_is_what_counts() {
    let shift = ["-T", "--boottime", "3600", "--fork", "--"];
    if Run::of(std::process::Command::new("unshare").args(shift).arg("true")).code != 0 {
        return;
    }
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let server = steps_tests::Server::start(&db).await;
        let (cli, _) = with_spool();
        let begun = Instant::now();
        let steps = steps_tests::binary("steps").display().to_string();
        let flush = [&shift[..], &[&steps, "flush", "--from", AWAY, "--server", server.url()]].concat();
        Run::of(&mut cli.program("unshare".as_ref(), &flush)).ok();
        let age = age(&server).await;
        assert!((3600.0..3630.0 + begun.elapsed().as_secs_f64()).contains(&age), "{age}");
    });
}

#[test]
fn a_clock_before_1970_or_after_9999_changes_no_exit_code() {
    const DAY: i64 = 86_400;
    let clock = Clock::new();
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let server = steps_tests::Server::start(&db).await;
        for time in [-40_000 * DAY, 3_000_000 * DAY] {
            clock.set(time);
            for server in [server.url(), AWAY, "https://127.0.0.1:9"] {
                let cli = Cli::at(server).env("LD_PRELOAD", &clock.library()).env("CLOCK_SHIFT", &clock.shift());
                let (recorded, ran) = (record(&cli), run(&cli));
                assert_eq!((recorded.code, ran.code), (0, 3), "{time}, {server}: {recorded:?} {ran:?}");
                assert!(!(recorded.stderr + &ran.stderr).contains("panic"), "{time}, {server}");
                let _ = cli.run(&["status"]);
                let listed = cli.run(&["list", "--since", "2h"]);
                assert!(!listed.stderr.contains("panic"), "{time}, {server}: {listed:?}");
            }
        }
        assert_eq!(column(&server.list("").await, "status").len(), 4);
    });
}
