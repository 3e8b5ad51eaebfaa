//! Reading deployments for figures: from packed days, and what is not packed from their rows.

use std::collections::HashMap;

use async_stream::try_stream;
use futures_util::stream::StreamExt as _;
use sqlx::{Database, Encode, QueryBuilder, Type};
use steps_shared::{
    Component, DeploymentFilter, DeploymentOutcome, Duration, Environment, Order, StepFilter, Timestamp,
};
use uuid::Uuid;

use super::day::{Day, Figure};
use super::days::{COLUMNS, FigureRow, day_of, start_of};
use super::filter::{push_access, push_after, push_deployment_filter};
use super::statements::cut_conditions;
use super::steps::{Rows, invalid};
use super::transaction::{Tx, with_connection};
use super::{Access, Reader, StoreError};

/// A component and an environment that it is deployed to.
pub type Name = (Component, Environment);

/// So many names are read together.
pub const NAMES: usize = 32;
/// So many times that are not packed are read together.
const TIMES: usize = 64;
/// The most deployments that are read at a time where they are not packed.
pub(super) const MOST: usize = 5000;

/// Some deployments of one component in one environment, as they are at the time of the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    pub component: String,
    pub environment: String,
    /// Who began them: [`Figure::owner`] is a place in it.
    pub owners: Vec<String>,
    pub rows: Vec<Figure>,
    /// When another one of them starts or may have ended: then they are not the same any more.
    pub changes_at: Option<Timestamp>,
}

/// A time in which what began is not packed: from the first moment on, before the second, in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unpacked {
    /// Which of the names.
    pub name: usize,
    pub from: i64,
    pub to: i64,
}

/// Behind which deployment a page begins.
type After = Option<(i64, Uuid)>;

/// The pages in which deployments of times that are not packed are read: those of many times together, where they are few, and
/// else those of one time after the other, along the key.
#[derive(Debug)]
pub(super) struct Pages<'t> {
    waiting: Vec<&'t [Unpacked]>,
    after: After,
}

impl<'t> Pages<'t> {
    pub fn of(times: &'t [Unpacked]) -> Self {
        Self { waiting: times.chunks(TIMES).collect(), after: None }
    }

    /// Which times are to be read next, and for a single one behind which place, at most [`MOST`] deployments.
    pub fn next(&mut self) -> Option<(&'t [Unpacked], After)> {
        Some((self.waiting.pop()?, self.after))
    }

    /// Whether what was read of these times counts; else it is read again in smaller pages.
    pub fn counts(&mut self, times: &'t [Unpacked], rows: usize, last: After) -> bool {
        let is_all = rows < MOST;
        if !is_all && times.len() > 1 {
            self.waiting.extend(times.chunks(1));
            return false;
        }
        self.after = last.filter(|_| !is_all);
        if self.after.is_some() {
            self.waiting.push(times);
        }
        true
    }
}

#[derive(Debug, sqlx::FromRow)]
struct DayRow {
    component: String,
    environment: String,
    day: i32,
    data: Option<Vec<u8>>,
    ids: Option<Vec<u8>>,
}

impl Reader {
    /// The deployments of a filter that are in figures.
    ///
    /// # Errors
    /// No connection can be had; later errors are items of the stream.
    pub async fn figures(&self, filter: &DeploymentFilter) -> Result<Rows<Figures>, StoreError> {
        let StepFilter { version, run, status, component, environment, .. } = &filter.base;
        if version.is_some() || run.is_some() || status.is_some() {
            return self.figures_of_rows(filter).await;
        }
        Ok(self.figures_of(self.deployed(component.as_ref(), environment.as_ref()).await?, filter))
    }

    /// The same of some names, by a filter of nothing that only rows have: version, run or status.
    pub fn figures_of(&self, names: Vec<Name>, filter: &DeploymentFilter) -> Rows<Figures> {
        let StepFilter { since, until, .. } = filter.base;
        let (reader, filter, times) = (self.clone(), filter.clone(), (since.unwrap_or_default(), until));
        try_stream! {
            for names in names.chunks(NAMES) {
                let mut tx = reader.store.begin_reading().await?;
                let (packed, unpacked) = tx.days(&reader.access, names, times, false).await?;
                for (name, day) in packed {
                    yield figures(&names[name], day, &filter, reader.now);
                }
                let mut pages = Pages::of(&unpacked);
                while let Some((times, after)) = pages.next() {
                    let rows = tx.figure_rows(&reader.access, names, times, after).await?;
                    if !pages.counts(times, rows.len(), rows.last().map(FigureRow::place)) {
                        continue;
                    }
                    for row in rows {
                        yield Figures::of_row(row)?.of(&filter, reader.now);
                    }
                }
                tx.end().await?;
            }
        }
        .boxed()
    }

