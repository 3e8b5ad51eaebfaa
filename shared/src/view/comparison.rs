//! Two deployments beside each other: a sentence and a table.

use super::table::{Table, TableCell};
use super::text::{Meaning, Text};
use super::trend::{quoted, share_of};
use super::trend_tables::{part_name, parts_table, presence, total_row};
use super::words::share;
use crate::{ComparedPart, Comparison, Deployment, StepPresence};

const SECOND: i64 = 1_000_000;

/// From this share of the difference on, the sentence says that others changed in the opposite direction.
const MIN_OPPOSITE_SHARE: f64 = 0.2;

/// Which of them took longer, and which step makes most of the difference.
#[must_use]
pub fn sentence(comparison: &Comparison) -> Text {
    let Comparison { deployment, with, before, after, parts, .. } = comparison;
    let unit = unit(comparison);
    let (before, after) = (rounded(before.micros(), unit), rounded(after.micros(), unit));
    let difference = after - before;
    let mut text = Text::new(deployment.component.to_string(), Meaning::Component);
    text.say(format!(" {} took ", named(deployment, with)));
    let (word, meaning) = if difference > 0 { ("more", Meaning::Bad) } else { ("less", Meaning::Good) };
    if difference == 0 {
        text.add("as long", Meaning::Strong).say(format!(" as {}: {}.", other(deployment, with), shown(after, unit)));
        return text;
    }
    text.add(format!("{} {word}", shown(difference.abs(), unit)), meaning).say(format!(
        " than {}: {} instead of {}",
        other(deployment, with),
        shown(after, unit),
        shown(before, unit)
    ));
    if let Some(cause) = cause(parts, difference.signum(), unit) {
        text.say("; ").append(cause);
    }
    text.say(".");
    text
}

/// What makes most of the difference: of what differs in the same direction, the part that differs most.
fn cause(parts: &[ComparedPart], direction: i64, unit: i64) -> Option<Text> {
    let same = || parts.iter().filter(move |part| part.change_micros().signum() == direction);
    let part = same().max_by_key(|part| part.change_micros().abs())?;
    let of = part.share?;
    let presence = match part.change {
        Some(StepPresence::Appeared) => ", which is new",
        Some(StepPresence::Vanished) => ", which is gone",
        None => "",
    };
    let mut text = Text::default();
    if of < 1.0 + MIN_OPPOSITE_SHARE {
        text.say(format!("{} of that is ", share_of(of)))
            .add(quoted(part.step.as_ref(), part.waiting), Meaning::Strong)
            .say(presence);
        return Some(text);
    }
    let others = parts.iter().filter(|part| part.change_micros().signum() == -direction);
    let others: i64 = others.map(|part| part.change_micros().abs()).sum();
    let (word, opposite) = if direction > 0 { ("more", "less") } else { ("less", "more") };
    let much = |micros: i64| shown(rounded(micros, unit), unit);
    text.add(quoted(part.step.as_ref(), part.waiting), Meaning::Strong).say(presence).say(match presence {
        "" => " took ",
        _ => ", took ",
    });
    text.say(format!("{} {word}, others {} {opposite}", much(part.change_micros().abs()), much(others)));
    Some(text)
}

/// A row for each part, and one for their sum. What is shown adds up as well: it is rounded as running totals.
#[must_use]
pub fn table(comparison: &Comparison) -> Table {
    let Comparison { before, after, parts, .. } = comparison;
    let unit = unit(comparison);
    let mut table = parts_table();
    let befores = running_totals(parts.iter().map(|part| part.before.micros()), unit);
    let afters = running_totals(parts.iter().map(|part| part.after.micros()), unit);
    let row = |((part, before), after): ((&ComparedPart, i64), i64)| {
        vec![
            part_name(part.step.as_ref(), part.waiting).into(),
            shown(before, unit).into(),
            shown(after, unit).into(),
            signed(after - before, unit).into(),
            TableCell::known(part.share.map(share)),
            presence(part.change).into(),
        ]
    };
    table.rows = parts.iter().zip(befores).zip(afters).map(row).collect();
    let (before, after) = (rounded(before.micros(), unit), rounded(after.micros(), unit));
    let whole = if comparison.change_seconds == 0.0 { String::new() } else { share(1.0) };
    let total = [
        "total".to_owned(),
        shown(before, unit),
        shown(after, unit),
        signed(after - before, unit),
        whole,
        String::new(),
    ];
    table.rows.push(total_row(total));
    table.retain_columns(|at, empty| at < 4 || !empty);
    table
}

