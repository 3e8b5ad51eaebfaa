//! Reading what a first look needs: what is running, and the newest deployment of each name.

use sqlx::QueryBuilder;
use steps_shared::{Component, Deployment, Environment, StepId};
use uuid::Uuid;

use super::deployments::{COLUMNS, DeploymentRow};
use super::figures::Name;
use super::filter::{push_access, push_text};
use super::statements::cut;
use super::{Reader, Store, StoreError, with_pools};

/// The most bytes of names in one statement; each of them stands beside a query of about 200 bytes.
const NAME_BYTES: usize = 400;

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

    /// The newest deployment of each of the names that has one, in no order; of those that the caller may see.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn newest_of_each(&self, names: &[Name]) -> Result<Vec<Deployment>, StoreError> {
        self.newest(names, "").await
    }

    /// The newest of each that has ended.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn last_of_each(&self, names: &[Name]) -> Result<Vec<Deployment>, StoreError> {
        let ended = format!(" AND open_until <= {}", self.now.micros());
        self.newest(names, &ended).await
    }

    async fn newest(&self, names: &[Name], condition: &str) -> Result<Vec<Deployment>, StoreError> {
        let mut ids: Vec<StepId> = Vec::with_capacity(names.len());
        let bytes =
            |(component, environment): &Name| NAME_BYTES + component.as_str().len() + environment.as_str().len();
        for names in cut(names, bytes) {
            let found: Vec<Uuid> = with_pools!(&self.store, pools => {
                let mut select = QueryBuilder::new("");
                for (at, (component, environment)) in names.iter().enumerate() {
                    select.push(if at == 0 { "SELECT id FROM (" } else { " UNION ALL SELECT id FROM (" });
                    // What may not be seen is left out when they are read.
                    select.push("SELECT id FROM deployments WHERE component = ").push_bind(component.to_string());
                    select.push(" AND environment = ").push_bind(environment.to_string());
                    select.push(condition).push(" ORDER BY started_at DESC, id DESC LIMIT 1) AS newest").push(at.to_string());
                }
                select.build_query_scalar().fetch_all(&mut *pools.read.acquire().await?).await?
            });
            ids.extend(found.into_iter().map(StepId));
        }
        match ids.is_empty() {
            true => Ok(Vec::new()),
            false => self.deployments_of(&ids).await,
        }
    }
}
