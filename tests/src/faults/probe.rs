//! A step beside the load, to see whether a server records: the ledger does not know it.

use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, SqliteConnection};

use crate::{Server, eventually};

/// The step.
pub const PROBE: [(&str, &str); 4] = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", "s")];

/// Waits until the server refuses to record, and asserts that it says so, and lives.
pub async fn refuses_a_recording(server: &Server) {
    let answer = eventually("a step is refused", async || {
        let answer = server.record(&PROBE).await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), "1");
    server.get("/healthz").await.ok();
}

/// Deletes the probes that were recorded, before the database at this URL is compared with the ledger.
pub async fn forget_probes(url: &str) {
    for table in ["deployments", "steps"] {
        let delete = AssertSqlSafe(format!("DELETE FROM {table} WHERE component = 'c'"));
        let done = if url.starts_with("sqlite:") {
            sqlx::raw_sql(delete)
                .execute(&mut SqliteConnection::connect(url).await.expect("the file opens"))
                .await
                .map(drop)
        } else {
            let mut connection = MySqlConnection::connect(url).await.expect("the database answers");
            sqlx::raw_sql(delete).execute(&mut connection).await.map(drop)
        };
        done.unwrap_or_else(|error| panic!("the probes in {table} stay: {error}"));
    }
}
