//! The tokens: of each what it permits, and the SHA-256 of its text.

use sqlx::FromRow;
use steps_shared::{Glob, Owner, Timestamp, Token, TokenId, TokenName};
use uuid::Uuid;

use super::transaction::{Tx, with_connection};
use super::{Store, StoreError, with_pools};

/// A token with the SHA-256 of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    pub token: Token,
    pub sha256: [u8; 32],
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    name: String,
    sha256: Vec<u8>,
    scopes: String,
    components: String,
    environments: String,
    owner: Option<String>,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
}

impl Row {
    /// `None` when somebody else wrote what no server writes.
    fn read(self) -> Option<StoredToken> {
        let Self { id, name, sha256, scopes, components, environments, owner, created_at, expires_at, last_used_at } =
            self;
        let time = |micros: Option<i64>| micros.map(Timestamp::saturating_from_micros);
        let token = Token {
            id: TokenId(id),
            name: TokenName::try_from(name).ok()?,
            scopes: scopes.parse().ok()?,
            components: serde_json::from_str(&components).ok()?,
            environments: serde_json::from_str(&environments).ok()?,
            owner: owner.map(Owner::try_from).transpose().ok()?,
            created_at: Timestamp::saturating_from_micros(created_at),
            expires_at: time(expires_at),
            last_used_at: time(last_used_at),
        };
        Some(StoredToken { token, sha256: sha256.try_into().ok()? })
    }
}

impl Store {
    /// The ids of all tokens. A token never changes, but for its last use: where the ids are the same, the tokens are.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn token_ids(&self) -> Result<Vec<TokenId>, StoreError> {
        self.check_file()?;
        let ids: Vec<Uuid> = with_pools!(self, pools => {
            let select = sqlx::query_scalar("SELECT id FROM tokens ORDER BY id");
            select.fetch_all(&mut *pools.tokens.acquire().await?).await?
        });
        Ok(ids.into_iter().map(TokenId).collect())
    }

    /// All tokens, by name.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn tokens(&self) -> Result<Vec<StoredToken>, StoreError> {
        self.check_file()?;
        let rows: Vec<Row> = with_pools!(self, pools => {
            let select = sqlx::query_as(
                "SELECT id, name, sha256, scopes, components, environments, owner, created_at, expires_at, last_used_at \
                 FROM tokens ORDER BY name",
            );
            select.fetch_all(&mut *pools.tokens.acquire().await?).await?
        });
        let read = |row: Row| {
            let id = TokenId(row.id);
            let read = row.read();
            if read.is_none() {
                tracing::error!(%id, "a row of the table of tokens cannot be read; that token permits nothing");
            }
            read
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Replaces the connections that read the tokens, after a read that began at `began` was not answered in time.
    pub fn renew_token_readers(&self, began: tokio::time::Instant) {
        with_pools!(self, pools => pools.tokens.renew(began));
    }

    /// Stores a token.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`]: another one has its name. Otherwise the database does not answer, and may have stored it.
    pub async fn insert_token(&self, stored: &StoredToken) -> Result<(), StoreError> {
        let mut tx = self.begin_projection().await?;
        tx.insert_token(stored).await?;
        tx.commit().await
    }

    /// Stores a token in the place of the one that has its name.
    ///
    /// # Errors
    /// As [`Store::insert_token`].
    pub async fn replace_token(&self, stored: &StoredToken) -> Result<(), StoreError> {
        let mut tx = self.begin_projection().await?;
        with_connection!(&mut tx, connection => {
            let delete = sqlx::query("DELETE FROM tokens WHERE name = ?");
            delete.bind(stored.token.name.as_str().to_owned()).execute(connection).await?;
        });
        tx.insert_token(stored).await?;
        tx.commit().await
    }

    /// Deletes a token; `false` when there is none with this id.
    ///
    /// # Errors
    /// The database does not answer. It may have deleted it.
    pub async fn delete_token(&self, id: TokenId) -> Result<bool, StoreError> {
        let mut tx = self.begin_projection().await?;
        let deleted = with_connection!(&mut tx, connection => {
            sqlx::query("DELETE FROM tokens WHERE id = ?").bind(id.0).execute(connection).await?.rows_affected()
        });
        tx.commit().await?;
        Ok(deleted > 0)
    }

    /// Stores when tokens were used last; a later time that another server has stored stays.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn set_last_used(&self, uses: &[(TokenId, Timestamp)]) -> Result<(), StoreError> {
        let mut tx = self.begin_projection().await?;
        for (id, at) in uses {
            with_connection!(&mut tx, connection => {
                let update = sqlx::query(
                    "UPDATE tokens SET last_used_at = ? WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)",
                );
                update.bind(at.micros()).bind(id.0).bind(at.micros()).execute(connection).await?;
            });
        }
        tx.commit().await
    }
}

impl Tx {
    async fn insert_token(&mut self, stored: &StoredToken) -> Result<(), StoreError> {
        let StoredToken { token, sha256 } = stored;
        let Token { id, name, scopes, components, environments, owner, created_at, expires_at, last_used_at } = token;
        with_connection!(self, connection => {
            let insert = sqlx::query(
                "INSERT INTO tokens (id, name, sha256, scopes, components, environments, owner, created_at, expires_at, \
                 last_used_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            );
            insert
                .bind(id.0)
                .bind(name.as_str().to_owned())
                .bind(sha256.to_vec())
                .bind(scopes.to_string())
                .bind(json(components))
                .bind(json(environments))
                .bind(owner.as_ref().map(|owner| owner.as_str().to_owned()))
                .bind(created_at.micros())
                .bind(expires_at.map(Timestamp::micros))
                .bind(last_used_at.map(Timestamp::micros))
                .execute(connection)
                .await?;
        });
        Ok(())
    }
}

/// Patterns as an array of JSON.
fn json(globs: &[Glob]) -> String {
    serde_json::Value::from_iter(globs.iter().map(Glob::as_str)).to_string()
}
