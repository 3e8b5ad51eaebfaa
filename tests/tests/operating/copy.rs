//! `steps-server copy`: from one database into the other kind, while a server records, killed in the middle, until both are equal.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use steps_shared::StepId;
use steps_tests::server::Builder;
use steps_tests::steps::column;
use steps_tests::{DatabaseKind, Server, TestDb, eventually, on_both_stores};

on_both_stores!(a_copy_is_equal_whatever_happens_meanwhile,);

/// Steps of 300 deployments a batch.
fn batch(number: usize) -> Vec<Value> {
    let step = |at: usize, status: &str, second: usize| {
        let ts = format!("2026-01-{:02}T{:02}:{:02}:{second:02}Z", 1 + number, at / 60, at % 60);
        json!({"component": format!("c{}", at % 7), "version": at.to_string(), "owner": "ann", "status": status, "ts": ts})
    };
    (0..300)
        .flat_map(|at| {
            ["started", "building", "deploying", "succeeded"]
                .into_iter()
                .enumerate()
                .map(move |(n, status)| step(at, status, 10 * n))
        })
        .collect()
}

/// What a server tells of all that was recorded, deployments and notes with it.
async fn told(server: &Server) -> Vec<String> {
    let mut told = Vec::new();
    for list in ["/v1/steps?format=jsonl&order=asc", "/v1/deployments?format=jsonl&order=asc", "/v1/notes?format=jsonl"]
    {
        told.push(server.get(list).await.ok().to_owned());
    }
    told
}

async fn a_copy_is_equal_whatever_happens_meanwhile(db: TestDb) {
    let other = TestDb::new(match db.kind() {
        DatabaseKind::Sqlite => DatabaseKind::MySql,
        DatabaseKind::MySql => DatabaseKind::Sqlite,
    });
    let (from, to) = (db.url(), other.url());
    let server = Server::start(&db).await;
    for number in 0..3 {
        server.batch(&batch(number)).await;
    }
    let excluded = column(&server.deployments("component=c1&limit=1").await, "id").remove(0);
    let body = json!({"owner": "ann", "reason": "a test"}).to_string();
    server.post_body(&format!("/v1/deployments/{excluded}/exclude"), "application/json", body).await.ok();
    let note = json!({"component": "c1", "text": "moved", "owner": "ann"}).to_string();
    assert_eq!(server.post_body("/v1/notes", "application/json", note).await.status, 201);
    let span = StepId::generate().to_string();
    let span = [
        ("id", span.as_str()),
        ("span", "true"),
        ("component", "c1"),
        ("version", "9"),
        ("owner", "ann"),
        ("status", "testing"),
    ];
    server.record(&span).await.recorded();
    let waited = StepId::generate().to_string();
    let step = |age| {
        [
            ("id", waited.as_str()),
            ("age", age),
            ("component", "c2"),
            ("version", "9"),
            ("owner", "ann"),
            ("status", "started"),
        ]
    };
    server.record(&step("1")).await.recorded();

    // Killed as soon as it has written something.
    let copy = ["copy", "--from", &from, "--to", &to];
    Builder::on(&to).run("migrate").ok();
    let mut killed = Builder::bare().args(&copy).spawn();
    eventually("something is copied", async || {
        (killed.try_ended().is_some() || other.stored_steps().await > 0).then_some(())
    })
    .await;
    killed.kill();

    // Resumed, while a server records: what was there is not written again, and what changes is changed there.
    let is_over = AtomicBool::new(false);
    let recording = async {
        let mut number = 0;
        while !is_over.load(Ordering::Relaxed) {
            let version = format!("during-{number}");
            server
                .record(&[("component", "c3"), ("version", &version), ("owner", "ann"), ("status", "started")])
                .await
                .recorded();
            if number == 0 {
                server.finish(span[0].1, &[("outcome", "succeeded")]).await.ok();
                server.record(&step("4000")).await.ok();
            }
            number += 1;
        }
        number
    };
    let resumed = async {
        let url = (from.clone(), to.clone());
        let run =
            tokio::task::spawn_blocking(move || Builder::bare().run_with(&["copy", "--from", &url.0, "--to", &url.1]));
        let run = run.await.unwrap();
        is_over.store(true, Ordering::Relaxed);
        run
    };
    let (recorded, resumed) = tokio::join!(recording, resumed);
    assert!(recorded > 0);
    assert!([0, 4].contains(&resumed.code), "{}{}", resumed.stdout, resumed.stderr);
    assert!(resumed.stdout.contains("pass 1: "), "{}", resumed.stdout);

    let before = told(&server).await;
    server.stop().await;
    Builder::on(&from).run_with(&["token", "create", "ci", "--scope", "record"]).ok();
    let last = Builder::bare().run_with(&copy).ok();
    for said in [" are equal: ", " 1 notes, 1 exclusions, SHA-256 ", "0 notes, 0 exclusions and 1 tokens copied"] {
        assert!(last.contains(said), "{said}: {last}");
    }
    let again = Builder::bare().run_with(&copy).ok();
    assert!(again.contains(" read, 0 copied, 0 changed\n0 notes, 0 exclusions and 0 tokens copied\n"), "{again}");
    assert!(Builder::on(&to).run_with(&["token", "list"]).ok().contains("ci"));
    Builder::on(&to).run_with(&["verify"]).ok();
    let server = Builder::on(&to).args(&["--allow-anonymous"]).start().await;
    let after = told(&server).await;
    for (before, after) in before.iter().zip(&after) {
        assert!(
            before == after,
            "before: {}\nafter: {}",
            &before[..2000.min(before.len())],
            &after[..2000.min(after.len())]
        );
    }
    server.stop().await;
    // Nonsense is refused in a sentence.
    let same = Builder::bare().run_with(&["copy", "--from", &to, "--to", &to]);
    assert!(same.failed(1).contains("are the same database"));
    let absent = Builder::bare().run_with(&["copy", "--from", "sqlite:absent.db", "--to", &to]);
    assert!(absent.failed(1).contains("--from names a file that is not there: absent.db"));
}
