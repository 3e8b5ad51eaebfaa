//! A running deployment: its bar, how much longer it takes, and whether it is slow.

use maud::{Markup, html};
use steps_shared::view::live_bar::{LiveBar, Segment};
use steps_shared::view::words::{deployments, spoken, spoken_whole};
use steps_shared::{Expected, StepState, Timestamp, escaped};

use super::markup::{name, percent, since};
use crate::app::Running;

/// The height of a lane in pixels, and the space between two.
const LANE: u32 = 14;
const SPACE: u32 = 3;

/// The height of what shows when it ends, below the lanes.
const RANGE: u32 = 5;

/// A step that takes so many times its usual time looks stuck.
const STUCK: f64 = 3.0;

/// … and at least so many seconds more.
const STUCK_SECONDS: f64 = 60.0;

/// The bar of a running deployment, what is open, how much longer it takes, and what is alarming; nothing where no time is expected.
pub fn progress(running: &Running, now: Timestamp) -> Markup {
    let Some(expected) = &running.expected else { return html! {} };
    let shown = LiveBar::new(&running.deployment, expected);
    html! {
        (bar(&shown))
        p.split { span { (present(&shown, now)) } span { (left(expected)) } }
        (alarm(&shown, expected))
    }
}

fn bar(bar: &LiveBar) -> Markup {
    let height = bar.lanes as u32 * (LANE + SPACE);
    let length = bar.length.micros() as f64 / 1000.0;
    html! {
        svg.live width="100%" height=(height + RANGE) role="img" aria-label=(label(bar)) {
            @for segment in &bar.segments {
                @let y = segment.lane as u32 * (LANE + SPACE);
                @if let Some(usual_to) = segment.usual_to.filter(|usual_to| *usual_to > segment.from) {
                    rect.reach x=(percent(segment.from)) width=(percent(usual_to - segment.from)) y=(y) height=(LANE) rx="2" {}
                }
                rect class=(segment_class(segment)) x=(percent(segment.from)) width=(percent((segment.to - segment.from).max(0.002)))
                    y=(y) height=(LANE) rx="2"
                    data-from=[is_open(segment).then(|| segment.since.micros() / 1000)] data-span=[is_open(segment).then_some(length)] {
                    title { (tip(segment)) }
                }
            }
            @if let Some([low, median, high]) = bar.ends {
                rect.ends x=(percent(low)) width=(percent((high - low).max(0.004))) y=(height) height="4" rx="2" { title { "8 of 10 end here" } }
                line.median x1=(percent(median)) x2=(percent(median)) y1="0" y2=(height + RANGE) {}
            }
        }
    }
}

fn is_open(segment: &Segment) -> bool {
    segment.state == StepState::Running
}

fn segment_class(segment: &Segment) -> &'static str {
    match (segment.state, segment.is_slow) {
        (StepState::Done, false) => "took",
        (StepState::Done, true) => "took warning",
        (StepState::Running, false) => "open",
        (StepState::Running, true) => "open warning",
        (StepState::ToCome, _) => "to-come",
    }
}

fn tip(segment: &Segment) -> String {
    let name = escaped(&segment.name);
    let usual = segment.usual.map(|usual| format!(", usually {}", spoken(usual))).unwrap_or_default();
    match (segment.state, segment.taken) {
        (StepState::Done, Some(taken)) => format!("{name}: {}{usual}", spoken(taken)),
        (StepState::Running, Some(taken)) => format!("{name}: {} so far{usual}", spoken(taken)),
        _ => format!("{name}: to come{usual}"),
    }
}

fn label(bar: &LiveBar) -> String {
    let done = bar.segments.iter().filter(|segment| segment.state == StepState::Done).count();
    let open: Vec<_> = bar.open().map(|segment| escaped(&segment.name)).collect();
    let to_come = bar.segments.iter().filter(|segment| segment.state == StepState::ToCome).count();
    format!(
        "{done} steps done, {} running, {to_come} to come",
        if open.is_empty() { "none".to_owned() } else { open.join(" and ") }
    )
}

/// What is open, and for how long.
fn present(bar: &LiveBar, now: Timestamp) -> Markup {
    html! {
        @for (nth, segment) in bar.open().enumerate() {
            @if nth > 0 { ", " }
            strong { (name(&segment.name)) } " for " (since(segment.since, now))
            @if let Some(usual) = segment.usual { span.faint { " (usually " (spoken(usual)) ")" } }
        }
    }
}

/// How much longer it takes: `about 3m 20s left`, with the range that holds eight of ten.
fn left(expected: &Expected) -> Markup {
    let Some((median, end)) = expected.median_left.zip(expected.expected_end) else {
        let reason = expected.reason.as_deref().unwrap_or("the server does not say why");
        return html! { span.faint title=(reason) { "time left not known yet" } };
    };
    html! {
        "about " strong { span.n data-until=(end.micros() / 1000) { (spoken_whole(median)) } } " left"
        @if let Some((low, high)) = expected.low_left.zip(expected.high_left) {
            span.faint title={ "by " (deployments(expected.past_deployments)) " before" } { " · 8 of 10 between " (spoken_whole(low)) " and " (spoken_whole(high)) }
        }
    }
}

/// What is alarming about it, plainly; nothing where nothing is.
fn alarm(bar: &LiveBar, expected: &Expected) -> Markup {
    let stuck = bar.open().find(|segment| {
        let (Some(taken), Some(usual)) = (segment.taken, segment.usual) else { return false };
        taken.seconds() > STUCK * usual.seconds()
            && taken.seconds() - usual.seconds() > STUCK_SECONDS
            && segment.is_slow
    });
    html! {
        @if let Some(segment) = stuck {
            p.alarm { strong { "Looks stuck: " } (name(&segment.name)) " usually takes " (segment.usual.map(spoken).unwrap_or_default()) "." }
        } @else if expected.is_longest {
            p.alarm { strong { "Longer than all before: " } "none of the last " (expected.past_deployments) " took this long." }
        } @else if bar.is_slow() {
            p.alarm { strong { "Slower than usual: " } "longer than 95 of 100." }
        }
    }
}
