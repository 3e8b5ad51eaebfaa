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

/// Where each text begins, and how long it is.
fn texts(svg: &str) -> Vec<(i32, i32, String)> {
    let text = |part: &str| {
        let number = |name: &str| part.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?.parse().ok();
        let words = part.split_once(">\n")?.1.split("\n</text").next()?;
        Some((number("x")?, number("y")?, words.to_owned()))
    };
    svg.split("<text").skip(1).filter_map(text).collect()
}

#[test]
fn the_legend_is_within_the_picture() {
    let mut points = trend()["points"].clone();
    points[3]["duration_seconds"] = json!(7500);
    points[4]["duration_seconds"] = json!(2);
    let svg = drawn(with(&[("/points", points), ("/component", json!("c".repeat(200)))])).unwrap();
    let all = texts(&svg);
    let legend = ["deployments", "median of each sprint", "the level changed", "took 2h05m", "took 2.0s"];
    let found: Vec<_> = all.iter().filter(|(_, _, text)| legend.contains(&text.as_str())).collect();
    assert_eq!(found.len(), legend.len(), "{all:?}");
    let height: i32 = svg.split("height=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
    for (x, y, text) in &found {
        assert!(x + text.width() as i32 * 9 <= 1000 && *y < height, "{text} at {x}, {y} of {height}");
    }
    let title = all.iter().find(|(_, _, text)| text.starts_with("ccc")).unwrap();
    assert!(title.2.ends_with('…') && title.2.width() <= 58, "{title:?}");
}

#[test]
fn without_points_there_is_no_chart() {
    assert_eq!(drawn(with(&[("/points", json!([]))])), None);
}
