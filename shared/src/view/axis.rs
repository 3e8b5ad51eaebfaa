//! Axes: where they begin and end, and what is written at them.

use crate::Timestamp;

/// The steps between ticks of an axis of durations, in seconds.
const STEPS: [f64; 24] = [
    0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
    14_400.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0, 432_000.0,
];

const HOUR: f64 = 3600.0;
const DAY: f64 = 86_400.0;

/// An axis of durations, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Its ticks in ascending order, one at each end.
    pub ticks: Vec<Tick>,
}

/// A place of an axis at which something is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Where it is, in the unit of the axis.
    pub at: f64,
    /// What is written there.
    pub label: String,
}

impl Axis {
    /// An axis for durations from `min` to `max`, with at most `max_ticks` ticks.
    ///
    /// It begins just below `min`, so that growth is visible, but shows at least the upper quarter from 0 to `max`, so that
    /// durations that hardly differ look flat.
    #[must_use]
    pub fn of_durations(min: f64, max: f64, max_ticks: usize) -> Self {
        let from = min.min(max * 0.75);
        let fit = |step: f64| {
            let (low, high) = ((from / step).floor() * step, (max / step).ceil() * step);
            let high = if high > low { high } else { low + step };
            (low, high, step)
        };
        let gaps = |(low, high, step): &(f64, f64, f64)| (high - low) / step;
        let doubled = (1..20).map(|power| STEPS[STEPS.len() - 1] * f64::from(1 << power));
        // With a finer step neighbouring ticks would have the same label.
        let finest = match max {
            ..1.0 => 0.01,
            ..60.0 => 0.1,
            ..HOUR => 1.0,
            ..DAY => 60.0,
            _ => HOUR,
        };
        let fits = STEPS.into_iter().chain(doubled).filter(|step| *step >= finest).map(fit);
        let found = fits.into_iter().find(|fit| gaps(fit) < max_ticks as f64 - 0.5);
        let (low, high, step) = found.unwrap_or((0.0, max, max));
        let count = ((high - low) / step).round() as usize;
        let tick = |at: f64| Tick { at, label: super::words::duration(at) };
        Self { low, high, ticks: (0..=count).map(|index| tick(low + index as f64 * step)).collect() }
    }

    /// Where a duration is between the ends: 0 at the lower one, 1 at the upper one.
    #[must_use]
    pub fn share(&self, seconds: f64) -> f64 {
        (seconds - self.low) / (self.high - self.low)
    }
}

/// Ticks with dates (UTC) between two times in seconds since 1970, at most `max_ticks`.
///
/// They are at beginnings of periods of `period` seconds, one of which begins at `origin`; at days and hours where few
/// periods fit.
#[must_use]
pub fn dates(from: f64, to: f64, origin: f64, period: f64, max_ticks: usize) -> Vec<Tick> {
    let fine = [HOUR, 3.0 * HOUR, 6.0 * HOUR, 12.0 * HOUR, DAY, 2.0 * DAY, 3.0 * DAY];
    let fine = fine.into_iter().filter(|step| *step < period);
    let periods = [1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 13.0, 26.0, 52.0, 104.0, 260.0].into_iter().map(|many| many * period);
    let steps = fine.chain(periods);
    let first = |step: f64| origin + ((from - origin) / step).ceil() * step;
    let count = |step: f64| ((to - first(step)) / step).floor() + 1.0;
    let Some(step) = steps.into_iter().find(|step| count(*step) <= max_ticks as f64) else {
        return Vec::new();
    };
    let length = if step < DAY { 16 } else { 10 };
    let tick = |at: f64| {
        let mut label = Timestamp::from_micros((at * 1e6) as i64).unwrap_or_default().to_seconds_text();
        label.truncate(length);
        Tick { at, label }
    };
    (0..count(step).max(0.0) as usize).map(|index| tick(first(step) + index as f64 * step)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_durations_are_round_numbers() {
        let labels = |min, max, max_ticks| -> Vec<String> {
            Axis::of_durations(min, max, max_ticks).ticks.into_iter().map(|tick| tick.label).collect()
        };
        assert_eq!(labels(370.0, 522.0, 5), ["6m00s", "7m00s", "8m00s", "9m00s"]);
        assert_eq!(labels(30.0, 522.0, 5), ["0.00s", "5m00s", "10m00s"]);
        assert_eq!(labels(60.0, 60.0, 5), ["45.0s", "50.0s", "55.0s", "1m00s"], "as high as it has to be");
        assert_eq!(labels(4000.0, 4010.0, 5), ["50m00s", "55m00s", "1h00m", "1h05m", "1h10m"]);
        assert_eq!(labels(0.0, 0.0, 4), ["0.00s", "0.01s"]);
        for (min, max) in [(0.0, 1e9), (0.0004, 0.0007), (1.0, 86_400.0), (7e7, 9e7)] {
            let axis = Axis::of_durations(min, max, 5);
            assert!((2..=5).contains(&axis.ticks.len()), "{axis:?}");
            assert!(axis.low <= min && axis.high >= max, "{axis:?}");
        }
    }

    #[test]
    fn dates_are_at_beginnings_of_periods() {
        let seconds = |text: &str| text.parse::<Timestamp>().unwrap().micros() as f64 / 1e6;
        let dates = |from: &str, to: &str, max_ticks| -> Vec<String> {
            let origin = seconds("2026-01-05 00:00:00");
            let dates = dates(seconds(from), seconds(to), origin, 14.0 * DAY, max_ticks);
            dates.into_iter().map(|tick| tick.label).collect()
        };
        assert_eq!(
            dates("2026-01-04 00:00:00", "2026-02-20 00:00:00", 5),
            ["2026-01-05", "2026-01-19", "2026-02-02", "2026-02-16"]
        );
        assert_eq!(dates("2026-01-04 00:00:00", "2026-02-20 00:00:00", 3), ["2026-01-05", "2026-02-02"]);
        assert_eq!(dates("2026-01-05 00:30:00", "2026-01-05 02:10:00", 5), ["2026-01-05 01:00", "2026-01-05 02:00"]);
        assert_eq!(dates("2026-01-06 00:00:00", "2026-01-09 12:00:00", 4).len(), 4);
    }
}
