//! Sparklines: a row of numbers as levels.

/// How many levels there are; the lowest is 0.
pub const LEVELS: u8 = 8;

/// A level for each number; `None` where there is none.
///
/// Level 0 is the smallest number, or half of the largest where that is less: numbers that hardly differ look flat.
#[must_use]
pub fn levels(values: &[Option<f64>]) -> Vec<Option<u8>> {
    let height = heights(values);
    // All are 0 where the smallest is the largest.
    let level = |value: f64| {
        let height = height(value).unwrap_or(0.0);
        (height * f64::from(LEVELS)).floor().clamp(0.0, f64::from(LEVELS - 1)) as u8
    };
    values.iter().map(|value| value.map(level)).collect()
}

/// How high a number is between level 0, which is 0, and the largest, which is 1; `None` where all are 0.
fn heights(values: &[Option<f64>]) -> impl Fn(f64) -> Option<f64> {
    let known = || values.iter().copied().flatten();
    let max = known().fold(0.0, f64::max);
    let min = known().fold(max / 2.0, f64::min);
    move |value| (max > min).then(|| (value - min) / (max - min))
}

/// The same numbers as a line in a field of this size: pieces of neighbours that are known, each number as its place from the left
/// and from the top. The lower edge is what level 0 is.
#[must_use]
pub fn line(values: &[Option<f64>], (width, height): (u16, u16)) -> Vec<Vec<(u16, u16)>> {
    let height_of = heights(values);
    let last = values.len().saturating_sub(1).max(1) as f64;
    let place = |(nth, value): (usize, f64)| {
        let high = height_of(value).unwrap_or(0.5);
        let (x, y) = (nth as f64 / last * f64::from(width), (1.0 - high) * f64::from(height));
        (x.round() as u16, y.round() as u16)
    };
    let numbered: Vec<Option<(usize, f64)>> =
        values.iter().enumerate().map(|(nth, value)| Some((nth, (*value)?))).collect();
    let pieces = numbered.split(Option::is_none).filter(|piece| !piece.is_empty());
    pieces.map(|piece| piece.iter().flatten().map(|one| place(*one)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_to_scale() {
        let eight: Vec<_> = (0..8).map(|value| Some(f64::from(value))).collect();
        assert_eq!(levels(&eight), (0..8).map(Some).collect::<Vec<_>>());
        assert_eq!(levels(&[Some(4.0), None, Some(8.0)]), [Some(0), None, Some(7)]);
        assert_eq!(levels(&[Some(100.0), Some(98.0), Some(97.0)]), [Some(7); 3], "what hardly changes looks flat");
        assert_eq!(levels(&[Some(0.0), None, None, Some(0.0)]), [Some(0), None, None, Some(0)]);
        assert_eq!(levels(&[]), []);
    }

    #[test]
    fn a_line_is_broken_where_a_number_is_missing() {
        let values = [Some(4.0), Some(8.0), None, Some(6.0)];
        assert_eq!(line(&values, (90, 20)), [vec![(0, 20), (30, 0)], vec![(90, 10)]]);
        assert_eq!(line(&[Some(3.0); 2], (90, 20))[0].len(), 2);
        assert!(line(&[], (90, 20)).is_empty());
    }
}
