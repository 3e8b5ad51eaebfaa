//! How often limits would have fired: pure.

use steps_shared::{CheckQuery, Duration, Firing, Judged, Replay, ReplayedBudget};

use super::report::label;
use crate::output::canvas::Canvas;
use crate::output::grouped;
use crate::output::paint::{Look, paint};

const DAY_SECONDS: f64 = 86_400.0;

/// How often each limit would have fired, and at what.
pub(super) fn sentences(replay: &Replay, query: &CheckQuery, canvas: Canvas) -> Vec<String> {
    let Replay { since, until, first_started_at, deployments, over, budgets } = replay;
    // A rate is of the time in which there were deployments.
    let span = Duration::between(first_started_at.unwrap_or(*since), *until).unwrap_or_default();
    let times = |over| {
        let look = if over > 0 { Look::Striking } else { Look::Good };
        paint(&fired(over, *deployments, span), look, canvas.colours)
    };
    let mut lines = vec![format!("  Had this been the budget since {} UTC:", since.to_seconds_text())];
    for limit in budgets {
        let ReplayedBudget { budget, over, not_enough_data, firings } = limit;
        let label = label(*budget, &query.budget);
        lines.push(format!("    {label}: {}{}", times(*over), unknown(*not_enough_data)));
        let shown = u32::try_from(firings.len()).unwrap_or(u32::MAX);
        if shown > 0 && shown < *over {
            lines.push(format!("      the latest {shown}:"));
        }
        lines.extend(table(firings));
    }
    if budgets.len() > 1 {
        lines.push(format!("    all limits together: {}", times(*over)));
    }
    lines
}

/// `would have fired 3 times in 120 deployments (2.5%), about once in 30 days`.
fn fired(over: u32, deployments: u32, span: Duration) -> String {
    let noun = if deployments == 1 { "deployment" } else { "deployments" };
    let all = grouped(u64::from(deployments));
    let times = match over {
        0 if deployments == 0 => return "there were no deployments".to_owned(),
        0 => return format!("would never have fired in {all} {noun}"),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{} times", grouped(u64::from(over))),
    };
    let share = f64::from(over) / f64::from(deployments.max(1)) * 100.0;
    let often = if over > 1 { often(span, over) } else { String::new() };
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
        1 => "; for one of them there was not enough data".to_owned(),
        more => format!("; for {} of them there was not enough data", grouped(u64::from(more))),
    }
}

/// The deployments at which a limit would have fired, in columns.
fn table(firings: &[Firing]) -> Vec<String> {
    let rows: Vec<_> = firings
        .iter()
        .map(|Firing { deployment, reason }| {
            let Judged { version, started_at, .. } = deployment;
            (started_at.to_seconds_text(), version.to_string(), reason)
        })
        .collect();
    let versions = rows.iter().map(|(_, version, _)| version.chars().count()).max().unwrap_or_default();
    rows.into_iter()
        .map(|(started, version, reason)| format!("      {started}  {version:versions$}  {reason}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::checked;
    use super::*;
    use crate::output::canvas::Glyphs;

    const CANVAS: Canvas = Canvas { width: 80, glyphs: Glyphs::Ascii, colours: false };

    #[test]
    fn says_how_often_and_when() {
        let firing = |version: &str, started: &str, seconds: u32| {
            format!(
                r#"{{"id":"0197a000-0000-7000-8000-000000000001","version":"{version}","owner":"ann","started_at":"{started}",
                "duration_seconds":{seconds},"reason":"longer than 10m00s"}}"#
            )
        };
        let (first, second) =
            (firing("4.9", "2026-09-29T08:00:00Z", 720), firing("4.11.0", "2026-09-30T10:00:00Z", 3900));
        let answer = format!(
            r#"{{"component":"checkout","environment":"production","step":null,"result":"over","deployment":null,"budgets":[],
            "replay":{{"since":"2026-01-04T09:30:00Z","until":"2026-10-02T09:30:00Z",
            "first_started_at":"2026-07-04T09:30:00Z","deployments":120,"over":4,"budgets":[
            {{"budget":"max","over":3,"not_enough_data":0,"firings":[{first},{second}]}},
            {{"budget":"baseline","over":0,"not_enough_data":10,"firings":[]}}]}}}}"#
        );
        let parameters = [("component", "checkout"), ("max", "10m"), ("baseline", "p95"), ("replay", "90d")];
        let checked = checked(&parameters, &answer);
        let lines = sentences(checked.answer.replay.as_ref().unwrap(), &checked.query, CANVAS);
        assert_eq!(
            lines.join("\n"),
            "  Had this been the budget since 2026-01-04 09:30:00 UTC:
    max 10m00s: would have fired 3 times in 120 deployments (2.5%), about once in 30 days
      the latest 2:
      2026-09-29 08:00:00  4.9     longer than 10m00s
      2026-09-30 10:00:00  4.11.0  longer than 10m00s
    baseline p95: would never have fired in 120 deployments; for 10 of them there was not enough data
    all limits together: would have fired 4 times in 120 deployments (3.3%), about once in 22 days"
        );
    }

    #[test]
    fn rates_are_told_in_words() {
        let days = |days: &str| days.parse().unwrap();
        assert_eq!(fired(0, 1, days("90d")), "would never have fired in 1 deployment");
        assert_eq!(fired(0, 0, days("90d")), "there were no deployments");
        assert_eq!(fired(1, 1200, days("90d")), "would have fired once in 1,200 deployments (0.1%)");
        assert_eq!(fired(2, 4, days("7d")), "would have fired twice in 4 deployments (50.0%), about once in 4 days");
        assert!(fired(7, 100, days("7d")).ends_with(", about once a day"));
        assert!(fired(70, 100, days("7d")).ends_with(", about 10 times a day"));
    }
}
