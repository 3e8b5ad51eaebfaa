use serde_json::json;

use super::super::tests::{answer, trend, with};
use super::*;

fn drawn(trend: serde_json::Value, width: usize, glyphs: Glyphs, colours: bool) -> String {
    let answer = answer(&[trend], "sprint");
    let lines = chart(&answer, &answer.trends[0], Canvas { width, glyphs, colours });
    lines.into_iter().map(|line| line + "\n").collect()
}

#[test]
fn a_chart_in_ascii() {
    let expected = "\
9m00s +                                  :
      |                                  :
      |                                  .     .    .     .     =======
      |                                  :
8m00s +                                  :
      |                                  :
      |                                  :
7m00s +                                  :
      |                                  :
      |                                  :
      |=======================================
6m00s +                                  :
      +------------------+-------------------+------------------+------
                    2026-09-14          2026-09-28         2026-10-12

. deployments   == median of each sprint
: the level changed, at this version
";
    let chart = drawn(trend(), 72, Glyphs::Ascii, false);
    let (versions, rest) = chart.split_once('\n').unwrap();
    assert_eq!(versions.find("4.12.0"), rest.find(':'));
    assert_eq!(rest, expected);
}

#[test]
fn a_chart_in_unicode_fits_and_is_coloured_where_wanted() {
    for width in [200, 120, 80, 40] {
        let chart = drawn(trend(), width, Glyphs::Unicode, false);
        assert!(chart.lines().all(|line| line.width() <= width), "{width}: {chart}");
        for part in ["━━", "┊", "┤", "└", "4.12.0", "deployments", "median of each sprint", "2026-09-28"] {
            assert!(chart.contains(part), "{part}: {chart}");
        }
        assert!(chart.chars().any(|character| ('\u{2801}'..='\u{28ff}').contains(&character)), "{chart}");
        assert!(!chart.contains('\u{1b}'));
    }
    let painted = drawn(trend(), 80, Glyphs::Unicode, true);
    assert!(painted.contains("\u{1b}[33m4.12.0\u{1b}[0m") && painted.contains("\u{1b}[1m━━"), "{painted:?}");
    assert_eq!(drawn(trend(), 20, Glyphs::Unicode, false), "", "there is no room");
}

#[test]
fn one_that_took_far_longer_or_less_does_not_press_all_else_together() {
    let mut points = trend()["points"].clone();
    points[3]["duration_seconds"] = json!(7500);
    let chart = drawn(with(&[("/points", points)]), 80, Glyphs::Unicode, false);
    assert!(chart.contains("▲ took 2h05m") && !chart.contains("h00m ┤"), "{chart}");
    let mut points = trend()["points"].clone();
    points[3]["duration_seconds"] = json!(2);
    let chart = drawn(with(&[("/points", points)]), 80, Glyphs::Unicode, false);
    assert!(chart.contains("▼ took 2.0s") && !chart.contains(" 0.00s ┤"), "{chart}");
}

#[test]
fn what_has_no_points_has_no_chart() {
    assert_eq!(drawn(with(&[("/points", json!(null))]), 80, Glyphs::Unicode, false), "");
    assert_eq!(drawn(with(&[("/last_started_at", trend()["first_started_at"].clone())]), 80, Glyphs::Ascii, false), "");
}
