//! Copying the database, and deleting old deployments.

use std::path::Path;

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::projection::StreamKey;
use super::transaction::{Tx, with_connection};
use super::{Store, StoreError};

/// A deployment that is old enough to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct OldDeployment {
    /// The identity: that of its first step.
    pub id: Uuid,
    pub stream: Vec<u8>,
    /// When its first step began, in microseconds since 1970.
    pub started_at: i64,
    /// When the last of its steps began.
    pub last_ts: i64,
    pub steps: i32,
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
        copy.execute(&pools.read.get()).await?;
        Ok(true)
    }
}

impl Tx {
    /// The first deployments behind `after` (a start and an id) that were over before `until`, in order of their start. All
    /// are in microseconds since 1970.
    pub async fn deployments_until(
        &mut self,
        after: (i64, Uuid),
        until: i64,
        limit: u32,
    ) -> Result<Vec<OldDeployment>, StoreError> {
        Ok(with_connection!(self, connection => {
            let mut select = QueryBuilder::new("SELECT id, stream, started_at, last_ts, steps FROM deployments WHERE started_at >= ");
            select.push_bind(after.0);
            select.push(" AND (started_at > ").push_bind(after.0).push(" OR id > ").push_bind(after.1).push(")");
            // The first condition follows from the others; it ends the walk along the key.
            for column in ["started_at", "last_ts", "COALESCE(ended_at, last_ts)"] {
                select.push(" AND ").push(column).push(" < ").push_bind(until);
            }
            select.push(" ORDER BY started_at, id LIMIT ").push(limit);
            select.build_query_as().fetch_all(connection).await?
        }))
    }

    /// Deletes deployments with all of their steps; returns how many steps there were.
    pub async fn delete_deployments(&mut self, deployments: &[OldDeployment]) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for deployment in deployments {
            deleted += with_connection!(self, connection => {
                let mut delete = QueryBuilder::new("DELETE FROM steps WHERE stream = ");
                delete.push_bind(deployment.stream.clone());
                delete.push(" AND ts >= ").push_bind(deployment.started_at);
                delete.push(" AND ts <= ").push_bind(deployment.last_ts);
                delete.push(" AND deployment_id = ").push_bind(deployment.id);
                delete.build().execute(connection).await?.rows_affected()
            });
        }
        // Whether later deployments of the same run are retries depends on those that are gone.
        let mut streams: Vec<StreamKey> =
            deployments.iter().filter_map(|row| row.stream.as_slice().try_into().ok()).collect();
        streams.sort_unstable();
        streams.dedup();
        let changes: Vec<_> = streams.into_iter().map(|stream| (stream, 0)).collect();
        self.insert_changes(&changes).await?;
        let ids: Vec<Uuid> = deployments.iter().map(|deployment| deployment.id).collect();
        self.remove_deployments(&ids).await?;
        Ok(deleted)
    }
}
