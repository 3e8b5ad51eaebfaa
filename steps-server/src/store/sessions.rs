//! Sessions: of each the SHA-256 of its cookie's value, and the token that it stands for.

use steps_shared::{Timestamp, TokenId};
use uuid::Uuid;

use super::transaction::{Tx, with_connection};
use super::{Store, StoreError, with_pools};

/// A session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredSession {
    pub sha256: [u8; 32],
    pub token: TokenId,
    pub created_at: Timestamp,
    /// From when on it permits nothing.
    pub expires_at: Timestamp,
}

impl Store {
    /// The token of a session, and when the session ends.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn session(&self, sha256: &[u8; 32]) -> Result<Option<(TokenId, Timestamp)>, StoreError> {
        let row: Option<(Uuid, i64)> = with_pools!(self, pools => {
            let select = sqlx::query_as("SELECT token, expires_at FROM sessions WHERE sha256 = ?");
            select.bind(sha256.to_vec()).fetch_optional(&mut *pools.tokens.acquire().await?).await?
        });
        Ok(row.map(|(token, expires_at)| (TokenId(token), Timestamp::saturating_from_micros(expires_at))))
    }

    /// Stores a session, and deletes those that have ended, and the oldest of the token where it has more than `most`.
    ///
    /// # Errors
    /// The database does not answer. It may have stored it.
    pub async fn insert_session(&self, session: &StoredSession, most: u32) -> Result<(), StoreError> {
        let StoredSession { sha256, token, created_at, expires_at } = *session;
        let mut tx = self.begin_projection().await?;
        with_connection!(&mut tx, connection => {
            let insert = sqlx::query("INSERT INTO sessions (sha256, token, created_at, expires_at) VALUES (?, ?, ?, ?)");
            let insert = insert.bind(sha256.to_vec()).bind(token.0).bind(created_at.micros()).bind(expires_at.micros());
            insert.execute(&mut *connection).await?;
            let delete = sqlx::query("DELETE FROM sessions WHERE expires_at <= ?");
            delete.bind(created_at.micros()).execute(&mut *connection).await?;
            // Of tokens that were revoked.
            sqlx::query("DELETE FROM sessions WHERE token NOT IN (SELECT id FROM tokens)").execute(connection).await?;
        });
        let newest = tx.newest_sessions(token, most).await?;
        if let Some(oldest) = newest {
            with_connection!(&mut tx, connection => {
                let delete = sqlx::query("DELETE FROM sessions WHERE token = ? AND created_at < ?");
                delete.bind(token.0).bind(oldest).execute(connection).await?;
            });
        }
        tx.commit().await
    }

    /// Deletes a session, whether there is one or not.
    ///
    /// # Errors
    /// The database does not answer. It may have deleted it.
    pub async fn delete_session(&self, sha256: &[u8; 32]) -> Result<(), StoreError> {
        let mut tx = self.begin_projection().await?;
        with_connection!(&mut tx, connection => {
            let delete = sqlx::query("DELETE FROM sessions WHERE sha256 = ?");
            delete.bind(sha256.to_vec()).execute(connection).await?;
        });
        tx.commit().await
    }
}

impl Tx {
    /// When the oldest of the newest sessions of a token was made; `None` where it has fewer.
    async fn newest_sessions(&mut self, token: TokenId, most: u32) -> Result<Option<i64>, StoreError> {
        Ok(with_connection!(self, connection => {
            let select = sqlx::query_scalar(
                "SELECT created_at FROM sessions WHERE token = ? ORDER BY created_at DESC LIMIT 1 OFFSET ?",
            );
            select.bind(token.0).bind(i64::from(most) - 1).fetch_optional(connection).await?
        }))
    }
}
