use serde_json::json;
use unicode_width::UnicodeWidthStr;

use super::super::tests::{answer, trend, with};
use super::*;

fn paper(width: Option<u16>, glyphs: Glyphs) -> Paper {
    Paper { canvas: Canvas { width: 80, glyphs, colours: false }, width }
}

fn several() -> TrendAnswer {
    let little = with(&[
        ("/component", json!("mailer")),
        ("/verdict", json!("not enough data")),
        ("/growth", json!(null)),
        ("/cause", json!(null)),
        ("/change_points", json!([])),
        ("/periods", json!([{"start": "2026-10-05T00:00:00Z", "deployments": 1, "median_seconds": 60}])),
    ]);
    let steady = with(&[
        ("/component", json!("a-component-with-a-long-name")),
        ("/verdict", json!("steady")),
        ("/growth/percent_per_week", json!({"value": -0.2, "low": -0.7, "high": 0.3})),
    ]);
    answer(&[trend(), steady, little], "week")
}

#[test]
fn the_overview_tells_all_where_nothing_needs_to_fit() {
    let expected = "\
component                     deploys  start    now  per week  95% within   verdict          cause          weeks    changed     at version  level
checkout                           12  6m10s  8m42s     +3.8%  2.9–4.7      growing          71% migrating  ▄ ▄   █  2026-09-25  4.12.0      6m20s → 8m30s
a-component-with-a-long-name       12  6m10s  8m42s     -0.2%  -0.7 to 0.3  steady                          ▄ ▄   █  2026-09-25  4.12.0      6m20s → 8m30s
mailer                             12  6m10s  8m42s                         not enough data                      █
";
    assert_eq!(overview(&several(), paper(None, Glyphs::Unicode)), expected);
}

#[test]
fn the_overview_fits_80_columns() {
    for glyphs in [Glyphs::Unicode, Glyphs::Ascii] {
        let table = overview(&several(), paper(Some(80), glyphs));
        let rows: Vec<_> = table.lines().filter(|line| !line.starts_with('(')).collect();
        assert!(rows.iter().all(|line| line.width() <= 80), "{table}");
        assert!(rows[0].contains("verdict          cause"), "{table}");
        assert!(rows[1].contains("71% migrating") && rows[1].contains("+3.8%"), "{table}");
        assert_eq!(table.is_ascii(), glyphs == Glyphs::Ascii, "{table}");
    }
}

#[test]
fn an_environment_is_told_where_it_is_not_the_usual_one() {
    let answer = answer(&[trend(), with(&[("/environment", json!("staging"))])], "week");
    assert!(overview(&answer, paper(None, Glyphs::Unicode)).starts_with("component  environment  deploys"));
    let narrow = overview(&answer, paper(Some(80), Glyphs::Unicode));
    assert!(narrow.starts_with("component  environment") && narrow.contains("checkout   staging"), "{narrow}");
}

#[test]
fn the_parts_add_up_to_the_total() {
    let answer = answer(&[trend()], "sprint");
    let expected = "\
step        before  after  change  share  note
migrating    1m00s  2m37s  +1m37s    71%
waiting      10.0s  1m00s  +50.0s    36%
smoke-test   0.00s  30.0s  +30.0s    22%  new
building     5m02s  4m22s  -40.0s   -29%
total        6m12s  8m29s  +2m17s   100%
";
    assert_eq!(parts(&answer.trends[0], paper(None, Glyphs::Unicode)).unwrap(), expected);
}

#[test]
fn several_changes_are_listed() {
    let change = trend()["change_points"][0].clone();
    let answer = answer(&[trend(), with(&[("/change_points", json!([change, change]))])], "sprint");
    assert_eq!(changes(&answer.trends[0], paper(None, Glyphs::Unicode)), None, "the sentence tells it");
    let table = changes(&answer.trends[1], paper(None, Glyphs::Unicode)).unwrap();
    assert!(table.contains("2026-09-25  4.12.0      ann           6m20s  8m30s  +34.2%\n"), "{table}");
}

#[test]
fn sparklines_show_the_newest_26_periods() {
    let week = |start: &str| json!({"start": start, "deployments": 1, "median_seconds": 60});
    let weeks = ["2025-01-06T00:00:00Z", "2026-04-06T00:00:00Z", "2026-04-13T00:00:00Z", "2026-10-05T00:00:00Z"];
    let answer = answer(&[with(&[("/periods", json!(weeks.map(week)))])], "week");
    let spark = spark(&answer, &answer.trends[0], spark_start(&answer), Glyphs::Ascii);
    assert_eq!(spark, format!("8{}8", " ".repeat(24)), "from 2026-04-13 to 2026-10-05");
}
