//! Trends for the tests of this module.

use crate::TrendAnswer;
use serde_json::{Value, json};

/// Twelve deployments of one component in six weeks; the seventh and all after it took two minutes longer.
pub fn trend() -> Value {
    serde_json::from_str(include_str!("samples/trend.json")).unwrap()
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
