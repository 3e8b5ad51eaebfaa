use serde_json::{Value, json};

use super::*;

/// A deployment that began at 09:30:00, and whose `steps` are (status, start, end, more), in seconds from there.
pub fn detail(outcome: &str, took: Option<u32>, steps: &[(&str, u32, Option<u32>, Value)]) -> DeploymentDetail {
    let time = |seconds: u32| format!("2026-01-05T09:{:02}:{:02}.000000Z", 30 + seconds / 60, seconds % 60);
    let names = json!({"id": "0197a000-0000-7000-8000-000000000001", "component": "checkout", "version": "4.2.0",
        "environment": "production", "owner": "Ann B", "run": null});
    let with = |more: Value| {
        let mut object = names.clone();
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        object
    };
    let timeline: Vec<_> = steps
        .iter()
        .map(|(status, start, end, more)| {
            let kind = match *status {
                "started" => "start",
                "succeeded" => "success",
                "failed" | "rolled_back" => "failure",
                "approval" => "waiting",
                _ => "phase",
            };
            let mut step = with(json!({"status": status, "kind": kind, "ts": time(*start), "ended_at": end.map(time),
                "usual_seconds": null}));
            step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            step
        })
        .collect();
    serde_json::from_value(with(json!({
        "outcome": outcome, "status": steps.last().unwrap().0, "started_at": time(0), "ended_at": took.map(time),
        "duration_seconds": took, "steps": steps.len(), "usual_seconds": null, "timeline": timeline,
    })))
    .unwrap()
}

fn rows(detail: &DeploymentDetail, now: &str) -> Vec<(String, RowKind, u32, u32)> {
    let timeline = timeline(detail, now.parse().unwrap());
    let percent = |place: f64| (place * 100.0).round() as u32;
    timeline.rows.into_iter().map(|row| (row.name, row.kind, percent(row.from), percent(row.to))).collect()
}

fn row(name: &str, kind: RowKind, from: u32, to: u32) -> (String, RowKind, u32, u32) {
    (name.to_owned(), kind, from, to)
}

const LATER: &str = "2026-01-05 12:00:00";

#[test]
fn steps_in_sequence_leave_no_gap() {
    let none = || json!({});
    let steps = [
        ("started", 0, Some(10), none()),
        ("building", 10, Some(60), none()),
        ("migrating", 60, Some(100), json!({"usual_seconds": 19.0, "slow_from_seconds": 30.0})),
        ("succeeded", 100, Some(100), none()),
    ];
    let detail = detail("succeeded", Some(100), &steps);
    let expected = [
        row("started", RowKind::Took, 0, 10),
        row("building", RowKind::Took, 10, 60),
        row("migrating", RowKind::Took, 60, 100),
        row("succeeded", RowKind::End, 100, 100),
    ];
    assert_eq!(rows(&detail, LATER), expected);
    let timeline = timeline(&detail, LATER.parse().unwrap());
    let shares: Vec<_> = timeline.rows.iter().map(|row| row.share).collect();
    assert_eq!(shares, [Some(0.1), Some(0.5), Some(0.4), None]);
    assert_eq!(timeline.rows[2].slow.map(|times| (times * 10.0).round()), Some(21.0));
    assert_eq!(timeline.length, Duration::from_micros(100_000_000));
}

#[test]
fn spans_overlap_and_the_time_between_them_is_a_gap() {
    let span = |outcome: Value| json!({"span": true, "outcome": outcome});
    let steps = [
        ("started", 0, Some(100), json!({})),
        ("building", 0, Some(40), span(json!("succeeded"))),
        ("testing", 10, Some(30), span(json!("failed"))),
        ("migrating", 60, Some(90), span(Value::Null)),
        ("failed", 100, Some(100), json!({})),
        ("rolled_back", 900, Some(900), json!({})),
    ];
    let expected = [
        row("started", RowKind::Instant, 0, 0),
        row("building", RowKind::Took, 0, 40),
        row("testing", RowKind::Failed, 10, 30),
        row("(gap)", RowKind::Gap, 40, 60),
        row("migrating", RowKind::Unfinished, 60, 90),
        row("(gap)", RowKind::Gap, 90, 100),
        row("failed", RowKind::End, 100, 100),
        row("rolled_back", RowKind::End, 100, 100),
    ];
    assert_eq!(rows(&detail("failed", Some(100), &steps), LATER), expected);
}

