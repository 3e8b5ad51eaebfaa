//! Reading the log of events, with what is to be told of each.

use std::collections::HashMap;

use sqlx::QueryBuilder;
use steps_shared::{Deployment, Event, Note, RemovedDeployment, RemovedNote, Reset, Step, StepId, Timestamp};
use uuid::Uuid;

use super::deployments::{COLUMNS as DEPLOYMENT_COLUMNS, DeploymentRow};
use super::events::{NewEvent, Place};
use super::filter::push_ids;
use super::notes::{COLUMNS as NOTE_COLUMNS, NoteRow};
use super::statements::cut_ids;
use super::steps::{COLUMNS as STEP_COLUMNS, StepRow};
use super::transaction::{Tx, with_connection};
use super::{Access, Reader, Store, StoreError};

/// A part of the log.
#[derive(Debug)]
pub struct EventPage {
    /// What is to be told, in order.
    pub events: Vec<(Place, Event)>,
    /// Where it ends, whatever of it is to be told; `None` where the log goes no further.
    pub end: Option<Place>,
    /// The last place whose event was deleted.
    pub gone: Place,
}

/// A row of the log.
type Row = (i64, i64, i32, Uuid);

impl Reader {
    /// The events behind a place, with what is to be told of them; of at most so many rows of the log.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn events_after(&self, after: Place, most: usize) -> Result<EventPage, StoreError> {
        let mut tx = self.store.begin_reading_events().await?;
        let (has_batches, order) = (matches!(self.store, Store::MySql(_)), self.store.event_order(""));
        let (rows, (gone_batch, gone_seq)): (Vec<Row>, (i64, i64)) = with_connection!(&mut tx, connection => {
            let mut select = QueryBuilder::new("SELECT batch, seq, kind, subject FROM events WHERE ");
            if has_batches {
                select.push("batch >= ").push_bind(after.batch).push(" AND (batch > ").push_bind(after.batch);
                select.push(" OR seq > ").push_bind(after.seq).push(")");
            } else {
                select.push("seq > ").push_bind(after.seq);
            }
            select.push(" ORDER BY ").push(&order).push(" LIMIT ").push(most as u64);
            let rows = select.build_query_as().fetch_all(&mut *connection).await?;
            let gone = "SELECT gone_batch, gone_seq FROM event_log WHERE id = 1";
            (rows, sqlx::query_as(gone).fetch_one(&mut *connection).await?)
        });
        let end = rows.last().map(|(batch, seq, ..)| Place { batch: *batch, seq: *seq });
        let events = self.told(&mut tx, rows).await?;
        tx.end().await?;
        Ok(EventPage { events, end, gone: Place { batch: gone_batch, seq: gone_seq } })
    }

    /// What is to be told of rows of the log. What was deleted since has nothing to tell, and what has a later event is told with that:
    /// so the state that is told at a place is the same whoever tells it, and whenever, and none goes back.
    async fn told(&self, tx: &mut Tx, rows: Vec<Row>) -> Result<Vec<(Place, Event)>, StoreError> {
        let last = tx.last_events(&rows).await?;
        let wanted =
            rows.into_iter().map(|(batch, seq, kind, subject)| (Place { batch, seq }, NewEvent::read(kind, subject)));
        let is_last = |(place, event): &(Place, NewEvent)| {
            *event == NewEvent::Reset || last.get(event).is_none_or(|last| *last == place.seq)
        };
        let wanted: Vec<(Place, NewEvent)> = wanted.filter(is_last).collect();
        let deployments: Vec<StepId> = wanted.iter().filter_map(|(_, event)| event.deployment()).collect();
        let deployments = self.deployments_by_id(tx, &deployments).await?;
        let missing = |event: &NewEvent| match event {
            NewEvent::Step(id) => Some(StepId(*id)),
            NewEvent::Deployment(id) => (!deployments.contains_key(id)).then_some(StepId(*id)),
            _ => None,
        };
        let steps: Vec<StepId> = wanted.iter().filter_map(|(_, event)| missing(event)).collect();
        let steps = self.steps_by_id(tx, &steps).await?;
        let notes: Vec<StepId> = wanted.iter().filter_map(|(_, event)| event.note()).collect();
        let mut notes = self.notes_by_id(tx, &notes).await?;
        let told = wanted.into_iter().filter_map(|(place, event)| {
            let event = match event {
                NewEvent::Step(id) => Event::Step(Box::new(steps.get(&id)?.clone())),
                NewEvent::Deployment(id) => match deployments.get(&id) {
                    Some(deployment) => Event::Deployment(Box::new(deployment.clone())),
                    // Its first step is recorded still.
                    None => Event::Removed(removed(steps.get(&id)?)),
                },
                // One that was removed since has an event of its own.
                NewEvent::Note(id) => Event::Note(Box::new(notes.remove(&id)?)),
                NewEvent::NoteRemoved(beside) => {
                    let Deployment { component, environment, .. } = deployments.get(&beside)?.clone();
                    Event::NoteRemoved(RemovedNote { component, environment: Some(environment) })
                }
                NewEvent::NoteRemovedEverywhere(beside) => {
                    let component = deployments.get(&beside)?.component.clone();
                    Event::NoteRemoved(RemovedNote { component, environment: None })
                }
                NewEvent::Reset => Event::Reset(Reset { reason: "all deployments were computed anew".to_owned() }),
            };
            Some((place, event))
        });
        Ok(told.collect())
    }

    async fn deployments_by_id(&self, tx: &mut Tx, ids: &[StepId]) -> Result<HashMap<Uuid, Deployment>, StoreError> {
        let mut found = HashMap::new();
        for ids in cut_ids(ids) {
            let rows: Vec<DeploymentRow> = with_connection!(tx, connection => {
                let mut select = QueryBuilder::new("SELECT ");
                select.push(DEPLOYMENT_COLUMNS).push(" FROM deployments WHERE 1 = 1");
                push_ids(&mut select, "id", &ids);
                select.build_query_as().fetch_all(&mut *connection).await?
            });
            for row in rows {
                let deployment = row.at(self.now)?;
                found.insert(deployment.id.0, deployment);
            }
        }
        Ok(found)
    }

    async fn notes_by_id(&self, tx: &mut Tx, ids: &[StepId]) -> Result<HashMap<Uuid, Note>, StoreError> {
        let mut found = HashMap::new();
        for ids in cut_ids(ids) {
            let rows: Vec<NoteRow> = with_connection!(tx, connection => {
                let mut select = QueryBuilder::new("SELECT ");
                select.push(NOTE_COLUMNS).push(" FROM notes WHERE 1 = 1");
                push_ids(&mut select, "id", &ids);
                select.build_query_as().fetch_all(&mut *connection).await?
            });
            for row in rows {
                let note = row.read()?;
                found.insert(note.id.0, note);
            }
        }
        Ok(found)
    }

    async fn steps_by_id(&self, tx: &mut Tx, ids: &[StepId]) -> Result<HashMap<Uuid, Step>, StoreError> {
        let mut found = HashMap::new();
        for ids in cut_ids(ids) {
            let rows: Vec<StepRow> = with_connection!(tx, connection => {
                let mut select = QueryBuilder::new("SELECT ");
                select.push(STEP_COLUMNS).push(" FROM steps WHERE 1 = 1");
                push_ids(&mut select, "id", &ids);
                select.build_query_as().fetch_all(&mut *connection).await?
            });
            found.extend(self.with_derived(tx, rows).await?.into_iter().map(|step| (step.id.0, step)));
        }
        Ok(found)
    }
}