/// `4.2.0 (2026-01-05 09:30)`, and where it was deployed to where that differs.
fn named(deployment: &Deployment, beside: &Deployment) -> String {
    let Deployment { version, environment, started_at, .. } = deployment;
    let place = if *environment == beside.environment { String::new() } else { format!(" in {environment}") };
    let mut time = started_at.to_seconds_text();
    time.truncate(16);
    format!("{version}{place} ({time})")
}

fn other(deployment: &Deployment, with: &Deployment) -> String {
    let component = if deployment.component == with.component { String::new() } else { format!("{} ", with.component) };
    format!("{component}{}", named(with, deployment))
}

/// What is shown is rounded to this, in microseconds.
fn unit(comparison: &Comparison) -> i64 {
    match comparison.before.max(comparison.after).micros() {
        micros if micros < 10 * SECOND => SECOND / 100,
        micros if micros < 3600 * SECOND => SECOND / 10,
        _ => SECOND,
    }
}

fn rounded(micros: i64, unit: i64) -> i64 {
    (micros + unit / 2).div_euclid(unit) * unit
}

/// Each value rounded so that all of them add up to their rounded sum.
fn running_totals(values: impl Iterator<Item = i64>, unit: i64) -> Vec<i64> {
    let mut sum = 0;
    let next = |value: i64| {
        let before = rounded(sum, unit);
        sum += value;
        rounded(sum, unit) - before
    };
    values.map(next).collect()
}

/// `1h02m03s`, `6m10.5s`, `0.35s`: a multiple of the unit, whole.
fn shown(micros: i64, unit: i64) -> String {
    let (seconds, rest) = (micros / SECOND, micros % SECOND);
    let fraction = match unit {
        SECOND => String::new(),
        unit if unit == SECOND / 10 => format!(".{}", rest / unit),
        unit => format!(".{:02}", rest / unit),
    };
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}{fraction}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}{fraction}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes:02}m{seconds:02}{fraction}s"),
    }
}

