//! Notes: recording, listing and removing them.

use async_stream::try_stream;
use futures_util::stream::StreamExt as _;
use sqlx::{Database, Encode, QueryBuilder, Type};
use steps_shared::{Note, NoteFilter, NoteQuery, Order, StepId, Timestamp};
use uuid::Uuid;

use super::events::NewEvent;
use super::filter::{push_after, push_note_access, push_note_filter, push_text};
use super::steps::{Rows, read, timestamp};
use super::transaction::{Tx, with_connection};
use super::{Access, Doomed, Reader, Store, StoreError, with_pools};

/// Rows that are read at a time.
const ROWS: u64 = 1000;
pub(super) const COLUMNS: &str = "id, component, environment, note, started_at, ended_at, owner, recorded_at";

#[derive(Debug, sqlx::FromRow)]
pub(super) struct NoteRow {
    id: Uuid,
    component: String,
    environment: Option<String>,
    note: String,
    started_at: i64,
    ended_at: Option<i64>,
    owner: String,
    recorded_at: i64,
}

impl NoteRow {
    pub(super) fn read(self) -> Result<Note, sqlx::Error> {
        Ok(Note {
            id: StepId(self.id),
            component: read("component", &self.component)?,
            environment: self.environment.as_deref().map(|name| read("environment", name)).transpose()?,
            text: read("note", &self.note)?,
            at: timestamp("started_at", self.started_at)?,
            until: self.ended_at.map(|ended_at| timestamp("ended_at", ended_at)).transpose()?,
            owner: read("owner", &self.owner)?,
            recorded_at: timestamp("recorded_at", self.recorded_at)?,
        })
    }
}

impl Reader {
    /// The notes that `query` asks for, in the order of their beginning: some rows at a time, because some databases end an answer
    /// that has very many, and all in one transaction.
    ///
    /// # Errors
    /// No connection can be had; later errors are items of the stream.
    pub async fn notes(&self, query: NoteQuery) -> Result<Rows<Vec<Note>>, StoreError> {
        let access = self.access.clone();
        let mut tx = self.store.begin_reading().await?;
        Ok(try_stream! {
            let NoteQuery { filter, order, limit, .. } = query;
            let mut left = limit.unwrap_or(u64::MAX);
            let mut after = None;
            while left > 0 {
                let most = left.min(ROWS);
                let rows = tx.note_page((&access, &filter, order), after, most).await?;
                let Some(last) = rows.last() else { break };
                after = Some((last.started_at, last.id));
                left -= most;
                let is_last = (rows.len() as u64) < most;
                yield rows.into_iter().map(NoteRow::read).collect::<Result<_, _>>()?;
                if is_last {
                    break;
                }
            }
            tx.end().await?;
        }
        .boxed())
    }

    /// How many notes match, but never more than `most`.
    pub async fn count_notes(&self, filter: &NoteFilter, most: u64) -> Result<u64, StoreError> {
        with_pools!(&self.store, pools => {
            let mut select = QueryBuilder::new("SELECT COUNT(*) FROM (SELECT 1 AS one FROM notes");
            push_note_filter(&mut select, &self.access, filter);
            select.push(" LIMIT ").push(most).push(") AS counted");
            let count: i64 = select.build_query_scalar().fetch_one(&mut *pools.read.acquire().await?).await?;
            Ok(count.unsigned_abs())
        })
    }

    /// The note with this id.
    pub async fn note(&self, id: StepId) -> Result<Option<Note>, StoreError> {
        let row: Option<NoteRow> = with_pools!(&self.store, pools => {
            let mut select = QueryBuilder::new("SELECT ");
            select.push(COLUMNS).push(" FROM notes");
            push_note_access(&mut select, &self.access);
            select.push(" AND id = ").push_bind(id.0);
            select.build_query_as().fetch_optional(&mut *pools.read.acquire().await?).await?
        });
        Ok(row.map(NoteRow::read).transpose()?)
    }
}

