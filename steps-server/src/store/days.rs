//! Packed days: writing them, and finding what is not packed.
//!
//! A day before `projection.days_until` has a row for each component and environment that has deployments then; what began later
//! is read from the deployments themselves. Whoever changes a deployment has locked its bucket, and says that its day has
//! changed in the same transaction; whoever packs a day has locked the buckets of its component.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::QueryBuilder;
use steps_shared::DeploymentOutcome;
use uuid::Uuid;

use super::changes::{Bucket, buckets_of};
use super::day::{Figure, Gathering, Packed};
use super::statements::{cut, cut_conditions, cut_ids, row_bytes};
use super::steps::invalid;
use super::transaction::{Tx, with_connection};
use super::turns::TurnKey;
use super::{Store, StoreError, with_pools};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// How many deployments are packed in one transaction, unless one day has more.
const DEPLOYMENTS: usize = 1000;
/// Days that are packed again in one transaction.
const DAYS: u32 = 32;
/// A day with more deployments of one component in one environment is not packed.
const MOST_IN_DAY: usize = 20_000;

const PACKED: i16 = 0;
const CHANGED: i16 = 1;
const TOO_LONG: i16 = 2;

/// A day of one component in one environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::FromRow)]
pub struct DayKey {
    pub component: String,
    pub environment: String,
    /// Days since 1970, in UTC.
    pub day: i32,
}

/// The day that a moment is in, in days since 1970.
#[must_use]
pub fn day_of(micros: i64) -> i32 {
    i32::try_from(micros.div_euclid(DAY)).unwrap_or(i32::MAX)
}

/// When a day begins.
pub(super) fn start_of(day: i32) -> i64 {
    i64::from(day).saturating_mul(DAY)
}

/// The columns of a [`FigureRow`].
pub(super) const COLUMNS: &str =
    "component, environment, id, started_at, owner, outcome, open_until, duration, waiting, gaps";

/// A deployment as figures need it, as the database holds it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct FigureRow {
    pub component: String,
    pub environment: String,
    id: Uuid,
    started_at: i64,
    pub owner: String,
    outcome: String,
    open_until: i64,
    duration: Option<i64>,
    waiting: Option<i64>,
    gaps: Option<i64>,
}

impl FigureRow {
    /// As it is packed; its owner is not known yet.
    pub fn figure(&self) -> Result<Figure, sqlx::Error> {
        let outcome: DeploymentOutcome = self.outcome.parse().map_err(|error| invalid("outcome", error))?;
        let Self { id, started_at, open_until, duration, waiting, gaps, .. } = *self;
        Ok(Figure { id, started_at, owner: 0, outcome, open_until, duration, waiting, gaps })
    }

    /// Its place in the order of deployments.
    pub fn place(&self) -> (i64, Uuid) {
        (self.started_at, self.id)
    }
}

impl Store {
    /// By which rules all deployments have been folded, and before which day each day has its rows.
    pub async fn packed_until(&self) -> Result<(String, i32), StoreError> {
        Ok(with_pools!(self, pools => {
            let select = sqlx::query_as("SELECT statuses, days_until FROM projection WHERE id = 1");
            select.fetch_one(&pools.project.get()).await?
        }))
    }

    /// Days that have changed since they were packed, some of them.
    pub async fn changed_days(&self) -> Result<Vec<DayKey>, StoreError> {
        Ok(with_pools!(self, pools => {
            let mut select = QueryBuilder::new("SELECT component, environment, day FROM days WHERE state = ");
            select.push(CHANGED).push(" ORDER BY day LIMIT ").push(DAYS);
            select.build_query_as().fetch_all(&pools.project.get()).await?
        }))
    }
}

impl Tx {
    /// Before which day each day has its rows.
    pub(super) async fn days_until(&mut self) -> Result<i32, StoreError> {
        Ok(with_connection!(self, connection => {
            let select = sqlx::query_scalar("SELECT days_until FROM projection WHERE id = 1");
            select.fetch_one(connection).await?
        }))
    }

    /// Forgets what is packed, because the rules of the fold are others now, or what has folded meanwhile knew no days.
    pub async fn forget_days(&mut self) -> Result<(), StoreError> {
        with_connection!(self, connection => {
            sqlx::query("UPDATE projection SET days_until = 0 WHERE id = 1").execute(connection).await?;
        });
        Ok(())
    }