    /// The same, where it must be read from the rows altogether.
    async fn figures_of_rows(&self, filter: &DeploymentFilter) -> Result<Rows<Figures>, StoreError> {
        let (access, filter, now) = (self.access.clone(), filter.clone(), self.now);
        let mut tx = self.store.begin_reading().await?;
        Ok(try_stream! {
            let mut after = None;
            loop {
                let rows = tx.counted_rows((&access, &filter, now), after).await?;
                let is_all = rows.len() < MOST;
                after = rows.last().map(FigureRow::place);
                for row in rows {
                    yield Figures::of_row(row)?.of(&filter, now);
                }
                if is_all {
                    break;
                }
            }
            tx.end().await?;
        }
        .boxed())
    }
}

impl Figures {
    fn of_row(row: FigureRow) -> Result<Self, sqlx::Error> {
        let figure = row.figure()?;
        let FigureRow { component, environment, owner, .. } = row;
        Ok(Self { component, environment, owners: vec![owner], rows: vec![figure], changes_at: None })
    }

    /// Those that the filter lets through, as they are at a time: one that is still open is running, and takes no time yet.
    fn of(mut self, filter: &DeploymentFilter, now: Timestamp) -> Self {
        let DeploymentFilter { base: StepFilter { owner, since, until, .. }, outcome, min_duration, max_duration } =
            filter;
        let owner = owner.as_ref().map(|owner| self.owners.iter().position(|known| known == owner.as_str()));
        let later = self.rows.iter().flat_map(|figure| [figure.open_until, figure.started_at]);
        self.changes_at = later.filter(|at| *at > now.micros()).min().map(Timestamp::saturating_from_micros);
        self.rows.retain_mut(|figure| {
            if figure.open_until > now.micros() {
                (figure.outcome, figure.duration) = (DeploymentOutcome::Running, None);
                (figure.waiting, figure.gaps) = (None, None);
            }
            let took = |most: &Option<Duration>, keeps: fn(i64, i64) -> bool| {
                most.is_none_or(|most| figure.duration.is_some_and(|took| keeps(took, most.micros())))
            };
            owner.is_none_or(|owner| owner == Some(figure.owner))
                && since.is_none_or(|since| figure.started_at >= since.micros())
                && until.is_none_or(|until| figure.started_at <= until.micros())
                && outcome.is_none_or(|outcome| figure.outcome == outcome)
                && took(min_duration, |took, least| took >= least)
                && took(max_duration, |took, most| took <= most)
        });
        self
    }
}

fn figures((component, environment): &Name, day: Day, filter: &DeploymentFilter, now: Timestamp) -> Figures {
    let Day { owners, figures: rows } = day;
    let (component, environment) = (component.to_string(), environment.to_string());
    Figures { component, environment, owners, rows, changes_at: None }.of(filter, now)
}

