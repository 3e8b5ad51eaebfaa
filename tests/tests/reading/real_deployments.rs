//! What happens to deploys that people really have: several jobs at once, retries, words of many systems, clocks that
//! differ, jobs that nobody ends. Each row is recorded in order, backwards, and shuffled one by one.

use serde_json::{Value, json};
use steps_shared::StepId;
use steps_tests::server::Builder;
use steps_tests::steps::{column, columns};
use steps_tests::{Server, TestDb, on_both_stores};

on_both_stores!(
    jobs_of_a_run_are_one_deployment,
    attempts_and_tries_of_a_run_are_told_apart,
    what_comes_late_or_early_belongs_where_it_lies,
    spans_settle,
    without_a_run_it_says_that_it_looks_like_two,
    retries_and_cancelled_ones_are_in_no_figure,
    it_is_abandoned_and_settles_when_it_is_read,
    each_end_word_has_its_outcome,
    many_environments_in_one_run_are_apart,
);

const DAY: u32 = 86_400;

/// The server as it is by default; the histories of these tests are from January.
async fn start(db: &TestDb) -> Server {
    Builder::on(&db.url()).args(&["--abandon-after", "24h"]).start().await
}

/// `STATUS@SECOND`, `STATUS#ATTEMPT@SECOND` or a span `STATUS@SECOND+TOOK`, `!` behind it where that failed; `_` is a blank.
fn step(nth: u32, word: &str) -> Value {
    let (what, time) = word.rsplit_once('@').unwrap();
    let (status, attempt) = what.split_once('#').map_or((what, None), |(status, number)| (status, Some(number)));
    let (second, took) = time.split_once('+').map_or((time, None), |(second, took)| (second, Some(took)));
    let begin: steps_shared::Timestamp = "2026-01-05 09:00:00".parse().unwrap();
    let ts = begin.micros() + second.parse::<i64>().unwrap() * 1_000_000;
    let mut step = json!({"component": "c", "owner": "o", "status": status.replace('_', " "),
        "ts": steps_shared::Timestamp::from_micros(ts).unwrap()});
    // Identities in the order of the words: what has the same time keeps its order.
    let id = StepId::generate().to_string();
    step["id"] = json!(format!("{nth:08x}{}", &id[8..]));
    if let Some(attempt) = attempt {
        step["attempt"] = json!(attempt.parse::<u32>().unwrap());
    }
    if let Some(took) = took {
        step["span"] = json!(true);
        let outcome = if took.ends_with('!') { "failed" } else { "succeeded" };
        if let Ok(seconds) = took.trim_end_matches('!').parse::<f64>() {
            step["outcome"] = json!(outcome);
            step["duration"] = json!(seconds);
        }
    }
    step
}

/// Records a history in three orders, as three versions; each must be told as `expected`: `OUTCOME STEPS DURATION MORE`,
/// where MORE is the attempt as `#2`, the kind of retry, `clocks` and `two`. Returns the last of the versions.
async fn told(server: &Server, run: Option<&str>, history: &str, expected: &[&str]) -> String {
    let mut rng = fastrand::Rng::with_seed(5);
    let mut last = String::new();
    for order in ["forwards", "backwards", "shuffled"] {
        let version = StepId::generate().to_string();
        let mut steps: Vec<Value> = (0..).zip(history.split_whitespace()).map(|(nth, word)| step(nth, word)).collect();
        for step in &mut steps {
            step["version"] = json!(version);
            if let Some(run) = run {
                step["run"] = json!(run);
            }
        }
        match order {
            "forwards" => assert_eq!(server.batch(&steps).await.recorded, steps.len() as u64, "{history}"),
            other => {
                steps.reverse();
                if other == "shuffled" {
                    rng.shuffle(&mut steps);
                }
                for step in steps {
                    server.batch(&[step]).await;
                    if rng.bool() {
                        server.deployments("limit=1").await;
                    }
                }
            }
        }
        let names = ["outcome", "steps", "duration_seconds", "attempt", "retry", "clocks_differ", "looks_concurrent"];
        let found: Vec<String> = columns(&server.deployments(&format!("version={version}")).await, names)
            .into_iter()
            .map(|[outcome, steps, seconds, attempt, retry, clocks, two]| {
                let attempt = if attempt.is_empty() { attempt } else { format!("#{attempt}") };
                let clocks = if clocks == "true" { "clocks" } else { "" };
                let two = if two == "true" { "two" } else { "" };
                let words = [&outcome, &steps, &seconds, &attempt, &retry, clocks, two];
                words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
            })
            .collect();
        assert_eq!(found, expected, "{history} ({order})");
        last = version;
    }
    last
}

