//! MySQL or MariaDB dies, stands still, refuses, locks: whatever it does, answers come in time and nothing is lost.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection};
use steps_shared::StepId;
use steps_tests::faults::load::{CLIENT_TIMEOUT, with_load};
use steps_tests::faults::private_database::kill_connections;
use steps_tests::faults::{
    Load, PROBE, PrivateDatabase, Report, Shape, forget_probes, refuses_a_recording, short_or_long,
};
use steps_tests::server::Builder;
use steps_tests::{Answer, PATIENCE, SLACK, Server, eventually};

/// Clients at work on a server at work on a database of the test's own.
async fn start(args: &[&str]) -> (PrivateDatabase, Server, Load) {
    let database = PrivateDatabase::start().await;
    let server = Builder::on(&database.url()).args(args).start().await;
    let load = Load::start(&[server.url()], Shape::default());
    load.more(50).await;
    (database, server, load)
}

#[test]
fn killed_and_started_again() {
    with_load(async {
        let kills = short_or_long(5, 20);
        let (mut database, server, load) = start(&["--deadline", "5s"]).await;
        let mut recoveries = Vec::new();
        for _ in 0..kills {
            load.more(fastrand::usize(1..short_or_long(200, 1500))).await;
            database.kill();
            server.get("/healthz").await.ok();
            eventually("not ready", async || (server.get("/readyz").await.status == 503).then_some(())).await;
            let healed = database.restart().await;
            recoveries.push(load.recovered(healed).await);
        }
        let ledger = load.stop().await;
        Report::close(
            &format!("SIGKILL of {}", PrivateDatabase::product()),
            kills,
            recoveries,
            &ledger,
            &database.url(),
        )
        .await;
        server.get("/readyz").await.ok();
        server.stop().await;
    });
}

#[test]
fn stopped_for_longer_than_the_deadline() {
    with_load(async {
        let (deadline, stopped) = short_or_long((3, 5), (5, 10));
        let (database, server, load) = start(&["--deadline", &format!("{deadline}s")]).await;
        let span = server.record(&[("span", "true")].into_iter().chain(PROBE).collect::<Vec<_>>()).await.recorded();
        let deadline = Duration::from_secs(deadline);
        database.pause();
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(stopped) {
            answers_in_time(&server, &span.id.to_string(), deadline + SLACK).await;
        }
        database.resume();
        let recovery = load.recovered(Instant::now()).await;
        eventually("ready again", async || (server.get("/readyz").await.status == 200).then_some(())).await;
        for path in ["/v1/steps?limit=1", "/v1/deployments?limit=1", "/v1/stats"] {
            eventually(path, async || (server.get(path).await.status == 200).then_some(())).await;
        }
        let ended = server.finish(span.id, &[("outcome", "succeeded"), ("duration", "1")]).await.step(200);
        assert!(ended.finish().is_some());
        let ledger = load.stop().await;
        assert_eq!(ledger.unanswered, 0, "requests without an answer");
        assert!(ledger.longest < deadline + SLACK, "{:?}", ledger.longest);
        forget_probes(&database.url()).await;
        Report::close("SIGSTOP of the database", 1, vec![recovery], &ledger, &database.url()).await;
        server.stop().await;
    });
}

/// Asks everything while the database stands still.
async fn answers_in_time(server: &Server, span: &str, limit: Duration) {
    let get = |path: &str| server.request(Method::GET, path);
    let post = |path: &str| server.request(Method::POST, path);
    let batch = json!([{"component": "x", "version": "1", "owner": "o", "status": "s", "ts": "2999-01-01T00:00:00Z"}]);
    let requests: Vec<(&str, RequestBuilder)> = vec![
        ("ready", get("/readyz")),
        ("list", get("/v1/steps?limit=1")),
        ("list as JSON", get("/v1/steps?limit=1&format=json")),
        ("count", get("/v1/steps/count")),
        ("one step", get(&format!("/v1/steps/{}", StepId::generate()))),
        ("deployments", get("/v1/deployments?limit=1")),
        ("stats", get("/v1/stats")),
        ("finish", post(&format!("/v1/steps/{span}/finish")).query(&[("outcome", "succeeded"), ("duration", "1")])),
    ];
    let ask = async |(what, request): (&str, RequestBuilder)| {
        let began = Instant::now();
        let answer = Answer::of(request.timeout(CLIENT_TIMEOUT)).await;
        let took = began.elapsed();
        assert_eq!(answer.status, 503, "{what}: {}", answer.text());
        answer.problem(503);
        assert!(answer.header("retry-after").parse::<u32>().is_ok(), "{what} says when to come again");
        assert!(took < limit, "{what} is answered after {took:?}");
    };
    let healthy = async {
        let began = Instant::now();
        server.get("/healthz").await.ok();
        // What can be answered without the database is.
        assert_eq!(server.record(&PROBE[..3]).await.status, 400);
        let answer = server.post_body("/v1/steps/batch", "application/json", batch.to_string()).await;
        assert_eq!(answer.json()["refused"], 1, "{}", answer.text());
        assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
    };
    tokio::join!(join_all(requests.into_iter().map(ask)), healthy);
}