impl Tx {
    /// The packed days of names, each with the place of its name, and where nothing is packed.
    pub(super) async fn days(
        &mut self,
        access: &Access,
        names: &[Name],
        (since, until): (Timestamp, Option<Timestamp>),
        with_ids: bool,
    ) -> Result<(Vec<(usize, Day)>, Vec<Unpacked>), StoreError> {
        let packed_until = self.days_until().await?;
        let (since, end) = (since.micros(), until.map_or(i64::MAX, |until| until.micros() + 1));
        let (first, last) = (day_of(since), day_of(end - 1).min(packed_until - 1));
        let place: HashMap<(&str, &str), usize> =
            names.iter().enumerate().map(|(at, (one, other))| ((one.as_str(), other.as_str()), at)).collect();
        let mut packed: Vec<(usize, Day)> = Vec::new();
        // Of each name, the times that are not packed, and whether the last of them is its last day.
        let mut unpacked: Vec<(Vec<Unpacked>, bool)> = vec![(Vec::new(), false); names.len()];
        for names in cut_conditions(names) {
            if first > last {
                break;
            }
            let rows: Vec<DayRow> = with_connection!(self, connection => {
                let mut select = QueryBuilder::new("SELECT component, environment, day, data, ");
                select.push(if with_ids { "ids" } else { "NULL AS ids" }).push(" FROM days");
                push_access(&mut select, access);
                for (at, (component, environment)) in names.into_iter().enumerate() {
                    select.push(if at == 0 { " AND ((" } else { " OR (" }).push("component = ");
                    select.push_bind(component.to_string()).push(" AND environment = ");
                    select.push_bind(environment.to_string()).push(" AND day >= ").push_bind(first);
                    select.push(" AND day <= ").push_bind(last).push(")");
                }
                select.push(") ORDER BY component, environment, day");
                select.build_query_as().fetch_all(connection).await?
            });
            for row in rows {
                let Some(&name) = place.get(&(row.component.as_str(), row.environment.as_str())) else { continue };
                let (times, ends_unpacked) = &mut unpacked[name];
                if let Some(data) = row.data {
                    let day = Day::unpack(&data, row.ids.as_deref()).map_err(|error| invalid("data", error))?;
                    packed.push((name, day));
                    *ends_unpacked = false;
                } else {
                    let (from, to) = (start_of(row.day).max(since), start_of(row.day + 1).min(end));
                    join(times, *ends_unpacked, Unpacked { name, from, to });
                    *ends_unpacked = true;
                }
            }
        }
        let from = start_of(packed_until).max(since);
        if from < end {
            for (name, (times, ends_unpacked)) in unpacked.iter_mut().enumerate() {
                join(times, *ends_unpacked, Unpacked { name, from, to: end });
            }
        }
        Ok((packed, unpacked.into_iter().flat_map(|(times, _)| times).collect()))
    }

    /// Deployments of these times. More than `MOST` of one time come in order; then those behind `after` are the next ones.
    async fn figure_rows(
        &mut self,
        access: &Access,
        names: &[Name],
        times: &[Unpacked],
        after: Option<(i64, Uuid)>,
    ) -> Result<Vec<FigureRow>, StoreError> {
        Ok(with_connection!(self, connection => {
            let mut select = QueryBuilder::new("SELECT ");
            select.push(COLUMNS).push(" FROM deployments");
            push_access(&mut select, access);
            push_times(&mut select, names, times, "counted = 1");
            if times.len() == 1 {
                push_after(&mut select, "started_at", Order::Ascending, after);
            }
            select.push(" LIMIT ").push(MOST as u64);
            select.build_query_as().fetch_all(connection).await?
        }))
    }
}

impl Tx {
    /// The next deployments of a filter that are in figures, behind a place in the order of their starts.
    async fn counted_rows(
        &mut self,
        (access, filter, now): (&Access, &DeploymentFilter, Timestamp),
        after: Option<(i64, Uuid)>,
    ) -> Result<Vec<FigureRow>, StoreError> {
        Ok(with_connection!(self, connection => {
            let mut select = QueryBuilder::new("SELECT ");
            select.push(COLUMNS).push(" FROM deployments");
            push_deployment_filter(&mut select, access, filter, now);
            select.push(" AND counted = 1");
            push_after(&mut select, "started_at", Order::Ascending, after);
            select.push(" LIMIT ").push(MOST as u64);
            select.build_query_as().fetch_all(connection).await?
        }))
    }
}

/// Adds a time to those of a name: to the last of them, when there is no deployment between the two that is packed.
fn join(times: &mut Vec<Unpacked>, joins: bool, time: Unpacked) {
    match times.last_mut().filter(|_| joins) {
        Some(last) => last.to = time.to,
        None => times.push(time),
    }
}

/// Adds ` AND (…)` with a condition for each time, and `each` in all of them, so that each is a range of an index.
pub(super) fn push_times<DB>(select: &mut QueryBuilder<DB>, names: &[Name], times: &[Unpacked], each: &str)
where
    DB: Database,
    String: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    for (at, Unpacked { name, from, to }) in times.iter().enumerate() {
        let (component, environment) = &names[*name];
        select.push(if at == 0 { " AND ((" } else { " OR (" }).push(each).push(" AND component = ");
        select.push_bind(component.to_string()).push(" AND environment = ").push_bind(environment.to_string());
        select.push(" AND started_at >= ").push_bind(*from).push(" AND started_at < ").push_bind(*to).push(")");
    }
    select.push(")");
}
