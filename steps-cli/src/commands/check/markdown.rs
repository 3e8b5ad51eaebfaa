//! The same report for summaries of jobs and comments on merge requests.

use steps_shared::view::check::{CheckReport, LimitReport, counts, report as report_of};
use steps_shared::view::{Meaning, Text};

use super::Checked;
use super::report::replay_lines;
use crate::terminal::canvas::{Canvas, Glyphs};
use crate::terminal::markdown;
use crate::terminal::painted::Painted;

/// A paragraph and a list of limits for each deployment that was judged.
pub(super) fn report(checked: &[Checked], rules: Option<&str>) -> Painted {
    let mut blocks = Vec::new();
    for Checked { query, answer } in checked {
        let CheckReport { result, judged, limits, new_normal, replay } = report_of(query, answer);
        let mut first = Text::new(result.name(), Meaning::from(result));
        first.say(": ").append(judged);
        blocks.push(Painted::lines([markdown::line(&first)]));
        let limit = |LimitReport { result, label, reason }: &LimitReport| {
            let mut text = Text::new(result.name(), Meaning::from(*result));
            text.say(format!(": {label}: {reason}"));
            markdown::item(markdown::line(&text))
        };
        blocks.push(Painted::lines(limits.iter().map(limit)));
        if let Some(new_normal) = new_normal {
            let told = format!(
                "{new_normal}: if that is the new normal, accept it with --since DATE, or since = \"DATE\" in the rule."
            );
            blocks.push(Painted::lines([markdown::line(&Text::new(told, Meaning::Plain))]));
        }
        if let Some(replay) = replay {
            let lines = replay_lines(&replay, Canvas { fit: None, glyphs: Glyphs::Unicode });
            blocks.push(markdown::block(&Painted::lines(lines)));
        }
    }
    if let Some(path) = rules {
        let results: Vec<_> = checked.iter().map(|checked| checked.answer.result).collect();
        let noun = if checked.len() == 1 { "rule" } else { "rules" };
        let all = format!("{} {noun} of {path}: {}", checked.len(), counts(&results));
        blocks.push(Painted::lines([markdown::line(&Text::new(all, Meaning::Plain))]));
    }
    blocks.retain(|block| !block.is_empty());
    Painted::paragraphs(blocks)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{over, without_deployment};
    use super::*;

    #[test]
    fn it_is_a_paragraph_and_a_list() {
        assert_eq!(
            report(&[over(), without_deployment()], None).as_str(),
            "\
**over**: **migrating in checkout 4.12.0 → production** took **6m10s** (2026-10-02 09:30:00 UTC by ann)

- **over**: max 5m00s: 6m10s is more than 5m00s
- **not enough data**: baseline p95: 7 deployments before it, of 10 that are needed

**not enough data**: **api 1.0 → staging** has no successful deployment

- **not enough data**: max 1h00m: nothing to judge
"
        );
    }
}
