//! The projection: whatever happens to the servers, the deployments are those that the recorded steps say.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Executor as _;
use steps_shared::{NewStep, Step, StepId};
use steps_tests::server::Builder;
use steps_tests::steps::{column, columns};
use steps_tests::{
    Answer, Cli, DatabaseKind, Run, SLACK, Server, TestDb, binary, block_on, eventually, on_both_stores, repository,
};

use crate::locks::hold_buckets;

on_both_stores!(
    verify_finds_what_was_changed_and_rebuild_repairs_it,
    rebuild_and_verify_are_right_while_steps_are_recorded,
    other_rules_fold_everything_again_while_serving,
    steps_of_the_version_before_get_their_deployments,
    a_long_deployment_is_the_same_step_by_step,
    a_long_deployment_that_began_earlier_keeps_its_steps,
    memory_is_bounded,
);

fn verify(db: &TestDb) -> Run {
    maintain(db, "verify", &[])
}

fn maintain(db: &TestDb, command: &str, more: &[&str]) -> Run {
    Builder::bare().args(&["--database-url", &db.url()]).args(more).run(command)
}

/// What the database holds, as its users see it.
async fn everything(server: &Server) -> [String; 2] {
    [server.list("").await, server.deployments("").await]
}

/// A step of one of three streams in one of a thousand seconds: there are many at the same time, and they come in any
/// order. A fifth are spans.
fn any_step() -> Value {
    let status = fastrand::choice(["started", "a", "b", "c", "d", "succeeded", "failed"]).unwrap();
    let second = fastrand::u32(..1000);
    let mut step = json!({
        "id": StepId::generate(), "component": "c", "version": fastrand::u8(..3).to_string(), "owner": "o",
        "status": status, "ts": format!("2026-01-05T09:{:02}:{:02}Z", second / 60, second % 60),
    });
    if fastrand::u8(..5) == 0 {
        step["span"] = json!(true);
    }
    step
}

/// Several servers on one database, one of which dies at any moment.
#[test]
fn three_servers_and_a_sudden_death_leave_what_the_steps_say() {
    let db = TestDb::new(DatabaseKind::MySql);
    block_on(async {
        let mut servers = join_all((0..3).map(|_| Server::start(&db))).await;
        let (dead, recorded) = (AtomicBool::new(false), AtomicU32::new(0));
        let mut victim = servers.pop().unwrap();
        let url = victim.url().to_owned();
        let urls: Vec<&str> = servers.iter().map(Server::url).chain([url.as_str()]).collect();
        let client = steps_tests::http::client();
        let write = async |url: &str| {
            let (mut steps, mut ends) = (Vec::new(), Vec::new());
            let mut after = 0;
            // Those at the dead one are cut off, the others go on a while.
            while after < 25 {
                after += u32::from(dead.load(Ordering::Relaxed));
                let batch: Vec<Value> = (0..fastrand::usize(1..6)).map(|_| any_step()).collect();
                let request = client.post(format!("{url}/v1/steps/batch")).json(&batch);
                let Ok(answer) = request.send().await else { break };
                // A dying server may stop in the middle of its answer.
                if answer.status() != 200 || answer.bytes().await.is_err() {
                    continue;
                }
                recorded.fetch_add(1, Ordering::Relaxed);
                for step in &batch {
                    let id = step["id"].as_str().unwrap().to_owned();
                    let finish = format!("{url}/v1/steps/{id}/finish?outcome=failed&duration=7");
                    if step["span"] == true
                        && fastrand::bool()
                        && client.post(finish).send().await.is_ok_and(|answer| answer.status() == 200)
                    {
                        ends.push(id.clone());
                    }
                    steps.push(id);
                }
                if fastrand::u8(..4) == 0 {
                    let _ = client.get(format!("{url}/v1/deployments?limit=1")).send().await;
                }
            }
            (steps, ends)
        };
        let kill = async {
            eventually("steps are recorded", async || (recorded.load(Ordering::Relaxed) > 100).then_some(())).await;
            victim.kill();
            dead.store(true, Ordering::Relaxed);
        };
        let (written, ()) = tokio::join!(join_all(urls.iter().flat_map(|url| [write(url), write(url)])), kill);

        let one = everything(&servers[0]).await;
        assert_eq!(one, everything(&servers[1]).await);
        let said = verify(&db).ok();
        assert!(said.contains("verified 3 streams"), "{said}");
        let stored = columns(&one[0], ["id", "outcome"]);
        let stored: BTreeSet<(&str, bool)> =
            stored.iter().map(|[id, outcome]| (id.as_str(), outcome == "failed")).collect();
        for (steps, ends) in &written {
            assert!(!steps.is_empty());
            for id in steps {
                let is_stored = [true, false].iter().any(|end| stored.contains(&(id.as_str(), *end)));
                assert!(is_stored, "{id} was acknowledged and is not stored");
            }
            for id in ends {
                assert!(stored.contains(&(id.as_str(), true)), "the end of {id} was acknowledged and is not stored");
            }
        }
        let ids: BTreeSet<String> = column(&one[1], "id").into_iter().collect();
        assert_eq!(
            column(&one[0], "deployment_id").into_iter().collect::<BTreeSet<_>>(),
            ids,
            "every step has its deployment"
        );
    });
}