#[test]
fn what_runs_reaches_to_now() {
    let steps = [("building", 0, Some(50), json!({})), ("migrating", 50, None, json!({}))];
    let expected = [row("building", RowKind::Took, 0, 50), row("migrating", RowKind::Open, 50, 100)];
    assert_eq!(rows(&detail("running", None, &steps), "2026-01-05 09:31:40"), expected);

    let steps = [("building", 0, Some(50), json!({"span": true, "outcome": "succeeded"}))];
    let expected = [row("building", RowKind::Took, 0, 50), row("(gap)", RowKind::Gap, 50, 100)];
    assert_eq!(rows(&detail("running", None, &steps), "2026-01-05 09:31:40"), expected);
    // A clock that is behind makes nothing negative.
    assert_eq!(rows(&detail("running", None, &steps), "2026-01-05 09:00:00"), [row("building", RowKind::Took, 0, 100)]);
}

#[test]
fn what_is_unknown_has_no_duration() {
    let lone = detail("succeeded", None, &[("succeeded", 0, Some(0), json!({}))]);
    let mut lone = lone;
    lone.deployment.ended_at = Some(lone.deployment.started_at);
    assert_eq!(rows(&lone, LATER), [row("succeeded", RowKind::End, 0, 0)]);

    let steps = [("building", 0, Some(60), json!({})), ("migrating", 60, None, json!({}))];
    let abandoned = detail("abandoned", None, &steps);
    assert_eq!(
        rows(&abandoned, LATER),
        [row("building", RowKind::Took, 0, 100), row("migrating", RowKind::Instant, 100, 100)]
    );
    assert!(timeline(&abandoned, LATER.parse().unwrap()).rows.iter().all(|row| row.share.is_none()));
}

#[test]
fn what_trails_the_end_is_drawn_at_the_edge() {
    let steps = [
        ("building", 0, Some(60), json!({})),
        ("succeeded", 60, Some(60), json!({})),
        ("cleanup", 61, Some(90), json!({})),
        ("notify", 90, None, json!({})),
    ];
    let detail = detail("succeeded", Some(60), &steps);
    let expected = [
        row("building", RowKind::Took, 0, 100),
        row("succeeded", RowKind::End, 100, 100),
        row("cleanup", RowKind::Took, 100, 100),
        row("notify", RowKind::Instant, 100, 100),
    ];
    assert_eq!(rows(&detail, LATER), expected);
}

#[test]
fn the_summary_says_what_is_strange() {
    let mut detail = detail("cancelled", Some(60), &[("skipped", 0, Some(0), json!({}))]);
    let said = |detail: &DeploymentDetail| {
        let parts = timeline(detail, LATER.parse().unwrap()).summary;
        parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
    };
    assert!(said(&detail).contains("| cancelled (skipped) | in 1m00s"), "{}", said(&detail));
    detail.beside = Some(detail.deployment.id);
    detail.deployment.attempt = "2".parse().ok();
    detail.deployment.retry = Some(crate::Retry::Partial);
    let ends = "| attempt 2 | retry of a part, in no figure | looks like two at once; --run tells them apart";
    assert!(said(&detail).ends_with(ends), "{}", said(&detail));
}

#[test]
fn slow_is_by_ratio_and_by_seconds() {
    let seconds = |seconds: f64| Duration::from_seconds(seconds).unwrap();
    assert_eq!(slow(seconds(15.0), Some(seconds(10.0)), Some(seconds(15.0))), None, "as long as earlier ones");
    assert_eq!(slow(seconds(20.0), Some(seconds(10.0)), Some(seconds(15.0))), Some(2.0));
    assert_eq!(slow(seconds(20.0), Some(seconds(10.0)), None), None, "too few earlier ones");
    assert_eq!(slow(seconds(1.4), Some(seconds(0.5)), Some(seconds(0.6))), None);
    assert_eq!(slow(seconds(2.0), Some(seconds(0.0)), Some(seconds(0.0))), Some(f64::INFINITY));
}

#[test]
fn the_server_says_what_begins_and_ends_a_deployment() {
    let kind = |kind: &str| json!({"kind": kind});
    let steps = [
        ("kickoff", 0, Some(100), kind("start")),
        ("building", 0, Some(40), json!({"span": true, "outcome": "succeeded"})),
        ("started", 50, Some(100), kind("phase")),
        ("landed", 100, Some(100), kind("success")),
    ];
    let expected = [
        row("kickoff", RowKind::Instant, 0, 0),
        row("building", RowKind::Took, 0, 40),
        row("(gap)", RowKind::Gap, 40, 50),
        row("started", RowKind::Took, 50, 100),
        row("landed", RowKind::End, 100, 100),
    ];
    assert_eq!(rows(&detail("succeeded", Some(100), &steps), LATER), expected);
}

