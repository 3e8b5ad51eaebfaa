//! `POST /v1/steps`: how many a second, and how long each takes, beside single-row commits of the same database.

use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, ensure};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};
use steps_tests::{DatabaseKind, Server, TestDb, block_on};
use tempfile::NamedTempFile;

use crate::tools::{database, mariadb, median, ms, output_of, product};
use crate::{Figure, Size};

const QUERY: &str = "/v1/steps?component=checkout&version=4.2.0&owner=ann&status=building";

/// The INSERT of a step as the server does it, for `mysqlslap`.
const INSERT: &str = "INSERT INTO slap (id, stream, component, environment, version, owner, status, run, ts) VALUES \
    (unhex(replace(uuid(), '-', '')), unhex('000102030405060708090a0b0c0d0e0f'), 'checkout', 'production', '4.2.0', \
    'ann', 'building', NULL, cast(unix_timestamp(now(6)) * 1000000 AS signed))";

/// What `wrk` measured.
pub struct Load {
    requests: u64,
    pub per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
}

/// At 1, 16 and 64 connections, on both stores.
pub fn measure(size: Size) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for kind in [DatabaseKind::MySql, DatabaseKind::Sqlite] {
        let db = TestDb::new(kind);
        let server = block_on(Server::start(&db));
        for connections in [1, 16, 64] {
            figures.push(at(&db, kind, &server, connections, size)?);
        }
        block_on(server.stop());
    }
    Ok(figures)
}

fn at(db: &TestDb, kind: DatabaseKind, server: &Server, connections: usize, size: Size) -> anyhow::Result<Figure> {
    let mut loads = Vec::new();
    let mut bare = Vec::new();
    for _ in 0..size.rounds {
        bare.push(match kind {
            DatabaseKind::MySql => mysqlslap(db, connections, size.seconds)?,
            DatabaseKind::Sqlite => bare_loop(db, size.seconds)?,
        });
        let before = block_on(server.count(""));
        let load = wrk(server, None, connections, size.seconds)?;
        let recorded = block_on(server.count("")) - before;
        ensure!(recorded >= load.requests, "{} were answered and {recorded} are stored", load.requests);
        loads.push(load);
    }
    let ratio = median(loads.iter().zip(&bare).map(|(load, bare)| load.per_second / bare).collect());
    let middle = |figure: fn(&Load) -> f64| median(loads.iter().map(figure).collect());
    let p50 = Duration::from_secs_f64(middle(|load| load.p50.as_secs_f64()));
    let p99 = Duration::from_secs_f64(middle(|load| load.p99.as_secs_f64()));
    let (store, tool) = match kind {
        DatabaseKind::MySql => (product(), "mysqlslap"),
        DatabaseKind::Sqlite => ("SQLite", "bare loop"),
    };
    let (target, least, most_ms) = match (kind, connections) {
        (DatabaseKind::MySql, 1) => (">= 0.8x", 0.8, f64::MAX),
        (DatabaseKind::MySql, 16) => (">= 1.4x", 1.4, f64::MAX),
        (DatabaseKind::MySql, _) => (">= 2x, p99 <= 10 ms", 2.0, 10.0),
        (DatabaseKind::Sqlite, 1) => (">= 0.8x", 0.8, f64::MAX),
        (DatabaseKind::Sqlite, 16) => (">= 3x", 3.0, f64::MAX),
        (DatabaseKind::Sqlite, _) => (">= 5x, p99 <= 15 ms", 5.0, 15.0),
    };
    let reached = ratio >= least && p99.as_secs_f64() * 1e3 <= most_ms;
    Ok(Figure {
        what: format!("POST, {store}, {connections} connections"),
        steps: format!("{:.0}/s, p50 {}, p99 {}", middle(|load| load.per_second), ms(p50), ms(p99)),
        beside: format!("{tool} {:.0}/s", median(bare)),
        ratio: format!("{ratio:.2}x"),
        target: Some((target, reached)),
    })
}