/// Reads neither wait for ever nor answer with what is old, and recording waits for nothing.
#[test]
fn a_read_that_would_be_stale_is_503_and_recording_goes_on() {
    let db = TestDb::new(DatabaseKind::MySql);
    block_on(async {
        let server = Builder::on(&db.url()).args(&["--deadline", "3s"]).start().await;
        let mut other = hold_buckets(&db, "TRUE").await;
        let step = any_step();
        server.post_body("/v1/steps", "application/json", step.to_string()).await.recorded();
        let ask = async |path| {
            let began = Instant::now();
            let answer = server.get(path).await;
            answer.problem(503);
            assert!(answer.header("retry-after").parse::<u32>().is_ok(), "{path}");
            assert!(began.elapsed() < Duration::from_secs(3) + SLACK, "{path}: {:?}", began.elapsed());
        };
        join_all(["/v1/deployments", "/v1/steps", "/v1/stats", "/v1/deployments/count"].map(ask)).await;
        server.post_body("/v1/steps", "application/json", any_step().to_string()).await.recorded();
        other.execute("ROLLBACK").await.unwrap();
        eventually("reads are answered", async || (server.get("/v1/steps").await.status == 200).then_some(())).await;
        assert_eq!(column(&server.list("").await, "deployment_id").iter().filter(|id| id.is_empty()).count(), 0);
        server.stop().await;
    });
}

async fn verify_finds_what_was_changed_and_rebuild_repairs_it(db: TestDb) {
    let server = Server::start(&db).await;
    server.batch(&(0..300).map(|_| any_step()).collect::<Vec<_>>()).await;
    let right = everything(&server).await;
    verify(&db).ok();
    for wrong in [
        "UPDATE deployments SET duration = duration + 1 WHERE duration IS NOT NULL",
        "UPDATE deployments SET outcome = 'succeeded' WHERE outcome = 'failed'",
        "UPDATE deployments SET timeline = (SELECT timeline FROM (SELECT MAX(timeline) AS timeline FROM deployments) AS one)",
        "UPDATE deployments SET timeline = NULL",
        "DELETE FROM deployments",
        "UPDATE deployments SET started_at = started_at + 1, steps = steps + 1",
        "UPDATE deployments SET status = 'x', owner = 'y'",
    ] {
        db.execute(wrong).await;
        let found = verify(&db);
        assert_eq!(found.code, 4, "{wrong}: {}{}", found.stdout, found.stderr);
        assert!(found.stdout.contains("differ"), "{wrong}: {}", found.stdout);
        assert_ne!(everything(&server).await, right, "verify changes nothing: {wrong}");
        let said = maintain(&db, "rebuild", &[]).ok();
        assert!(said.contains("corrected"), "{said}");
        let said = verify(&db).ok();
        assert!(said.contains("0 deployments differ"), "{said}");
        assert_eq!(everything(&server).await, right, "{wrong}");
    }
    server.stop().await;
}

async fn rebuild_and_verify_are_right_while_steps_are_recorded(db: TestDb) {
    let server = Server::start(&db).await;
    server.batch(&(0..500).map(|_| any_step()).collect::<Vec<_>>()).await;
    everything(&server).await;
    db.execute("DELETE FROM deployments").await;
    let done = AtomicBool::new(false);
    let record = async {
        let mut recorded = 0;
        while !done.load(Ordering::Relaxed) {
            server.post_body("/v1/steps", "application/json", any_step().to_string()).await.recorded();
            recorded += 1;
        }
        recorded
    };
    let maintain = async {
        // What is recorded at this moment and not folded yet is no difference.
        for maintenance in ["rebuild", "verify", "verify", "rebuild", "verify"] {
            let mut command = tokio::process::Command::new(binary("steps-server"));
            command.args([maintenance, "--database-url", &db.url()]).env_clear().kill_on_drop(true);
            command.env("STEPS_ABANDON_AFTER", "3650d");
            let output = command.output().await.unwrap();
            assert!(output.status.success(), "{maintenance}: {output:?}");
        }
        done.store(true, Ordering::Relaxed);
    };
    let (recorded, ()) = tokio::join!(record, maintain);
    assert!(recorded > 0);
    assert_eq!(server.count("").await, 500 + recorded);
    everything(&server).await;
    verify(&db).ok();
    server.stop().await;
}

