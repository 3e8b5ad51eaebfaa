//! Trends to try what is told of them with.

use serde_json::{Value, json};
use steps_shared::TrendAnswer;

/// Twelve deployments of one component in six weeks; the seventh took two minutes longer, and what followed too.
pub fn trend() -> Value {
    let estimate = |value: f64, low: f64, high: f64| json!({"value": value, "low": low, "high": high});
    let started = |day: u32| format!("2026-{:02}-{:02}T09:00:00.000000Z", 9 + day / 31, 1 + day % 30);
    let took = |index: u32| if index < 6 { 370 + index } else { 500 + index };
    let points: Vec<_> = (0..12)
        .map(|index| json!({"started_at": started(index * 4), "duration_seconds": took(index), "deployments": 1}))
        .collect();
    let part = |step: Value, before: f64, after: f64, share: f64, change: Value| {
        json!({"step": step, "before_seconds": before, "after_seconds": after, "change_seconds": after - before,
            "share": share, "change": change})
    };
    json!({
        "component": "checkout", "environment": "production", "step": null, "deployments": 12,
        "first_started_at": started(0), "last_started_at": started(44), "verdict": "growing",
        "start_median_seconds": 370, "now_median_seconds": 522,
        "growth": {
            "seconds_per_week": estimate(14.0, 11.0, 18.0), "percent_per_week": estimate(3.8, 2.9, 4.7),
            "seconds_per_sprint": estimate(28.0, 22.0, 36.0), "percent_per_sprint": estimate(7.6, 5.8, 9.4),
            "fitted_start_seconds": 368.0, "fitted_end_seconds": 510.0, "p_value": 0.0004, "tau": 0.62, "fitted_points": 12
        },
        "cause": {
            "deployments_before": 5, "deployments_after": 5, "before_seconds": 372, "after_seconds": 509,
            "change_seconds": 137.0,
            "parts": [
                part(json!("migrating"), 60.0, 157.0, 0.708, Value::Null),
                part(Value::Null, 10.0, 60.0, 0.365, Value::Null),
                part(json!("smoke-test"), 0.0, 30.0, 0.219, json!("appeared")),
                part(json!("building"), 302.0, 262.0, -0.292, Value::Null),
            ]
        },
        "change_points": [{
            "deployment_id": "0197a000-0000-7000-8000-000000000001", "version": "4.12.0", "owner": "ann",
            "started_at": started(24), "before_seconds": 380, "after_seconds": 510, "change_percent": 34.2, "p_value": 0.001
        }],
        "since_change": {"deployments": 6, "verdict": "not enough data", "growth": null},
        "periods": [
            {"start": "2026-08-31T00:00:00.000000Z", "deployments": 4, "median_seconds": 371},
            {"start": "2026-09-14T00:00:00.000000Z", "deployments": 3, "median_seconds": 375},
            {"start": "2026-10-12T00:00:00.000000Z", "deployments": 1, "median_seconds": 511},
        ],
        "points": points
    })
}

/// The answer with these trends.
pub fn answer(trends: &[Value], by: &str) -> TrendAnswer {
    let answer = json!({
        "by": by, "sprint_start": "2026-01-05", "sprint_length": "14d", "min_change_percent": 1.0,
        "since": "2026-07-20T00:00:00.000000Z", "until": null, "trends": trends
    });
    serde_json::from_value(answer).unwrap()
}

/// The trend, but with other values at these pointers.
pub fn with(changes: &[(&str, Value)]) -> Value {
    let mut trend = trend();
    for (pointer, value) in changes {
        *trend.pointer_mut(pointer).unwrap() = value.clone();
    }
    trend
}