async fn jobs_of_a_run_are_one_deployment(db: TestDb) {
    let server = start(&db).await;
    for (history, expected) in [
        ("started@0 started@0 migrating@5 migrating@6 succeeded@60 succeeded@600", "succeeded 6 600"),
        ("started@0 started@0 migrating@5 migrating@5 failed@60 succeeded@360", "failed 6 360"),
        ("started@0 started@0 succeeded@60 failed@360", "failed 4 360"),
        ("started@0 started@1 cancelled@60 succeeded@360", "cancelled 4 360"),
        ("started@0 started@1 cancelled@60 failed@61", "failed 4 61"),
        // Two `steps run --deployment` at once.
        ("started@0 started@0 build@0+1 build@0+4 succeeded@1 succeeded@4", "succeeded 6 4"),
        ("started@0 started@0 started@1 skipped@2 succeeded@60 succeeded@90", "cancelled 6 90"),
        // Nobody says that they begin.
        ("migrating@0 migrating@0 succeeded@60 succeeded@600", "succeeded 4 600"),
        ("building@0 succeeded@60 deploying@90 failed@150", "failed 4 150"),
        // One after the other, with their attempt.
        ("started#1@0 build#1@1 succeeded#1@60 started#1@90 deploy#1@91 succeeded#1@150", "succeeded 6 150 #1"),
        ("started#1@0 failed#1@60 started#1@90 succeeded#1@150", "failed 4 150 #1"),
        ("queued@0 started@60 building@61 succeeded@100", "succeeded 4 100"),
        ("queued@0 queued@0 started@60 started@61 succeeded@90 succeeded@100", "succeeded 6 100"),
        // A second job died.
        ("started@0 started@0 succeeded@60", "abandoned 3"),
    ] {
        told(&server, Some("7"), history, &[expected]).await;
    }
}

async fn attempts_and_tries_of_a_run_are_told_apart(db: TestDb) {
    let server = start(&db).await;
    let month = 30 * DAY;
    let later = |text: &str| text.replace("MONTH", &month.to_string()).replace("END", &(month + 20).to_string());
    let day = |text: &str| text.replace("DAY", &(DAY + 10).to_string()).replace("END", &(DAY + 60).to_string());
    for (history, expected) in [
        (
            "started#1@0 build#1@1 failed#1@60 started#2@100 build#2@101 succeeded#2@160",
            &["failed 3 60 #1", "succeeded 3 60 #2 whole"][..],
        ),
        (
            "started#1@0 a#1@1 b#1@30 failed#1@60 b#2@100 succeeded#2@120",
            &["failed 4 60 #1", "succeeded 2 20 #2 partial"],
        ),
        // They overlap: the first one's last job ends while the second goes on already.
        ("a#1@0 b#1@10 a#2@20 failed#1@30 b#2@40 succeeded#2@50", &["failed 3 30 #1", "succeeded 3 30 #2 whole"]),
        ("a#2@0 succeeded#2@10", &["succeeded 2 10 #2 whole"]),
        (
            "a#1@0 succeeded#1@10 a#2@20 succeeded#2@30 a#3@40 b#3@41 failed#3@50",
            &["succeeded 2 10 #1", "succeeded 2 10 #2 whole", "failed 3 10 #3 whole"],
        ),
        // Without an attempt a start after everything has ended, or after a day, is another try.
        ("started@0 build@1 failed@60 started@100 build@101 succeeded@160", &["failed 3 60", "succeeded 3 60 whole"]),
        (
            "started@0 a@1 started@0 b@2 succeeded@50 failed@60 started@100 a@101 succeeded@160",
            &["failed 6 60", "succeeded 3 60 partial"],
        ),
        (&day("started@0 build@10 started@DAY build@DAY succeeded@END"), &["abandoned 2", "succeeded 3 50 whole"]),
        // One job of a pipeline, a month later.
        (
            &later("building@0 health_check@60 succeeded@80 health_check@MONTH succeeded@END"),
            &["succeeded 3 80", "succeeded 2 20 partial"],
        ),
    ] {
        told(&server, Some("7"), history, expected).await;
    }
}

