//! A row for each component: its last deployment, how long it takes, how that grows, and what makes it.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use maud::{Markup, html};
use steps_shared::view::words::{share, signed_percent};
use steps_shared::{Deployment, Duration, Estimate, Timestamp, Trend, TrendAnswer, Verdict};

use super::links;
use super::markup::{ago, duration, environment, name, outcome, signed, spark, verdict};

/// The most sprints of a sparkline: the newest.
const MAX_PERIODS: usize = 26;

/// A component in an environment.
#[derive(Debug)]
pub struct Row {
    pub newest: Deployment,
    pub trend: Option<Trend>,
}

/// The order of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// The most alarming first.
    #[default]
    Alarm,
    Name,
    /// The newest deployment first.
    Last,
    /// The longest first.
    Now,
    /// The fastest growing first.
    Growth,
}

const SORTS: [(Sort, &str); 5] = [
    (Sort::Alarm, "alarm"),
    (Sort::Name, "component"),
    (Sort::Last, "last"),
    (Sort::Now, "now"),
    (Sort::Growth, "growth"),
];

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = SORTS.iter().find(|(sort, _)| sort == self);
        f.pad(named.map_or("", |(_, name)| name))
    }
}

impl FromStr for Sort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = SORTS.iter().find(|(_, name)| *name == text).map(|(sort, _)| *sort);
        named.ok_or_else(|| format!("must be alarm, component, last, now or growth, not {text:?}"))
    }
}

impl Sort {
    /// Sorts rows that are in the order of alarm.
    pub fn sort(self, rows: &mut [Row]) {
        let now = |row: &Row| row.trend.as_ref().map(|trend| trend.now_median);
        let growth =
            |row: &Row| row.trend.as_ref().map_or(f64::NEG_INFINITY, |trend| growth(trend).map_or(0.0, |it| it.value));
        match self {
            Self::Alarm => {}
            Self::Name => rows.sort_by(|one, other| one.newest.component.cmp(&other.newest.component)),
            Self::Last => rows.sort_by_key(|row| std::cmp::Reverse(row.newest.started_at)),
            Self::Now => rows.sort_by_key(|row| std::cmp::Reverse(now(row))),
            Self::Growth => rows.sort_by(|one, other| growth(other).total_cmp(&growth(one))),
        }
    }
}

impl Row {
    /// The rows in the order of alarm; at their end those of which no trend is known, the newest first.
    pub fn all(newest: Vec<Deployment>, trends: TrendAnswer) -> Vec<Self> {
        let name = |trend: &Trend| (trend.component.clone(), trend.environment.clone());
        let mut trends: HashMap<_, _> =
            trends.trends.into_iter().enumerate().map(|(place, trend)| (name(&trend), (place, trend))).collect();
        let mut rows: Vec<(usize, Self)> = newest
            .into_iter()
            .map(|newest| match trends.remove(&(newest.component.clone(), newest.environment.clone())) {
                Some((place, trend)) => (place, Self { newest, trend: Some(trend) }),
                None => (usize::MAX, Self { newest, trend: None }),
            })
            .collect();
        rows.sort_by_key(|(place, row)| (*place, std::cmp::Reverse(row.newest.started_at)));
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// Whether one of its names has this in it, in small letters.
    pub fn has(&self, search: &str) -> bool {
        let Deployment { component, environment, owner, version, .. } = &self.newest;
        let names = [component.as_str(), environment.as_str(), owner.as_str(), version.as_str()];
        search.is_empty() || names.iter().any(|name| name.to_lowercase().contains(search))
    }
}

/// The growth per sprint in percent.
pub fn growth(trend: &Trend) -> Option<Estimate> {
    trend.growth.as_ref()?.percent_per_sprint
}

/// The table; `pairs` describe the page.
pub fn table(rows: &[Row], pairs: &[(String, String)], sort: Sort, now: Timestamp) -> Markup {
    let heading = |of: Sort, text: &str| {
        let value = if of == Sort::Alarm { String::new() } else { of.to_string() };
        let pairs = links::changed(&links::without(pairs, &["page"]), "sort", &value);
        html! { a href=(links::with(links::HOME, &pairs)) aria-current=[(sort == of).then_some("true")] { (text) } }
    };
    html! {
        table.rows {
            caption.hidden { "Components, " @match sort { Sort::Alarm => "the most alarming first", _ => { "sorted by " (sort) } } }
            thead {
                tr {
                    th scope="col" { (heading(Sort::Name, "Component")) }
                    th scope="col" { (heading(Sort::Last, "Last deployment")) }
                    th.n scope="col" { (heading(Sort::Now, "Median now")) }
                    th.n scope="col" { (heading(Sort::Growth, "Per sprint")) }
                    th scope="col" { (heading(Sort::Alarm, "Verdict")) }
                    th scope="col" { "Medians" }
                    th scope="col" { "Mostly" }
                }
            }
            tbody { @for row in rows { (table_row(row, now)) } }
        }
    }
}

fn table_row(row: &Row, now: Timestamp) -> Markup {
    let Row { newest, trend, .. } = row;
    let Deployment { id, component, environment: into, version, outcome: how, started_at, .. } = newest;
    html! {
        tr {
            th scope="row" { a href=(links::component(component, into)) { (name(component.as_str())) } (environment(into)) }
            td data-label="Last" { a.quiet href=(links::deployment(*id)) { (outcome(*how)) " " span.version { (name(version.as_str())) } " " (ago(*started_at, now)) } }
            @match trend {
                Some(trend) => {
                    td.n data-label="Now" { (duration(trend.now_median)) }
                    td.n data-label="Per sprint" { (per_sprint(trend)) }
                    td data-label="Verdict" { (verdict(trend.verdict)) }
                    td.picture data-label="Medians" { (sparkline(trend)) }
                    td data-label="Mostly" { (cause(trend)) }
                }
                None => {
                    td.n data-label="Now" { span.faint { "–" } }
                    td.n {}
                    td data-label="Verdict" { (verdict(Verdict::NotEnoughData)) }
                    td {}
                    td {}
                }
            }
        }
    }
}

/// `+7.6%`, and the interval below it.
pub fn per_sprint(trend: &Trend) -> Markup {
    let Some(of) = &trend.growth else { return html! { span.faint { "–" } } };
    let is_told = of.is_told && !matches!(trend.verdict, Verdict::Steady | Verdict::NotEnoughData);
    let (value, range) = match of.percent_per_sprint {
        Some(Estimate { value, low, high }) => (signed_percent(value), format!("{low:.1} to {high:.1}")),
        None => {
            let Estimate { value, low, high } = of.seconds_per_sprint;
            (signed(value, "+"), format!("{} to {}", signed(low, ""), signed(high, "")))
        }
    };
    html! { span class=[(!is_told).then_some("faint")] { (value) } br; small.faint title="95 of 100 intervals made so hold the truth" { (range) } }
}

/// The medians of the newest sprints.
pub fn sparkline(trend: &Trend) -> Markup {
    let newest = &trend.periods[trend.periods.len().saturating_sub(MAX_PERIODS)..];
    let values: Vec<_> = newest.iter().map(|period| period.median.map(Duration::seconds)).collect();
    spark(&values)
}

fn cause(trend: &Trend) -> Markup {
    let main = trend.main_cause().and_then(|part| Some((part, part.share?)));
    html! {
        @if let Some((part, of)) = main {
            @match &part.step { Some(step) => { (name(step.as_str())) } None => { span.faint { "gaps" } } }
            @if part.waiting { " (waiting)" }
            " " span.faint { (share(of)) }
        }
    }
}