/// The same with a sign; nothing has none.
fn signed(micros: i64, unit: i64) -> String {
    let sign = match micros.signum() {
        1 => "+",
        -1 => "-",
        _ => "",
    };
    format!("{sign}{}", shown(micros.abs(), unit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn deployment(version: &str, environment: &str) -> Value {
        json!({"id": "0197a000-0000-7000-8000-000000000001", "component": "checkout", "environment": environment,
            "version": version, "owner": "ann", "run": null, "outcome": "succeeded", "status": "done",
            "started_at": "2026-01-05T09:30:00Z", "ended_at": "2026-01-05T09:40:00Z", "duration_seconds": 1, "steps": 3})
    }

    /// Of parts in microseconds before and after.
    fn compared(parts: &[(Option<&str>, i64, i64)]) -> Comparison {
        let seconds = |micros: i64| micros as f64 / 1e6;
        let (before, after): (i64, i64) =
            (parts.iter().map(|part| part.1).sum(), parts.iter().map(|part| part.2).sum());
        let share = |change: i64| (before != after).then(|| change as f64 / (after - before) as f64);
        let part = |(step, before, after): &(Option<&str>, i64, i64)| {
            let change = match (*before, *after) {
                (0, 1..) => json!("appeared"),
                (1.., 0) => json!("vanished"),
                _ => json!(null),
            };
            json!({"step": step, "waiting": *step == Some("approval"), "before_seconds": seconds(*before),
                "after_seconds": seconds(*after), "change_seconds": seconds(after - before), "share": share(after - before),
                "change": change})
        };
        let parts: Vec<Value> = parts.iter().map(part).collect();
        serde_json::from_value(json!({"deployment": deployment("4.2.0", "production"), "with": deployment("4.1.9", "staging"),
            "before_seconds": seconds(before), "after_seconds": seconds(after), "change_seconds": seconds(after - before),
            "parts": parts}))
        .unwrap()
    }

    #[test]
    fn the_step_that_makes_most_of_the_difference_is_named() {
        let comparison = compared(&[
            (Some("migrating"), 60_040_000, 157_030_000),
            (None, 10_000_000, 30_030_000),
            (Some("approval"), 0, 20_040_000),
            (Some("building"), 300_000_000, 280_000_000),
        ]);
        assert_eq!(
            sentence(&comparison).to_string(),
            "checkout 4.2.0 in production (2026-01-05 09:30) took 1m57.1s more than 4.1.9 in staging (2026-01-05 09:30): 8m07.1s \
             instead of 6m10.0s; 83% of that is `migrating`."
        );
        assert_eq!(
            table(&comparison).to_lines(),
            [
                "step|before|after|change|share|note",
                "migrating|1m00.0s|2m37.0s|+1m37.0s|83%|",
                "(gaps)|10.0s|30.1s|+20.1s|17%|",
                "approval (waiting)|0.0s|20.0s|+20.0s|17%|new",
                "building|5m00.0s|4m40.0s|-20.0s|-17%|",
                "total|6m10.0s|8m07.1s|+1m57.1s|100%|",
            ]
        );
    }

    #[test]
    fn what_is_equal_new_or_gone_is_said_so() {
        let told = |parts: &[(Option<&str>, i64, i64)]| {
            let told = sentence(&compared(parts)).to_string();
            told.split_once(") took ").unwrap().1.to_owned()
        };
        let same = told(&[(Some("a"), 5_000_000, 5_004_000)]);
        assert_eq!(same, "as long as 4.1.9 in staging (2026-01-05 09:30): 5.00s.");
        let less = told(&[(Some("a"), 7_200_000_000, 0), (Some("b"), 60_000_000, 3_660_000_000)]);
        assert!(less.starts_with("1h00m00s less than ") && less.contains("1h01m00s instead of 2h01m00s"), "{less}");
        assert!(less.ends_with("; `a`, which is gone, took 2h00m00s less, others 1h00m00s more."), "{less}");
        let more = told(&[(Some("a"), 10_000_000, 130_000_000), (None, 50_000_000, 0)]);
        assert!(more.ends_with("; `a` took 2m00.0s more, others 50.0s less."), "{more}");
        let waits = told(&[(Some("approval"), 0, 2_000_000)]);
        assert!(waits.ends_with("all of that is waiting in `approval`, which is new."), "{waits}");
        assert!(told(&[(None, 0, 2_000_000)]).contains("all of that is gaps, with no step open"), "{waits}");
    }

    proptest! {
        #[test]
        fn what_is_shown_adds_up(parts in prop::collection::vec((0..9_000_000_000_i64, 0..9_000_000_000_i64), 1..12)) {
            let unit = 100_000;
            let (before, after): (Vec<i64>, Vec<i64>) = parts.into_iter().unzip();
            for values in [&before, &after] {
                let shown = running_totals(values.iter().copied(), unit);
                prop_assert_eq!(shown.iter().sum::<i64>(), rounded(values.iter().sum(), unit));
                prop_assert!(shown.iter().zip(values).all(|(shown, value)| *shown >= 0 && (shown - value).abs() <= unit));
            }
        }
    }
}
