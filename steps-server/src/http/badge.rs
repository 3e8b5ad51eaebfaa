//! A badge as an SVG. Pure.

use maud::{Markup, html};
use steps_shared::view::words::spoken;
use steps_shared::{Component, Environment, Trend, Verdict, escaped};

/// The height, and the room beside each text, in pixels.
const HEIGHT: u32 = 20;
const ROOM: u32 = 6;

const LABEL: &str = "#374151";
const UNKNOWN: &str = "#4b5563";
const WORSE: &str = "#b4430c";
const BETTER: &str = "#15703a";
const STEADY: &str = "#1d4e89";

/// The badge of a component in an environment: the median of its deployments now, and how it grows.
pub fn svg(component: &Component, environment: &Environment, trend: Option<&Trend>) -> String {
    let place = if *environment == Environment::default() { String::new() } else { format!(" to {environment}") };
    let label = escaped(&format!("deploy{place}")).into_owned();
    let (told, colour) = trend.map_or_else(|| ("no deployments yet".to_owned(), UNKNOWN), told);
    let about = escaped(&format!("deploys of {component}{place}: {told}")).into_owned();
    let (left, right) = (width(&label) + 2 * ROOM, width(&told) + 2 * ROOM);
    let whole = left + right;
    let text = |from: u32, room: u32, words: &str| -> Markup {
        html! {
            text x=(from + room / 2) y="14" text-anchor="middle" textLength=(room - 2 * ROOM) lengthAdjust="spacingAndGlyphs" { (words) }
        }
    };
    let drawn = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(whole) height=(HEIGHT) role="img" aria-label=(about) {
            title { (about) }
            clipPath id="r" { rect width=(whole) height=(HEIGHT) rx="3" fill="#fff" {} }
            g clip-path="url(#r)" {
                rect width=(left) height=(HEIGHT) fill=(LABEL) {}
                rect x=(left) width=(right) height=(HEIGHT) fill=(colour) {}
            }
            g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11" {
                (text(0, left, &label))
                (text(left, right, &told))
            }
        }
    };
    drawn.into_string()
}

/// `8m 42s ↗ +6 %/sprint`, and its colour.
fn told(trend: &Trend) -> (String, &'static str) {
    let median = spoken(trend.now_median);
    let percent = |percent: f64| format!("{}{:.0} %", if percent < 0.0 { '−' } else { '+' }, percent.abs());
    let growth = trend.growth.as_ref().and_then(|growth| growth.percent_per_sprint);
    let growth = growth.map(|growth| format!(" {}/sprint", percent(growth.value))).unwrap_or_default();
    let change = trend.change_points.last().and_then(|change| change.change_percent);
    let change = change.map(|change| format!(" {}", percent(change))).unwrap_or_default();
    match trend.verdict {
        Verdict::Growing => (format!("{median} ↗{growth}"), WORSE),
        Verdict::Jumped => (format!("{median} ↑ jumped{change}"), WORSE),
        Verdict::Shrinking => (format!("{median} ↘{growth}"), BETTER),
        Verdict::Dropped => (format!("{median} ↓ dropped{change}"), BETTER),
        Verdict::Steady => (format!("{median} → steady"), STEADY),
        Verdict::NotEnoughData => (median, UNKNOWN),
    }
}

/// About how wide a text is in pixels; whoever shows it chooses the font, and fits the text to this width.
fn width(text: &str) -> u32 {
    let tenths: u32 = text.chars().map(advance).sum();
    tenths.div_ceil(10)
}

/// In tenths of a pixel, of Verdana at 11 pixels.
fn advance(character: char) -> u32 {
    match character {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '|' | '\'' | '!' => 36,
        ' ' | '\u{a0}' | 'f' | 'r' | 't' | 'I' | '(' | ')' | '[' | ']' | '-' | '/' => 46,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 108,
        'A'..='Z' => 78,
        '\u{2e80}'.. => 115,
        '\u{80}'.. => 90,
        _ => 69,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn trend(verdict: &str, percent: f64) -> Trend {
        let estimate = json!({"value": percent, "low": percent, "high": percent});
        let change: Value = json!({"deployment_id": "0197a000-0000-7000-8000-000000000001", "version": "2", "owner": "ann",
            "started_at": "2026-03-10T00:00:00Z", "before_seconds": 60, "after_seconds": 90, "change_percent": 50.0, "p_value": 0.001});
        let trend = json!({"component": "shop", "environment": "production", "step": null, "deployments": 12,
            "first_started_at": "2026-01-05T00:00:00Z", "last_started_at": "2026-03-10T00:00:00Z", "verdict": verdict,
            "start_median_seconds": 370, "now_median_seconds": 522, "cause": null, "change_points": [change], "since_change": null,
            "periods": [], "points": null, "growth": {"seconds_per_week": estimate, "percent_per_week": estimate,
            "seconds_per_sprint": estimate, "percent_per_sprint": estimate, "fitted_start_seconds": 1.0,
            "fitted_end_seconds": 2.0, "p_value": 0.01, "tau": 0.5, "fitted_points": 12}});
        serde_json::from_value(trend).unwrap()
    }

    fn of(verdict: &str, percent: f64) -> String {
        told(&trend(verdict, percent)).0
    }

    #[test]
    fn a_badge_tells_median_and_trend() {
        assert_eq!(of("growing", 6.2), "8m\u{a0}42s ↗ +6 %/sprint");
        assert_eq!(of("shrinking", -3.0), "8m\u{a0}42s ↘ −3 %/sprint");
        assert_eq!(of("jumped", 0.0), "8m\u{a0}42s ↑ jumped +50 %");
        assert_eq!(of("steady", 0.1), "8m\u{a0}42s → steady");
        assert_eq!(of("not enough data", 0.0), "8m\u{a0}42s");
    }

    #[test]
    fn names_are_text() {
        let (component, environment) = ("</svg><script>&\"\u{202e}".parse().unwrap(), "a<b".parse().unwrap());
        let drawn = svg(&component, &environment, Some(&trend("growing", 6.0)));
        assert!(
            drawn.starts_with("<svg xmlns=") && drawn.ends_with("</svg>") && drawn.matches("</svg>").count() == 1,
            "{drawn}"
        );
        assert!(
            drawn.contains("deploy to a&lt;b") && drawn.contains("&lt;/svg&gt;&lt;script&gt;&amp;&quot;\\u{202e}"),
            "{drawn}"
        );
        assert!(!drawn.contains("<script") && !drawn.contains(" style="), "{drawn}");
        assert!(svg(&component, &Environment::default(), None).contains(">no deployments yet</text>"));
    }

    #[test]
    fn a_longer_text_is_wider() {
        assert!(width("deploy") < width("deploy to staging") && (30..45).contains(&width("deploy")));
        assert_eq!(width(""), 0);
    }
}
