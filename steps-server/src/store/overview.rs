//! Reading what a first look needs: what is running, and the newest deployment of each name.

use std::collections::HashMap;

use sqlx::QueryBuilder;
use steps_shared::{Component, Deployment, DeploymentOutcome, Environment, StepId};
use uuid::Uuid;

use super::deployments::{COLUMNS, DeploymentRow};
use super::filter::{push_access, push_text};
use super::statements::cut_ids;
use super::{Reader, Store, StoreError, with_pools};

/// How a deployment ends, also where it has not ended yet: its row has the outcome that it comes to have.
const ENDED: [DeploymentOutcome; 4] = [
    DeploymentOutcome::Succeeded,
    DeploymentOutcome::Failed,
    DeploymentOutcome::Abandoned,
    DeploymentOutcome::Cancelled,
];

impl Reader {
    /// The deployments that are running, of a series or of all: the newest first, and at most so many.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn running(
        &self,
        of: Option<(&Component, &Environment)>,
        most: u64,
    ) -> Result<Vec<Deployment>, StoreError> {
        // Of those that may be open there are few. The order, and the limit, lead to reading all deployments instead.
        let index = match &self.store {
            Store::MySql(_) => " FORCE INDEX (deployments_open_until)",
            Store::Sqlite(_) => " INDEXED BY deployments_open_until",
        };
        let rows: Vec<DeploymentRow> = with_pools!(&self.store, pools => {
            let mut select = QueryBuilder::new("SELECT ");
            select.push(COLUMNS).push(" FROM deployments").push(index);
            push_access(&mut select, &self.access);
            push_text(&mut select, "component", of.map(|(component, _)| component.to_string()));
            push_text(&mut select, "environment", of.map(|(_, environment)| environment.to_string()));
            // The first condition lets SQLite use an index of those that may be open.
            select.push(" AND open_until > 0 AND open_until > ").push_bind(self.now.micros());
            select.push(" ORDER BY started_at DESC, id DESC LIMIT ").push(most);
            select.build_query_as().fetch_all(&mut *pools.read.acquire().await?).await?
        });
        Ok(rows.into_iter().map(|row| row.at(self.now)).collect::<Result<_, _>>()?)
    }

    /// The newest deployment of each component in each environment, in no order; of those that the caller may see.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn newest_of_each(&self) -> Result<Vec<Deployment>, StoreError> {
        self.newest("", u64::MAX).await
    }

    /// The newest that has ended, of so many components and environments at most: the first ones in the database's order.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn last_of_each(&self, most: u64) -> Result<Vec<Deployment>, StoreError> {
        let ended = format!(" AND open_until <= {}", self.now.micros());
        self.newest(&ended, most).await
    }

    /// Finds when the newest of each began, which is one step into the index for each outcome, then reads those alone: 200 names and
    /// 170,000 deployments take 13 ms, and one environment with a single old deployment beside a busy one costs no more.
    async fn newest(&self, condition: &str, most: u64) -> Result<Vec<Deployment>, StoreError> {
        let (index, greatest) = match &self.store {
            Store::MySql(_) => (" FORCE INDEX (deployments_figures)", "GREATEST"),
            Store::Sqlite(_) => (" INDEXED BY deployments_figures", "MAX"),
        };
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let names = self.all_names().await?;
        let starts: Vec<(String, String, i64)> = with_pools!(&self.store, pools => {
            let mut select = QueryBuilder::new("SELECT component, environment, ");
            let mut newest = select.push(greatest).push("(").separated(", ");
            for (outcome, counted) in ENDED.iter().flat_map(|outcome| [(outcome, "1"), (outcome, "0")]) {
                newest.push("COALESCE((SELECT started_at FROM deployments").push_unseparated(index);
                newest.push_unseparated(" WHERE component = names.component AND environment = names.environment AND outcome = '");
                newest.push_unseparated(outcome.name()).push_unseparated("' AND counted = ").push_unseparated(counted);
                newest.push_unseparated(condition).push_unseparated(" ORDER BY started_at DESC, id DESC LIMIT 1), -1)");
            }
            select.push(") FROM (").push(names);
            push_access(&mut select, &self.access);
            select.push(" ORDER BY component, environment LIMIT ").push(limit).push(") AS names");
            select.build_query_as().fetch_all(&mut *pools.read.acquire().await?).await?
        });
        let ids = self.ids_of_starts(&starts).await?;
        match ids.is_empty() {
            true => Ok(Vec::new()),
            false => self.deployments_of(&ids).await,
        }
    }

    /// The deployments of these components and environments that began then; of several at the same moment the one with the last id.
    async fn ids_of_starts(&self, starts: &[(String, String, i64)]) -> Result<Vec<StepId>, StoreError> {
        let mut found: HashMap<_, Option<Uuid>> = starts.iter().cloned().map(|start| (start, None)).collect();
        for starts in cut_ids(starts) {
            let rows: Vec<(Uuid, String, String, i64)> = with_pools!(&self.store, pools => {
                let mut select = QueryBuilder::new("SELECT id, component, environment, started_at FROM deployments");
                push_access(&mut select, &self.access);
                select.push(" AND started_at IN (");
                let mut list = select.separated(", ");
                for (_, _, at) in starts {
                    list.push_bind(*at);
                }
                select.push(")");
                select.build_query_as().fetch_all(&mut *pools.read.acquire().await?).await?
            });
            for (id, component, environment, at) in rows {
                if let Some(newest) = found.get_mut(&(component, environment, at)) {
                    *newest = (*newest).max(Some(id));
                }
            }
        }
        Ok(found.into_values().flatten().map(StepId).collect())
    }
}
