//! Where the level of a series changed.

use std::ops::Range;

use super::model::Explanation;
use super::series::{MAX_FITTED, Timed, groups, seconds};
use crate::analysis::statistics::{median_of, rounded};

/// A change of less than this share of the level before is left out.
pub const MIN_CHANGE: f64 = 0.05;

/// A change of the level.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// Which deployment of the series is most probably the first of the new level.
    pub at: usize,
    /// The deployments that are the first of the new level with a probability of 90 %.
    pub range: Range<usize>,
    /// The level before, in seconds: the median since the change before, or since the beginning. Where it grows as well, the
    /// level that it had grown to.
    pub before: f64,
    /// The level after: until the next change, or until the end.
    pub after: f64,
    /// How probable such evidence is without a change.
    pub p_value: f64,
}

/// The changes by an explanation, the oldest first. Where a point is of several deployments, a change is placed to the
/// deployment.
#[must_use]
pub fn changes(series: &[Timed], explanation: &Explanation) -> Vec<Changed> {
    let seconds = seconds(series);
    let starts: Vec<usize> = groups(series.len()).map(|group| group.start).chain([series.len()]).collect();
    let mut places: Vec<usize> = explanation.jumps.iter().map(|jump| starts[jump.at]).collect();
    if series.len() > MAX_FITTED {
        place_exactly(&seconds, &mut places);
    }
    let levels = levels(&seconds, &places);
    let changed = explanation.jumps.iter().zip(&places).zip(levels).map(|((jump, at), (before, after))| {
        let (before, after) = match explanation.slope.told {
            // The fitted levels at the place; medians would have the growth in them.
            true => (explanation.levels[jump.at] / jump.size.exp(), explanation.levels[jump.at]),
            false => (before, after),
        };
        // A group's deployments are as likely each; one group more on either side for the place within it.
        let beside = usize::from(series.len() > MAX_FITTED);
        let first = starts[jump.range.start.saturating_sub(beside)];
        let last = starts[(jump.range.end + beside).min(starts.len() - 1)];
        let range = first.max(1).min(*at)..last.max(at + 1);
        Changed { at: *at, range, before, after, p_value: rounded(jump.p_value) }
    });
    changed.collect()
}

/// The most deployments on a side of a change that are compared.
const MAX_COMPARED: usize = 50;

/// The deployments before a change and those after it, without those that may be of either side: as far as the changes beside it.
/// Where all of a side may be, all of it.
#[must_use]
pub fn sides<'a>(series: &'a [Timed], changes: &[Changed], nth: usize) -> (&'a [Timed], &'a [Timed]) {
    let change = &changes[nth];
    let begin = nth.checked_sub(1).map_or(0, |before| changes[before].at);
    let end = changes.get(nth + 1).map_or(series.len(), |next| next.at);
    let sure_before = begin..change.range.start.max(begin);
    let sure_after = (change.range.end - 1).min(end)..end;
    let before = if sure_before.is_empty() { begin..change.at } else { sure_before };
    let after = if sure_after.is_empty() { change.at..end } else { sure_after };
    let (before, after) = (&series[before], &series[after]);
    (&before[before.len().saturating_sub(MAX_COMPARED)..], &after[..after.len().min(MAX_COMPARED)])
}

/// The medians before and after each of the places.
fn levels(seconds: &[f64], places: &[usize]) -> Vec<(f64, f64)> {
    let ends = [&[0], places, &[seconds.len()]].concat();
    ends.windows(3).map(|ends| (median_of(&seconds[ends[0]..ends[1]]), median_of(&seconds[ends[1]..ends[2]]))).collect()
}

impl Changed {
    /// By how many percent it changed; `None` where the level before was 0.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        (self.before > 0.0).then(|| (self.after / self.before - 1.0) * 100.0)
    }
}

/// Moves each place within two groups to where the deployments differ least from the medians of both levels.
fn place_exactly(seconds: &[f64], places: &mut [usize]) {
    let reach = 2 * seconds.len().div_ceil(MAX_FITTED);
    let levels = levels(seconds, places);
    for (place, (before, after)) in places.iter_mut().zip(levels) {
        let first = place.saturating_sub(reach);
        let last = (*place + reach).min(seconds.len());
        let nearer_to_before = |value: f64| (value - after).abs() - (value - before).abs();
        // The new level begins where most values that are nearer to the old level lie before.
        let (mut gain, mut best) = (0.0, (0.0, first));
        for (at, value) in seconds.iter().enumerate().take(last).skip(first) {
            gain += nearer_to_before(*value);
            if gain > best.0 {
                best = (gain, at + 1);
            }
        }
        *place = best.1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::growth::explained;
    use super::super::model::Least;
    use super::super::series::tests::series;
    use super::*;

    /// Noise of up to 5 % that is the same each time.
    fn noise(nth: usize) -> f64 {
        1.0 + 0.1 * ((nth as f64 * 0.618_034).fract() - 0.5)
    }

    fn found(length: usize, level: impl Fn(usize) -> f64) -> Vec<(usize, f64, f64)> {
        let series = series((0..length).map(|nth| level(nth) * noise(nth)));
        let explanation = explained(&series, Least { seconds: 0.0 }).1.unwrap();
        let all = changes(&series, &explanation);
        assert!(all.iter().all(|change| change.range.contains(&change.at)), "{all:?}");
        all.iter().map(|change| (change.at, change.before.round(), change.after.round())).collect()
    }

    #[test]
    fn tells_from_what_level_to_what() {
        assert_eq!(found(60, |nth| if nth < 30 { 300.0 } else { 360.0 }), [(30, 300.0, 360.0)]);
        assert_eq!(found(60, |_| 300.0), []);
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
    }
}
