//! The SQLite file is deleted, moved, replaced, overwritten or cut off while a server has it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

use sqlx::{Connection, SqliteConnection};
use steps_tests::faults::load::with_load;
use steps_tests::faults::{Load, PROBE, Report, Shape, forget_probes, short_or_long};
use steps_tests::server::Builder;
use steps_tests::{DatabaseKind, Server, TestDb, block_on, eventually};

/// A database in a folder of its own within the test's, so that the folder can be renamed.
struct Files {
    _db: TestDb,
    folder: PathBuf,
}

impl Files {
    fn new() -> Self {
        let db = TestDb::new(DatabaseKind::Sqlite);
        let url = db.url();
        let folder = Path::new(url.trim_start_matches("sqlite:")).parent().expect("a folder").join("data");
        Self { _db: db, folder }
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.path("").display())
    }

    /// The file, or one beside it with this behind its name.
    fn path(&self, suffix: &str) -> PathBuf {
        self.folder.join(format!("steps.db{suffix}"))
    }

    /// The file that was saved by the server.
    async fn rescued(&self) -> PathBuf {
        eventually("what was acknowledged is saved", async || {
            let files = fs::read_dir(&self.folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
            files.into_iter().find(|path| {
                let name = path.to_string_lossy();
                name.contains(".rescued-") && !name.contains(".unfinished")
            })
        })
        .await
    }

    fn back_up(&self, to: &Path) {
        let run =
            Builder::bare().args(&["--database-url", &self.url(), "backup"]).run_with(&[&to.display().to_string()]);
        run.ok();
    }

    async fn start(&self) -> Server {
        Builder::on(&self.url()).args(&["--deadline", "5s"]).env("STEPS_LOG", "warn,steps_server=info").start().await
    }
}

/// Asserts that nothing is recorded nor read, and that the server says why.
async fn is_lost(server: &Server, why: &str) {
    let refused = server.record(&PROBE).await;
    assert!(refused.problem(503).detail.contains(why), "{}", refused.text());
    assert_eq!(refused.header("retry-after"), "1");
    let batch = server.post_body("/v1/steps/batch", "application/json", "[]").await;
    assert_eq!(batch.status, 503, "{}", batch.text());
    for path in ["/readyz", "/v1/steps?limit=1", "/v1/deployments?limit=1"] {
        let answer = server.get(path).await;
        assert!(answer.problem(503).detail.contains(why), "{path}: {}", answer.text());
    }
    server.get("/healthz").await.ok();
    server.process().logged("nothing is recorded, and every request is answered 503").await;
    assert_eq!(server.process().log().matches("nothing is recorded, and every request").count(), 1, "one line");
}

async fn is_back(server: &Server) {
    eventually("ready again", async || (server.get("/readyz").await.status == 200).then_some(())).await;
}

/// Breaks something under load, heals it, and compares what was acknowledged with the file at the path: nothing is missing.
fn nothing_is_lost(fault: &str, why: &str, harm: impl AsyncFn(&Files), heal: impl AsyncFn(&Files)) {
    with_load(async {
        let files = Files::new();
        let mut recoveries = Vec::new();
        let mut server = files.start().await;
        let load = Load::start(&[server.url()], Shape::default());
        let times = short_or_long(1, 5);
        for _ in 0..times {
            load.more(300).await;
            harm(&files).await;
            is_lost(&server, why).await;
            heal(&files).await;
            is_back(&server).await;
            recoveries.push(load.recovered(Instant::now()).await);
            load.more(20).await;
            // The log says each loss once: the next one is told by another server.
            let next = files.start().await;
            load.add_target(next.url());
            server.stop().await;
            server = next;
        }
        let ledger = load.stop().await;
        server.stop().await;
        forget_probes(&files.url()).await;
        Report::close(fault, times, recoveries, &ledger, &files.url()).await;
    });
}

const DELETED: &str = "was deleted or moved";

#[test]
fn deleted_and_what_was_saved_put_back() {
    let delete = async |files: &Files| fs::remove_file(files.path("")).unwrap();
    let put_back = async |files: &Files| fs::rename(files.rescued().await, files.path("")).unwrap();
    nothing_is_lost("the SQLite file is deleted", DELETED, delete, put_back);
}

#[test]
fn deleted_with_all_that_belongs_to_it() {
    let delete = async |files: &Files| {
        for suffix in ["", "-wal", "-shm", "-lock"] {
            fs::remove_file(files.path(suffix)).unwrap();
        }
    };
    let put_back = async |files: &Files| {
        let rescued = files.rescued().await;
        fs::copy(&rescued, files.path("")).unwrap();
        // The next loss is saved in another one.
        fs::remove_file(rescued).unwrap();
    };
    nothing_is_lost("the SQLite file and its others are deleted", DELETED, delete, put_back);
}

