//! A replica to read from (`--database-read-url`) follows, falls behind, stands still, dies and is none at all: whatever was recorded
//! is in the very next answer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use steps_tests::faults::{PrivateDatabase, Replicated, short_or_long};
use steps_tests::server::Builder;
use steps_tests::steps::encoded;
use steps_tests::{DatabaseKind, SLACK, Server, TestDb, block_on, eventually};

/// Who records and asks at the same time.
const CLIENTS: usize = 4;

/// A server that reads from the replica.
async fn reading_from(source: &PrivateDatabase, replica: &PrivateDatabase) -> Server {
    let args = ["--database-read-url", &replica.url()];
    Builder::on(&source.url()).args(&args).start().await
}

/// How many reads were answered from the replica and from the writer.
async fn reads(server: &Server) -> [u64; 2] {
    let figures = server.get("/metrics").await;
    ["replica", "writer"].map(|from| {
        let series = format!("steps_replica_reads_total{{from=\"{from}\"}} ");
        let told = figures.ok().split(&series).nth(1).and_then(|rest| rest.lines().next());
        told.unwrap_or_else(|| panic!("{series}is not in\n{}", figures.text())).parse().unwrap()
    })
}

/// Records through any of the servers, and asks the first at once: so often each.
async fn nothing_is_missed(servers: [&Server; 2], times: usize, names: &AtomicUsize) {
    let client = async || {
        for _ in 0..times {
            let nth = names.fetch_add(1, Ordering::Relaxed);
            let (component, recorder) = (format!("shop-{nth}"), servers[nth % 2]);
            let fields =
                |status| [("component", component.as_str()), ("version", "1"), ("owner", "ann"), ("status", status)];
            recorder.record(&fields("started")).await.recorded();
            let asked = servers[0];
            let of = format!("component={component}");
            assert_eq!(asked.count(&of).await, 1, "{component}");
            assert!(asked.deployments(&of).await.contains("running"), "{component}");
            recorder.record(&fields("succeeded")).await.recorded();
            let told = asked.stats(&of).await;
            assert_eq!(told.iter().map(|row| row.count).sum::<u64>(), 1, "{component}: {told:?}");
            assert_eq!(asked.list(&of).await.lines().count(), 3, "{component}");
            let note = format!("/v1/notes?{of}&text={}&owner=ann", encoded("moved"));
            assert_eq!(recorder.post(&note).await.status, 201, "{component}");
            assert!(asked.get(&format!("/v1/notes?{of}")).await.ok().contains("moved"), "{component}");
        }
    };
    join_all((0..CLIENTS).map(|_| client())).await;
}

/// Waits until the replica answers again.
async fn replica_answers(server: &Server) {
    let [before, _] = reads(server).await;
    eventually("the replica answers", async || {
        server.count("").await;
        (reads(server).await[0] > before).then_some(())
    })
    .await;
}

#[test]
fn whatever_the_replica_does_what_was_recorded_is_in_the_next_answer() {
    block_on(async {
        let times = short_or_long(3, 30);
        let mut both = Replicated::start().await;
        let server = reading_from(&both.source, &both.replica).await;
        let other = Builder::on(&both.source.url()).start().await;
        let (servers, names) = ([&server, &other], AtomicUsize::new(0));
        replica_answers(&server).await;

        let before = reads(&server).await;
        nothing_is_missed(servers, times, &names).await;
        let after = reads(&server).await;
        assert!(after[0] > before[0], "{before:?} {after:?}");

        // It falls behind and catches up while everybody is at work.
        let flapping = async {
            for _ in 0..times {
                both.fall_behind().await;
                nothing_is_missed(servers, 1, &names).await;
                both.catch_up().await;
            }
        };
        tokio::join!(flapping, nothing_is_missed(servers, times, &names));

        // It stays behind: the writer answers, and nobody waits for long.
        replica_answers(&server).await;
        both.fall_behind().await;
        server
            .record(&[("component", "x"), ("version", "1"), ("owner", "ann"), ("status", "started")])
            .await
            .recorded();
        let began = Instant::now();
        assert_eq!(server.count("component=x").await, 1);
        assert!(began.elapsed() < Duration::from_secs(1) + SLACK, "{:?}", began.elapsed());
        server.process().logged("reading from the writer instead of the replica").await;
        let before = reads(&server).await;
        nothing_is_missed(servers, 1, &names).await;
        assert!(reads(&server).await[1] > before[1]);
        both.catch_up().await;
        replica_answers(&server).await;
        server.process().logged("the replica is up to date again").await;

        // It stands still, with connections open.
        both.replica.pause();
        nothing_is_missed(servers, 1, &names).await;
        both.replica.resume();
        replica_answers(&server).await;

        // It dies, and comes back.
        both.replica.kill();
        nothing_is_missed(servers, 1, &names).await;
        both.replica.restart().await;
        replica_answers(&server).await;
        nothing_is_missed(servers, 1, &names).await;

        assert_eq!(server.get("/v1/steps?order=desc").await.ok(), other.get("/v1/steps?order=desc").await.ok());
        server.stop().await;
        other.stop().await;
    });
}

#[test]
fn a_database_that_follows_nobody_is_never_believed() {
    block_on(async {
        let (source, stranger) = tokio::join!(PrivateDatabase::start(), PrivateDatabase::start());
        // It has the tables, and steps of its own.
        let elsewhere = Builder::on(&stranger.url()).start().await;
        elsewhere
            .record(&[("component", "else"), ("version", "1"), ("owner", "o"), ("status", "started")])
            .await
            .recorded();
        let server = reading_from(&source, &stranger).await;
        nothing_is_missed([&server, &server], 1, &AtomicUsize::new(0)).await;
        assert!(!server.list("").await.contains("else"));
        let [replica, writer] = reads(&server).await;
        assert!(replica == 0 && writer > 0, "{replica} {writer}");
        server.stop().await;
        elsewhere.stop().await;
    });
}

#[test]
fn sqlite_has_no_replica_and_a_wrong_url_is_refused_at_the_start() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    let refused = |url: &str, with: &str, says: &str| {
        let run = Builder::on(url).args(&["--database-read-url", with]).run_with(&[]);
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(
            run.stderr.contains("--database-read-url cannot be used") && run.stderr.contains(says),
            "{}",
            run.stderr
        );
        assert!(!run.stderr.contains("s3cret") || run.stderr.contains("visible in the process list"), "{}", run.stderr);
    };
    refused(&db.url(), "mysql://steps:s3cret@replica:3306/steps", "an SQLite file, which has no replicas");
    let mysql = TestDb::new(DatabaseKind::MySql);
    refused(&mysql.url(), "sqlite:copy.db", "must begin with mysql:");
    refused(&mysql.url(), "mysql://replica:port/steps", "not a valid URL");
}
