//! What a copy of a database reads of the one and writes into the other.

use std::collections::HashSet;

use sqlx::{FromRow, QueryBuilder};
use steps_shared::Order;
use uuid::Uuid;

use super::changes::NewChange;
use super::filter::push_after;
use super::record::StoredRow;
use super::steps::COLUMNS;
use super::transaction::{Tx, with_connection};
use super::{Store, StoreError, StoredStep, with_pools};

/// Exclusions that are written in one transaction.
const EXCLUSIONS: usize = 200;

/// A place in the order of all steps: a time and an id.
pub type StepPlace = (i64, Uuid);

/// A row of the table of exclusions.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ExclusionRow {
    pub id: Uuid,
    pub stream: Vec<u8>,
    pub step_id: Uuid,
    pub reason: String,
    pub owner: String,
    pub ts: i64,
}

impl Store {
    /// The steps behind a place, in the order of their times and ids, at most so many.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn steps_behind(&self, after: Option<StepPlace>, most: u32) -> Result<Vec<StoredStep>, StoreError> {
        self.check_file()?;
        let rows: Vec<StoredRow> = with_pools!(self, pools => {
            let mut select = QueryBuilder::new("SELECT ");
            select.push(COLUMNS).push(", aged FROM steps WHERE 1 = 1");
            push_after(&mut select, "ts", Order::Ascending, after);
            select.push(" LIMIT ").push(most);
            select.build_query_as().fetch_all(&mut *pools.read.acquire().await?).await?
        });
        Ok(rows.into_iter().map(StoredRow::into_stored).collect())
    }

    /// How many steps are recorded.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn all_steps(&self) -> Result<u64, StoreError> {
        let count: i64 = with_pools!(self, pools => {
            let select = sqlx::query_scalar("SELECT COUNT(*) FROM steps");
            select.fetch_one(&mut *pools.read.acquire().await?).await?
        });
        Ok(count.unsigned_abs())
    }

    /// All exclusions, in the order of their ids.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn exclusion_rows(&self) -> Result<Vec<ExclusionRow>, StoreError> {
        let rows = with_pools!(self, pools => {
            let select = sqlx::query_as("SELECT id, stream, step_id, reason, owner, ts FROM exclusions ORDER BY id");
            select.fetch_all(&mut *pools.read.acquire().await?).await?
        });
        Ok(rows)
    }

    /// Writes those of the exclusions that are not there yet, and that their streams have changed. Returns how many these were.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn add_exclusions(&self, rows: &[ExclusionRow]) -> Result<usize, StoreError> {
        let there: HashSet<Uuid> = self.exclusion_rows().await?.into_iter().map(|row| row.id).collect();
        let missing: Vec<&ExclusionRow> = rows.iter().filter(|row| !there.contains(&row.id)).collect();
        for rows in missing.chunks(EXCLUSIONS) {
            let mut tx = self.begin_projection().await?;
            for row in rows {
                tx.add_exclusion(row).await?;
            }
            tx.commit().await?;
        }
        Ok(missing.len())
    }
}

impl Tx {
    async fn add_exclusion(&mut self, row: &ExclusionRow) -> Result<(), StoreError> {
        let ExclusionRow { id, stream, step_id, reason, owner, ts } = row;
        let component: Option<String> = with_connection!(self, connection => {
            let insert =
                sqlx::query("INSERT INTO exclusions (id, stream, step_id, reason, owner, ts) VALUES (?, ?, ?, ?, ?, ?)");
            let insert = insert.bind(id).bind(stream.clone()).bind(step_id).bind(reason.clone()).bind(owner.clone());
            insert.bind(ts).execute(&mut *connection).await?;
            let select = sqlx::query_scalar("SELECT component FROM steps WHERE id = ?");
            select.bind(step_id).fetch_optional(&mut *connection).await?
        });
        if let (Some(component), Ok(stream)) = (component, stream.as_slice().try_into()) {
            self.insert_changes(&[NewChange::new(&component, stream, 0)]).await?;
        }
        Ok(())
    }
}