    /// Says that deployments of these days have changed, and of which names they are.
    pub(super) async fn mark_days(
        &mut self,
        days: BTreeSet<DayKey>,
        names: BTreeSet<TurnKey>,
    ) -> Result<(), StoreError> {
        self.give_turns(names).await?;
        if days.is_empty() {
            return Ok(());
        }
        let until = self.days_until().await?;
        let days: Vec<_> = days.into_iter().filter(|key| key.day < until).map(|key| (key, CHANGED, None)).collect();
        self.put_days(&days).await
    }

    async fn put_days(&mut self, days: &[(DayKey, i16, Option<Packed>)]) -> Result<(), StoreError> {
        let bytes = |(key, _, packed): &(DayKey, i16, Option<Packed>)| {
            let packed = packed.as_ref().map_or(0, |packed| packed.data.len() + packed.ids.len());
            row_bytes(6, &[&key.component, &key.environment]) + packed
        };
        for days in cut(days, bytes) {
            with_connection!(self, connection => {
                let mut insert = QueryBuilder::new("REPLACE INTO days (component, environment, day, state, data, ids) ");
                insert.push_values(days, |mut row, (key, state, packed)| {
                    row.push_bind(key.component.clone()).push_bind(key.environment.clone()).push_bind(key.day);
                    row.push_bind(*state).push_bind(packed.as_ref().map(|packed| packed.data.clone()));
                    row.push_bind(packed.as_ref().map(|packed| packed.ids.clone()));
                });
                insert.build().execute(&mut *connection).await?;
            });
        }
        Ok(())
    }

    /// Says that the days have changed in which deployments are stored.
    pub async fn mark_days_of(&mut self, deployments: &[Uuid]) -> Result<(), StoreError> {
        let (mut days, mut names) = (BTreeSet::new(), BTreeSet::new());
        for ids in cut_ids(deployments) {
            let rows: Vec<(String, String, Vec<u8>, i64)> = with_connection!(self, connection => {
                let mut select =
                    QueryBuilder::new("SELECT component, environment, stream, started_at FROM deployments WHERE id IN (");
                let mut list = select.separated(", ");
                for id in ids {
                    list.push_bind(*id);
                }
                select.push(")");
                select.build_query_as().fetch_all(connection).await?
            });
            for (component, environment, stream, at) in rows {
                names.insert(TurnKey::new(&component, &environment, &stream));
                days.insert(DayKey { component, environment, day: day_of(at) });
            }
        }
        self.mark_days(days, names).await
    }

    /// Packs days again, within a transaction that has locked the buckets of their components.
    pub async fn pack_days(&mut self, days: &[DayKey]) -> Result<(), StoreError> {
        let mut rows: Vec<FigureRow> = Vec::new();
        for days in cut_conditions(days) {
            let more: Vec<FigureRow> = with_connection!(self, connection => {
                let mut select = QueryBuilder::new("SELECT ");
                select.push(COLUMNS).push(" FROM deployments WHERE ");
                for (at, DayKey { component, environment, day }) in days.into_iter().enumerate() {
                    select.push(if at == 0 { "(" } else { " OR (" }).push("counted = 1 AND component = ");
                    select.push_bind(component.clone()).push(" AND environment = ").push_bind(environment.clone());
                    select.push(" AND started_at >= ").push_bind(start_of(*day));
                    select.push(" AND started_at < ").push_bind(start_of(*day + 1)).push(")");
                }
                select.push(" LIMIT ").push((MOST_IN_DAY + 1) as u64);
                select.build_query_as().fetch_all(connection).await?
            });
            rows.extend(more);
        }
        match days {
            [day] if rows.len() > MOST_IN_DAY => self.put_days(&[(day.clone(), TOO_LONG, None)]).await,
            _ if rows.len() > MOST_IN_DAY => {
                // One by one, so that what is too long is known.
                for day in days {
                    Box::pin(self.pack_days(std::slice::from_ref(day))).await?;
                }
                Ok(())
            }
            _ => {
                let mut gathered = gather(rows)?;
                // One without deployments is packed, too.
                let figures = days.iter().map(|day| (day.clone(), gathered.remove(day).unwrap_or_default()));
                let put: Vec<_> = figures.map(|(day, figures)| (day, PACKED, Some(packed(figures)))).collect();
                self.put_days(&put).await
            }
        }
    }

