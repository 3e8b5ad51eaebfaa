//! What a fold locks on MySQL, which locks every row that a statement reads.

use serde_json::json;
use sqlx::{AssertSqlSafe, Executor as _, MySqlConnection};
use steps_tests::server::Builder;
use steps_tests::{DatabaseKind, TestDb, block_on, eventually};

/// A transaction of another server that has these buckets, until it is rolled back.
pub async fn hold_buckets(db: &TestDb, which: &str) -> MySqlConnection {
    let mut other = db.connection().await;
    other.execute("START TRANSACTION").await.unwrap();
    let hold = format!("UPDATE buckets FORCE INDEX (PRIMARY) SET turn = turn + 1 WHERE {which}");
    other.execute(AssertSqlSafe(hold)).await.unwrap();
    other
}

/// Another server is folding another component.
#[test]
fn a_fold_waits_for_nobody_who_has_other_components() {
    let db = TestDb::new(DatabaseKind::MySql);
    block_on(async {
        let server = Builder::on(&db.url()).args(&["--deadline", "5s"]).start().await;
        let batch = |status: &str| -> Vec<_> {
            let names = (0..24).map(|component| format!("service-{component}"));
            names.map(|name| json!({"component": name, "version": "1", "owner": "o", "status": status})).collect()
        };
        // Nothing is folded yet, so that it shows which buckets they have.
        let mut other = hold_buckets(&db, "TRUE").await;
        server.batch(&batch("started")).await;
        let has_none = "SELECT MIN(id) FROM buckets WHERE id NOT IN (SELECT bucket FROM changes)";
        let bucket: i32 = sqlx::query_scalar(has_none).fetch_one(&mut db.connection().await).await.unwrap();
        other.execute("ROLLBACK").await.unwrap();
        let is_idle = "SELECT days_until >= UNIX_TIMESTAMP() DIV 86400 - 1 AND NOT EXISTS (SELECT 1 FROM changes) FROM projection";
        eventually("they are folded, and the days that are over are packed", async || {
            let is_idle: bool = sqlx::query_scalar(is_idle).fetch_one(&mut db.connection().await).await.unwrap();
            is_idle.then_some(())
        })
        .await;

        let mut other = hold_buckets(&db, &format!("id = {bucket}")).await;
        server.batch(&batch("succeeded")).await;
        assert_eq!(server.deployments("outcome=succeeded").await.lines().count(), 1 + 24);
        other.execute("ROLLBACK").await.unwrap();
        server.stop().await;
    });
}
