//! Writing steps.

use std::collections::HashMap;

use sqlx::QueryBuilder;
use steps_shared::{Step, StepId};

use super::steps::{COLUMNS, StepRow};
use super::{Store, StoreError, with_pools};

/// Rows in one INSERT: its text must stay well below 16 KiB, because more of it in one go waits 40 ms for the
/// network when the connection is encrypted.
const ROWS_PER_INSERT: usize = 40;
/// Ids in one SELECT.
const IDS_PER_SELECT: usize = 500;

impl Store {
    /// Commits all of `steps` in one transaction, or none.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] when one of the ids is stored already; see [`StoreError`] for the others.
    pub async fn insert(&self, steps: &[&Step]) -> Result<(), StoreError> {
        with_pools!(self, pools => {
            let mut transaction = pools.write.begin_with(pools.begin).await?;
            for rows in steps.chunks(ROWS_PER_INSERT) {
                let mut insert = QueryBuilder::new("INSERT INTO steps (stream, ");
                insert.push(COLUMNS).push(") ");
                insert.push_values(rows, |mut row, step| {
                    let Step { id, component, environment, version, owner, status, ts, run } = step;
                    row.push_bind(step.stream().to_vec())
                        .push_bind(id.0)
                        .push_bind(component.as_str())
                        .push_bind(environment.as_str())
                        .push_bind(version.as_str())
                        .push_bind(owner.as_str())
                        .push_bind(status.as_str())
                        .push_bind(ts.micros())
                        .push_bind(run.as_ref().map(|run| run.as_str()));
                });
                insert.build().execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
        });
        Ok(())
    }

    /// Those of `ids` that are stored.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn stored(&self, ids: &[StepId]) -> Result<HashMap<StepId, Step>, StoreError> {
        let mut stored = HashMap::new();
        with_pools!(self, pools => {
            for ids in ids.chunks(IDS_PER_SELECT) {
                let mut select = QueryBuilder::new("SELECT ");
                select.push(COLUMNS).push(" FROM steps WHERE id IN (");
                let mut list = select.separated(", ");
                for id in ids {
                    list.push_bind(id.0);
                }
                select.push(")");
                // On the writing connection: a replica that lags would not know them yet.
                for row in select.build_query_as::<StepRow>().fetch_all(&pools.write).await? {
                    let step = Step::try_from(row)?;
                    stored.insert(step.id, step);
                }
            }
        });
        Ok(stored)
    }
}