async fn what_comes_late_or_early_belongs_where_it_lies(db: TestDb) {
    let server = start(&db).await;
    let day = |text: &str| text.replace("DAY", &(DAY + 70).to_string());
    for (history, expected) in [
        ("started@3 succeeded@0", "succeeded 2 clocks"),
        ("started@3 build@4 succeeded@0", "succeeded 3 clocks"),
        ("started@3 started@3 failed@0 succeeded@9", "failed 4 clocks"),
        // A nested step's end, and one that is told late.
        ("started@0 outer@0+100 inner@10+20 succeeded@60", "succeeded 4 60"),
        ("started@0 build@1 succeeded@60 verify@30+45", "succeeded 4 60"),
        // Trailing phases, a second or a day later.
        ("build@0 succeeded@60 cleanup@61 notify@62 smoke@63", "succeeded 5 60"),
        ("started@0 build@1 failed@60 cleanup@61+5", "failed 4 60"),
        (&day("started@0 build@1 success@60 report@DAY"), "succeeded 4 60"),
        (&day("started@0 build@1 success@60 inactive@DAY"), "succeeded 3 60"),
        // Corrections.
        ("started@0 deployed@60 rolled_back@700", "failed 3 60"),
        ("building@0 deployed@60 rolled-back@700", "failed 3 60"),
    ] {
        told(&server, Some("7"), history, &[expected]).await;
    }
    for run in [None, Some("7")] {
        told(&server, run, &day("build@0 success@60 inactive@DAY"), &["succeeded 2 60"]).await;
        told(&server, run, "inactive@0", &[]).await;
        told(&server, run, "build@0 success@60 inactive@61 Inactive@62 IN_ACTIVE@63", &["succeeded 2 60"]).await;
    }
    let statuses = column(&server.list("limit=10000").await, "status");
    assert!(statuses.iter().any(|status| status == "inactive"), "it is kept and listed");
}

async fn spans_settle(db: TestDb) {
    let server = start(&db).await;
    for run in [None, Some("7")] {
        for (history, expected) in [
            ("build@0+40 test@10+90", "succeeded 2 100"),
            ("build@0+40! test@10+90", "failed 2 100"),
            ("build@0+40 test@60+10", "succeeded 2 70"),
            ("build@0+40 test@10+open", "abandoned 2"),
            ("build@0+40 test@41", "abandoned 2"),
        ] {
            told(&server, run, history, &[expected]).await;
        }
    }
}

