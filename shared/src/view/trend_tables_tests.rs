use serde_json::json;

use super::super::trend_samples::{answer, trend, with};
use super::*;

#[test]
fn the_overview_has_a_row_for_each_trend() {
    let little = with(&[
        ("/component", json!("mailer")),
        ("/verdict", json!("not enough data")),
        ("/growth", json!(null)),
        ("/cause", json!(null)),
        ("/change_points", json!([])),
    ]);
    let steady = with(&[
        ("/component", json!("search")),
        ("/verdict", json!("steady")),
        ("/growth/percent_per_week", json!({"value": -0.2, "low": -0.7, "high": 0.3})),
    ]);
    let lines = overview(&answer(&[trend(), steady, little], "sprint")).to_lines();
    let expected = [
        "component|deploys|start|now|per week|95% within|verdict|cause|sprints|changed|at version|level",
        "checkout|12|6m10s|8m42s|+3.8%|2.9–4.7|growing|71% migrating|33 7|2026-09-25|4.12.0|6m20s → 8m30s",
        "search|12|6m10s|8m42s|-0.2%|-0.7 to 0.3|steady||33 7|2026-09-25|4.12.0|6m20s → 8m30s",
        "mailer|12|6m10s|8m42s|||not enough data||33 7|||",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn columns_that_say_nothing_are_left_out() {
    let bare = with(&[
        ("/growth", json!(null)),
        ("/cause", json!(null)),
        ("/change_points", json!([])),
        ("/environment", json!("staging")),
    ]);
    let lines = overview(&answer(&[bare], "week")).to_lines();
    assert_eq!(lines[0], "component|environment|deploys|start|now|verdict|weeks");
}

#[test]
fn the_parts_add_up_to_the_total() {
    let answer = answer(&[trend()], "sprint");
    let lines = cause_table(&answer.trends[0]).unwrap().to_lines();
    let expected = [
        "step|before|after|change|share|note",
        "migrating|1m00s|2m37s|+1m37s|71%|",
        "(gaps)|10.0s|1m00s|+50.0s|36%|",
        "smoke-test|0.00s|30.0s|+30.0s|22%|new",
        "building|5m02s|4m22s|-40.0s|-29%|",
        "total|6m12s|8m29s|+2m17s|100%|",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn several_changes_are_listed() {
    let change = trend()["change_points"][0].clone();
    let answer = answer(&[trend(), with(&[("/change_points", json!([change, change]))])], "sprint");
    assert_eq!(changes_table(&answer.trends[0]), None, "the sentence tells it");
    let lines = changes_table(&answer.trends[1]).unwrap().to_lines();
    assert_eq!(lines[1], "2026-09-25|4.12.0|ann|6m20s|8m30s|+34.2%");
}

#[test]
fn sparklines_show_the_newest_26_periods() {
    let week = |start: &str| json!({"start": start, "deployments": 1, "median_seconds": 60});
    let weeks = ["2025-01-06T00:00:00Z", "2026-04-06T00:00:00Z", "2026-04-13T00:00:00Z", "2026-10-05T00:00:00Z"];
    let answer = answer(&[with(&[("/periods", json!(weeks.map(week)))])], "week");
    let TableCell::Sparkline(levels) = sparkline(&answer, &answer.trends[0], first_period(&answer)) else {
        panic!("no sparkline")
    };
    let levels: String = levels.iter().map(|level| level.map_or(" ".to_owned(), |level| level.to_string())).collect();
    assert_eq!(levels, format!("7{}7", " ".repeat(24)), "from 2026-04-13 to 2026-10-05");
}
