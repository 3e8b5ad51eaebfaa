//! Questions about steps.

use steps_shared::{Step, StepFilter, StepId, StepQuery};

use super::{App, Error};
use crate::store::{Access, Rows, StoreError};

/// Counting stops here, so that it is quick however many there are.
const MAX_COUNTED: u64 = 1_000_000;

/// How many match a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// How many, at most a million.
    pub count: u64,
    /// Whether `count` is the exact number.
    pub exact: bool,
}

impl Count {
    /// Counts with `count`, which stops at the number it is given.
    pub(super) async fn of(count: impl AsyncFnOnce(u64) -> Result<u64, StoreError>) -> Result<Self, Error> {
        let found = count(MAX_COUNTED + 1).await?;
        Ok(Self { count: found.min(MAX_COUNTED), exact: found <= MAX_COUNTED })
    }
}

/// The limit with which a list is read of which at most `most` rows can be written; `count` counts its rows up to a limit.
pub(super) async fn checked_limit(
    limit: Option<u64>,
    most: Option<u64>,
    count: impl AsyncFnOnce(u64) -> Result<u64, StoreError>,
) -> Result<Option<u64>, Error> {
    let Some(most) = most else { return Ok(limit) };
    if limit.is_none_or(|limit| limit > most) && count(most + 1).await? > most {
        return Err(Error::TooManyRows(most));
    }
    // Should some be recorded between the counting and the reading, the writer sees one too many and refuses.
    Ok(Some(limit.unwrap_or(u64::MAX).min(most + 1)))
}

impl App {
    /// A list of steps, read as it is written. `most` is how many rows can be written; `None` is any number.
    ///
    /// # Errors
    /// There are more rows than that, too many lists are being read, or the database does not answer.
    pub async fn steps(&self, access: &Access, query: StepQuery, most: Option<u64>) -> Result<Rows<Vec<Step>>, Error> {
        let limit = query.limit;
        let component = query.filter.component.clone();
        let open = || {
            self.read(access, component.as_ref(), |reader| async move {
                let count = async |most| reader.count_steps(&query.filter, most).await;
                let limit = checked_limit(query.limit, most, count).await?;
                Ok(reader.steps(StepQuery { limit, ..query }).await?)
            })
        };
        self.list(limit, open).await
    }

    /// How many steps match.
    pub async fn count_steps(&self, access: &Access, filter: &StepFilter) -> Result<Count, Error> {
        let count = |reader: crate::store::Reader| async move {
            Count::of(async |most| reader.count_steps(filter, most).await).await
        };
        self.read_unfolded(access, count).await
    }

    /// One step.
    pub async fn step(&self, access: &Access, id: StepId) -> Result<Step, Error> {
        let read = self.read_one(access, id, |reader| async move { Ok(reader.step(id).await?) });
        read.await?.flatten().ok_or(Error::NoSuchStep(id))
    }
}
