//! What is printed for people: each deployment that was judged, with a line for each limit.

use steps_shared::view::check::{CheckReport, LimitReport, counts, report as report_of};
use steps_shared::view::replay::{FiringLine, ReplaySummary, ReplayedLimit};
use steps_shared::view::{Meaning, Text};
use steps_shared::{CheckAnswer, CheckResult, escaped};
use unicode_width::UnicodeWidthStr;

use super::Checked;
use crate::terminal::canvas::Canvas;
use crate::terminal::painted::Painted;
use crate::terminal::text::{line, lines, paint, plain};

/// The least room for a sentence beside what stands before it.
const MIN_WIDTH: u16 = 24;

/// All reports. `rules` is the file whose rules were judged.
pub(super) fn report(checked: &[Checked], rules: Option<&str>, canvas: Canvas) -> Painted {
    let results = checked.iter().flat_map(|Checked { query: _, answer }| results(answer));
    let width = results.map(|result| result.name().len()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for Checked { query, answer } in checked {
        if !lines.is_empty() {
            lines.push(Painted::default());
        }
        lines.extend(one(&report_of(query, answer), width, canvas));
    }
    if let Some(path) = rules {
        let results: Vec<_> = checked.iter().map(|checked| checked.answer.result).collect();
        let noun = if checked.len() == 1 { "rule" } else { "rules" };
        let all = format!("{} {noun} of {path}: {}", checked.len(), counts(&results));
        lines.extend([Painted::default(), Painted::plain(all)]);
    }
    Painted::lines(lines)
}

fn results(answer: &CheckAnswer) -> impl Iterator<Item = CheckResult> {
    answer.budgets.iter().map(|budget| budget.result).chain([answer.result])
}

/// The lines of one deployment. Results take `result_width`, so that those of all reports are aligned.
fn one(report: &CheckReport, result_width: usize, canvas: Canvas) -> Vec<Painted> {
    let CheckReport { result: worst, judged, limits, new_normal, replay } = report;
    let aligned = |result: CheckResult| {
        let gap = " ".repeat(result_width - result.name().len());
        paint(result.name(), Meaning::from(result)) + &gap
    };
    let mut lines = hanging(aligned(*worst) + "  ", result_width + 2, judged, canvas);
    let longest = limits.iter().map(|limit| limit.label.len()).max().unwrap_or_default();
    for LimitReport { result, label, reason } in limits {
        let head = Painted::plain("  ") + aligned(*result) + &format!("  {label:longest$}  ");
        let reason = Text::new(reason.as_str(), Meaning::Plain);
        lines.extend(hanging(head, result_width + longest + 6, &reason, canvas));
    }
    if let Some(new_normal) = new_normal {
        lines.push(Painted::plain(format!("  {new_normal}: if that is the new normal, accept it with --since DATE,")));
        lines.push(Painted::plain("  or since = \"DATE\" in the rule."));
    }
    if let Some(replay) = replay {
        lines.push(Painted::default());
        lines.extend(replay_lines(replay, canvas));
    }
    lines
}

/// A text behind a head of so many characters, over as many lines as it takes; the next ones are indented as far.
fn hanging(head: Painted, indent: usize, text: &Text, canvas: Canvas) -> Vec<Painted> {
    let needed = indent + plain(text, canvas.glyphs).width();
    let Some(width) = canvas.fit.filter(|width| needed > usize::from(*width)) else {
        return vec![head + line(text, canvas.glyphs)];
    };
    let inner = Canvas { fit: Some(width.saturating_sub(indent as u16).max(MIN_WIDTH)), ..canvas };
    let mut parts = lines(text, inner).into_iter();
    let first = head + parts.next().unwrap_or_default();
    let rest = parts.map(|part| Painted::plain(" ".repeat(indent)) + part);
    std::iter::once(first).chain(rest).collect()
}

/// How often each limit would have fired, and at what.
pub(super) fn replay_lines(replay: &ReplaySummary, canvas: Canvas) -> Vec<Painted> {
    let ReplaySummary { since, limits, together } = replay;
    let mut lines = vec![Painted::plain(format!("  {since}:"))];
    for ReplayedLimit { label, fired: times, unknown, latest, firings } in limits {
        let mut times = times.clone();
        times.say(unknown.as_str());
        lines.extend(hanging(Painted::plain(format!("    {label}: ")), 6, &times, canvas));
        lines.extend(latest.map(|latest| Painted::plain(format!("      the latest {latest}:"))));
        let versions = firings.iter().map(|firing| escaped(&firing.version).width()).max().unwrap_or_default();
        for FiringLine { started, version, reason } in firings {
            let version = escaped(version);
            let gap = " ".repeat(versions - version.width());
            let head = format!("      {started}  {version}{gap}  ");
            let (indent, reason) = (head.width(), Text::new(reason.as_str(), Meaning::Plain));
            lines.extend(hanging(Painted::plain(head), indent, &reason, canvas));
        }
    }
    if let Some(times) = together {
        lines.extend(hanging(Painted::plain("    all limits together: "), 6, times, canvas));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::tests::{checked, over, without_deployment};
    use super::*;
    use crate::terminal::canvas::Glyphs;
    use crate::terminal::text::unstyled;

    fn styled(checked: &[Checked], rules: Option<&str>, glyphs: Glyphs) -> Painted {
        report(checked, rules, Canvas { fit: Some(120), glyphs })
    }

    fn shown(checked: &[Checked], rules: Option<&str>, glyphs: Glyphs) -> String {
        unstyled(&styled(checked, rules, glyphs))
    }

    #[test]
    fn it_says_what_was_judged_and_why() {
        assert_eq!(
            shown(&[over(), without_deployment()], Some("/p/.steps.toml"), Glyphs::Unicode),
            "\
over             migrating in checkout 4.12.0 → production took 6m10s (2026-10-02 09:30:00 UTC by ann)
  over             max 5m00s     6m10s is more than 5m00s
  not enough data  baseline p95  7 deployments before it, of 10 that are needed

not enough data  api 1.0 → staging has no successful deployment
  not enough data  max 1h00m  nothing to judge

2 rules of /p/.steps.toml: 1 over, 1 not enough data
"
        );
        assert_eq!(shown(&[without_deployment()], None, Glyphs::Unicode).lines().count(), 2);
    }

    #[test]
    fn it_fits_a_narrow_terminal() {
        let text = report(&[over()], None, Canvas { fit: Some(60), glyphs: Glyphs::Unicode });
        assert_eq!(
            unstyled(&text),
            "\
over             migrating in checkout 4.12.0 → production
                 took 6m10s (2026-10-02 09:30:00 UTC by ann)
  over             max 5m00s     6m10s is more than 5m00s
  not enough data  baseline p95  7 deployments before it, of
                                 10 that are needed
"
        );
    }

    #[test]
    fn results_are_styled_and_still_aligned() {
        let text = styled(&[over()], None, Glyphs::Unicode);
        let mut lines = text.as_str().lines();
        for start in [
            "\u{1b}[31mover\u{1b}[0m             \u{1b}[1mmigrating in",
            "  \u{1b}[31mover\u{1b}[0m             max 5m00s     6m10s",
            "  \u{1b}[33mnot enough data\u{1b}[0m  baseline p95  7",
        ] {
            assert!(lines.next().unwrap().starts_with(start), "{text:?}");
        }
    }

    #[test]
    fn a_replay_says_how_often_and_when() {
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
        let text = shown(&[checked(&parameters, &answer)], None, Glyphs::Ascii);
        let (_, replay) = text.split_once("\n\n").unwrap();
        assert_eq!(
            replay,
            "  Had this been the budget since 2026-01-04 09:30:00 UTC:
    max 10m00s: would have fired 3 times in 120 deployments (2.5%), about once in 30 days
      the latest 2:
      2026-09-29 08:00:00  4.9     longer than 10m00s
      2026-09-30 10:00:00  4.11.0  longer than 10m00s
    baseline p95: would never have fired in 120 deployments; for 10 of them there was not enough data
    all limits together: would have fired 4 times in 120 deployments (3.3%), about once in 22 days
"
        );
    }
}