impl Store {
    /// Stores a note, with an event.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`]: another one has its id. Otherwise the database does not answer, and may have stored it.
    pub async fn insert_note(&self, note: &Note) -> Result<(), StoreError> {
        let mut tx = self.begin_projection().await?;
        let Note { id, component, environment, text, at, until, owner, recorded_at } = note;
        with_connection!(&mut tx, connection => {
            let mut insert = QueryBuilder::new("INSERT INTO notes (");
            insert.push(COLUMNS).push(") VALUES (");
            let mut values = insert.separated(", ");
            values.push_bind(id.0)
                .push_bind(component.as_str().to_owned())
                .push_bind(environment.as_ref().map(|name| name.as_str().to_owned()))
                .push_bind(text.as_str().to_owned())
                .push_bind(at.micros())
                .push_bind(until.map(Timestamp::micros))
                .push_bind(owner.as_str().to_owned())
                .push_bind(recorded_at.micros());
            insert.push(")");
            insert.build().execute(&mut *connection).await?;
        });
        tx.put_events(&[NewEvent::Note(id.0)], *recorded_at).await?;
        tx.commit().await
    }

    /// Deletes a note, with an event; `false` when there is none with this id. A component that was never deployed has no event.
    ///
    /// # Errors
    /// The database does not answer. It may have deleted it.
    pub async fn delete_note(&self, note: &Note, now: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.begin_projection().await?;
        let deleted = with_connection!(&mut tx, connection => {
            let delete = sqlx::query("DELETE FROM notes WHERE id = ?").bind(note.id.0);
            delete.execute(&mut *connection).await?.rows_affected()
        });
        if deleted > 0 {
            // What is deleted cannot be read when the event is told; a deployment says of what it was.
            let beside: Option<Uuid> = with_connection!(&mut tx, connection => {
                let mut select = QueryBuilder::new("SELECT id FROM deployments WHERE component = ");
                select.push_bind(note.component.to_string());
                push_text(&mut select, "environment", note.environment.as_ref().map(ToString::to_string));
                select.push(" ORDER BY started_at DESC, id DESC LIMIT 1");
                select.build_query_scalar().fetch_optional(&mut *connection).await?
            });
            let is_everywhere = note.environment.is_none();
            let event = if is_everywhere { NewEvent::NoteRemovedEverywhere } else { NewEvent::NoteRemoved };
            if let Some(beside) = beside {
                tx.put_events(&[event(beside)], now).await?;
            }
        }
        tx.commit().await?;
        Ok(deleted > 0)
    }
}

impl Tx {
    /// The next notes of a list behind a place in it, at most so many.
    async fn note_page(
        &mut self,
        (access, filter, order): (&Access, &NoteFilter, Order),
        after: Option<(i64, Uuid)>,
        most: u64,
    ) -> Result<Vec<NoteRow>, StoreError> {
        Ok(with_connection!(self, connection => {
            let mut select = QueryBuilder::new("SELECT ");
            select.push(COLUMNS).push(" FROM notes");
            push_note_filter(&mut select, access, filter);
            push_after(&mut select, "started_at", order, after);
            select.push(" LIMIT ").push(most);
            select.build_query_as().fetch_all(connection).await?
        }))
    }

    /// How many notes are doomed: of the component, in the environment, and over by then, whatever the version and the run.
    pub async fn count_doomed_notes(&mut self, doomed: &Doomed) -> Result<u64, StoreError> {
        let count: i64 = with_connection!(self, connection => {
            let mut select = QueryBuilder::new("SELECT COUNT(*) FROM notes");
            push_doomed(&mut select, doomed);
            select.build_query_scalar().fetch_one(connection).await?
        });
        Ok(count.unsigned_abs())
    }

    /// Deletes the doomed notes; returns how many there were.
    pub async fn delete_doomed_notes(&mut self, doomed: &Doomed) -> Result<u64, StoreError> {
        Ok(with_connection!(self, connection => {
            let mut delete = QueryBuilder::new("DELETE FROM notes");
            push_doomed(&mut delete, doomed);
            delete.build().execute(connection).await?.rows_affected()
        }))
    }
}

fn push_doomed<DB>(statement: &mut QueryBuilder<DB>, doomed: &Doomed)
where
    DB: Database,
    String: for<'q> Encode<'q, DB> + Type<DB>,
    i64: for<'q> Encode<'q, DB> + Type<DB>,
{
    let Doomed { component, environment, until, version: _, run: _ } = doomed;
    statement.push(" WHERE 1 = 1");
    push_text(statement, "component", component.as_ref().map(ToString::to_string));
    push_text(statement, "environment", environment.as_ref().map(ToString::to_string));
    if let Some(until) = until {
        statement.push(" AND COALESCE(ended_at, started_at) < ").push_bind(until.micros());
    }
}
