//! What an operator does beside serving: copies, pruning, and stopping behind a load balancer.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use steps_shared::StepId;
use steps_tests::db::PASSWORD;
use steps_tests::faults::PrivateDatabase;
use steps_tests::faults::private_database::MYSQL_PROGRAMS_VARIABLE;
use steps_tests::server::Builder;
use steps_tests::steps::column;
use steps_tests::{DatabaseKind, Run, Server, TestDb, block_on, eventually, on_both_stores};
use tempfile::TempDir;

on_both_stores!(
    prune_deletes_whole_old_deployments_while_steps_are_recorded,
    a_dry_run_deletes_nothing,
    readiness_ends_before_service_does,
    an_answer_says_who_answers,
);

fn maintain(url: &str, command: &str, flags: &[&str]) -> Run {
    Builder::bare().args(&["--database-url", url, command]).run_with(flags)
}

fn step(version: &str, status: &str, ts: &str) -> Value {
    json!({"component": "c", "version": version, "owner": "o", "status": status, "ts": ts, "id": StepId::generate()})
}

/// One deployment from 2020, one from the last second of 2020 into 2021, one that never ended, and one of now.
async fn history(server: &Server) {
    let steps = [
        step("1", "started", "2020-03-01T10:00:00Z"),
        step("1", "succeeded", "2020-03-01T10:05:00Z"),
        step("1", "rolled_back", "2020-03-01T11:00:00Z"),
        step("1", "started", "2020-12-31T23:59:59Z"),
        step("1", "succeeded", "2021-01-01T00:10:00Z"),
        step("2", "started", "2020-05-05T00:00:00Z"),
    ];
    assert_eq!(server.batch(&steps).await.recorded, 6);
    server.record(&[("component", "c"), ("version", "3"), ("owner", "o"), ("status", "started")]).await.recorded();
}

/// `--older-than` for what was over before 2021.
fn before_2021() -> String {
    let micros = steps_tests::steps::now().micros() - 1_609_459_200_000_000;
    format!("{}s", micros / 1_000_000)
}

async fn prune_deletes_whole_old_deployments_while_steps_are_recorded(db: TestDb) {
    let server = Server::start(&db).await;
    history(&server).await;
    // Enough old deployments for several transactions.
    let old = (0..300).flat_map(|at| {
        let version = format!("old-{at}");
        [("started", "2019-06-01T08:00:00Z"), ("building", "2019-06-01T08:01:00Z"), ("done", "2019-06-01T08:03:00Z")]
            .map(|(status, ts)| step(&version, status, ts))
    });
    assert_eq!(server.batch(&old.collect::<Vec<_>>()).await.recorded, 900);
    let done = AtomicBool::new(false);
    let write = async {
        let mut recorded = Vec::new();
        while !done.load(Ordering::Relaxed) {
            let fields = [("component", "d"), ("version", "1"), ("owner", "o"), ("status", "phase")];
            recorded.push(server.record(&fields).await.recorded().id.to_string());
        }
        recorded
    };
    let prune = async {
        let (url, older) = (db.url(), before_2021());
        let pruning = tokio::task::spawn_blocking(move || maintain(&url, "prune", &["--older-than", &older]));
        let run = pruning.await.unwrap();
        done.store(true, Ordering::Relaxed);
        run.ok()
    };
    let (recorded, said) = tokio::join!(write, prune);
    assert!(said.contains("deleted 302 deployments with 904 steps"), "{said}");

    let stored: BTreeSet<String> = column(&server.list("").await, "id").into_iter().collect();
    assert!(recorded.iter().all(|id| stored.contains(id)), "a step that was recorded meanwhile is gone");
    assert_eq!(stored.len(), recorded.len() + 3);
    let kept = column(&server.deployments("component=c").await, "started_at");
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert_eq!(kept[0], "2020-12-31T23:59:59.000000Z");
    maintain(&db.url(), "verify", &[]).ok();
    let again = maintain(&db.url(), "prune", &["--older-than", &before_2021()]).ok();
    assert!(again.contains("deleted 0 deployments with 0 steps"), "{again}");
}

