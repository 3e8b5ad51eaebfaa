//! Tests and explanations of trends, beside those of pymannkendall, NumPy and SciPy: `tests/reference/` of the repository
//! holds them, and the script that made them.

use serde::Deserialize;
use steps_server::{mann_kendall, truth};

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

#[derive(Deserialize)]
struct Explanation {
    name: String,
    x: Vec<f64>,
    y: Vec<f64>,
    jumps: Vec<usize>,
    line: bool,
    evidence: f64,
    low: Option<f64>,
    slope: Option<f64>,
    high: Option<f64>,
}

#[expect(clippy::panic, reason = "without its data the test must fail")]
fn read<T: serde::de::DeserializeOwned>(file: &str) -> Vec<T> {
    let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/reference/{}"), file);
    let path = path.as_str();
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
    for Series { name, y, s, var_s, z, p, tau, .. } in &read::<Series>("series.json") {
        let found = mann_kendall(y);
        assert_near(name, "s", found.s, *s);
        assert_near(name, "variance", found.variance, *var_s);
        assert_near(name, "z", found.z, *z);
        assert_near(name, "tau", found.tau, *tau);
        // It computes 1 - Φ(z), which is right to 1e-16 only.
        assert!((found.p_value - p).abs() <= 1e-9, "{name}: p is {}, and {p} there", found.p_value);
    }
}

#[test]
fn evidence_and_intervals_are_those_of_whole_covariance_matrices() {
    let all = read::<Explanation>("explanations.json");
    assert!(all.len() >= 40, "{}", all.len());
    for Explanation { name, x, y, jumps, line, evidence, low, slope, high } in all {
        let (found, interval) = truth::weighed(&x, &y, &jumps, line);
        let of = format!("{name}, jumps at {jumps:?}, line {line}");
        assert!((found - evidence).abs() < 1e-6, "{of}: {found} is not {evidence}");
        for (found, expected) in interval.into_iter().zip([low, slope, high]) {
            let Some(expected) = expected else { continue };
            assert!((found - expected).abs() < 1e-8, "{of}: {found} is not {expected}");
        }
    }
}
