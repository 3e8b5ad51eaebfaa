use serde_json::json;

use super::super::samples::{answer, trend, with};
use super::super::text::unstyled;
use super::*;

fn styled(trend: serde_json::Value, width: u16, glyphs: Glyphs) -> Painted {
    let answer = answer(&[trend], "sprint");
    let lines = draw(&answer, &answer.trends[0], Canvas { fit: Some(width), glyphs });
    Painted::lines(lines)
}

fn drawn(trend: serde_json::Value, width: u16, glyphs: Glyphs) -> String {
    unstyled(&styled(trend, width, glyphs))
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
    let chart = drawn(trend(), 72, Glyphs::Ascii);
    let (versions, rest) = chart.split_once('\n').unwrap();
    assert_eq!(versions.find("4.12.0"), rest.find(':'));
    assert_eq!(rest, expected);
}

#[test]
fn a_chart_in_unicode_fits_and_is_styled() {
    for width in [200, 120, 80, 40] {
        let chart = drawn(trend(), width, Glyphs::Unicode);
        assert!(chart.lines().all(|line| line.width() <= usize::from(width)), "{width}: {chart}");
        for part in ["━━", "┊", "┤", "└", "4.12.0", "deployments", "median of each sprint", "2026-09-28"] {
            assert!(chart.contains(part), "{part}: {chart}");
        }
        assert!(chart.chars().any(|character| ('\u{2801}'..='\u{28ff}').contains(&character)), "{chart}");
    }
    let painted = styled(trend(), 80, Glyphs::Unicode);
    let painted = painted.as_str();
    assert!(painted.contains("\u{1b}[33m4.12.0\u{1b}[0m") && painted.contains("\u{1b}[1m━━"), "{painted:?}");
    assert_eq!(drawn(trend(), 20, Glyphs::Unicode), "", "there is no room");
}

#[test]
fn outliers_do_not_press_all_others_together() {
    let mut points = trend()["points"].clone();
    points[3]["duration_seconds"] = json!(7500);
    let chart = drawn(with(&[("/points", points)]), 80, Glyphs::Unicode);
    assert!(chart.contains("▲ took 2h05m") && !chart.contains("h00m ┤"), "{chart}");
    let mut points = trend()["points"].clone();
    points[3]["duration_seconds"] = json!(2);
    let chart = drawn(with(&[("/points", points)]), 80, Glyphs::Unicode);
    assert!(chart.contains("▼ took 2.0s") && !chart.contains(" 0.00s ┤"), "{chart}");
}

#[test]
fn ticks_are_as_far_from_each_other() {
    for gaps in 1..=4 {
        let height = height(gaps);
        assert!((10..=14).contains(&height) && usize::from(height - 1) % gaps == 0, "{gaps}: {height}");
    }
    let chart = drawn(trend(), 80, Glyphs::Unicode);
    let rows: Vec<usize> =
        chart.lines().enumerate().filter(|(_, line)| line.contains('┤')).map(|(row, _)| row).collect();
    let gaps: Vec<usize> = rows.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.len() > 1 && gaps.iter().all(|gap| *gap == gaps[0]), "{gaps:?}: {chart}");
}

#[test]
fn without_points_there_is_no_chart() {
    assert_eq!(drawn(with(&[("/points", json!(null))]), 80, Glyphs::Unicode), "");
    assert_eq!(drawn(with(&[("/last_started_at", trend()["first_started_at"].clone())]), 80, Glyphs::Ascii), "");
}
