use ratatui_core::backend::TestBackend;
use ratatui_core::terminal::Terminal;
use serde_json::{Value, json};
use steps_shared::view::live::live;
use steps_shared::{Deployment, Expected, Timestamp};

use super::*;
use crate::terminal::text::unstyled;

const START: i64 = 1_800_000_000_000_000;

fn at(seconds: f64) -> Timestamp {
    Timestamp::saturating_from_micros(START + (seconds * 1e6) as i64)
}

fn deployment(nth: usize, component: &str, version: &str, outcome: &str) -> Deployment {
    let ended = (outcome != "running").then(|| at(200.0).to_rfc3339());
    let id = format!("0197a000-0000-7000-8000-{nth:012}");
    let value = json!({
        "id": id, "component": component, "environment": "production", "version": version, "owner": "ann", "run": null,
        "outcome": outcome, "status": "testing", "started_at": at(0.0).to_rfc3339(), "ended_at": ended,
        "duration_seconds": ended.is_some().then_some(200.0), "steps": 2,
    });
    serde_json::from_value(value).unwrap()
}

fn step(status: &str, state: &str, from: f64, to: Option<f64>) -> Value {
    json!({
        "status": status, "state": state, "from": at(from).to_rfc3339(), "to": to.map(|to| at(to).to_rfc3339()),
        "usual_seconds": 60.0, "usual_low_seconds": 50.0, "usual_high_seconds": 80.0, "is_slow": false,
        "past_deployments": 38,
    })
}

fn expected(steps: &[Value], left: Option<[f64; 3]>) -> Expected {
    let [low, median, high] = left.map_or([None; 3], |left| left.map(Some));
    let reason = left.is_none().then_some("there is only one successful deployment before it; 5 are needed");
    let value = json!({
        "deployment_id": "0197a000-0000-7000-8000-000000000001", "at": at(80.0).to_rfc3339(), "elapsed_seconds": 80.0,
        "median_left_seconds": median, "low_left_seconds": low, "high_left_seconds": high, "expected_end": null,
        "past_deployments": 38, "is_longest": false, "reason": reason, "steps": steps,
    });
    serde_json::from_value(value).unwrap()
}

/// In its second step of three, a quarter of a minute after that was told.
fn usual(nth: usize, component: &str, version: &str) -> Live {
    let steps = [
        step("building", "done", 0.0, Some(42.0)),
        step("testing", "running", 42.0, Some(110.0)),
        to_come("deploying"),
    ];
    live(&deployment(nth, component, version, "running"), Some(&expected(&steps, Some([60.0, 100.0, 150.0]))), at(95.0))
}

fn to_come(status: &str) -> Value {
    step(status, "to come", 110.0, Some(180.0))
}

fn slow() -> Live {
    let mut testing = step("testing", "running", 42.0, Some(110.0));
    testing["is_slow"] = json!(true);
    let steps = [step("building", "done", 0.0, Some(42.0)), testing, step("warming", "running", 60.0, None)];
    live(&deployment(2, "checkout", "4.2.0", "running"), Some(&expected(&steps, Some([60.0, 100.0, 150.0]))), at(95.0))
}

fn unknown() -> Live {
    let steps = [step("building", "done", 0.0, Some(42.0)), step("testing", "running", 42.0, None)];
    live(&deployment(3, "new", "0.1.0", "running"), Some(&expected(&steps, None)), at(95.0))
}

/// A server refuses control characters in names; another may send them.
fn hostile() -> Live {
    let what = Text::from("evil\u{1b}[2J\u{202e}\n 移行移行移行");
    let steps = [step("測試\u{202e}", "running", 42.0, Some(110.0)), to_come("deploy\u{200b}ing")];
    let told = expected(&steps, Some([60.0, 100.0, 150.0]));
    let live = live(&deployment(1, "x", "1", "running"), Some(&told), at(95.0));
    Live { what, component: "evil\u{1b}[2J\u{202e}\n".to_owned(), version: "移行移行移行".to_owned(), ..live }
}