/// What is stored was folded by other words, or by the rules of the version before: it is folded again by itself.
async fn other_rules_fold_everything_again_while_serving(db: TestDb) {
    let server = Server::start(&db).await;
    let at = |status: &str, second: u32| json!({"component": "c", "version": "1", "owner": "o", "status": status, "ts": format!("2026-01-05T09:00:{second:02}Z")});
    server.batch(&[at("go", 0), at("a", 1), at("go", 10), at("Shipped", 20)]).await;
    let outcomes = async |server: &Server| column(&server.deployments("").await, "outcome").join(" ");
    let becomes = async |server: &Server, expected: &str| {
        eventually(expected, async || (outcomes(server).await == expected).then_some(())).await;
    };
    assert_eq!(outcomes(&server).await, "running");
    assert!(!server.process().log().contains("folding all"), "{}", server.process().log());
    // Where no rules are stored, there is nothing to say of a change.
    let stored = "SELECT COUNT(*) FROM projection WHERE statuses <> ''";
    eventually("its rules are stored", async || (db.number(stored).await == 1).then_some(())).await;
    server.stop().await;

    let others = ["--success-statuses", "shipped, released", "--start-statuses", "go"];
    let server = Builder::on(&db.url()).args(&others).start().await;
    becomes(&server, "abandoned succeeded").await;
    assert_eq!(column(&server.deployments("").await, "duration_seconds"), ["", "10"]);
    assert!(server.process().log().contains("folding all of them again"), "{}", server.process().log());
    // Steps that come now are folded by the new words, too.
    server.batch(&[at("x", 30), at("RELEASED", 33)]).await;
    assert_eq!(outcomes(&server).await, "abandoned succeeded succeeded");
    server.stop().await;
    maintain(&db, "verify", &others).ok();

    // The version before stored its words there, and deployments as it knew them.
    db.execute("UPDATE projection SET statuses = 'shipped=success released=success go=start'").await;
    db.execute("UPDATE deployments SET outcome = 'running', open_until = 0, waiting = NULL, gaps = NULL").await;
    let server = Builder::on(&db.url()).args(&others).start().await;
    becomes(&server, "abandoned succeeded succeeded").await;
    eventually("it is folded", async || server.process().log().contains("by the present rules").then_some(())).await;
    server.stop().await;
    maintain(&db, "verify", &others).ok();
    let server = Builder::on(&db.url()).args(&others).start().await;
    server.batch(&[at("x", 40)]).await;
    assert_eq!(outcomes(&server).await, "abandoned succeeded succeeded running");
    assert!(!server.process().log().contains("folding all"), "once is enough: {}", server.process().log());
    server.stop().await;
}

/// A database as the version before deployments left it.
async fn steps_of_the_version_before_get_their_deployments(db: TestDb) {
    let dialect = if db.kind() == DatabaseKind::MySql { "mysql" } else { "sqlite" };
    let before = tempfile::tempdir().unwrap();
    let first = Path::new("steps-server/migrations").join(dialect).join("0001_steps.sql");
    std::fs::copy(repository().join(first), before.path().join("0001_steps.sql")).unwrap();
    db.migrate(before.path()).await;
    for (status, second) in [("building", 0), ("testing", 30), ("succeeded", 90)] {
        let ts = format!("2026-01-05T09:{:02}:{:02}Z", second / 60, second % 60);
        let fields = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", status), ("ts", &ts)];
        let step: Step = NewStep::from_fields(fields).unwrap().into_step(steps_tests::steps::now()).unwrap();
        let stream: String = step.stream().iter().map(|byte| format!("{byte:02x}")).collect();
        let (id, ts) = (step.id.0.simple(), step.ts.micros());
        db.execute(&format!(
            "INSERT INTO steps (id, stream, component, environment, version, owner, status, run, ts) \
             VALUES (X'{id}', X'{stream}', 'c', 'production', '1', 'o', '{status}', NULL, {ts})"
        ))
        .await;
    }
    let server = Server::start(&db).await;
    let found = columns(&server.deployments("").await, ["component", "outcome", "steps", "duration_seconds"]);
    assert_eq!(found, [["c", "succeeded", "3", "90"].map(str::to_owned)]);
    assert_eq!(column(&server.list("").await, "duration_seconds"), ["30", "60", "0"]);
    server.stop().await;
    verify(&db).ok();
}

