//! MySQL or MariaDB takes no writes for a while, as in a fail-over, and says so in each of its ways: what is recorded waits for the
//! writer, on other connections, and goes on.

use std::time::Instant;

use serde_json::json;
use steps_tests::faults::load::with_load;
use steps_tests::faults::{Load, PROBE, PrivateDatabase, Report, Shape, forget_probes, refuses_a_recording};
use steps_tests::server::Builder;
use steps_tests::{PATIENCE, Server, eventually};

/// Clients at work on a server at work on a database of the test's own.
async fn start() -> (PrivateDatabase, Server, Load) {
    let database = PrivateDatabase::start().await;
    let server = Builder::on(&database.url()).args(&["--deadline", "8s"]).start().await;
    let load = Load::start(&[server.url()], Shape::default());
    load.more(50).await;
    (database, server, load)
}

/// How often recording has failed so far.
async fn failures(server: &Server) -> u64 {
    let figures = server.get("/metrics").await;
    let failures = figures.ok().split("steps_database_errors_total{work=\"recording\"} ").nth(1).unwrap();
    failures.lines().next().unwrap().parse().unwrap()
}

/// The database is read-only, for a moment and for longer; `begin` and `end` make it so.
async fn for_a_while(what: &str, number: &str, begin: impl AsyncFn(&PrivateDatabase), end: &str) {
    let (database, server, load) = start().await;
    let begin = async || {
        let began = tokio::time::timeout(PATIENCE, begin(&database));
        began.await.expect("the server holds no transaction open that keeps the database from becoming read-only");
    };
    // A fail-over: what is recorded meanwhile waits, and goes on.
    let before = failures(&server).await;
    begin().await;
    let waits = server.record(&PROBE);
    let over = async {
        eventually("a commit fails", async || (failures(&server).await > before).then_some(())).await;
        database.execute(end).await;
    };
    let (waited, ()) = tokio::join!(waits, over);
    assert_eq!(waited.status, 201, "{}", waited.text());
    // One that does not end is told, and nobody waits for it any more.
    begin().await;
    refuses_a_recording(&server).await;
    eventually("not ready", async || (server.get("/readyz").await.status == 503).then_some(())).await;
    let why = server.get("/readyz").await;
    assert!(why.text().contains(number), "{number}: {}", why.text());
    let note = json!({"component": "shop", "text": "moved", "owner": "ann"}).to_string();
    let note = async || server.post_body("/v1/notes", "application/json", note.clone()).await.status;
    assert!([201, 503].contains(&note().await));
    database.execute(end).await;
    let recovery = load.recovered(Instant::now()).await;
    eventually("a note is recorded", async || (note().await == 201).then_some(())).await;
    let ledger = load.stop().await;
    forget_probes(&database.url()).await;
    Report::close(what, 2, vec![recovery], &ledger, &database.url()).await;
    server.stop().await;
}

#[test]
fn of_the_server() {
    let begin = async |database: &PrivateDatabase| database.execute("SET GLOBAL read_only = 1").await;
    with_load(for_a_while("read-only database", "1290", begin, "SET GLOBAL read_only = 0"));
}

/// Connections that are opened meanwhile stay read-only, so the server must leave them.
#[test]
fn of_new_sessions() {
    let variable = if PrivateDatabase::product() == "MySQL" { "transaction_read_only" } else { "tx_read_only" };
    let begin = async |database: &PrivateDatabase| {
        database.execute(&format!("SET GLOBAL {variable} = 1")).await;
        database.kill_connections().await;
    };
    with_load(for_a_while("read-only sessions", "1792", begin, &format!("SET GLOBAL {variable} = 0")));
}

/// The readers of Aurora answer so. Where their engine is read-only (below) MariaDB says 1036 and MySQL 1015, so here a trigger says it.
#[test]
fn of_the_engine_as_aurora_tells_it() {
    let begin = async |database: &PrivateDatabase| {
        let says = "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1836, MESSAGE_TEXT = 'Running in read-only mode'";
        database
            .execute(&format!("CREATE TRIGGER steps.only BEFORE INSERT ON steps.changes FOR EACH ROW {says}"))
            .await;
    };
    with_load(for_a_while("read-only engine", "1836", begin, "DROP TRIGGER steps.only"));
}

/// `innodb_read_only`: that ends by a restart alone, so nobody waits for it.
#[test]
fn of_the_engine() {
    with_load(async {
        let (mut database, server, load) = start().await;
        let restart = async |database: &mut PrivateDatabase, args: &[&str]| {
            database.set_args(args);
            database.stop().await;
            database.restart().await
        };
        restart(&mut database, &["--innodb-read-only=1"]).await;
        refuses_a_recording(&server).await;
        eventually("not ready", async || (server.get("/readyz").await.status == 503).then_some(())).await;
        let healed = restart(&mut database, &[]).await;
        let recovery = load.recovered(healed).await;
        let ledger = load.stop().await;
        forget_probes(&database.url()).await;
        Report::close("innodb_read_only", 1, vec![recovery], &ledger, &database.url()).await;
        server.stop().await;
    });
}