#[test]
fn out_of_connections() {
    with_load(async {
        let (database, server, load) = start(&["--deadline", "1s"]).await;
        database.execute("CREATE USER hog@'%' IDENTIFIED BY 'hog'").await;
        let mut administrator = database.administrator().await;
        // The fewest that it takes.
        run(&mut administrator, "SET GLOBAL max_connections = 10").await.unwrap();
        let hog = format!("mysql://hog:hog@127.0.0.1:{}/", database.port());
        let mut held = Vec::new();
        // All but the administrator's. Until then the server has some, or one of those that were killed is not gone yet.
        eventually("every connection is taken", async || {
            while let Ok(connection) = MySqlConnection::connect(&hog).await {
                held.push(connection);
            }
            kill_connections(&mut administrator).await;
            (held.len() == 9).then_some(())
        })
        .await;
        refuses_a_recording(&server).await;
        eventually("not ready", async || (server.get("/readyz").await.status == 503).then_some(())).await;
        drop(held);
        let recovery = load.recovered(Instant::now()).await;
        // Whoever compares needs connections, too.
        run(&mut administrator, "SET GLOBAL max_connections = 100").await.unwrap();
        let ledger = load.stop().await;
        forget_probes(&database.url()).await;
        Report::close("no connection to be had", 1, vec![recovery], &ledger, &database.url()).await;
        server.stop().await;
    });
}

#[test]
fn connections_killed_at_random() {
    with_load(async {
        let rounds = short_or_long(20, 100);
        let (database, server, load) = start(&["--deadline", "30s"]).await;
        let (mut killed, mut recoveries) = (0, Vec::new());
        for _ in 0..rounds {
            load.more(fastrand::usize(1..100)).await;
            killed += database.kill_connections().await;
            recoveries.push(load.recovered(Instant::now()).await);
        }
        let ledger = load.stop().await;
        assert_only_acknowledged(&ledger.statuses);
        Report::close("KILL of the server's connections", killed, recoveries, &ledger, &database.url()).await;
        server.stop().await;
    });
}

/// The server has tried again by itself: no client was told to.
#[track_caller]
fn assert_only_acknowledged(statuses: &std::collections::BTreeMap<u16, usize>) {
    assert!(statuses.keys().all(|status| [200, 201].contains(status)), "{statuses:?}");
}

/// Another client that locks what is being recorded, in the other order, and has more to lose.
#[test]
fn deadlocks() {
    with_load(async {
        let wanted = short_or_long(5, 50);
        let (database, server, load) = start(&["--deadline", "30s"]).await;
        let mut other = MySqlConnection::connect(&database.url()).await.expect("a connection");
        run(&mut other, "CREATE TABLE ballast (n INT) ENGINE = InnoDB").await.unwrap();
        let deadlocks = async || {
            let counted =
                "SELECT CAST(`count` AS SIGNED) FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'";
            sqlx::query_scalar::<_, i64>(counted).fetch_one(&mut database.administrator().await).await.unwrap()
        };
        let before = deadlocks().await;
        let most = Instant::now() + PATIENCE;
        while deadlocks().await < before + wanted {
            assert!(Instant::now() < most, "{} deadlocks after {PATIENCE:?}", deadlocks().await - before);
            // The engine gives up the transaction that has written less.
            let ballast = "START TRANSACTION; \
                INSERT INTO ballast WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70) \
                SELECT a.i FROM n AS a CROSS JOIN n AS b; \
                SELECT count(*) FROM changes FOR UPDATE; SELECT count(*) FROM steps FOR UPDATE";
            // It may be this one after all.
            let _ = run(&mut other, ballast).await;
            run(&mut other, "ROLLBACK").await.unwrap();
            load.more(1).await;
        }
        let injected = usize::try_from(deadlocks().await - before).unwrap();
        let ledger = load.stop().await;
        assert_only_acknowledged(&ledger.statuses);
        Report::close("deadlocks", injected, Vec::new(), &ledger, &database.url()).await;
        server.stop().await;
    });
}

#[test]
fn locks_waited_for_in_vain() {
    with_load(async {
        let database = PrivateDatabase::start().await;
        database.execute("SET GLOBAL innodb_lock_wait_timeout = 1").await;
        let server = Builder::on(&database.url()).args(&["--deadline", "5s"]).start().await;
        let load = Load::start(&[server.url()], Shape::default());
        load.more(50).await;
        let mut recoveries = Vec::new();
        for _ in 0..short_or_long(1, 5) {
            let mut other = MySqlConnection::connect(&database.url()).await.expect("a connection");
            eventually("everything is locked", async || {
                run(&mut other, "START TRANSACTION; SELECT count(*) FROM changes FOR UPDATE").await.ok()
            })
            .await;
            // Two of the server's tries end in vain meanwhile.
            tokio::time::sleep(Duration::from_millis(2500)).await;
            run(&mut other, "ROLLBACK").await.unwrap();
            recoveries.push(load.recovered(Instant::now()).await);
        }
        let ledger = load.stop().await;
        // Those that wait behind others may be told to come again, but in time.
        assert_eq!(ledger.unanswered, 0, "requests without an answer");
        assert!(ledger.longest < Duration::from_secs(5) + SLACK, "{:?}", ledger.longest);
        Report::close("lock wait timeouts", recoveries.len(), recoveries, &ledger, &database.url()).await;
        server.stop().await;
    });
}

async fn run(connection: &mut MySqlConnection, statements: &str) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(connection).await.map(drop)
}