/// A deployment of hundreds of steps, in order and not, with spans: folding goes on where it was, and ends at the same.
async fn a_long_deployment_is_the_same_step_by_step(db: TestDb) {
    let server = Server::start(&db).await;
    grow(&server, &db, None).await;
    grow(&server, &db, Some("7")).await;
    let right = everything(&server).await;
    verify(&db).ok();
    maintain(&db, "rebuild", &[]).ok();
    assert_eq!(everything(&server).await, right);
    let outcomes = async |run: &str| column(&server.deployments(run).await, "outcome");
    assert_eq!(outcomes("run=7").await, ["running"], "of two jobs that have begun one has ended");
    assert_eq!(outcomes("").await.len(), 4);
    assert_eq!(outcomes("version=1").await, ["abandoned", "succeeded", "running"]);
    server.stop().await;
}

async fn grow(server: &Server, db: &TestDb, run: Option<&str>) {
    let mut open = Vec::new();
    for nth in 0..360_u32 {
        // Two at a time have the same second; now and then one comes late, or is a span.
        let second = if nth % 41 == 40 { nth / 2 - 15 } else { nth / 2 };
        let status = match nth {
            0 | 200 => "started",
            350 => "succeeded",
            _ => "a",
        };
        let ts = format!("2026-01-05T09:{:02}:{:02}Z", second / 60, second % 60);
        let mut step = json!({"id": StepId::generate(), "component": "c", "version": if run.is_some() { "2" } else { "1" }, "owner": "o", "status": status, "ts": ts});
        if let Some(run) = run {
            step["run"] = json!(run);
        }
        if nth % 17 == 16 {
            step["span"] = json!(true);
            open.push(step["id"].as_str().unwrap().to_owned());
        }
        server.batch(&[step]).await;
        if nth % 60 == 59
            && let Some(id) = open.pop()
        {
            server.finish(id, &[("outcome", "succeeded"), ("duration", "3")]).await.step(200);
            // From here on none is open, and later some are again.
            for id in open.drain(..) {
                server.finish(id, &[("outcome", "failed"), ("duration", "1")]).await.step(200);
            }
        }
        if nth % 5 == 0 || nth > 345 {
            server.deployments("limit=1").await;
        }
        if nth % 90 == 89 {
            verify(db).ok();
        }
    }
}

/// However long the history, no server holds much of it at a time.
async fn memory_is_bounded(db: TestDb) {
    const STEPS: usize = 60_000;
    const MOST_MIB: f64 = 96.0;
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let file = cli.file("history.csv", "");
    let history = std::fs::File::create(&file).unwrap();
    let mut command = std::process::Command::new(binary("history"));
    let status = command.args(["--per-day", "2000", "--rows", &STEPS.to_string()]).stdout(history).status().unwrap();
    assert!(status.success());
    cli.run(&["import", &file]).ok();
    eventually("all is folded", async || (server.get("/v1/deployments?limit=1").await.status == 200).then_some(()))
        .await;
    assert_eq!(server.count("").await, STEPS as u64);
    let peak = server.process().peak_mib().unwrap();
    assert!(peak < MOST_MIB, "the server had {peak:.0} MiB");
    db.execute("DELETE FROM deployments").await;
    let url = db.url();
    let mut rebuild = Builder::bare().args(&["rebuild", "--database-url", &url]).spawn();
    let mut peak: f64 = 0.0;
    let ended = eventually("rebuild ends", async || {
        let ended = rebuild.try_ended();
        if ended.is_none() {
            peak = peak.max(rebuild.peak_mib().unwrap_or_default());
        }
        ended
    });
    assert!(ended.await.success(), "{}", rebuild.log());
    assert!(peak < MOST_MIB, "rebuild had {peak:.0} MiB");
    let count = Answer::of(server.request(Method::GET, "/v1/deployments/count")).await.json();
    assert!(count["count"].as_u64().unwrap() > STEPS as u64 / 10, "{count}");
    verify(&db).ok();
}

/// The first step of many is delivered again, with the earlier time.
async fn a_long_deployment_that_began_earlier_keeps_its_steps(db: TestDb) {
    let server = Server::start(&db).await;
    let step = |status: &str, age: u32| json!({"id": StepId::generate(), "component": "c", "version": "1", "owner": "o", "status": status, "age": age});
    let mut steps: Vec<Value> = (0..300).map(|nth| step("part", 600 - nth)).collect();
    server.batch(&steps).await;
    let before = columns(&server.deployments("").await, ["id", "started_at", "steps"]);
    steps[0]["age"] = json!(100_000);
    server.batch(&steps[..1]).await;
    let [[id, started_at, count]] = &columns(&server.deployments("").await, ["id", "started_at", "steps"])[..] else {
        panic!("it is one")
    };
    assert_eq!((id, count.as_str()), (&before[0][0], "300"));
    assert!(*started_at < before[0][1], "{started_at} {before:?}");
    let timeline = server.get(&format!("/v1/deployments/{id}")).await.json();
    assert_eq!(timeline["timeline"].as_array().map(Vec::len), Some(300));
    server.stop().await;
    verify(&db).ok();
}
