//! Parts that several pages have: names, times, durations, texts whose parts have a meaning, tables, downloads.

use maud::{Markup, html};
use steps_shared::view::axis::Tick;
use steps_shared::view::words::{signed_duration, spaced, spoken, spoken_whole};
use steps_shared::view::{Content, Meaning, Table, TableCell, Text, sparkline};
use steps_shared::{Deployment, DeploymentOutcome, Duration, Environment, Timestamp, Verdict, escaped};

use super::links;

/// A name as text: what nobody sees in it is escaped, and it changes the direction of nothing beside it.
pub fn name(text: &str) -> Markup {
    html! { bdi { (escaped(text)) } }
}

/// The class of a heading with a name that is long.
pub fn long(name: &str) -> Option<&'static str> {
    (name.chars().count() > 48).then_some("long")
}

/// An environment; the usual one needs no mention.
pub fn environment(environment: &Environment) -> Markup {
    html! { @if *environment != Environment::default() { " " span.tag { (name(environment.as_str())) } } }
}

/// A moment: the script writes it in the reader's zone, and UTC stays where one points at it.
pub fn moment(time: Timestamp) -> Markup {
    let text = time.to_seconds_text();
    html! { time datetime=(time.to_rfc3339()) title={ (text) " UTC" } data-at { (text) " UTC" } }
}

/// How long ago a moment was; the script keeps that true.
pub fn ago(time: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(time.to_rfc3339()) title={ (time.to_seconds_text()) " UTC" } data-ago { (ago_text(time, now)) } }
}

fn ago_text(time: Timestamp, now: Timestamp) -> String {
    let seconds = (now.micros() - time.micros()) / 1_000_000;
    let said = |many: i64, what: &str| format!("{many} {what}{} ago", if many == 1 { "" } else { "s" });
    match seconds {
        ..45 => "just now".to_owned(),
        45..5400 => said(((seconds + 30) / 60).max(1), "minute"),
        5400..129_600 => said((seconds + 1800) / 3600, "hour"),
        _ => said((seconds + 43_200) / 86_400, "day"),
    }
}

/// A duration.
pub fn duration(duration: Duration) -> Markup {
    html! { span.n title={ (duration.seconds()) " s" } { (spoken(duration)) } }
}

/// A duration that may not be known.
pub fn known(known: Option<Duration>) -> Markup {
    html! { @match known { Some(known) => { (duration(known)) } None => { span.faint { "–" } } } }
}

/// How long something has taken so far; the script counts on.
pub fn since(since: Timestamp, now: Timestamp) -> Markup {
    let so_far = Duration::between(since, now).unwrap_or_default();
    html! { span.n data-since=(since.micros() / 1000) { (spoken_whole(so_far)) } }
}

/// The class of a meaning.
pub fn class(meaning: Meaning) -> &'static str {
    match meaning {
        Meaning::Plain => "plain",
        Meaning::Strong => "strong",
        Meaning::Faint => "faint",
        Meaning::Good => "good",
        Meaning::Bad => "bad",
        Meaning::Warning => "warning",
        Meaning::Running => "running",
        Meaning::Component => "component",
    }
}

/// A text whose parts have a meaning.
pub fn text(text: &Text) -> Markup {
    html! {
        @for span in text.spans() {
            @let words = match &span.content {
                Content::Words(words) => escaped(words).into_owned(),
                Content::Sign(sign) => sign.to_string(),
            };
            @match span.meaning {
                Meaning::Plain => { (quoted(&words)) }
                Meaning::Component => { span.component { (words) } }
                meaning => { span class=(class(meaning)) { (quoted(&words)) } }
            }
        }
    }
}

/// Words in which what stands between two backticks is a name. Durations are written as everywhere on pages.
fn quoted(words: &str) -> Markup {
    let is_paired = words.matches('`').count().is_multiple_of(2);
    html! {
        @for (nth, part) in words.split('`').enumerate() {
            @if !is_paired && nth > 0 { "`" }
            @if is_paired && nth % 2 == 1 { code { (part) } } @else { (spaced(part)) }
        }
    }
}

