//! Turns: what tells that nothing has changed in the deployments of a component in an environment.
//!
//! Whoever changes one gives its component another turn, in the same transaction. A server of the version before gives none, but it
//! locks buckets: what it did there counts as well.

use std::collections::{BTreeSet, HashMap};

use sqlx::QueryBuilder;

use super::changes::{Bucket, buckets_of, part_of};
use super::filter::push_access;
use super::statements::{cut, row_bytes};
use super::transaction::{Tx, with_connection};
use super::{Reader, StoreError, with_pools};

/// What gets a turn: a part of the streams of a component in an environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TurnKey {
    component: String,
    environment: String,
    part: i32,
}

impl TurnKey {
    pub fn new(component: &str, environment: &str, stream: &[u8]) -> Self {
        Self { component: component.to_owned(), environment: environment.to_owned(), part: part_of(stream) }
    }
}

/// The turns at one moment. Turns that are equal to those of an earlier moment say that nothing has changed in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turns {
    /// By component, then by environment: of all parts together.
    named: HashMap<String, HashMap<String, i64>>,
    /// How often others have locked each bucket.
    others: HashMap<Bucket, i64>,
}

impl Turns {
    /// The turns of a component in an environment, or in all of them.
    #[must_use]
    pub fn of(&self, component: &str, environment: Option<&str>) -> [i64; 2] {
        let add = |sum: i64, turn: &i64| sum.wrapping_add(*turn);
        let named = self.named.get(component).map_or(0, |named| match environment {
            Some(environment) => named.get(environment).copied().unwrap_or_default(),
            None => named.values().fold(0, add),
        });
        let others = buckets_of(component);
        [named, others.iter().filter_map(|bucket| self.others.get(bucket)).fold(0, add)]
    }
}

impl Reader {
    /// The turns, to be read before what they are kept with.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn turns(&self) -> Result<Turns, StoreError> {
        let (rows, others) = with_pools!(&self.store, pools => {
            let mut connection = pools.read.acquire().await?;
            let mut select = QueryBuilder::new("SELECT component, environment, turn FROM turns");
            push_access(&mut select, &self.access);
            let rows: Vec<(String, String, i64)> = select.build_query_as().fetch_all(&mut *connection).await?;
            let others = sqlx::query_as("SELECT id, turn - named FROM buckets");
            (rows, others.fetch_all(&mut *connection).await?)
        });
        let mut named: HashMap<String, HashMap<String, i64>> = HashMap::new();
        for (component, environment, turn) in rows {
            let sum = named.entry(component).or_default().entry(environment).or_default();
            *sum = sum.wrapping_add(turn);
        }
        Ok(Turns { named, others: others.into_iter().collect() })
    }

    /// Whether no server of the version before has folded: it gives no turns to names that are new.
    pub(super) async fn all_have_turns(&self) -> Result<bool, StoreError> {
        let others: i64 = with_pools!(&self.store, pools => {
            let select = sqlx::query_scalar("SELECT COUNT(*) FROM buckets WHERE turn <> named");
            select.fetch_one(&mut *pools.read.acquire().await?).await?
        });
        Ok(others == 0)
    }
}

impl Tx {
    /// Gives turns. Each is another random number: two that are the same one after the other are as good as impossible.
    pub(super) async fn give_turns(&mut self, keys: BTreeSet<TurnKey>) -> Result<(), StoreError> {
        let turn = getrandom::u64().map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?.cast_signed();
        let keys: Vec<TurnKey> = keys.into_iter().collect();
        for keys in cut(&keys, |key| row_bytes(3, &[&key.component, &key.environment])) {
            with_connection!(self, connection => {
                let mut insert = QueryBuilder::new("REPLACE INTO turns (component, environment, part, turn) ");
                insert.push_values(keys, |mut row, TurnKey { component, environment, part }| {
                    row.push_bind(component.clone()).push_bind(environment.clone()).push_bind(*part).push_bind(turn);
                });
                insert.build().execute(&mut *connection).await?;
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_has_the_turns_of_its_environments_and_what_others_did_in_its_buckets() {
        let named = [("production", 5), ("staging", i64::MAX)].map(|(name, turn)| (name.to_owned(), turn));
        let own = buckets_of("shop")[0];
        let turns = Turns {
            named: [("shop".to_owned(), named.into_iter().collect())].into(),
            others: [(own, 3), (own + 4, 100), (own - 4, 100)].into(),
        };
        assert_eq!(turns.of("shop", Some("production")), [5, 3]);
        assert_eq!(turns.of("shop", None), [i64::MIN + 4, 3]);
        assert_eq!(turns.of("shop", Some("elsewhere")), [0, 3]);
    }
}
