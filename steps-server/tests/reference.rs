//! Tests for trends, beside those of pymannkendall: `tests/reference/` of the repository
//! holds them, and the script that made them.

use serde::Deserialize;
use steps_server::mann_kendall;

#[derive(Deserialize)]
struct Series {
    name: String,
    y: Vec<f64>,
    s: f64,
    var_s: f64,
    z: f64,
    p: f64,
    tau: f64,
}

#[expect(clippy::panic, reason = "without its data the test must fail")]
fn series() -> Vec<Series> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/reference/series.json");
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[track_caller]
fn assert_near(name: &str, what: &str, found: f64, expected: f64) {
    let most = 1e-9 * expected.abs().max(1e-6);
    assert!((found - expected).abs() <= most, "{name}: {what} is {found}, and {expected} there");
}

#[test]
fn tests_for_a_trend_are_those_of_pymannkendall() {
    for Series { name, y, s, var_s, z, p, tau, .. } in &series() {
        let found = mann_kendall(y);
        assert_near(name, "s", found.s, *s);
        assert_near(name, "variance", found.variance, *var_s);
        assert_near(name, "z", found.z, *z);
        assert_near(name, "tau", found.tau, *tau);
        // It computes 1 - Φ(z), which is right to 1e-16 only.
        assert!((found.p_value - p).abs() <= 1e-9, "{name}: p is {}, and {p} there", found.p_value);
    }
}