/// What is seen on a terminal of this size.
fn seen(deployments: Vec<Live>, status: &str, width: u16, height: u16) -> String {
    let view = View { deployments, status: Text::from(status), glyphs: Glyphs::Unicode };
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| frame.render_widget(&view, frame.area())).unwrap();
    // What is written to a real terminal is the same.
    let lines = view.draw(width, height);
    let buffer = terminal.backend().buffer();
    assert_eq!(lines.iter().map(unstyled).collect::<Vec<_>>(), cells_of(buffer)[..lines.len()]);
    cells_of(buffer).join("\n").trim_end().to_owned()
}

fn cells_of(buffer: &Buffer) -> Vec<String> {
    cells::lines(buffer).iter().map(unstyled).collect()
}

#[test]
fn frames() {
    let thirty =
        || (0..30).map(|nth| usual(nth, ["checkout", "search-index-of-all-shops"][nth % 2], &format!("4.{nth}.0")));
    let away = "the server is away for 12s, trying again: cannot reach the server at http://127.0.0.1:7878: connection refused";
    let hostile = hostile();
    let scenes = |width| {
        [
            (
                "one deployment",
                seen(vec![usual(1, "checkout", "4.2.0")], "watching everything: 1 running; q ends", width, 23),
            ),
            (
                "three, of which one is slow and one unknown",
                seen(
                    vec![usual(1, "bank", "7"), slow(), unknown()],
                    "watching everything: 3 running; q ends",
                    width,
                    23,
                ),
            ),
            ("thirty", seen(thirty().collect(), "watching everything: 30 running; q ends", width, 12)),
            (
                "thirty, of which eight are slow or unknown",
                seen((0..4).flat_map(|_| [slow(), unknown()]).collect(), "8 running", width, 12),
            ),
            ("nothing", seen(Vec::new(), "watching checkout in production: nothing is running; q ends", width, 23)),
            ("the server is away", seen(vec![usual(1, "checkout", "4.2.0")], away, width, 23)),
            ("names that steer a terminal, and wide ones", seen(vec![hostile.clone()], "1 running", width, 23)),
            (
                "the same on a line each",
                seen(
                    vec![hostile.clone(), usual(2, "移行移行移行移行移行移行移行移行", "移行")],
                    "2 running",
                    width,
                    4,
                ),
            ),
        ]
        .map(|(name, seen)| format!("== {name}\n{seen}\n"))
        .join("\n")
    };
    insta::assert_snapshot!("frames_at_80_columns", scenes(80));
    insta::assert_snapshot!("frames_at_40_columns", scenes(40));
}

#[test]
fn verdicts_and_lines() {
    let ended = |outcome| View::draw_verdict(&deployment(1, "checkout", "4.2.0", outcome), 79, Glyphs::Unicode);
    let said = |outcome| ended(outcome).iter().map(unstyled).collect::<Vec<_>>();
    assert_eq!(said("succeeded"), ["checkout 4.2.0 → production  succeeded after 3m20s  2027-01-15 08:03:20 UTC"]);
    assert!(ended("failed")[0].as_str().contains("\u{1b}[31mfailed after 3m20s\u{1b}[0m"));
    let line = View::draw_line(&usual(1, "checkout", "4.2.0"), 79, Glyphs::Ascii);
    assert_eq!(unstyled(&line), "checkout 4.2.0 -> production  #####|======-|........        testing  1m25s left");
}

#[test]
fn it_fits_whatever_the_size() {
    for width in [1, 2, 5, 13, 40, 79, 200] {
        for height in [1, 2, 3, 10] {
            for glyphs in [Glyphs::Unicode, Glyphs::Ascii] {
                let deployments = vec![slow(), unknown(), hostile()];
                let view = View { deployments, status: Text::from("3 running"), glyphs };
                let lines = view.draw(width, height);
                let widest = lines.iter().map(|line| unstyled(line).width()).max();
                assert!(lines.len() <= height.into() && widest <= Some(width.into()), "{width}×{height}: {lines:?}");
            }
        }
    }
}
