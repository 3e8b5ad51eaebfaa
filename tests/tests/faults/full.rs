//! A database that cannot write: recording is refused at once, the server is not ready, and goes on by itself.

use std::time::Instant;

use sqlx::AssertSqlSafe;
use steps_tests::faults::load::with_load;
use steps_tests::faults::{Load, PROBE, PrivateDatabase, Report, Shape, forget_probes, short_or_long};
use steps_tests::server::Builder;
use steps_tests::{Answer, DatabaseKind, SLACK, Server, TestDb, eventually};

/// Without a line for each request.
const QUIET: &str = "info,steps_server::http=warn";

/// Asserts that recording is refused long before the deadline of a minute, and that the server is not ready.
async fn refuses_at_once(server: &Server) {
    eventually("a step is refused", async || (server.record(&PROBE).await.status == 503).then_some(())).await;
    // A commit may still find room within the database's own files; the next failure refuses again.
    eventually("it is not ready and says why", async || {
        let began = Instant::now();
        let answers = [server.record(&PROBE).await, server.record(&PROBE).await, server.get("/readyz").await];
        assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
        let refused = |answer: &Answer| answer.status == 503 && answer.problem(503).detail.contains("cannot write");
        answers.iter().all(refused).then_some(())
    })
    .await;
    server.get("/healthz").await.ok();
}

async fn is_ready(server: &Server) {
    eventually("ready by itself", async || (server.get("/readyz").await.status == 200).then_some(())).await;
}

/// A limit on the size of files is what a full disk or a quota is to one process: its writes fail.
#[test]
fn writes_that_fail_on_sqlite() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    with_load(async {
        let times = short_or_long(3, 10);
        // The signal of such a write is ignored, so that it is an error.
        let quiet = Builder::on(&db.url()).env("STEPS_LOG", QUIET);
        let server = quiet.through("trap '' XFSZ; exec \"$0\" \"$@\"").start().await;
        let load = Load::start(&[server.url()], Shape::default());
        let mut recoveries = Vec::new();
        for _ in 0..times {
            load.more(200).await;
            server.process().limit_files(Some(16 * 1024));
            refuses_at_once(&server).await;
            server.process().limit_files(None);
            recoveries.push(load.recovered(Instant::now()).await);
        }
        let ledger = load.stop().await;
        assert_eq!(ledger.unanswered, 0, "requests without an answer");
        server.process().limit_files(Some(16 * 1024));
        refuses_at_once(&server).await;
        // Nobody sends anything now.
        server.process().limit_files(None);
        is_ready(&server).await;
        server.record(&PROBE).await.recorded();
        server.stop().await;
        forget_probes(&db.url()).await;
        Report::close("writes that fail (SQLite)", times + 1, recoveries, &ledger, &db.url()).await;
    });
}

/// InnoDB's one file of limited size: error 1114, as on a full disk. A larger one is room that somebody has made.
#[test]
fn a_full_mariadb() {
    with_load(async {
        let file = |mib: usize| format!("--innodb-data-file-path=ibdata1:12M:autoextend:max:{mib}M");
        let one_file = "--innodb-file-per-table=0";
        let mut mariadb = PrivateDatabase::start_with(&[one_file, &file(24)]).await;
        let server = Builder::on(&mariadb.url()).env("STEPS_LOG", QUIET).start().await;
        mariadb.execute("CREATE TABLE steps.ballast (b LONGBLOB) ENGINE = InnoDB").await;
        let load = Load::start(&[server.url()], Shape::default());
        let mut recoveries = Vec::new();
        let times = short_or_long(1, 3);
        for time in 1..=times {
            load.more(100).await;
            let mut filling = mariadb.administrator().await;
            // The last bytes are left: MariaDB ends itself where even a rollback finds no room.
            for kib in [512, 64] {
                let fill = format!("INSERT INTO steps.ballast VALUES (REPEAT('x', {kib} * 1024))");
                while sqlx::raw_sql(AssertSqlSafe(fill.clone())).execute(&mut filling).await.is_ok() {}
            }
            refuses_at_once(&server).await;
            mariadb.kill();
            mariadb.set_args(&[one_file, &file(24 + 100 * time)]);
            let healed = mariadb.restart().await;
            recoveries.push(load.recovered(healed).await);
            is_ready(&server).await;
        }
        let ledger = load.stop().await;
        server.stop().await;
        forget_probes(&mariadb.url()).await;
        Report::close("a full MariaDB", times, recoveries, &ledger, &mariadb.url()).await;
    });
}
