//! Deployments as points over time: each in a cell of a grid, with the median of neighbours.

use std::collections::BTreeSet;

use super::axis::{Axis, Tick, dates};
use super::chart::{limits, seconds};
use crate::{DeploymentOutcome, Duration, LevelChange, Sprints, Timestamp};

/// How many cells there are in a row, and how many rows. Points in the same cell are one.
pub const CELLS: (u16, u16) = (500, 140);

/// Free space at the left and the right, as a share of the whole.
const MARGIN: f64 = 0.012;

/// The fewest and the most neighbours that a median is of.
const NEIGHBOURS: (usize, usize) = (7, 61);

/// The most places of the line of medians.
const MAX_MEDIANS: usize = 160;

/// Two places of that line are at least so many cells apart.
const MEDIAN_CELLS: u16 = 5;

/// A deployment with its duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dot {
    /// When it started.
    pub started_at: Timestamp,
    /// How it ended.
    pub outcome: DeploymentOutcome,
    /// How long it took.
    pub duration: Duration,
}

/// A cell of the grid: from the left, and from the top.
pub type GridCell = (u16, u16);

/// The cell of a place, given as shares from the left and from the top; what is outside is at the edge.
#[must_use]
pub fn cell(x: f64, y: f64) -> GridCell {
    let nth = |share: f64, cells: u16| (share * f64::from(cells)).clamp(0.0, f64::from(cells)) as u16;
    (nth(x, CELLS.0), nth(y, CELLS.1))
}

/// The picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    /// The first and the last time, in seconds since 1970.
    pub times: [f64; 2],
    /// The axis of durations.
    pub durations: Axis,
    /// The cells with a deployment of each outcome, in order.
    pub dots: Vec<(DeploymentOutcome, BTreeSet<GridCell>)>,
    /// The columns in which some took so much longer that they are drawn at the upper edge, and how many those are.
    pub above: (BTreeSet<u16>, usize),
    /// The longest of those.
    pub longest: Option<Duration>,
    /// The median of neighbours that succeeded, as a line.
    pub medians: Vec<GridCell>,
    /// How many neighbours each of them is of.
    pub neighbours: usize,
    /// Where the level changed.
    pub changes: Vec<ChangeMark>,
}

/// A change of the level.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeMark {
    /// Where it is: 0 at the left edge, 1 at the right one.
    pub at: f64,
    /// The first version of the new level.
    pub version: String,
    /// Who deployed it.
    pub owner: String,
    /// Whether deployments take longer since.
    pub is_longer: bool,
    /// In which of the two lines its name is written.
    pub line: usize,
}

impl Scatter {
    /// The picture of deployments in the order of their starts, with at most `max_ticks` durations at its axis; `None` for fewer
    /// than two, or where all started at one moment.
    #[must_use]
    pub fn new(dots: &[Dot], changes: &[LevelChange], max_ticks: usize) -> Option<Self> {
        let (first, last) = (dots.first()?, dots.last()?);
        let (from, to) = (seconds(first.started_at), seconds(last.started_at));
        if to <= from {
            return None;
        }
        let margin = (to - from) * MARGIN;
        let times = [from - margin, to + margin];
        let (_, most) = limits(dots.iter().map(|dot| dot.duration.seconds()).collect());
        let within = || dots.iter().map(|dot| dot.duration.seconds()).filter(|duration| *duration <= most);
        let (min, max) = (within().fold(f64::INFINITY, f64::min), within().fold(0.0, f64::max));
        let durations = Axis::of_durations(min, max, max_ticks);
        let mut scatter = Self {
            times,
            durations,
            dots: Vec::new(),
            above: (BTreeSet::new(), 0),
            longest: None,
            medians: Vec::new(),
            neighbours: 0,
            changes: Vec::new(),
        };
        for dot in dots {
            let (column, took) = (scatter.column(seconds(dot.started_at)), dot.duration.seconds());
            if took > most {
                scatter.above.0.insert(column);
                scatter.above.1 += 1;
                scatter.longest = scatter.longest.max(Some(dot.duration));
                continue;
            }
            let cell = (column, scatter.row(took));
            match scatter.dots.iter_mut().find(|(outcome, _)| *outcome == dot.outcome) {
                Some((_, cells)) => drop(cells.insert(cell)),
                None => scatter.dots.push((dot.outcome, BTreeSet::from([cell]))),
            }
        }
        scatter.dots.sort_by_key(|(outcome, _)| *outcome != DeploymentOutcome::Succeeded);
        scatter.add_medians(dots);
        scatter.changes = changes.iter().enumerate().map(|(nth, change)| scatter.change(nth, change)).collect();
        Some(scatter)
    }

