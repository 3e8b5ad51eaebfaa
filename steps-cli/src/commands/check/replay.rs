//! How often limits would have fired: pure.

use steps_shared::{CheckQuery, Duration, Firing, Judged, Replay, ReplayedBudget};

use super::report::{Canvas, label};
use crate::output::grouped;
use crate::output::paint::{Look, paint};

const DAY_SECONDS: f64 = 86_400.0;

/// How often each limit would have fired, and at what.
pub(super) fn sentences(replay: &Replay, query: &CheckQuery, canvas: Canvas) -> Vec<String> {
    let Replay { since, deployments, over, budgets } = replay;
    let noun = if *deployments == 1 { "deployment" } else { "deployments" };
    let of = grouped(u64::from(*deployments));
    let mut lines = vec![format!("  Had this been the budget since {} UTC ({of} {noun}):", since.to_seconds_text())];
    for limit in budgets {
        let ReplayedBudget { budget, over, not_enough_data, firings } = limit;
        let fired = fired(*over, *deployments, query.replay);
        let look = if *over > 0 { Look::Striking } else { Look::Good };
        let fired = paint(&fired, look, canvas.colours);
        let unknown = unknown(*not_enough_data);
        lines.push(format!("  {}: {fired}{unknown}", label(*budget, &query.budget)));
        if (firings.len() as u64) < u64::from(*over) {
            lines.push(format!("    the latest {}:", firings.len()));
        }
        lines.extend(table(firings));
    }
    if budgets.len() > 1 {
        lines.push(format!("  all limits together: {}", fired(*over, *deployments, query.replay)));
    }
    lines
}

/// `would have fired 3 times in 120 deployments (2.5%), about once in 30 days`.
fn fired(over: u32, deployments: u32, span: Option<Duration>) -> String {
    let noun = if deployments == 1 { "deployment" } else { "deployments" };
    let all = grouped(u64::from(deployments));
    let times = match over {
        0 => return format!("would never have fired in {all} {noun}"),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{} times", grouped(u64::from(over))),
    };
    let share = f64::from(over) / f64::from(deployments.max(1)) * 100.0;
    let often = span.filter(|_| over > 1).map(|span| often(span, over)).unwrap_or_default();
    format!("would have fired {times} in {all} {noun} ({share:.1}%){often}")
}

/// How often that is, in words; once is no rate.
fn often(span: Duration, over: u32) -> String {
    let days = span.seconds() / DAY_SECONDS / f64::from(over);
    match days {
        1.5.. => format!(", about once in {days:.0} days"),
        0.67..1.5 => ", about once a day".to_owned(),
        _ if days > 0.0 => format!(", about {:.0} times a day", 1.0 / days),
        _ => String::new(),
    }
}

fn unknown(deployments: u32) -> String {
    match deployments {
        0 => String::new(),
        1 => "; before one of them there was not enough data".to_owned(),
        more => format!("; before {} of them there was not enough data", grouped(u64::from(more))),
    }
}

/// The deployments at which a limit would have fired, in columns.
fn table(firings: &[Firing]) -> Vec<String> {
    let rows: Vec<_> = firings
        .iter()
        .map(|Firing { deployment, reason }| {
            let Judged { id: _, version, owner: _, started_at, duration } = deployment;
            (started_at.to_seconds_text(), version.to_string(), duration.to_string(), reason)
        })
        .collect();
    let versions = rows.iter().map(|(_, version, _, _)| version.chars().count()).max().unwrap_or_default();
    let durations = rows.iter().map(|(_, _, duration, _)| duration.len()).max().unwrap_or_default();
    rows.into_iter()
        .map(|(started, version, duration, reason)| {
            format!("    {started}  {version:versions$}  {duration:>durations$}  {reason}")
        })
        .collect()
}