impl NewEvent {
    /// The deployment that is read to tell it.
    fn deployment(self) -> Option<StepId> {
        match self {
            Self::Deployment(id) | Self::NoteRemoved(id) | Self::NoteRemovedEverywhere(id) => Some(StepId(id)),
            Self::Step(_) | Self::Note(_) | Self::Reset => None,
        }
    }

    fn note(self) -> Option<StepId> {
        match self {
            Self::Note(id) => Some(StepId(id)),
            _ => None,
        }
    }
}

fn removed(first: &Step) -> RemovedDeployment {
    let Step { id, component, environment, version, owner, run, .. } = first.clone();
    RemovedDeployment { id, component, environment, version, owner, run }
}

impl Store {
    /// Reads the log, which knows no caller: who tells it to somebody looks at what they may see.
    #[must_use]
    pub fn event_reader(&self, now: Timestamp) -> Reader {
        self.reader(&Access::Everything, now)
    }
}

impl Tx {
    /// The numbers of the last events about what these are about. Those about one thing are numbered in the order of their commits,
    /// because one fold at a time has its bucket.
    async fn last_events(&mut self, rows: &[Row]) -> Result<HashMap<NewEvent, i64>, StoreError> {
        let mut last = HashMap::new();
        for rows in cut_ids(rows) {
            let found: Vec<(i32, Uuid, i64)> = with_connection!(self, connection => {
                let mut select = QueryBuilder::new("SELECT kind, subject, MAX(seq) FROM events WHERE subject IN (");
                let mut list = select.separated(", ");
                for (_, _, _, subject) in rows {
                    list.push_bind(*subject);
                }
                select.push(") GROUP BY kind, subject");
                select.build_query_as().fetch_all(&mut *connection).await?
            });
            last.extend(found.into_iter().map(|(kind, subject, seq)| (NewEvent::read(kind, subject), seq)));
        }
        Ok(last)
    }
}