#[test]
fn its_folder_renamed_and_back() {
    let elsewhere = |files: &Files| files.folder.with_extension("elsewhere");
    let rename = async |files: &Files| fs::rename(&files.folder, elsewhere(files)).unwrap();
    let back = async |files: &Files| fs::rename(elsewhere(files), &files.folder).unwrap();
    nothing_is_lost("the folder of the SQLite file is renamed", DELETED, rename, back);
}

/// There is nowhere to save anything until the folder is there again.
#[test]
fn its_folder_deleted() {
    let delete = async |files: &Files| fs::remove_dir_all(&files.folder).unwrap();
    let put_back = async |files: &Files| {
        fs::create_dir(&files.folder).unwrap();
        fs::rename(files.rescued().await, files.path("")).unwrap();
    };
    nothing_is_lost("the folder of the SQLite file is deleted", DELETED, delete, put_back);
}

/// Opening a pipe would wait for ever.
#[test]
fn replaced_by_what_is_no_file() {
    block_on(async {
        let files = Files::new();
        let server = files.start().await;
        server.record(&PROBE).await.recorded();
        fs::remove_file(files.path("")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(files.path("")).status().unwrap();
        assert!(made.success());
        assert_eq!(server.record(&PROBE).await.status, 503);
        server.process().logged("cannot be served: it is no file").await;
        server.get("/healthz").await.ok();
        let ready = server.get("/readyz").await;
        assert!(ready.problem(503).detail.contains("it is no file"), "{}", ready.text());
        fs::rename(files.rescued().await, files.path("")).unwrap();
        is_back(&server).await;
        assert_eq!(server.count("").await, 1);
        server.stop().await;
    });
}

/// The log stays behind; the file that was moved must have what was in it.
#[test]
fn moved_away_and_back() {
    let rename = async |files: &Files| fs::rename(files.path(""), files.folder.join("other.db")).unwrap();
    let back = async |files: &Files| {
        eventually("the log is in the file", async || (!files.path("-wal").exists()).then_some(())).await;
        fs::rename(files.folder.join("other.db"), files.path("")).unwrap();
    };
    nothing_is_lost("the SQLite file is moved", DELETED, rename, back);
}

/// Nobody has to do anything: what is in the log, is in the server's hands.
#[test]
fn its_log_or_index_deleted_or_replaced() {
    for suffix in ["-wal", "-shm"] {
        for replaced in [false, true] {
            with_load(async {
                let files = Files::new();
                let server = files.start().await;
                let load = Load::start(&[server.url()], Shape::default());
                load.more(300).await;
                match replaced {
                    false => fs::remove_file(files.path(suffix)).unwrap(),
                    true => {
                        fs::write(files.path(".other"), "something else").unwrap();
                        fs::rename(files.path(".other"), files.path(suffix)).unwrap();
                    }
                }
                let harmed = Instant::now();
                server.process().logged("a database file is opened anew").await;
                let recoveries = vec![load.recovered(harmed).await];
                load.more(100).await;
                let ledger = load.stop().await;
                server.stop().await;
                let fault = format!("{suffix} {}", if replaced { "is replaced" } else { "is deleted" });
                Report::close(&fault, 1, recoveries, &ledger, &files.url()).await;
            });
        }
    }
}

/// The very first answer after the deletion is no 201, and what is put in the place of the file is what is served.
#[test]
fn replaced_by_a_backup() {
    block_on(async {
        let files = Files::new();
        let server = files.start().await;
        let step = |version: &'static str| [("component", "c"), ("version", version), ("owner", "o"), ("status", "s")];
        server.record(&step("in the backup")).await.recorded();
        let backup = files.path(".backup");
        files.back_up(&backup);
        server.record(&step("after it")).await.recorded();
        assert_eq!(server.count("").await, 2);
        fs::rename(&backup, files.path("")).unwrap();
        let answer = server.record(&step("never")).await;
        assert!(answer.problem(503).detail.contains("was replaced by another one"), "{}", answer.text());
        is_back(&server).await;
        assert_eq!(server.count("").await, 1);
        server.record(&step("anew")).await.recorded();
        let listed = server.list("columns=version").await;
        assert!(
            listed.contains("in the backup") && listed.contains("anew") && !listed.contains("after it"),
            "{listed}"
        );
        let saved = Builder::on(&format!("sqlite:{}", files.rescued().await.display())).start().await;
        assert!(saved.list("").await.contains("after it"));
        server.stop().await;
        Builder::on(&files.url()).run("verify").ok();
    });
}

/// `cp backup steps.db` writes into the file that is open.
#[test]
fn overwritten_in_place() {
    block_on(async {
        let files = Files::new();
        let server = files.start().await;
        for version in 0..200 {
            let version = version.to_string();
            let step = [("component", "c"), ("version", version.as_str()), ("owner", "o"), ("status", "s")];
            server.record(&step).await.recorded();
            if version == "50" {
                files.back_up(&files.path(".backup"));
            }
        }
        // A fold that writes while the file is copied would damage the copy.
        server.get("/v1/deployments").await.ok();
        fs::copy(files.path(".backup"), files.path("")).unwrap();
        let answer = server.record(&PROBE).await;
        assert!(answer.problem(503).detail.contains("was overwritten"), "{}", answer.text());
        is_back(&server).await;
        assert_eq!(server.count("").await, 51);
        server.record(&PROBE).await.recorded();
        server.get("/v1/deployments").await.ok();
        server.stop().await;
        Builder::on(&files.url()).run("verify").ok();
    });
}

/// What is damaged is not served, and not made worse; a backup that is put there is.
#[test]
fn cut_off_or_filled_with_something_else() {
    for length in [0, 50, 8192] {
        block_on(async {
            let files = Files::new();
            let server = files.start().await;
            server.record(&PROBE).await.recorded();
            files.back_up(&files.path(".backup"));
            server.record(&PROBE).await.recorded();
            let mut other = <SqliteConnection as Connection>::connect(&files.url()).await.unwrap();
            let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
            eventually(checkpoint, async || sqlx::raw_sql(checkpoint).execute(&mut other).await.ok()).await;
            // Its end would write to the file.
            server.record(&PROBE).await.recorded();
            other.close().await.unwrap();
            File::options().write(true).open(files.path("")).unwrap().set_len(length).unwrap();
            let answer = server.record(&PROBE).await;
            assert_eq!(answer.problem(503).status, 503);
            server.process().logged("cannot be served").await;
            let ready = server.get("/readyz").await;
            assert!(ready.problem(503).detail.contains("cannot be served"), "{length}: {}", ready.text());
            assert_eq!(files.path("").metadata().unwrap().len(), length, "nothing is written to it");
            fs::write(files.path(""), "this is no database, but longer than its header would be ".repeat(100)).unwrap();
            assert_eq!(server.record(&PROBE).await.status, 503);
            fs::copy(files.path(".backup"), files.path("")).unwrap();
            is_back(&server).await;
            assert_eq!(server.count("").await, 1);
            server.stop().await;
            Builder::on(&files.url()).run("verify").ok();
        });
    }
}

#[test]
fn its_log_cut_off() {
    block_on(async {
        let files = Files::new();
        let server = files.start().await;
        files.back_up(&files.path(".backup"));
        server.record(&PROBE).await.recorded();
        File::options().write(true).open(files.path("-wal")).unwrap().set_len(0).unwrap();
        let answer = server.record(&PROBE).await;
        assert!(answer.problem(503).detail.contains("-wal file was cut off"), "{}", answer.text());
        server.process().logged("cannot be served: its last steps were in the -wal file").await;
        assert_eq!(server.record(&PROBE).await.status, 503);
        fs::rename(files.path(".backup"), files.path("")).unwrap();
        is_back(&server).await;
        assert_eq!(server.count("").await, 0);
        server.stop().await;
    });
}

/// What others do through SQLite is no damage: checkpoints, a vacuum, a second server.
#[test]
fn what_sqlite_itself_does_is_no_loss() {
    with_load(async {
        let files = Files::new();
        let server = files.start().await;
        let second = files.start().await;
        let load = Load::start(&[server.url(), second.url()], Shape::default());
        for statement in ["PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(RESTART)", "ANALYZE"] {
            load.more(100).await;
            let mut other = <SqliteConnection as Connection>::connect(&files.url()).await.unwrap();
            eventually(statement, async || sqlx::raw_sql(statement).execute(&mut other).await.ok()).await;
        }
        load.more(100).await;
        let ledger = load.stop().await;
        for server in [server, second] {
            let log = server.process().log();
            assert!(!log.contains("nothing is recorded"), "{log}");
            server.stop().await;
        }
        Report::close("what SQLite itself does", 4, Vec::new(), &ledger, &files.url()).await;
    });
}
