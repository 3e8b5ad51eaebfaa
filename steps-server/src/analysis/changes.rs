//! Where the level of a series changed.

use steps_shared::Point;

use super::series::{MAX_FITTED, Timed, groups, seconds};
use crate::analysis::statistics::{level_changes, median_of};

/// A change of less than this share of the level before is left out.
pub const MIN_CHANGE: f64 = 0.05;

/// A change of the level: from the median of the deployments before it to the median of those after it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Changed {
    /// Which deployment of the series is the first of the new level.
    pub at: usize,
    /// The median before, in seconds: since the change before, or since the beginning.
    pub before: f64,
    /// The median after: until the next change, or until the end.
    pub after: f64,
    /// How probable such a change is by chance.
    pub p_value: f64,
}

/// Where the level changed by at least [`MIN_CHANGE`], the oldest first: see [`level_changes`]. `points` are what the series
/// is fitted as ([`super::fitted`]): where each is of several deployments, a change is found among them first, and then among the
/// deployments near it.
#[must_use]
pub fn changes(series: &[Timed], points: &[Point]) -> Vec<Changed> {
    let seconds = seconds(series);
    let starts: Vec<usize> = groups(series.len()).map(|group| group.start).collect();
    let medians: Vec<f64> = points.iter().map(|point| point.duration.seconds()).collect();
    let mut places: Vec<(usize, f64)> =
        level_changes(&medians).into_iter().map(|change| (starts[change.at], change.p_value)).collect();
    if series.len() > MAX_FITTED {
        place_exactly(&seconds, &mut places);
    }
    loop {
        let found = levels(&seconds, &places);
        let smallest = (0..found.len()).min_by(|one, other| found[*one].size().total_cmp(&found[*other].size()));
        match smallest.filter(|nth| found[*nth].size() < MIN_CHANGE) {
            Some(nth) => drop(places.remove(nth)),
            None => return found,
        }
    }
}

/// The changes at these places, with the levels between them.
fn levels(seconds: &[f64], places: &[(usize, f64)]) -> Vec<Changed> {
    let begin = |nth: usize| nth.checked_sub(1).map_or(0, |before| places[before].0);
    let end = |nth: usize| places.get(nth + 1).map_or(seconds.len(), |next| next.0);
    let level = |nth: usize| {
        let (at, p_value) = places[nth];
        Changed { at, before: median_of(&seconds[begin(nth)..at]), after: median_of(&seconds[at..end(nth)]), p_value }
    };
    (0..places.len()).map(level).collect()
}

impl Changed {
    /// How much it changed, as a share of the level before.
    fn size(&self) -> f64 {
        if self.before > 0.0 { (self.after / self.before - 1.0).abs() } else { f64::INFINITY }
    }

    /// By how many percent it changed; `None` where the level before was 0.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        (self.before > 0.0).then(|| (self.after / self.before - 1.0) * 100.0)
    }
}

/// Moves each place within two groups to where the deployments differ least from the medians of both levels.
fn place_exactly(seconds: &[f64], places: &mut [(usize, f64)]) {
    let reach = 2 * seconds.len().div_ceil(MAX_FITTED);
    let levels = levels(seconds, places);
    for (place, level) in places.iter_mut().zip(levels) {
        let first = level.at.saturating_sub(reach);
        let last = (level.at + reach).min(seconds.len());
        let nearer_to_before = |value: f64| (value - level.after).abs() - (value - level.before).abs();
        // The new level begins where most values that are nearer to the old level lie before.
        let (mut gain, mut best) = (0.0, (0.0, first));
        for (at, value) in seconds.iter().enumerate().take(last).skip(first) {
            gain += nearer_to_before(*value);
            if gain > best.0 {
                best = (gain, at + 1);
            }
        }
        place.0 = best.1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::fitted;
    use super::super::series::tests::series;
    use super::*;

    /// Noise of up to 5 % that is the same each time.
    fn noise(nth: usize) -> f64 {
        1.0 + 0.1 * ((nth as f64 * 0.618_034).fract() - 0.5)
    }

    fn found(length: usize, level: impl Fn(usize) -> f64) -> Vec<(usize, f64, f64)> {
        let series = series((0..length).map(|nth| level(nth) * noise(nth)));
        changes(&series, &fitted(&series))
            .iter()
            .map(|change| (change.at, change.before.round(), change.after.round()))
            .collect()
    }

    #[test]
    fn tells_from_what_level_to_what() {
        assert_eq!(found(60, |nth| if nth < 30 { 300.0 } else { 360.0 }), [(30, 300.0, 360.0)]);
        assert_eq!(found(60, |_| 300.0), []);
        assert_eq!(changes(&[], &[]), []);
    }

    #[test]
    fn a_change_in_a_long_series_is_placed_to_the_deployment() {
        let level = |nth: usize| if nth < 3001 { 300.0 } else { 400.0 };
        let found = found(7300, level);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].0, found[0].1, found[0].2), (3001, 300.0, 400.0));
    }

    #[test]
    fn what_is_significant_and_small_is_not_told() {
        assert_eq!(found(4000, |nth| if nth < 2000 { 300.0 } else { 312.0 }), []);
        let found = found(4000, |nth| [300.0, 312.0, 400.0][nth / 1400]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, 2800);
    }
}
