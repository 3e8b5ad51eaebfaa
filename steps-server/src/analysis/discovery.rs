//! Many tests at once.

use crate::analysis::statistics::rounded;

/// For each p-value the least false discovery rate at which it is told: Benjamini & Hochberg, "Controlling the False Discovery
/// Rate" (1995). Series of one product depend on each other in the same direction, which the procedure allows (Benjamini & Yekutieli
/// 2001).
#[must_use]
pub fn q_values(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|one, other| p_values[*other].total_cmp(&p_values[*one]));
    let many = p_values.len() as f64;
    let mut q_values = vec![1.0; p_values.len()];
    let mut least: f64 = 1.0;
    for (nth, place) in order.into_iter().enumerate() {
        least = least.min(p_values[place] * many / (many - nth as f64));
        q_values[place] = rounded(least);
    }
    q_values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_those_of_the_procedure() {
        // p.adjust(c(0.01, 0.04, 0.03, 0.5), "BH") of R
        let found = q_values(&[0.01, 0.04, 0.03, 0.5]);
        let expected = [0.04, 0.16 / 3.0, 0.16 / 3.0, 0.5];
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-9), "{found:?}");
        assert!(q_values(&[]).is_empty());
    }
}
