use super::*;
use crate::StepId;

const MINUTE: i64 = 60_000_000;

fn at(minutes: f64) -> Timestamp {
    Timestamp::saturating_from_micros(1_000_000_000_000_000 + (minutes * MINUTE as f64) as i64)
}

fn minutes(minutes: f64) -> Option<Duration> {
    Some(Duration::from_seconds(minutes * 60.0).unwrap())
}

fn step(status: &str, state: StepState, from: f64, to: Option<f64>) -> ExpectedStep {
    ExpectedStep {
        status: status.parse().unwrap(),
        state,
        from: Some(at(from)),
        to: to.map(at),
        usual: minutes(1.0),
        usual_low: minutes(0.5),
        usual_high: minutes(2.0),
        is_slow: false,
        past_deployments: 10,
    }
}

fn expected(steps: Vec<ExpectedStep>, left: [f64; 3]) -> Expected {
    let [low, median, high] = left.map(minutes);
    Expected {
        deployment_id: StepId::generate(),
        at: at(3.0),
        elapsed: minutes(3.0),
        median_left: median,
        low_left: low,
        high_left: high,
        expected_end: None,
        past_deployments: 10,
        is_longest: false,
        reason: None,
        steps,
    }
}

fn deployment() -> Deployment {
    let start = at(0.0).to_rfc3339();
    let json = format!(
        r#"{{"id":"0197a000-0000-7000-8000-000000000001","component":"shop","environment":"production","version":"4.2.0",
        "owner":"ann","run":null,"outcome":"running","status":"testing","started_at":"{start}","ended_at":null,
        "duration_seconds":null,"steps":2}}"#
    );
    serde_json::from_str(&json).unwrap()
}

/// The parts of a bar, each with its places in minutes of a bar of so many.
fn parts(live: &Live, whole: f64) -> Vec<String> {
    let minutes = |place: f64| (place * whole * 100.0).round() / 100.0;
    let name = |part: &Part| part.step.clone().unwrap_or_default();
    let text = |part: &Part| format!("{:?} {} {}-{}", part.kind, name(part), minutes(part.from), minutes(part.to));
    live.parts.iter().map(text).collect()
}

#[test]
fn a_bar_has_what_was_what_is_and_what_is_to_come() {
    use StepState::{Done, Running, ToCome};
    let steps = vec![
        step("building", Done, 0.0, Some(2.0)),
        step("testing", Running, 2.0, Some(4.0)),
        step("deploying", ToCome, 4.0, Some(6.0)),
    ];
    let told = expected(steps, [2.0, 3.0, 5.0]);
    let now = live(&deployment(), Some(&told), at(3.0));
    assert_eq!(
        parts(&now, 8.0),
        ["Done building 0-2", "Running testing 2-3", "Left testing 3-4", "ToCome deploying 4-6", "Late  6-8"]
    );
    let [what, owner, left, short] = [&now.what, &now.owner, &now.left, &now.left_short].map(ToString::to_string);
    assert_eq!([what, owner], ["shop 4.2.0 → production", "by ann"]);
    assert_eq!(left, "about 3m00s left, most likely 2m00s to 5m00s; by 10 deployments before");
    assert_eq!((short.as_str(), now.present[0].name.as_str()), ("3m00s left", "testing"));
    let PresentStep { text, range, .. } = &now.present[0];
    assert_eq!(format!("{text}{range}"), "testing 1m00s, usually 1m00s (30s to 2m00s)");
    assert_eq!(now.next.to_string(), "then deploying");
    // Half a minute later everything has gone on, without another answer.
    let later = live(&deployment(), Some(&told), at(3.5));
    assert_eq!(later.left_short.to_string(), "2m30s left");
    assert_eq!(parts(&later, 8.0)[1..3], ["Running testing 2-3.5", "Left testing 3.5-4"]);
    // It is later than all that was expected.
    let late = live(&deployment(), Some(&told), at(10.0));
    assert_eq!(parts(&late, 10.0), ["Done building 0-2", "Running testing 2-10"]);
    assert_eq!(late.left.to_string(), "about to end; by 10 deployments before");
}

#[test]
fn steps_beside_each_other_and_the_start_around_them() {
    use StepState::{Done, Running};
    let mut start = step("started", Running, 0.0, None);
    start.usual = None;
    let mut slow = step("copying", Running, 1.5, None);
    slow.is_slow = true;
    let steps = vec![start, step("a", Done, 0.5, Some(2.0)), step("b", Done, 1.0, Some(1.2)), slow];
    let told = Expected { reason: Some("too few".to_owned()), median_left: None, ..expected(steps, [0.0; 3]) };
    let now = live(&deployment(), Some(&told), at(3.0));
    let expected = ["Gap  0-0.5", "Done a 0.5-1", "Done b 1-1.2", "Done a 1.2-1.5", "Running copying 1.5-3"];
    assert_eq!(parts(&now, 3.0), expected);
    assert_eq!((now.present.len(), now.slow.to_string().as_str()), (1, "▲ slower than usual"));
    assert_eq!([now.left.to_string(), now.left_short.to_string()], ["time left unknown: too few", "for 3m00s"]);
}

#[test]
fn without_an_answer_it_tells_what_the_deployment_tells() {
    let now = live(&deployment(), None, at(3.0));
    assert_eq!(parts(&now, 3.0), ["Running  0-3"]);
    assert_eq!((now.present[0].text.to_string().as_str(), now.left.is_empty()), ("testing", true));
    let begun =
        begun(&deployment().component, &deployment().version, &deployment().environment, Duration::from_secs(5));
    assert_eq!(
        (begun.left_short.to_string(), parts(&begun, 1.0)),
        ("for 5s".to_owned(), vec!["Running  0-1".to_owned()])
    );
    // A clock that is behind draws nothing wrong.
    let behind = live(&deployment(), None, at(-1.0));
    assert_eq!((behind.elapsed, behind.parts.len()), (Duration::default(), 0));
}
