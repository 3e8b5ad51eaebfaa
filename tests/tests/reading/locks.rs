//! What a fold locks on MySQL, which locks every row that a statement reads.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor as _, MySqlConnection};
use steps_tests::server::Builder;
use steps_tests::{DatabaseKind, TestDb, block_on, eventually};

/// So many that they are in nearly all buckets.
const COMPONENTS: u32 = 96;

/// A transaction of another server that has these buckets, until it is rolled back.
pub async fn hold_buckets(db: &TestDb, which: &str) -> MySqlConnection {
    let mut other = db.connection().await;
    other.execute("START TRANSACTION").await.unwrap();
    let hold = format!("UPDATE buckets FORCE INDEX (PRIMARY) SET turn = turn + 1 WHERE {which}");
    other.execute(AssertSqlSafe(hold)).await.unwrap();
    other
}

/// A step of each of these components.
fn steps(components: std::ops::Range<u32>, status: &str) -> Vec<Value> {
    let names = components.map(|component| format!("service-{component}"));
    names.map(|name| json!({"component": name, "version": "1", "owner": "o", "status": status})).collect()
}

/// Another server is folding another component, while there is much of all others.
#[test]
fn a_fold_waits_for_nobody_who_has_other_components() {
    let db = TestDb::new(DatabaseKind::MySql);
    block_on(async {
        let server = Builder::on(&db.url()).args(&["--deadline", "5s"]).start().await;
        // Nothing is folded yet, so that it shows which buckets they have.
        let mut other = hold_buckets(&db, "TRUE").await;
        server.batch(&steps(0..COMPONENTS, "started")).await;
        let has_none = "SELECT CAST(MIN(id) AS SIGNED) FROM buckets WHERE id NOT IN (SELECT bucket FROM changes)";
        let bucket = db.number(has_none).await;
        other.execute("ROLLBACK").await.unwrap();
        let is_idle = "SELECT days_until >= UNIX_TIMESTAMP() DIV 86400 - 1 AND NOT EXISTS (SELECT 1 FROM changes) FROM projection";
        eventually("they are folded, and the days that are over are packed", async || {
            (db.number(is_idle).await == 1).then_some(())
        })
        .await;

        let mut other = hold_buckets(&db, &format!("id = {bucket}")).await;
        server.batch(&steps(0..COMPONENTS, "succeeded")).await;
        assert_eq!(server.deployments("outcome=succeeded").await.lines().count(), 1 + COMPONENTS as usize);
        other.execute("ROLLBACK").await.unwrap();
        server.stop().await;
    });
}

/// Another server has sent its steps to the database, and hangs before it commits them.
#[test]
fn a_fold_waits_for_nobody_who_is_about_to_commit() {
    let db = TestDb::new(DatabaseKind::MySql);
    block_on(async {
        let server = Builder::on(&db.url()).start().await;
        server.batch(&steps(0..2, "started")).await;
        let waiting = "SELECT COUNT(*) FROM changes";
        let folded = async || (db.number(waiting).await == 0).then_some(());
        eventually("they are folded", folded).await;
        let mut other = db.connection().await;
        other.execute("START TRANSACTION").await.unwrap();
        other.execute("INSERT INTO changes (stream, since, bucket) VALUES (REPEAT('s', 16), 0, 63)").await.unwrap();
        for some in [0..1, 1..2, 2..COMPONENTS] {
            server.batch(&steps(some, "succeeded")).await;
            eventually("what is committed is folded", folded).await;
        }
        other.execute("ROLLBACK").await.unwrap();
        server.stop().await;
    });
}