/// Posts for so long, with this token; any answer but 201 is an error.
pub fn wrk(server: &Server, token: Option<&str>, connections: usize, seconds: u64) -> anyhow::Result<Load> {
    let script = NamedTempFile::with_suffix(".lua")?;
    std::fs::write(script.path(), include_str!("post.lua"))?;
    let mut command = Command::new("wrk");
    command.args(["--threads=1", &format!("--connections={connections}"), &format!("--duration={seconds}s")]);
    command.arg("--latency").arg("--script").arg(script.path());
    command.args(token.iter().flat_map(|token| ["--header".to_owned(), format!("Authorization: Bearer {token}")]));
    command.arg(format!("{}{QUERY}", server.url()));
    let printed = output_of(&mut command)?;
    let line = printed.lines().find_map(|line| line.strip_prefix("@ ")).with_context(|| printed.clone())?;
    let numbers: Vec<u64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let [requests, micros, p50, p99, errors] = numbers[..] else { anyhow::bail!("wrk printed {line:?}") };
    ensure!(errors == 0, "{errors} of {requests} requests failed:\n{printed}");
    Ok(Load {
        requests,
        per_second: requests as f64 / Duration::from_micros(micros).as_secs_f64(),
        p50: Duration::from_micros(p50),
        p99: Duration::from_micros(p99),
    })
}

/// Single-row commits a second of the database itself, in a table like the server's.
pub fn mysqlslap(db: &TestDb, clients: usize, seconds: u64) -> anyhow::Result<f64> {
    let url = db.url();
    let fresh = "DROP TABLE IF EXISTS slap; CREATE TABLE slap LIKE steps";
    output_of(mariadb("mariadb", &url)?.args([&database(&url), "-e", fresh]))?;
    let run = |queries: usize| -> anyhow::Result<f64> {
        let mut command = mariadb("mysqlslap", &url)?;
        command.args(["--no-drop", "--csv", &format!("--create-schema={}", database(&url))]);
        command.args([&format!("--concurrency={clients}"), &format!("--number-of-queries={queries}")]);
        let printed = output_of(command.arg(format!("--query={INSERT}")))?;
        let took: f64 = printed.split(',').nth(2).with_context(|| printed.clone())?.parse()?;
        Ok(queries as f64 / took)
    };
    // First a little, to know how many take the time that is wanted; each client has the same number of them.
    let per_second = run(clients * 100)?;
    run((per_second * seconds as f64) as usize / clients * clients)
}

/// Single-row commits a second of SQLite itself: one connection, WAL, `synchronous=FULL`, a table like the server's.
fn bare_loop(db: &TestDb, seconds: u64) -> anyhow::Result<f64> {
    let url = db.url();
    let folder = tempfile::tempdir()?;
    block_on(async {
        let mut served = SqliteConnection::connect(&url).await?;
        let schema: Vec<String> = sqlx::query_scalar(
            "SELECT sql FROM sqlite_master WHERE tbl_name = 'steps' AND sql IS NOT NULL ORDER BY type DESC",
        )
        .fetch_all(&mut served)
        .await?;
        let options = SqliteConnectOptions::new().filename(folder.path().join("bare.db")).create_if_missing(true);
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let mut bare = options.connect().await?;
        for statement in schema {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut bare).await?;
        }
        let start = Instant::now();
        let mut commits = 0_u32;
        while start.elapsed() < Duration::from_secs(seconds) {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
            sqlx::query(
                "INSERT INTO steps (id, stream, component, environment, version, owner, status, run, ts) \
                 VALUES (?, ?, 'checkout', 'production', '4.2.0', 'ann', 'building', NULL, ?)",
            )
            .bind(uuid::Uuid::now_v7())
            .bind(vec![7_u8; 16])
            .bind(i64::try_from(now.as_micros())?)
            .execute(&mut bare)
            .await?;
            commits += 1;
        }
        Ok(f64::from(commits) / start.elapsed().as_secs_f64())
    })
}
