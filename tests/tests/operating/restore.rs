//! `steps-server restore`: a backup takes the place of the SQLite database, or nothing is changed.

use std::fs;
use std::path::{Path, PathBuf};

use sqlx::{Connection as _, SqliteConnection};
use steps_tests::faults::PROBE;
use steps_tests::server::Builder;
use steps_tests::{DatabaseKind, Run, Server, TestDb, block_on, eventually};

fn file(db: &TestDb) -> PathBuf {
    PathBuf::from(db.url().trim_start_matches("sqlite:"))
}

fn run(db: &TestDb, arguments: &[&str]) -> Run {
    Builder::bare().args(&["--database-url", &db.url()]).run_with(arguments)
}

fn restore(db: &TestDb, backup: &Path) -> Run {
    run(db, &["restore", &backup.display().to_string()])
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

fn replaced(db: &TestDb) -> Vec<PathBuf> {
    let files = fs::read_dir(file(db).parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.to_string_lossy().contains(".replaced-")).collect();
    files.sort();
    files
}

/// A database with so many steps.
async fn with_steps(db: &TestDb, steps: usize) {
    let server = Server::start(db).await;
    for _ in 0..steps {
        server.record(&PROBE).await.recorded();
    }
    server.stop().await;
}

#[test]
fn a_backup_takes_the_place_of_the_database_and_it_is_kept() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let backup = beside(&file(&db), ".backup");
    block_on(async {
        with_steps(&db, 2).await;
        run(&db, &["backup", &backup.display().to_string()]).ok();
        // A server that is killed leaves its newest steps in its log.
        let mut server = Server::start(&db).await;
        server.record(&PROBE).await.recorded();
        server.kill();
        assert!(beside(&file(&db), "-wal").exists());
        let said = restore(&db, &backup).ok();
        assert!(said.contains("2 steps, the last of 20"), "{said}");
        let [kept] = &replaced(&db)[..] else { panic!("{:?}", replaced(&db)) };
        assert!(said.contains(&format!("is kept as {}", kept.display())), "{said}");
        assert!(backup.exists() && !beside(&file(&db), "-wal").exists());
        let kept = Builder::on(&format!("sqlite:{}", kept.display())).start().await;
        assert_eq!(kept.count("").await, 3);
        let server = Server::start(&db).await;
        assert_eq!(server.count("").await, 2);
        server.record(&PROBE).await.recorded();
        server.stop().await;
        run(&db, &["verify"]).ok();
    });
}

#[test]
fn it_refuses_while_anybody_has_the_database() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let backup = beside(&file(&db), ".backup");
    block_on(async {
        with_steps(&db, 1).await;
        run(&db, &["backup", &backup.display().to_string()]).ok();
        let (server, second) = (Server::start(&db).await, Server::start(&db).await);
        let refuses = || {
            let run = restore(&db, &backup);
            assert!(run.code == 1 && run.stderr.contains("is in use; stop every server"), "{run:?}");
            assert!(replaced(&db).is_empty());
        };
        refuses();
        server.record(&PROBE).await.recorded();
        server.stop().await;
        second.record(&PROBE).await.recorded();
        refuses();
        // One that has lost the file has the database still.
        fs::rename(file(&db), beside(&file(&db), ".away")).unwrap();
        second.process().logged("is whole").await;
        refuses();
        fs::rename(beside(&file(&db), ".away"), file(&db)).unwrap();
        eventually("it is back", async || (second.get("/readyz").await.status == 200).then_some(())).await;
        assert_eq!(second.count("").await, 3);
        second.stop().await;
        // A program that knows nothing of the lock.
        let mut other = SqliteConnection::connect(&db.url()).await.unwrap();
        sqlx::raw_sql("BEGIN; SELECT COUNT(*) FROM steps").execute(&mut other).await.unwrap();
        refuses();
        other.close().await.unwrap();
        restore(&db, &backup).ok();
    });
}

#[test]
fn what_is_not_whole_changes_nothing() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let backup = beside(&file(&db), ".backup");
    block_on(async {
        with_steps(&db, 300).await;
        run(&db, &["backup", &backup.display().to_string()]).ok();
        let whole = fs::read(&backup).unwrap();
        let mut torn = whole.clone();
        let end = torn.len() - 8192;
        torn[8192..end].fill(0x55);
        let mut newer = SqliteConnection::connect(&format!("sqlite:{}", backup.display())).await.unwrap();
        sqlx::raw_sql(
            "UPDATE _sqlx_migrations SET version = 9999 WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)",
        )
        .execute(&mut newer)
        .await
        .unwrap();
        newer.close().await.unwrap();
        let newer = fs::read(&backup).unwrap();
        let other = beside(&file(&db), ".other");
        let mut stranger = SqliteConnection::connect(&format!("sqlite:{}?mode=rwc", other.display())).await.unwrap();
        sqlx::raw_sql("CREATE TABLE steps (a)").execute(&mut stranger).await.unwrap();
        stranger.close().await.unwrap();
        let cases: [(&[u8], &str); 6] = [
            (b"", "it is empty"),
            (b"-- MariaDB dump", "it is no SQLite database"),
            (&torn, "it is damaged"),
            (&whole[..whole.len() / 2], ""),
            (&newer, "a newer steps-server made it"),
            (&fs::read(&other).unwrap(), "it is no database of steps-server"),
        ];
        let before = fs::read(file(&db)).unwrap();
        for (content, why) in cases {
            fs::write(&backup, content).unwrap();
            let run = restore(&db, &backup);
            assert!(
                run.code == 1 && run.stderr.contains("cannot be restored") && run.stderr.contains(why),
                "{why}: {run:?}"
            );
        }
        for missing in [Path::new("/nowhere/backup.db"), file(&db).parent().unwrap(), &file(&db)] {
            let run = restore(&db, missing);
            assert!(run.code == 1, "{run:?}");
        }
        assert_eq!(fs::read(file(&db)).unwrap(), before);
        let names = fs::read_dir(file(&db).parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = names.filter(|name| name.to_string_lossy().contains("restoring")).collect();
        assert!(left.is_empty() && replaced(&db).is_empty(), "{left:?}");
    });
}

/// The database itself is gone, or damaged: that is what backups are for.
#[test]
fn a_damaged_or_missing_database_is_restored() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let backup = beside(&file(&db), ".backup");
    block_on(async {
        with_steps(&db, 5).await;
        run(&db, &["backup", &backup.display().to_string()]).ok();
        fs::write(file(&db), "damaged").unwrap();
        fs::write(beside(&file(&db), "-wal"), "of the damaged one").unwrap();
        restore(&db, &backup).ok();
        let kept: Vec<_> = replaced(&db).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        assert_eq!(kept, ["damaged", "of the damaged one"]);
        fs::remove_file(file(&db)).unwrap();
        assert!(!restore(&db, &backup).ok().contains("is kept as"));
        let server = Server::start(&db).await;
        assert_eq!(server.count("").await, 5);
    });
}

#[test]
fn mysql_has_tools_of_its_own() {
    let db = TestDb::new(DatabaseKind::MySql);
    let run = run(&db, &["restore", "/tmp/backup.db"]);
    assert!(run.code == 1 && run.stderr.contains("restored with their own tools"), "{run:?}");
}