async fn without_a_run_it_says_that_it_looks_like_two(db: TestDb) {
    let server = start(&db).await;
    let mut versions = Vec::new();
    for (history, expected) in [
        ("started@0 started@1 succeeded@60 failed@241", &["abandoned 1 two", "failed 3 59"][..]),
        ("started@0 a@1 started@10 b@11 failed@20 succeeded@90", &["abandoned 2 two", "succeeded 4 10"]),
        ("started@0 a@1 started@100 a@101 succeeded@160", &["abandoned 2", "succeeded 3 60"]),
        ("started@0 a@10 succeeded@60 a@100 succeeded@130", &["succeeded 3 60", "succeeded 2 30"]),
    ] {
        versions.push(told(&server, None, history, expected).await);
    }
    // Both of them say so.
    let cli = steps_tests::Cli::of(&server);
    let version = &versions[0];
    let two = columns(&server.deployments(&format!("version={version}")).await, ["id", "looks_concurrent"]);
    assert_eq!((two[0][1].as_str(), two[1][1].as_str()), ("true", "false"));
    for [id, _] in &two {
        let shown = cli.run(&["show", id, "--format", "table"]).ok();
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains("looks like two at once; --run tells them apart"), "{shown}");
    }
    let detail = server.get(&format!("/v1/deployments/{}", two[1][0])).await.json();
    assert_eq!(detail["beside"], json!(two[0][0]));
    let table = cli.run(&["deployments", "--format", "table", "--version", version]).ok();
    assert!(table.contains("looks like two at once"), "{table}");
}

async fn retries_and_cancelled_ones_are_in_no_figure(db: TestDb) {
    let server = start(&db).await;
    let record = async |run: &str, history: &str| {
        let steps = (0..).zip(history.split_whitespace()).map(|(nth, word)| {
            let mut step = step(nth, word);
            (step["version"], step["run"]) = (json!("1"), json!(run));
            step
        });
        server.batch(&steps.collect::<Vec<_>>()).await;
    };
    for run in 0..12 {
        let hour = run * 3600;
        record(&run.to_string(), &format!("build@{hour} health_check@{} succeeded@{}", hour + 60, hour + 80)).await;
    }
    let month = 30 * DAY;
    record("0", &format!("health_check@{month} succeeded@{}", month + 20)).await;
    record("1", &format!("build#2@{month} health_check#2@{} failed#2@{}", month + 60, month + 81)).await;
    record("20", &format!("build@{month} cancelled@{}", month + 1)).await;
    let stat = &server.stats("by=component").await[0];
    assert_eq!((stat.count, stat.succeeded, stat.failed, stat.cancelled), (14, 12, 1, 1), "the whole retry counts");
    assert_eq!(stat.p50.map(|p50| p50.seconds()), Some(80.0));
    let month_of = &server.stats("by=month&outcome=succeeded").await;
    assert_eq!(month_of.len(), 1, "a month later nothing has succeeded: {month_of:?}");
    let trend = server.get("/v1/trend?component=c&since=2026-01-01&until=2026-03-01").await.json();
    assert!(trend.to_string().contains("80") && !trend.to_string().contains("\"20.0"), "{trend}");
    let check = server.get("/v1/check?component=c&max=79&since=2026-01-01").await.json();
    assert_eq!(check["deployment"]["duration_seconds"], json!(80.0), "not the retry of 20 s: {check}");
    // What is usual of the retry itself is that of the others.
    let retry = columns(&server.deployments("").await, ["id", "retry"]).into_iter().find(|row| row[1] == "partial");
    let detail = server.get(&format!("/v1/deployments/{}", retry.unwrap()[0])).await.json();
    assert_eq!(detail["usual_seconds"], json!(80.0));
}

