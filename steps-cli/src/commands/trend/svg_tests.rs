use serde_json::json;

use super::*;
use crate::terminal::samples::{answer, trend, with};

fn drawn(trend: serde_json::Value) -> Option<String> {
    let answer = answer(&[trend], "sprint");
    svg(&answer, &answer.trends[0]).unwrap()
}

#[test]
fn a_chart_has_its_title_axes_and_marks() {
    let svg = drawn(trend()).unwrap();
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
    for text in
        ["checkout → production", "growing, +3.8% a week (2.9 to 4.7); 12 deployments", "4.12.0", "8m00s", "2026-09-14"]
    {
        assert!(svg.contains(&format!("\n{text}")), "{text}: {svg}");
    }
    assert_eq!(svg.matches("<circle").count(), 13, "twelve deployments and the legend");
    let medians = svg.matches(r##"stroke="#1D4E89" stroke-width="3""##).count();
    assert_eq!(medians, 4, "three sprints and the legend");
}

#[test]
fn names_are_escaped() {
    let svg = drawn(with(&[
        ("/component", json!("a<b>&\"c\"")),
        ("/step", json!("it's")),
        ("/change_points/0/version", json!("</svg>")),
    ]));
    let svg = svg.unwrap();
    assert!(svg.contains("a&lt;b&gt;&amp;&quot;c&quot; → production: it&apos;s"), "{svg}");
    assert!(svg.contains("&lt;/svg&gt;") && svg.matches("</svg>").count() == 1, "{svg}");
}

#[test]
fn characters_that_xml_forbids_are_escaped() {
    let forbidden = "x\u{ffff}\u{fffe}\u{1}\u{1b}\u{9b}\u{202e}";
    let mut trend = with(&[("/component", json!("a\u{ffff}\u{fffe}\u{202e}b"))]);
    trend["change_points"][0]["version"] = json!("\u{ffff}4");
    let svg = drawn(trend).unwrap();
    assert!(svg.contains("a\\u{ffff}\\u{fffe}\\u{202e}b → production") && svg.contains("\\u{ffff}4"), "{svg}");
    let is_xml = |character: char| matches!(character, '\n' | ' '..='\u{7e}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..);
    assert!(svg.chars().all(is_xml) && !svg.chars().any(|character| forbidden[1..].contains(character)), "{svg}");
}

#[test]
fn without_points_there_is_no_chart() {
    assert_eq!(drawn(with(&[("/points", json!([]))])), None);
}