async fn a_dry_run_deletes_nothing(db: TestDb) {
    let server = Server::start(&db).await;
    history(&server).await;
    let before = server.list("").await;
    let said = maintain(&db.url(), "prune", &["--older-than", &before_2021(), "--dry-run"]).ok();
    assert!(said.contains("would delete 2 deployments with 4 steps"), "{said}");
    assert_eq!(server.list("").await, before);
    for (wrong, why) in [("3 apples", "invalid value"), ("100y", "before 1970")] {
        let run = maintain(&db.url(), "prune", &["--older-than", wrong]);
        assert!(run.code != 0 && run.stderr.contains(why), "{wrong}: {run:?}");
    }
}

/// A load balancer asks `/readyz`; until it has heard, the server serves what it sends.
async fn readiness_ends_before_service_does(db: TestDb) {
    let server = Builder::on(&db.url()).args(&["--shutdown-delay", "8s"]).start().await;
    server.get("/readyz").await.ok();
    server.process().terminate();
    eventually("it is not ready", async || (server.get("/readyz").await.status == 503).then_some(())).await;
    let fields = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", "late")];
    // A client that comes anew, too.
    let url = format!("{}/v1/steps", server.url());
    let fresh = steps_tests::http::client().post(url).query(&fields).send().await.unwrap();
    assert_eq!(fresh.status(), 201);
    server.record(&fields).await.recorded();
    server.stop().await;
    assert_eq!(db.stored_steps().await, 2);
}

async fn an_answer_says_who_answers(db: TestDb) {
    let server = Server::start(&db).await;
    for path in ["/healthz", "/nowhere"] {
        let answer = server.get(path).await;
        assert!(answer.header("server").starts_with("steps-server/"), "{path}");
    }
}

/// A copy is what the database was at one moment: of every batch all steps or none.
#[test]
fn a_backup_made_while_serving_is_whole_and_serves() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let folder = TempDir::new().unwrap();
    let copy = folder.path().join("copy.db");
    block_on(async {
        let server = Server::start(&db).await;
        let done = AtomicBool::new(false);
        let batch = |version: u32| -> Vec<Value> {
            let version = version.to_string();
            let step = |at: u32| step(&version, "phase", &format!("2026-01-05T09:00:{:02}Z", at % 60));
            (0..50).map(step).collect()
        };
        let write = async {
            let mut version = 0;
            while !done.load(Ordering::Relaxed) {
                assert_eq!(server.batch(&batch(version)).await.recorded, 50);
                version += 1;
            }
            version
        };
        let back_up = async {
            eventually("something is recorded", async || (server.count("").await > 500).then_some(())).await;
            let acknowledged = server.count("").await;
            let (url, copy) = (db.url(), copy.display().to_string());
            let run = tokio::task::spawn_blocking(move || maintain(&url, "backup", &[&copy])).await.unwrap();
            eventually("more is recorded", async || (server.count("").await > acknowledged + 100).then_some(())).await;
            done.store(true, Ordering::Relaxed);
            (acknowledged, run.ok())
        };
        let (written, (acknowledged, said)) = tokio::join!(write, back_up);
        assert!(said.contains("copied the database to"), "{said}");
        assert!(written > 0);

        let url = format!("sqlite:{}", copy.display());
        let restored = Builder::on(&url).start().await;
        let count = restored.count("").await;
        assert!(count >= acknowledged && count % 50 == 0, "{acknowledged} were acknowledged, {count} are in the copy");
        restored.record(&[("component", "c"), ("version", "1"), ("owner", "o"), ("status", "s")]).await.recorded();
        restored.stop().await;
        maintain(&url, "verify", &[]).ok();

        let again = maintain(&db.url(), "backup", &[&copy.display().to_string()]);
        assert!(again.code == 1 && again.stderr.contains("exists"), "{again:?}");
        let nowhere = maintain(&db.url(), "backup", &["/nowhere/copy.db"]);
        assert!(nowhere.code == 1 && nowhere.stderr.contains("/nowhere/copy.db"), "{nowhere:?}");
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().contains("unfinished")), "{left:?}");
    });
}

