//! Recording that deployments are left out of every figure, or are in them again.

use std::collections::HashSet;

use sqlx::QueryBuilder;
use steps_shared::{Owner, Reason, StepId, Timestamp};
use uuid::Uuid;

use super::changes::NewChange;
use super::fold_rows::StreamKey;
use super::transaction::{Tx, with_connection};
use super::{Access, Store, StoreError};

/// That a deployment is left out of every figure, or is in them again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusion {
    pub deployment: StepId,
    /// Why; `None` where it is in figures again.
    pub reason: Option<Reason>,
    /// Who said so.
    pub owner: Owner,
    pub ts: Timestamp,
}

impl Store {
    /// Commits an exclusion, and that its stream has changed from the start of the deployment on. `false` when there is no
    /// such deployment.
    ///
    /// # Errors
    /// The database does not answer. It may have committed nevertheless.
    pub async fn record_exclusion(&self, exclusion: &Exclusion) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let Some((component, stream, started_at)) = tx.place_of(exclusion.deployment).await? else { return Ok(false) };
        // An earlier first step may have come since the last exclusion: each of the steps that were named is meant.
        let mut steps = tx.excluded_steps(exclusion.deployment, &stream).await?;
        if !steps.contains(&exclusion.deployment.0) {
            steps.push(exclusion.deployment.0);
        }
        let ts = tx.exclusion_after(&stream, exclusion.ts.micros()).await?;
        for step in steps {
            tx.insert_exclusion(exclusion, &stream, step, ts).await?;
        }
        tx.insert_changes(&[NewChange::new(&component, stream, started_at)]).await?;
        tx.commit().await?;
        Ok(true)
    }
}

impl Tx {
    /// The component and the stream of a deployment, and when it started.
    async fn place_of(&mut self, deployment: StepId) -> Result<Option<(String, StreamKey, i64)>, StoreError> {
        let row: Option<(String, Vec<u8>, i64)> = with_connection!(self, connection => {
            let select = sqlx::query_as("SELECT component, stream, started_at FROM deployments WHERE id = ?");
            select.bind(deployment.0).fetch_optional(connection).await?
        });
        Ok(row.and_then(|(component, stream, started_at)| Some((component, stream.try_into().ok()?, started_at))))
    }

    /// The steps of a deployment that have been named to exclude it, or to include it again.
    async fn excluded_steps(&mut self, deployment: StepId, stream: &StreamKey) -> Result<Vec<Uuid>, StoreError> {
        let own = self.step_ids(deployment.0).await?;
        let named: Vec<Uuid> = with_connection!(self, connection => {
            let select = sqlx::query_scalar("SELECT DISTINCT step_id FROM exclusions WHERE stream = ?");
            select.bind(stream.to_vec()).fetch_all(connection).await?
        });
        Ok(named.into_iter().filter(|step| own.contains(step)).collect())
    }

    /// The steps of a deployment.
    pub(super) async fn step_ids(&mut self, deployment: Uuid) -> Result<HashSet<Uuid>, StoreError> {
        let whole = self.wholes(&Access::Everything, &[StepId(deployment)]).await?;
        let mut ids = HashSet::new();
        for timeline in self.timelines(whole).await? {
            ids.extend(timeline.entries()?.into_iter().map(|entry| entry.id));
        }
        Ok(ids)
    }

    /// A time for the next exclusion of a stream: behind all that it has, whatever clock gave those theirs.
    async fn exclusion_after(&mut self, stream: &StreamKey, now: i64) -> Result<i64, StoreError> {
        let last: Option<i64> = with_connection!(self, connection => {
            let select = sqlx::query_scalar("SELECT MAX(ts) FROM exclusions WHERE stream = ?");
            select.bind(stream.to_vec()).fetch_one(connection).await?
        });
        Ok(last.map_or(now, |last| now.max(last + 1)))
    }

    async fn insert_exclusion(
        &mut self,
        exclusion: &Exclusion,
        stream: &StreamKey,
        step: Uuid,
        ts: i64,
    ) -> Result<(), StoreError> {
        let reason = exclusion.reason.as_ref().map_or("", Reason::as_str);
        with_connection!(self, connection => {
            let mut insert = QueryBuilder::new("INSERT INTO exclusions (id, stream, step_id, reason, owner, ts) VALUES (");
            let mut values = insert.separated(", ");
            values.push_bind(StepId::generate().0)
                .push_bind(stream.to_vec())
                .push_bind(step)
                .push_bind(reason.to_owned())
                .push_bind(exclusion.owner.as_str().to_owned())
                .push_bind(ts);
            insert.push(")");
            insert.build().execute(connection).await?;
        });
        Ok(())
    }
}