#[test]
fn waiting_is_told_apart_and_adds_up_and_failures_are_said_in_words() {
    let steps = [
        ("building", 0, Some(100), json!({})),
        ("approval", 100, Some(1000), json!({})),
        ("migrating", 1000, Some(1100), json!({"result": "failed"})),
        ("testing", 1010, Some(1020), json!({"span": true, "outcome": "failed", "exit_code": 3})),
        ("failed", 1100, Some(1100), json!({"result": "failed"})),
    ];
    let mut detail = detail("failed", Some(1100), &steps);
    let seconds = |seconds: f64| Duration::from_seconds(seconds).ok();
    let deployment = &mut detail.deployment;
    (deployment.work, deployment.waiting, deployment.gaps) = (seconds(199.5), seconds(900.0), seconds(0.5));
    deployment.excluded = Some("a test".to_owned());
    let timeline = timeline(&detail, LATER.parse().unwrap());
    assert_eq!(timeline.totals.unwrap().to_string(), "work 3m20s, waiting 15m00s, gaps 0.50s");
    let kinds: Vec<_> = timeline.rows.iter().map(|row| (row.kind, row.note.as_str())).collect();
    let expected = [
        (RowKind::Took, ""),
        (RowKind::Waited, ""),
        (RowKind::Failed, "failed"),
        (RowKind::Failed, "failed (exit code 3)"),
        (RowKind::End, ""),
    ];
    assert_eq!(kinds, expected);
    assert!(timeline.summary.iter().any(|part| part.to_string() == "excluded from all figures: a test"));
}

#[test]
fn what_is_expected_is_told_instead_of_the_usual_rest() {
    let running = detail("running", None, &[("building", 0, None, json!({}))]);
    let mut expected: Expected = serde_json::from_value(json!({
        "deployment_id": "0197a000-0000-7000-8000-000000000001", "at": "2026-01-05T09:31:00.000000Z",
        "elapsed_seconds": 60.0, "median_left_seconds": 180.0, "low_left_seconds": 120.0, "high_left_seconds": 360.0,
        "expected_end": null, "past_deployments": 38, "is_longest": false, "reason": null, "steps": [],
    }))
    .unwrap();
    let told = |expected: &Expected| {
        let shown = timeline(&running, "2026-01-05 09:31:00".parse().unwrap()).expecting(Some(expected));
        let Progress { done, text, range, .. } = shown.progress.unwrap();
        (done, text.to_string(), range.to_string())
    };
    let range = "most likely 2m00s to 6m00s; by 38 deployments before".to_owned();
    assert_eq!(told(&expected), (Some(0.25), "25%, about 3m00s left".to_owned(), range.clone()));
    expected.is_longest = true;
    assert_eq!(told(&expected), (Some(0.25), "25%, longer than all before, about 3m00s left".to_owned(), range));
    (expected.median_left, expected.low_left, expected.reason) = (None, None, Some("too few".to_owned()));
    assert_eq!(told(&expected), (None, "time left unknown: too few".to_owned(), String::new()));
    let ended = detail("succeeded", Some(60), &[("building", 0, Some(60), json!({}))]);
    assert_eq!(timeline(&ended, LATER.parse().unwrap()).expecting(Some(&expected)).progress, None);
}

#[test]
fn wrappers_indent_what_is_within_them_and_parallel_steps_are_told() {
    let span = |more: Value| {
        let mut object = json!({"span": true, "outcome": "succeeded"});
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        object
    };
    let steps = [
        ("started", 0, Some(100), json!({})),
        ("releasing", 0, Some(60), span(json!({}))),
        ("building", 1, Some(30), span(json!({}))),
        ("testing", 20, Some(59), span(json!({}))),
        ("announcing", 70, Some(130), span(json!({"outcome": "failed", "exit_code": 137}))),
        ("succeeded", 100, Some(100), json!({})),
    ];
    let timeline = timeline(&detail("succeeded", Some(100), &steps), LATER.parse().unwrap());
    let of = |name: &str| timeline.rows.iter().find(|row| row.name == name).unwrap();
    let found = ["releasing", "building", "testing", "announcing"].map(|name| (of(name).depth, of(name).is_parallel));
    assert_eq!(found, [(0, false), (1, true), (1, true), (0, false)]);
    // It went on after the deployment had ended; its share is of the deployment's time.
    assert_eq!(of("announcing").share_text(), "30%");
    let failure = timeline.failure.as_ref().unwrap().to_string();
    assert_eq!(failure, "`announcing` failed: exit code 137, killed, as by a lack of memory");
    assert!(timeline.rows.iter().all(|row| row.share.is_none_or(|share| share <= 1.0)));
}