/// What was recorded minutes ago, with a server that gives up after a minute, and settles after one.
async fn it_is_abandoned_and_settles_when_it_is_read(db: TestDb) {
    let server = Builder::on(&db.url()).args(&["--abandon-after", "60s", "--settle-after", "3s"]).start().await;
    let ago = |status: &str, seconds: u32| json!({"component": "c", "version": "1", "owner": "o", "status": status, "age": seconds});
    let outcomes = async || column(&server.deployments("").await, "outcome").join(" ");
    server.batch(&[ago("building", 130), ago("testing", 100)]).await;
    assert_eq!(outcomes().await, "abandoned");
    assert_eq!(column(&server.deployments("outcome=abandoned").await, "status"), ["testing"]);
    server.batch(&[ago("deploying", 0)]).await;
    assert_eq!(outcomes().await, "running", "a later step makes it running again");
    assert!(column(&server.deployments("outcome=abandoned").await, "status").is_empty());
    server.batch(&[ago("succeeded", 0)]).await;
    assert_eq!(outcomes().await, "succeeded");
    let mut span = ago("building", 1);
    (span["span"], span["outcome"], span["duration"], span["version"]) =
        (json!(true), json!("succeeded"), json!(1), json!("2"));
    server.batch(&[span]).await;
    let second = async || column(&server.deployments("version=2").await, "outcome").join(" ");
    assert_eq!(second().await, "running", "none is open, for less than three seconds");
    steps_tests::eventually("it settles", async || (second().await == "succeeded").then_some(())).await;
    assert_eq!(column(&server.deployments("version=2").await, "duration_seconds"), ["1"]);
    assert_eq!(server.stats("by=component").await[0].succeeded, 2);
}

async fn each_end_word_has_its_outcome(db: TestDb) {
    let server = start(&db).await;
    let words = [
        ("succeeded", "success passed complete partially_succeeded succeededWithIssues COMPLETED Finished"),
        ("failed", "UNSTABLE timeout Timed_Out timed-out startup_failure TERMINAL killed rolled_back ERROR"),
        ("cancelled", "cancelled skipped superseded neutral NOT-BUILT STOPPED rejected Canceled aborted"),
    ];
    let mut steps = Vec::new();
    for (outcome, words) in words {
        for word in words.split(' ') {
            for (nth, word) in [format!("build@{nth}", nth = 0), format!("{word}@30")].iter().enumerate() {
                let mut step = step(u32::try_from(nth).unwrap(), word);
                step["component"] = json!(outcome);
                step["version"] = json!(word.split('@').next().unwrap());
                steps.push(step);
            }
            let version = steps[steps.len() - 1]["version"].clone();
            let build = steps.len() - 2;
            steps[build]["version"] = version;
        }
    }
    server.batch(&steps).await;
    for (outcome, words) in words {
        let found =
            columns(&server.deployments(&format!("component={outcome}")).await, ["outcome", "duration_seconds"]);
        assert_eq!(found.len(), words.split(' ').count());
        assert!(found.iter().all(|row| *row == [outcome, "30"]), "{outcome}: {found:?}");
    }
    let stats = server.stats("by=environment").await;
    let stat = &stats[0];
    assert_eq!((stat.succeeded, stat.failed, stat.cancelled), (7, 9, 9));
    assert_eq!(stat.failure_rate, Some(9.0 / 16.0), "a cancelled one is in no failure rate");
    let cancelled = &server.stats("by=component&component=cancelled").await[0];
    assert_eq!((cancelled.p50, cancelled.failure_rate), (None, None), "and in no duration");
}

async fn many_environments_in_one_run_are_apart(db: TestDb) {
    let server = start(&db).await;
    let mut steps = Vec::new();
    for (environment, end) in [("staging", "succeeded@60"), ("production", "failed@90"), ("canary", "approval@100")] {
        for (nth, word) in ["started@0", "build@1", end].iter().enumerate() {
            let mut step = step(u32::try_from(nth).unwrap(), word);
            (step["environment"], step["run"], step["version"]) = (json!(environment), json!("7"), json!("1"));
            steps.push(step);
        }
    }
    server.batch(&steps).await;
    let mut found = columns(&server.deployments("").await, ["environment", "outcome", "duration_seconds", "retry"]);
    found.sort();
    let expected =
        [["canary", "abandoned", "", ""], ["production", "failed", "90", ""], ["staging", "succeeded", "60", ""]];
    assert_eq!(found, expected);
}
