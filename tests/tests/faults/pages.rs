//! Databases that end an answer with very many rows (Vitess at 100,000): none of the server's statements has many, whatever is asked
//! for, and the answers are whole. The database itself says how many rows it has sent for each statement.

use serde_json::{Value, json};
use sqlx::MySqlConnection;
use steps_tests::faults::PrivateDatabase;
use steps_tests::server::Builder;
use steps_tests::steps::{column, now};
use steps_tests::{Server, block_on, eventually};

/// The most rows that a statement may answer with.
const MOST: i64 = 5000;
/// Deployments of one component, all of them within the days that are not packed.
const DEPLOYMENTS: usize = 6100;
const NOTES: usize = 2300;

/// Two steps for each deployment, a few seconds after each other.
async fn record(server: &Server) {
    let begin = now().micros() - 40 * 3_600_000_000;
    let step = |nth: usize, component: &str, status: &str, seconds: usize| {
        let micros = begin + (nth * 20 + seconds) as i64 * 1_000_000;
        let ts = steps_shared::Timestamp::from_micros(micros).unwrap();
        json!({"component": component, "version": nth.to_string(), "owner": "ann", "status": status, "ts": ts})
    };
    let deployment = |nth: usize, component: &str| {
        [step(nth, component, "started", 0), step(nth, component, "succeeded", 5 + nth % 7)]
    };
    let mut steps: Vec<Value> = (0..DEPLOYMENTS).flat_map(|nth| deployment(nth, "busy")).collect();
    steps.extend((0..30).flat_map(|nth| deployment(nth, "calm")));
    for part in steps.chunks(4000) {
        server.batch(part).await;
    }
}

/// Notes at the same few moments, so that only their ids order them.
async fn note(connection: &mut MySqlConnection) {
    let begin = now().micros() - 40 * 3_600_000_000;
    for nths in (0..NOTES).collect::<Vec<_>>().chunks(100) {
        let mut insert = sqlx::QueryBuilder::new(
            "INSERT INTO notes (id, component, environment, note, started_at, ended_at, owner, recorded_at) ",
        );
        insert.push_values(nths, |mut row, nth| {
            let at = begin + (nth % 3) as i64;
            row.push_bind(uuid::Uuid::from_u128(
                0x0197_a000_0000_7000_8000_0000_0000_0000 + (nth * 7919 % NOTES) as u128,
            ));
            row.push_bind("busy").push("NULL").push_bind(format!("note {nth}")).push_bind(at).push("NULL");
            row.push_bind("ann").push_bind(at);
        });
        insert.build().execute(&mut *connection).await.unwrap();
    }
}

#[test]
fn no_statement_answers_with_many_rows() {
    block_on(async {
        let database = PrivateDatabase::start().await;
        let server = Builder::on(&database.url()).start().await;
        record(&server).await;
        let mut administrator = database.administrator().await;
        sqlx::raw_sql("USE steps").execute(&mut administrator).await.unwrap();
        note(&mut administrator).await;
        assert_eq!(server.deployments("component=calm").await.lines().count(), 31);
        let log = "SET GLOBAL log_output = 'TABLE'; SET GLOBAL long_query_time = 0; SET GLOBAL slow_query_log = 1";
        sqlx::raw_sql(log).execute(&mut administrator).await.unwrap();
        // Connections take the limit of the log when they are opened.
        database.kill_connections().await;
        eventually("it answers again", async || (server.get("/readyz").await.status == 200).then_some(())).await;

        // Steps, deployments and notes, in both orders, whole and cut off in the middle of a page.
        for (path, column_of, all) in [
            ("/v1/steps", "id", 2 * (DEPLOYMENTS + 30)),
            ("/v1/deployments", "id", DEPLOYMENTS + 30),
            ("/v1/notes", "id", NOTES),
        ] {
            let ids =
                async |query: &str| column(server.get(&format!("{path}?format=csv&{query}")).await.ok(), column_of);
            let (up, mut down) = (ids("order=asc").await, ids("order=desc").await);
            assert_eq!(up.len(), all, "{path}");
            assert_eq!(up.iter().collect::<std::collections::HashSet<_>>().len(), all, "{path}");
            assert_eq!(ids("order=desc&limit=1500").await, down[..1500], "{path}");
            down.reverse();
            assert!(up == down, "{path} is in one order");
        }
        // What is not packed yet, of one component and of all.
        for query in ["component=busy&since=3d", "since=3d", "since=3d&exclude_waiting=true"] {
            let answer = server.get(&format!("/v1/trend?{query}")).await.json();
            let trends = answer["trends"].as_array().unwrap().clone();
            let busy = trends.iter().find(|trend| trend["component"] == "busy").unwrap();
            assert_eq!(busy["deployments"], json!(DEPLOYMENTS), "{query}");
        }
        let counted = server.stats("by=component").await;
        assert_eq!(counted.iter().map(|row| row.count).sum::<u64>(), DEPLOYMENTS as u64 + 30);
        let most = "SELECT CAST(MAX(rows_sent) AS SIGNED), CAST(COUNT(*) AS SIGNED) FROM mysql.slow_log WHERE user_host LIKE 'steps%'";
        let (most, statements): (i64, i64) = sqlx::query_as(most).fetch_one(&mut administrator).await.unwrap();
        assert!(statements > 30, "{statements} statements are logged");
        // The largest is a full page, so that it is these which are seen.
        assert_eq!(most, MOST, "of {statements} statements");
        server.stop().await;
    });
}