/// How a deployment ended, as a dot and a word.
pub fn outcome(outcome: DeploymentOutcome) -> Markup {
    html! { span class={ "outcome " (class(outcome.into())) } { (outcome.name()) } }
}

/// A verdict, as a word on its colour.
pub fn verdict(verdict: Verdict) -> Markup {
    html! { span class={ "verdict " (class(verdict.into())) } { (verdict.name()) } }
}

/// How long a deployment took, or has taken so far.
pub fn took(deployment: &Deployment, now: Timestamp) -> Markup {
    match deployment.outcome {
        DeploymentOutcome::Running => since(deployment.started_at, now),
        _ => known(deployment.duration),
    }
}

/// A table of the view, in a frame of its own that may be wider than the page.
pub fn table(table: &Table, caption: &str) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label=(caption) {
            table {
                caption.hidden { (caption) }
                thead { tr { @for column in &table.columns { th scope="col" class=[column.right.then_some("n")] { (column.name) } } } }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (column, one) in table.columns.iter().zip(row) {
                                td class=[column.right.then_some("n")] { (cell(one)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What stands in a cell of a table of the view.
pub fn cell(cell: &TableCell) -> Markup {
    match cell {
        TableCell::Text(words) => text(words),
        TableCell::Sparkline(levels) => {
            let values: Vec<_> = levels.iter().map(|level| level.map(|level| f64::from(level) + 1.0)).collect();
            spark(&values)
        }
    }
}

/// The size of a sparkline's field.
const SPARK: (u16, u16) = (96, 24);

/// A small line of numbers.
pub fn spark(values: &[Option<f64>]) -> Markup {
    let pieces = sparkline::line(values, SPARK);
    let path: String = pieces.iter().map(|piece| path(piece)).collect();
    let end = pieces.last().and_then(|piece| piece.last()).copied();
    html! {
        svg.spark viewBox="-3 -3 102 30" width="102" height="30" aria-hidden="true" {
            path d=(path) {}
            @if let Some((x, y)) = end { circle cx=(x) cy=(y) r="2.5" {} }
        }
    }
}

/// A line through places; one place alone is a dot.
pub fn path(places: &[(u16, u16)]) -> String {
    let mut path = String::new();
    for (nth, (x, y)) in places.iter().enumerate() {
        path.push(if nth == 0 { 'M' } else { 'L' });
        path.push_str(&format!("{x} {y}"));
    }
    if places.len() == 1 {
        path.push_str("h0");
    }
    path
}

/// A share as a percentage with two decimals, as an attribute of SVG.
pub fn percent(share: f64) -> String {
    let text = format!("{:.2}", share * 100.0);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A duration at an axis, without the units that are zero: `5m`, `1h 30m`.
pub fn tick_label(tick: &Tick) -> String {
    let label = tick.label.replace(".0s", "s");
    match label.as_str() {
        "0.00s" => "0".to_owned(),
        label => spaced(&label.replace("m00s", "m").replace("h00m", "h").replace("d00h", "d")),
    }
}

/// Seconds as a duration with a sign.
pub fn signed(seconds: f64, plus: &str) -> String {
    spaced(&signed_duration(seconds, plus))
}

/// The same as CSV, workbook and JSON: an address of the API.
pub fn downloads(path: &str, pairs: &[(String, String)], formats: &[&str]) -> Markup {
    html! {
        p.downloads {
            @for format in formats {
                @let address = links::with(path, &links::changed(pairs, "format", format));
                a href=(address) download=[(*format != "json").then_some("")] { (format.to_uppercase()) }
                " "
            }
        }
    }
}

/// All of these formats.
pub const FORMATS: [&str; 3] = ["csv", "xlsx", "json"];