    /// At most `max_ticks` ticks of the axis of times, at beginnings of sprints where they fit.
    #[must_use]
    pub fn dates(&self, sprints: Sprints, max_ticks: usize) -> Vec<Tick> {
        let [from, to] = self.times;
        let begin = Timestamp::from_micros((from.max(0.0) * 1e6) as i64).unwrap_or_default();
        dates(from, to, seconds(sprints.start_of(begin)), sprints.length.duration().seconds(), max_ticks)
    }

    /// Where a time is: 0 at the left edge, 1 at the right one.
    #[must_use]
    pub fn time_share(&self, at: f64) -> f64 {
        let [from, to] = self.times;
        (at - from) / (to - from)
    }

    /// The cell of a deployment; one that took far longer is at the upper edge.
    #[must_use]
    pub fn place(&self, started_at: Timestamp, duration: Duration) -> GridCell {
        (self.column(seconds(started_at)), self.row(duration.seconds()))
    }

    fn column(&self, at: f64) -> u16 {
        cell(self.time_share(at), 0.0).0
    }

    fn row(&self, seconds: f64) -> u16 {
        cell(0.0, 1.0 - self.durations.share(seconds)).1
    }

    fn add_medians(&mut self, dots: &[Dot]) {
        let succeeded: Vec<&Dot> = dots.iter().filter(|dot| dot.outcome == DeploymentOutcome::Succeeded).collect();
        let neighbours = (succeeded.len() / 30).clamp(NEIGHBOURS.0, NEIGHBOURS.1);
        if succeeded.len() < 2 * neighbours {
            return;
        }
        self.neighbours = neighbours;
        let places = succeeded.len() - neighbours + 1;
        let step = places.div_ceil(MAX_MEDIANS);
        let starts = (0..places).step_by(step).chain(std::iter::once(places - 1));
        for start in starts {
            let mut window: Vec<f64> =
                succeeded[start..start + neighbours].iter().map(|dot| dot.duration.seconds()).collect();
            window.sort_by(f64::total_cmp);
            let middle = seconds(succeeded[start + neighbours / 2].started_at);
            let cell = (self.column(middle), self.row(window[neighbours / 2]));
            // Those that are nearly at one time would make a spike.
            if self.medians.last().is_none_or(|(last, _)| last + MEDIAN_CELLS <= cell.0) {
                self.medians.push(cell);
            }
        }
    }

    fn change(&self, nth: usize, change: &LevelChange) -> ChangeMark {
        ChangeMark {
            at: self.time_share(seconds(change.started_at)),
            version: change.version.to_string(),
            owner: change.owner.to_string(),
            is_longer: change.after > change.before,
            line: nth % 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dots(durations: impl IntoIterator<Item = f64>) -> Vec<Dot> {
        let dot = |(nth, seconds): (usize, f64)| Dot {
            started_at: Timestamp::from_micros(1_770_000_000_000_000 + nth as i64 * 3_600_000_000).unwrap(),
            outcome: if nth % 5 == 4 { DeploymentOutcome::Failed } else { DeploymentOutcome::Succeeded },
            duration: Duration::from_seconds(seconds).unwrap(),
        };
        durations.into_iter().enumerate().map(dot).collect()
    }

    #[test]
    fn many_points_share_cells() {
        let many = dots((0..7300).map(|nth| 300.0 + f64::from(nth % 7)));
        let scatter = Scatter::new(&many, &[], 5).unwrap();
        let cells: usize = scatter.dots.iter().map(|(_, cells)| cells.len()).sum();
        assert!((1000..7300).contains(&cells), "{cells}");
        assert!(scatter.medians.len() <= MAX_MEDIANS + 1 && scatter.medians.len() > 20);
        let inside = |(column, row): &GridCell| *column <= CELLS.0 && *row <= CELLS.1;
        assert!(scatter.dots.iter().flat_map(|(_, cells)| cells).chain(&scatter.medians).all(inside));
        assert_eq!(scatter.dots[0].0, DeploymentOutcome::Succeeded);
    }

    #[test]
    fn what_took_far_longer_is_at_the_edge() {
        let mut durations = vec![300.0; 40];
        durations[7] = 9000.0;
        let scatter = Scatter::new(&dots(durations), &[], 5).unwrap();
        assert_eq!((scatter.above.0.len(), scatter.above.1), (1, 1));
        assert_eq!(scatter.longest, Duration::from_seconds(9000.0).ok());
        assert_eq!(Scatter::new(&dots([1.0]), &[], 5), None);
    }
}
