//! Notes: recording, listing and removing them, and which of them trends are told with.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use steps_shared::{
    FieldError, LevelChange, ListQuery, NewNote, Note, NoteFilter, NoteQuery, Order, StepId, Timestamp, Trend,
    TrendQuery,
};

use super::steps::{Count, checked_limit};
use super::{App, Caller, Error};
use crate::store::{Access, Reader, Rows, StoreError};

/// The most notes that are read for the trends of an answer: the newest.
const MOST_READ: u64 = 10_000;

/// The most notes of one trend: the newest.
const MOST_OF_A_TREND: usize = 100;

/// How far from the deployments between which the level changed a note is still beside the change: it is often dated by the day.
const BESIDE_MICROS: i64 = 24 * 3600 * 1_000_000;

impl App {
    /// Records a note. Returns it as it is then, and whether it was recorded now.
    ///
    /// # Errors
    /// It is none that the caller may record, its time is wrong, another one has its id, or the database does not answer in time.
    pub async fn record_note(&self, caller: &Arc<Caller>, new: NewNote) -> Result<(Note, bool), Error> {
        caller.check_names(&new.component, new.environment.as_ref(), &new.owner).map_err(Error::Forbidden)?;
        let note = new.clone().into_note(self.now())?;
        match self.write(|| self.store.insert_note(&note)).await {
            Ok(()) => Ok((note, true)),
            Err(StoreError::Duplicate) => {
                let known = self.note(&caller.access, note.id).await?;
                let same = known.filter(|known| is_same(&new, known));
                let reason = format!("{} is the id of another note", note.id);
                same.map(|known| (known, false)).ok_or_else(|| Error::Conflict(FieldError::wrong("id", reason)))
            }
            Err(StoreError::Refused(error)) => Err(Error::Refused(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a note.
    ///
    /// # Errors
    /// There is none with this id, it is none that the caller may record, or the database does not answer in time: then it may be
    /// removed.
    pub async fn remove_note(&self, caller: &Arc<Caller>, id: StepId) -> Result<(), Error> {
        let note = self.note(&caller.access, id).await?.ok_or(Error::NoSuchNote(id))?;
        caller.check_names(&note.component, note.environment.as_ref(), &note.owner).map_err(Error::Forbidden)?;
        match self.write(|| self.store.delete_note(&note, self.now())).await? {
            true => Ok(()),
            false => Err(Error::NoSuchNote(id)),
        }
    }

    async fn note(&self, access: &Access, id: StepId) -> Result<Option<Note>, Error> {
        self.look_up(access, |reader| async move { Ok(reader.note(id).await?) }).await
    }

    /// A list of notes; as [`App::steps`].
    ///
    /// # Errors
    /// There are more rows than `most`, too many lists are being read, or the database does not answer.
    pub async fn notes(&self, access: &Access, query: NoteQuery, most: Option<u64>) -> Result<Rows<Vec<Note>>, Error> {
        let limit = query.limit;
        let open = || {
            self.read_unfolded(access, |reader| async move {
                let count = async |most| reader.count_notes(&query.filter, most).await;
                let limit = checked_limit(query.limit, most, count).await?;
                Ok(reader.notes(NoteQuery { limit, ..query }).await?)
            })
        };
        self.list(limit, open).await
    }

    /// How many notes match.
    pub async fn count_notes(&self, access: &Access, filter: &NoteFilter) -> Result<Count, Error> {
        let count =
            |reader: Reader| async move { Count::of(async |most| reader.count_notes(filter, most).await).await };
        self.read_unfolded(access, count).await
    }

    /// Adds to each trend the notes of its time, and to its changes of the level the note beside them. They are read for each
    /// answer, so that none is remembered that was removed.
    pub(super) async fn add_notes(
        &self,
        access: &Access,
        query: &TrendQuery,
        (since, until): (Timestamp, Option<Timestamp>),
        trends: &mut [Trend],
    ) -> Result<(), Error> {
        // Of many trends only the notes beside changes are told.
        let is_overview = query.component.is_none();
        if trends.iter().all(|trend| is_overview && trend.change_points.is_empty()) {
            return Ok(());
        }
        let filter = NoteFilter {
            component: query.component.clone(),
            environment: query.environment.clone(),
            owner: None,
            since: Some(since),
            until,
        };
        let query = ListQuery { filter, order: Order::Descending, limit: Some(MOST_READ), ..NoteQuery::default() };
        let read = self.read_unfolded(access, |reader| async move {
            Ok(reader.notes(query).await?.try_collect::<Vec<Vec<Note>>>().await?)
        });
        let notes: Vec<Note> = read.await?.into_iter().flatten().collect();
        let mut by_component: HashMap<&str, Vec<&Note>> = HashMap::new();
        for note in &notes {
            by_component.entry(note.component.as_str()).or_default().push(note);
        }
        for trend in trends {
            let of_component = by_component.get(trend.component.as_str()).map(Vec::as_slice).unwrap_or_default();
            let own = of_component.iter().filter(|note| note.is_about(&trend.environment)).take(MOST_OF_A_TREND);
            let mut own: Vec<Note> = own.map(|note| (*note).clone()).collect();
            own.reverse();
            for change in &mut trend.change_points {
                change.note_id = beside(change, &own).map(|note| note.id);
            }
            if is_overview {
                own.retain(|note| trend.change_points.iter().any(|change| change.note_id == Some(note.id)));
            }
            trend.notes = own;
        }
        Ok(())
    }
}

/// The note beside a change of the level: of those that touch the time from the deployment before the change may have been to the last
/// that may be the first of the new level, with a day before and after, the one nearest to the change; of several the one that was
/// recorded last.
fn beside<'a>(change: &LevelChange, notes: &'a [Note]) -> Option<&'a Note> {
    let range = change.range.as_ref();
    let first = range.map_or(change.started_at, |range| range.previous_started_at.unwrap_or(range.first_started_at));
    let last = range.map_or(change.started_at, |range| range.last_started_at);
    let (first, last) = (first.micros() - BESIDE_MICROS, last.micros() + BESIDE_MICROS);
    let touches = |note: &&Note| note.at.micros() <= last && first <= note.until.unwrap_or(note.at).micros();
    notes
        .iter()
        .filter(touches)
        .min_by_key(|note| (note.distance(change.started_at), std::cmp::Reverse((note.recorded_at, note.id))))
}

/// Whether a note that was sent is one that is there.
fn is_same(new: &NewNote, known: &Note) -> bool {
    let NewNote { id: _, component, environment, text, at, until, owner } = new;
    let is_same_time = at.is_none_or(|at| at == known.at);
    is_same_time
        && (component, environment, text, until, owner)
            == (&known.component, &known.environment, &known.text, &known.until, &known.owner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn note(id: u8, at: &str, until: Option<&str>) -> Note {
        let id = format!("0197a000-0000-7000-8000-0000000000{id:02}");
        let note = json!({"id": id, "component": "shop", "environment": null, "text": "moved", "at": at, "until": until,
            "owner": "ann", "recorded_at": "2026-06-01T00:00:00Z"});
        serde_json::from_value(note).unwrap()
    }

    fn change(previous: Option<&str>) -> LevelChange {
        let change = json!({"deployment_id": "0197a000-0000-7000-8000-000000000001", "version": "2", "owner": "ann",
            "started_at": "2026-03-10T00:00:00Z", "before_seconds": 60, "after_seconds": 90, "change_percent": 50.0,
            "p_value": 0.001, "range": {"deployments": 2, "first_version": "2", "first_started_at": "2026-03-10T00:00:00Z",
            "last_version": "3", "last_started_at": "2026-03-12T00:00:00Z", "previous_started_at": previous}});
        serde_json::from_value(change).unwrap()
    }

    #[test]
    fn a_note_is_beside_a_change_within_a_day_of_its_interval() {
        let found = |previous: Option<&str>, at: &str, until: Option<&str>| {
            beside(&change(previous), &[note(1, at, until)]).is_some()
        };
        assert!(found(None, "2026-03-09T00:00:00Z", None) && found(None, "2026-03-13T00:00:00Z", None));
        assert!(!found(None, "2026-03-08T23:59:59Z", None) && !found(None, "2026-03-13T00:00:01Z", None));
        // Nothing was deployed for a week.
        assert!(found(Some("2026-03-03T00:00:00Z"), "2026-03-02T00:00:00Z", None));
        assert!(found(None, "2026-01-01T00:00:00Z", Some("2026-12-31T00:00:00Z")));
        assert!(!found(None, "2026-01-01T00:00:00Z", Some("2026-03-01T00:00:00Z")));
    }

    #[test]
    fn the_nearest_note_is_named() {
        let notes = [
            note(1, "2026-03-09T12:00:00Z", None),
            note(2, "2026-03-10T01:00:00Z", None),
            note(3, "2026-03-11T12:00:00Z", None),
        ];
        assert_eq!(beside(&change(None), &notes), Some(&notes[1]));
        let same = [note(1, "2026-03-10T01:00:00Z", None), note(2, "2026-03-10T01:00:00Z", None)];
        assert_eq!(beside(&change(None), &same), Some(&same[1]));
    }
}