    /// Packs the next days before `end`, within a transaction that has locked the projection. Returns whether there may be more.
    pub async fn pack_next_days(&mut self, end: i32) -> Result<bool, StoreError> {
        let from = self.days_until().await?;
        if from >= end {
            return Ok(false);
        }
        let last: Option<i64> = with_connection!(self, connection => {
            let mut select = QueryBuilder::new("SELECT started_at FROM deployments WHERE started_at >= ");
            select.push_bind(start_of(from)).push(" AND started_at < ").push_bind(start_of(end));
            select.push(" ORDER BY started_at LIMIT 1 OFFSET ").push(DEPLOYMENTS as u64);
            select.build_query_scalar().fetch_optional(&mut *connection).await?
        });
        // The days before that of the first one that does not fit, and at least one.
        let until = match last.map(day_of) {
            None => end,
            Some(day) if day > from => day,
            Some(_) => from + 1,
        };
        let rows: Vec<FigureRow> = with_connection!(self, connection => {
            let mut delete = QueryBuilder::new("DELETE FROM days WHERE state IN (0, 1, 2) AND day >= ");
            delete.push_bind(from).push(" AND day < ").push_bind(until);
            delete.build().execute(&mut *connection).await?;
            let mut select = QueryBuilder::new("SELECT ");
            select.push(COLUMNS).push(" FROM deployments WHERE started_at >= ").push_bind(start_of(from));
            select.push(" AND started_at < ").push_bind(start_of(until)).push(" AND counted = 1 LIMIT ");
            select.push((MOST_IN_DAY + 1) as u64);
            select.build_query_as().fetch_all(&mut *connection).await?
        });
        let put = if rows.len() > MOST_IN_DAY {
            // It is one day. Each component is packed by itself.
            let names: Vec<(String, String)> = with_connection!(self, connection => {
                let mut select = QueryBuilder::new(
                    "SELECT DISTINCT component, environment FROM deployments WHERE started_at >= ",
                );
                select.push_bind(start_of(from)).push(" AND started_at < ").push_bind(start_of(until));
                select.build_query_as().fetch_all(connection).await?
            });
            let key = |(component, environment)| (DayKey { component, environment, day: from }, CHANGED, None);
            names.into_iter().map(key).collect()
        } else {
            gather(rows)?.into_iter().map(|(key, figures)| (key, PACKED, Some(packed(figures)))).collect::<Vec<_>>()
        };
        self.put_days(&put).await?;
        with_connection!(self, connection => {
            let update = sqlx::query("UPDATE projection SET days_until = ? WHERE id = 1");
            update.bind(until).execute(connection).await?;
        });
        Ok(until < end)
    }
}

/// The buckets in which there are deployments of these days.
#[must_use]
pub fn buckets_of_days(days: &[DayKey]) -> Vec<Bucket> {
    let buckets: BTreeSet<Bucket> = days.iter().flat_map(|day| buckets_of(&day.component)).collect();
    buckets.into_iter().collect()
}

/// Sorts deployments by their days; with each, who began it.
fn gather(rows: Vec<FigureRow>) -> Result<BTreeMap<DayKey, Vec<(String, Figure)>>, sqlx::Error> {
    let mut gathered: BTreeMap<DayKey, Vec<(String, Figure)>> = BTreeMap::new();
    for row in rows {
        let figure = row.figure()?;
        let FigureRow { component, environment, owner, .. } = row;
        let key = DayKey { component, environment, day: day_of(figure.started_at) };
        gathered.entry(key).or_default().push((owner, figure));
    }
    Ok(gathered)
}

fn packed(mut figures: Vec<(String, Figure)>) -> Packed {
    figures.sort_by_key(|(_, figure)| (figure.started_at, figure.id));
    let mut gathering = Gathering::default();
    figures.into_iter().for_each(|(owner, figure)| gathering.add(owner, figure));
    gathering.finish().pack()
}
