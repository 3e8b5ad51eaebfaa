//! Copying the database, and deleting deployments.

use std::path::Path;

use sqlx::{Database, Encode, QueryBuilder, Type};
use steps_shared::{Component, Environment, Order, Run, StepFilter, Timestamp, Version};
use uuid::Uuid;

use super::changes::NewChange;
use super::derived::Known;
use super::filter::push_text;
use super::statements::cut_ids;
use super::steps::{COLUMNS, StepRow};
use super::transaction::{Tx, with_connection};
use super::{Access, Store, StoreError};

/// What is to be deleted: all that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Doomed {
    pub component: Option<Component>,
    pub environment: Option<Environment>,
    pub version: Option<Version>,
    pub run: Option<Run>,
    /// What was over before this time.
    pub until: Option<Timestamp>,
}

/// The times of a deployment of which the last must be before [`Doomed::until`].
const TIMES: [&str; 3] = ["started_at", "last_ts", "COALESCE(ended_at, last_ts)"];

/// A deployment that is to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DoomedDeployment {
    /// The identity: that of its first step.
    pub id: Uuid,
    pub component: String,
    pub stream: Vec<u8>,
    /// When its first step began, in microseconds since 1970.
    pub started_at: i64,
    /// When the last of its steps began.
    pub last_ts: i64,
    pub steps: i32,
}

/// Adds a condition for each name that is given.
fn push_names<DB>(select: &mut QueryBuilder<DB>, doomed: &Doomed)
where
    DB: Database,
    String: for<'q> Encode<'q, DB> + Type<DB>,
{
    let Doomed { component, environment, version, run, until: _ } = doomed;
    push_text(select, "component", component.as_ref().map(ToString::to_string));
    push_text(select, "environment", environment.as_ref().map(ToString::to_string));
    push_text(select, "version", version.as_ref().map(ToString::to_string));
    push_text(select, "run", run.as_ref().map(ToString::to_string));
}

impl Store {
    /// Writes a consistent copy of an SQLite database to a file that does not exist yet; `false` on MySQL,
    /// which has a command of its own for it.
    ///
    /// # Errors
    /// The file cannot be written, or the database cannot be read.
    pub async fn copy_to(&self, file: &Path) -> Result<bool, StoreError> {
        let Self::Sqlite(pools) = self else { return Ok(false) };
        let copy = sqlx::query("VACUUM INTO ?").bind(file.to_string_lossy().into_owned());
        copy.execute(&mut *pools.read.acquire().await?).await?;
        Ok(true)
    }
}

impl Tx {
    /// The first doomed deployments behind `after` (a start in microseconds since 1970 and an id), in order of their start.
    pub async fn doomed_deployments(
        &mut self,
        doomed: &Doomed,
        after: (i64, Uuid),
        limit: u32,
    ) -> Result<Vec<DoomedDeployment>, StoreError> {
        Ok(with_connection!(self, connection => {
            let mut select = QueryBuilder::new("SELECT id, component, stream, started_at, last_ts, steps FROM deployments WHERE started_at >= ");
            select.push_bind(after.0);
            select.push(" AND (started_at > ").push_bind(after.0).push(" OR id > ").push_bind(after.1).push(")");
            push_names(&mut select, doomed);
            if let Some(until) = doomed.until {
                // The first condition follows from the others; it ends the walk along the key.
                for time in TIMES {
                    select.push(" AND ").push(time).push(" < ").push_bind(until.micros());
                }
            }
            select.push(" ORDER BY started_at, id LIMIT ").push(limit);
            select.build_query_as().fetch_all(connection).await?
        }))
    }

    /// The first steps behind `after` of streams of which no deployment is left when the doomed ones are gone, with whether
    /// each is of no deployment: then its status is ignored.
    pub async fn doomed_steps(
        &mut self,
        doomed: &Doomed,
        after: (i64, Uuid),
        limit: u32,
    ) -> Result<Vec<((i64, Uuid), bool)>, StoreError> {
        let mut rows: Vec<StepRow> = with_connection!(self, connection => {
            let mut select = QueryBuilder::new("SELECT ");
            select.push(COLUMNS).push(" FROM steps WHERE ts >= ");
            select.push_bind(after.0).push(" AND (ts > ").push_bind(after.0).push(" OR id > ").push_bind(after.1).push(")");
            push_names(&mut select, doomed);
            if let Some(until) = doomed.until {
                select.push(" AND ts < ").push_bind(until.micros());
            }
            select.push(" AND NOT EXISTS (SELECT 1 FROM deployments WHERE deployments.stream = steps.stream AND (1 = 0");
            // In a trial run those that would be deleted are still there.
            if let Some(until) = doomed.until {
                for time in TIMES {
                    select.push(" OR ").push(time).push(" >= ").push_bind(until.micros());
                }
            }
            select.push(")) ORDER BY ts, id LIMIT ").push(limit);
            select.build_query_as().fetch_all(connection).await?
        });
        let all = (&Access::Everything, &StepFilter::default(), Order::Ascending);
        self.derive(&mut rows, &mut Known::for_few(), all).await?;
        Ok(rows.iter().map(|row| ((row.0.ts.micros(), row.0.id.0), !row.is_derived())).collect())
    }

    /// Deletes single steps.
    pub async fn delete_steps(&mut self, steps: &[Uuid]) -> Result<(), StoreError> {
        self.delete("DELETE FROM steps WHERE id IN (", steps).await.map(drop)
    }

    /// Deletes rows by their ids; returns how many there were. `delete` ends before the ids.
    async fn delete(&mut self, delete: &'static str, ids: &[Uuid]) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for ids in cut_ids(ids) {
            deleted += with_connection!(self, connection => {
                let mut delete = QueryBuilder::new(delete);
                let mut list = delete.separated(", ");
                for id in ids {
                    list.push_bind(*id);
                }
                delete.push(")");
                delete.build().execute(&mut *connection).await?.rows_affected()
            });
        }
        Ok(deleted)
    }

    /// Deletes deployments with all of their steps and exclusions; returns how many steps there were.
    pub async fn delete_deployments(&mut self, deployments: &[DoomedDeployment]) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for deployment in deployments {
            let own = self.step_ids(deployment.id).await?;
            let named: Vec<(Uuid, Uuid)> = with_connection!(self, connection => {
                let select = sqlx::query_as("SELECT id, step_id FROM exclusions WHERE stream = ?");
                select.bind(deployment.stream.clone()).fetch_all(connection).await?
            });
            let exclusions: Vec<Uuid> =
                named.into_iter().filter(|(_, step)| own.contains(step)).map(|(id, _)| id).collect();
            self.delete("DELETE FROM exclusions WHERE id IN (", &exclusions).await?;
            let own: Vec<Uuid> = own.into_iter().collect();
            deleted += self.delete("DELETE FROM steps WHERE id IN (", &own).await?;
        }
        // Whether later deployments of the same run are retries depends on those that are gone.
        let change =
            |row: &DoomedDeployment| Some(NewChange::new(&row.component, row.stream.as_slice().try_into().ok()?, 0));
        self.insert_changes(&NewChange::joined(deployments.iter().filter_map(change))).await?;
        let ids: Vec<Uuid> = deployments.iter().map(|deployment| deployment.id).collect();
        self.remove_deployments(&ids).await?;
        Ok(deleted)
    }
}
