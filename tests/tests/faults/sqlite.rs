//! SQLite without room, or locked by somebody else.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sqlx::{Connection as _, SqliteConnection};
use steps_tests::faults::load::with_load;
use steps_tests::faults::{Load, PROBE, Report, Shape, forget_probes, refuses_a_recording, short_or_long};
use steps_tests::server::Builder;
use steps_tests::{DatabaseKind, SLACK, TestDb, eventually};
use tempfile::TempDir;

/// A small file system in memory; unmounted with this.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` where this process may not mount one.
    fn mount() -> Option<Self> {
        let folder = TempDir::with_prefix("steps-disk-").expect("a temporary folder");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "steps"]).arg(folder.path()).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then(|| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("ballast");
        let mut file = File::options().append(true).create(true).open(&path).expect("a file");
        while file.write_all(&[0; 1024]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // It is in memory: what cannot be unmounted goes with the machine.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[test]
fn a_full_disk() {
    let Some(disk) = SmallDisk::mount() else {
        println!("not run: this user may mount no file system of limited size");
        return;
    };
    with_load(async {
        let times = short_or_long(3, 10);
        let url = format!("sqlite:{}", disk.path().join("steps.db").display());
        let server = Builder::on(&url).args(&["--deadline", "1s"]).start().await;
        let load = Load::start(&[server.url()], Shape::default());
        let mut recoveries = Vec::new();
        for _ in 0..times {
            load.more(50).await;
            let ballast = disk.fill();
            // Some room within its own files may be left.
            eventually("a step is refused", async || {
                disk.fill();
                (server.record(&PROBE).await.status == 503).then_some(())
            })
            .await;
            refuses_a_recording(&server).await;
            fs::remove_file(ballast).expect("the ballast");
            recoveries.push(load.recovered(Instant::now()).await);
            eventually("deployments", async || {
                (server.get("/v1/deployments?limit=1").await.status == 200).then_some(())
            })
            .await;
        }
        let ledger = load.stop().await;
        server.stop().await;
        forget_probes(&url).await;
        Report::close("a full disk (SQLite)", times, recoveries, &ledger, &url).await;
    });
}

#[test]
fn a_file_that_somebody_else_has_locked() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    with_load(async {
        let times = short_or_long(2, 10);
        let server = Builder::on(&db.url()).args(&["--deadline", "1s"]).start().await;
        let load = Load::start(&[server.url()], Shape::default());
        let mut recoveries = Vec::new();
        for _ in 0..times {
            load.more(50).await;
            let mut other = SqliteConnection::connect(&db.url()).await.expect("the file opens");
            eventually("it is locked", async || sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.ok()).await;
            refuses_a_recording(&server).await;
            sqlx::raw_sql("ROLLBACK").execute(&mut other).await.expect("it is given back");
            recoveries.push(load.recovered(Instant::now()).await);
        }
        let ledger = load.stop().await;
        assert_eq!(ledger.unanswered, 0, "requests without an answer");
        assert!(ledger.longest < Duration::from_secs(1) + SLACK, "{:?}", ledger.longest);
        forget_probes(&db.url()).await;
        Report::close("a locked file (SQLite)", times, recoveries, &ledger, &db.url()).await;
        server.stop().await;
    });
}