/// The first command of the README with this program, for a server on another port and for databases of other names.
fn command_of_readme(program: &str, from: &TestDb, to: &str) -> String {
    let readme = std::fs::read_to_string(steps_tests::repository().join("README.md")).unwrap();
    let line = readme.lines().find(|line| line.starts_with(&format!("{program} "))).expect("the README has a command");
    let (dump, _) = line.split_once(" > steps.sql").expect("it writes to a file");
    let dump = dump.strip_suffix(" steps").expect("of this database");
    // The Debian package of MariaDB has a program of the name `mysqldump`, too.
    let folder =
        std::env::var(MYSQL_PROGRAMS_VARIABLE).map(|folder| format!("PATH={folder}:$PATH\n")).unwrap_or_default();
    let client = if program == "mysqldump" { "mysql" } else { "mariadb --no-defaults" };
    let address = format!("--protocol=tcp --host=127.0.0.1 --port={}", from.port());
    let options = if program == "mysqldump" { "" } else { "--no-defaults " };
    let dump = dump.replacen(program, &format!("{program} {options}{address}"), 1);
    format!("{folder}{dump} --user=$DUMPER {} | {client} {address} --user=$RESTORER {to}", from.name())
}

/// The commands of the README for MySQL and MariaDB, by users with the rights that it names and no others. That of MariaDB is
/// run on MySQL as well.
#[test]
fn a_dump_is_restored_onto_the_same_server() {
    let db = TestDb::new(DatabaseKind::MySql);
    let refused = maintain(&db.url(), "backup", &["/tmp/never"]);
    assert!(refused.code == 1 && refused.stderr.contains("mariadb-dump --single-transaction"), "{refused:?}");
    assert!(refused.stderr.contains("mysqldump --single-transaction --no-tablespaces"), "{refused:?}");
    let programs: &[&str] = match PrivateDatabase::product() {
        "MySQL" => &["mysqldump", "mariadb-dump"],
        _ => &["mariadb-dump"],
    };
    block_on(async {
        let server = Server::start(&db).await;
        history(&server).await;
        let before = [server.list("").await, server.deployments("").await];
        for program in programs {
            let other = TestDb::new(DatabaseKind::MySql);
            let (dumper, restorer) = (format!("d_{}", &db.name()[11..]), format!("r_{}", &other.name()[11..]));
            for (user, rights) in
                [(&dumper, format!("SELECT ON {}.*", db.name())), (&restorer, format!("ALL ON {}.*", other.name()))]
            {
                db.execute(&format!("CREATE USER '{user}'@'%' IDENTIFIED BY '{PASSWORD}'")).await;
                db.execute(&format!("GRANT {rights} TO '{user}'@'%'")).await;
            }
            let shell = command_of_readme(program, &db, other.name());
            let restored = std::process::Command::new("bash")
                .args(["-o", "pipefail", "-c", &shell])
                .env("MYSQL_PWD", PASSWORD)
                .envs([("DUMPER", &dumper), ("RESTORER", &restorer)])
                .output()
                .unwrap();
            db.execute(&format!("DROP USER '{dumper}'@'%'; DROP USER '{restorer}'@'%'")).await;
            assert!(restored.status.success(), "{shell}\n{restored:?}");
            let restored = Server::start(&other).await;
            assert_eq!([restored.list("").await, restored.deployments("").await], before, "{program}");
            restored.stop().await;
            maintain(&other.url(), "verify", &[]).ok();
        }
    });
}
