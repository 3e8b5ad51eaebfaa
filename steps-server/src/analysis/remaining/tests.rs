use proptest::prelude::*;
use steps_shared::StepState;

use super::*;

fn marker(status: &str, from: f64, to: Option<f64>) -> Step<'_> {
    Step { status, from, to, span: false }
}

fn span(status: &str, from: f64, to: Option<f64>) -> Step<'_> {
    Step { status, from, to, span: true }
}

/// Deployments of a build of about 60 s and a deploy of about 40 s.
fn history(many: usize) -> History {
    let pasts = (0..many).map(|nth| {
        let build = 57.0 + 1.5 * (nth % 5) as f64 + 0.1;
        let took = build + 38.0 + 1.3 * (nth % 4) as f64;
        Past { steps: vec![marker("build", 0.0, Some(build)), marker("deploy", build, Some(took))], took }
    });
    History::new(&pasts.collect::<Vec<_>>())
}

fn told(history: &History, elapsed: f64, steps: Vec<Step<'_>>) -> Range {
    left(history, &Present { steps, elapsed }).left.unwrap()
}

#[test]
fn fewer_than_five_tell_nothing() {
    let present = Present { steps: vec![marker("build", 0.0, None)], elapsed: 1.0 };
    for many in 0..MIN_PAST {
        let told = left(&history(many), &present);
        assert_eq!((told.left, told.is_longest, told.steps.len()), (None, false, 1));
    }
    assert!(left(&history(MIN_PAST), &present).left.is_some());
}

#[test]
fn what_has_passed_is_less() {
    let history = history(20);
    for (elapsed, expected) in [(0.0, 100.0), (30.0, 70.0), (55.0, 45.0)] {
        let left = told(&history, elapsed, vec![marker("build", 0.0, None)]);
        assert!((left.median - expected).abs() < 4.0, "{elapsed}: {left:?}");
        assert!(
            left.low < left.median && left.median < left.high && left.high - left.low < 15.0,
            "{elapsed}: {left:?}"
        );
    }
}

#[test]
fn a_slow_step_is_expected_to_go_on_and_the_rest_to_follow() {
    let history = history(20);
    let mut before = 0.0;
    for elapsed in [80.0, 160.0, 320.0] {
        let left = told(&history, elapsed, vec![marker("build", 0.0, None)]);
        assert!(left.low > 38.0 && left.high > before && left.high < 5.0 * elapsed, "{elapsed}: {left:?}");
        before = left.high;
    }
}

#[test]
fn steps_are_done_running_or_to_come() {
    let present =
        Present { steps: vec![marker("build", 0.0, Some(60.0)), marker("deploy", 60.0, None)], elapsed: 200.0 };
    let told = left(&history(20), &present);
    let states: Vec<_> = told.steps.iter().map(|step| (step.status.as_str(), step.state, step.is_slow)).collect();
    assert_eq!(states, [("build", StepState::Done, false), ("deploy", StepState::Running, true)]);
    assert!(told.is_longest && told.steps[1].to > Some(200.0));
}

#[test]
fn a_span_around_others_is_a_frame_and_one_beside_others_is_not() {
    let around = |nth: f64| {
        let steps =
            vec![span("all", 0.0, Some(100.0 + nth)), span("a", 1.0, Some(50.0)), span("b", 51.0, Some(99.0 + nth))];
        Past { steps, took: 100.0 + nth }
    };
    let history = History::new(&(0..10).map(|nth| around(f64::from(nth))).collect::<Vec<_>>());
    // The first of them is late: so is the end, by as much.
    let steps = vec![span("all", 0.0, None), span("a", 1.0, Some(150.0)), span("b", 151.0, None)];
    let left = told(&history, 152.0, steps);
    assert!((45.0..=60.0).contains(&left.median), "{left:?}");
}

#[test]
fn many_different_steps_are_told_too() {
    let names: Vec<String> = (0..300).map(|nth| format!("job-{nth}")).collect();
    let steps = |took: f64| {
        let step = |(nth, name): (usize, &'static str)| marker(name, nth as f64 * took, Some((nth + 1) as f64 * took));
        names.iter().map(|name| &*name.clone().leak()).enumerate().map(step).collect::<Vec<_>>()
    };
    let past = |nth: usize| {
        let took = 1.0 + nth as f64 * 0.01;
        Past { steps: steps(took), took: 300.0 * took }
    };
    let history = History::new(&(0..6).map(past).collect::<Vec<_>>());
    let mut now = steps(1.0);
    now.truncate(100);
    now[99].to = None;
    let left = told(&history, 99.5, now);
    assert!((180.0..=225.0).contains(&left.median), "{left:?}");
}

fn any_steps() -> impl Strategy<Value = Vec<(u8, f64, Option<f64>, bool)>> {
    let step = (0..6_u8, 0.0..1000.0, proptest::option::of(0.0..500.0), any::<bool>());
    proptest::collection::vec(step, 0..12)
}

fn read(steps: &[(u8, f64, Option<f64>, bool)], end: Option<f64>) -> Vec<Step<'static>> {
    let mut steps: Vec<Step<'_>> = steps
        .iter()
        .map(|(status, from, took, span)| {
            let to = took.map(|took| from + took).or(end);
            Step { status: ["a", "b", "c", "d", "e", "f"][usize::from(*status)], from: *from, to, span: *span }
        })
        .collect();
    steps.sort_by(|one, other| one.from.total_cmp(&other.from));
    steps
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever there was, and whatever there is: numbers, in order, never negative.
    #[test]
    fn an_answer_is_a_range(
        pasts in proptest::collection::vec((any_steps(), 0.0..1500.0), 5..9), now in any_steps(), elapsed in 0.0..5000.0,
    ) {
        let pasts: Vec<Past<'_>> =
            pasts.iter().map(|(steps, took)| Past { steps: read(steps, Some(*took)), took: *took }).collect();
        let steps = read(&now, None).into_iter().filter(|step| step.from <= elapsed).collect();
        let told = left(&History::new(&pasts), &Present { steps, elapsed });
        let Range { low, median, high } = told.left.unwrap();
        prop_assert!(0.0 <= low && low <= median && median <= high && high.is_finite(), "{:?}", told);
        for step in &told.steps {
            prop_assert!(step.from.is_none_or(f64::is_finite) && step.to.is_none_or(f64::is_finite), "{:?}", step);
        }
    }
}
