//! No home, a home that cannot be written, a disk that is full: the step waits in the next place, which is told, and is delivered
//! from there.

use std::fs;
use std::path::Path;

use steps_tests::server::Builder;
use steps_tests::steps::column;
use steps_tests::{Cli, DatabaseKind, Run, Server, TestDb, block_on};

const RECORD: [&str; 9] = ["record", "--component", "c", "--version", "1", "--owner", "o", "--status", "s"];

fn temporary(cli: &Cli) -> String {
    cli.home().parent().unwrap().join("tmp").display().to_string()
}

/// What `steps doctor` says of the spool.
fn doctor(cli: &Cli) -> String {
    let all: serde_json::Value = serde_json::from_str(&cli.run(&["doctor"]).stdout).unwrap();
    let of_spool = all.as_array().unwrap().iter().filter(|finding| finding["check"] == "spool");
    of_spool.map(|finding| format!("{} {}\n", finding["found"], finding["advice"])).collect()
}

#[test]
fn a_home_that_cannot_be_written_loses_no_step() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let port = steps_tests::faults::free_port().await;
        // Nobody can make a folder in /proc, root neither.
        for variables in [&[("HOME", "/proc/none")][..], &[("XDG_STATE_HOME", "/proc/none")], &[("HOME", "")]] {
            let cli = Cli::at(&format!("http://127.0.0.1:{port}"));
            let cli = variables.iter().fold(cli, |cli, (name, value)| cli.env(name, value));
            let recorded = cli.run(&RECORD);
            assert_eq!(recorded.code, 0, "{recorded:?}");
            assert!(recorded.stderr.contains("is kept, and sent later"), "{recorded:?}");
            let is_told = recorded.stderr.contains(&format!("so it waits in {}", temporary(&cli)));
            // Without a home the system says where the user's is, which tests cannot know.
            assert!(is_told || variables[0].1.is_empty(), "{recorded:?}");
            let ran = cli.run(&[&["run"][..], &RECORD[1..], &["--", "sh", "-c", "exit 3"]].concat());
            assert_eq!(ran.code, 3, "{ran:?}");
            if variables[0].1.is_empty() {
                continue;
            }
            // The beginning of the run and its end wait one by one, and are sent as one.
            let status = cli.run(&["status", "--format", "csv"]).stdout;
            assert!(status.contains("\nwaiting,3\n") && status.contains(&temporary(&cli)), "{status}");
            let said = doctor(&cli);
            assert!(said.contains("3 steps wait") && said.contains(&temporary(&cli)), "{said}");

            let server = Builder::on_port(port, &db.url()).start().await;
            assert!(cli.run(&["flush"]).ok().starts_with("delivered 2 steps"));
            assert_eq!(cli.run(&["flush"]).ok(), "nothing waits\n");
            server.stop().await;
        }
        let server = Builder::on_port(port, &db.url()).start().await;
        assert_eq!(column(&server.list("").await, "status").len(), 4);
    });
}

#[test]
fn the_doctor_says_where_a_step_would_wait() {
    let cli = Cli::at("http://127.0.0.1:9").env("XDG_STATE_HOME", "/dev/null");
    let said = doctor(&cli);
    assert!(said.contains(" is not used: it is a symbolic link or a file"), "{said}");
    assert!(said.contains(&format!("waits in {}", temporary(&cli))), "{said}");
    assert!(said.contains("meanwhile; put that right, or name another folder with STEPS_SPOOL_DIR"), "{said}");
}

#[test]
fn what_waits_in_the_next_place_is_delivered_by_the_next_record() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let server = Server::start(&db).await;
        let cli = Cli::of(&server).env("STEPS_SPOOL_DIR", "/proc/none");
        // The folder of the user's state is the next place, and the temporary folder the one after that.
        let kept = cli.run(&[&RECORD[..], &["--server", "http://127.0.0.1:9"]].concat());
        assert!(kept.stderr.contains(&format!("so it waits in {}", cli.home().display())), "{kept:?}");
        assert!(cli.run(&["flush"]).stderr.contains("1 step waits for http://127.0.0.1:9"));
        cli.run(&["flush", "--from", "http://127.0.0.1:9"]).ok();
        assert_eq!(column(&server.list("").await, "status").len(), 1);
    });
}

/// A disk of its own with room for a few steps, where this machine lets us mount one.
#[test]
fn a_full_disk_loses_no_step() {
    let cli = Cli::at("http://127.0.0.1:9");
    let state = cli.home().join(".local/state");
    fs::create_dir_all(&state).unwrap();
    let unshare = ["--user", "--map-root-user", "--mount", "sh", "-c"];
    let state = state.display().to_string();
    let mount = format!("mount -t tmpfs -o size=16k,mode=700 steps {state}");
    if Run::of(&mut cli.program(Path::new("unshare"), &[&unshare[..], &[&mount]].concat())).code != 0 {
        return;
    }
    let steps = steps_tests::binary("steps").display().to_string();
    let words = RECORD.join(" ");
    // Filled to the last byte, then recorded.
    let script = format!("{mount} && cat /dev/zero > {state}/rest 2>/dev/null; '{steps}' {words}");
    let recorded = Run::of(&mut cli.program(Path::new("unshare"), &[&unshare[..], &[&script]].concat()));
    assert_eq!(recorded.code, 0, "{recorded:?}");
    assert!(recorded.stderr.contains(&format!("so it waits in {}", temporary(&cli))), "{recorded:?}");
    let status = cli.run(&["status", "--format", "csv"]).stdout;
    assert!(status.contains("\nwaiting,1\n"), "{status}");
}
