//! Committing steps in one go: the statements of the transaction are sent together, so that a commit of few steps is one round
//! trip to MySQL, and one hop to the thread of SQLite's connection.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::mysql::MySqlDatabaseError;
use sqlx::{AssertSqlSafe, Executor as _, MySql, QueryBuilder, Sqlite};
use steps_shared::Run;

use super::changes::NewChange;
use super::record::{NewRow, push_step};
use super::{Pools, Store, StoreError};

/// The columns that a recorded step has.
pub(super) const COLUMNS: &str = "id, stream, component, environment, version, owner, status, ts, run, attempt, span, finished_at, outcome, exit_code, aged";
/// The most bytes that are sent to MySQL together: one record of TLS, see `statements`.
const TEXT_BYTES: usize = 15 * 1024;
/// Room for the usual row of a step.
const ROW_BYTES: usize = 256;
/// The most steps that are sent to SQLite together.
const SQLITE_ROWS: usize = 64;

/// Whether the database, or a proxy before it, takes several statements at once; until it refuses, it does.
#[derive(Debug, Default)]
pub(super) struct SeveralAtOnce {
    refused: AtomicBool,
}

impl Store {
    /// Commits steps, and that their streams have changed; `false`, with nothing done, where that must be done one statement
    /// after the other.
    pub(super) async fn record_at_once(&self, steps: &[NewRow<'_>], changes: &[NewChange]) -> Result<bool, StoreError> {
        match self {
            Self::MySql(pools) if !pools.several_at_once.refused.load(Ordering::Relaxed) => {
                mysql(pools, steps, changes).await
            }
            Self::Sqlite(pools) if steps.len() <= SQLITE_ROWS => sqlite(pools, steps, changes).await.map(|()| true),
            _ => Ok(false),
        }
    }
}

async fn mysql(pools: &Arc<Pools<MySql>>, steps: &[NewRow<'_>], changes: &[NewChange]) -> Result<bool, StoreError> {
    let mut taken = pools.write.take().await?;
    for text in script(steps, changes) {
        let Err(error) = taken.connection.execute(sqlx::raw_sql(AssertSqlSafe(text))).await else { continue };
        // It may be that nothing has begun.
        if taken.connection.execute("ROLLBACK").await.is_ok() {
            pools.write.keep(taken);
        }
        if is_refusal(&error) {
            tracing::info!(%error, "the database takes one statement at a time");
            pools.several_at_once.refused.store(true, Ordering::Relaxed);
            return Ok(false);
        }
        return Err(error.into());
    }
    pools.write.keep(taken);
    Ok(true)
}

/// What a database says that takes one statement at a time: that the syntax is wrong, that several are switched off (TiDB's
/// 8130), or that it does not support them.
fn is_refusal(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>());
    error.is_some_and(|error| matches!(error.number(), 1064 | 1105 | 1235 | 8130))
}

/// The statements of a transaction, as few texts as there can be, and as few statements: each has an answer of its own, which wakes who
/// waits. The changes come first: should a connection be given up in the middle, and the next transaction on it commit what has been
/// sent, then no step is without its change.
fn script(steps: &[NewRow<'_>], changes: &[NewChange]) -> Vec<String> {
    let mut script = Script { texts: vec!["START TRANSACTION".to_owned()], open: false };
    for NewChange { stream, since, bucket, ids } in changes {
        script.row("INSERT INTO changes (stream, since, bucket, ids)", |row| {
            row.bytes(stream).number(Some(*since)).number(Some(i64::from(*bucket))).bytes(ids);
        });
    }
    script.open = false;
    let insert = format!("INSERT INTO steps ({COLUMNS})");
    for NewRow { step, stream, aged } in steps {
        script.row(&insert, |row| {
            let finish = step.finish();
            row.bytes(step.id.0.as_bytes())
                .bytes(stream)
                .text(Some(step.component.as_str()))
                .text(Some(step.environment.as_str()))
                .text(Some(step.version.as_str()))
                .text(Some(step.owner.as_str()))
                .text(Some(step.status.as_str()))
                .number(Some(step.ts.micros()))
                .text(step.run.as_ref().map(Run::as_str))
                .number(step.attempt.map(|attempt| i64::from(attempt.number())))
                .number(Some(i64::from(step.span)))
                .number(finish.map(|finish| finish.ended_at.micros()))
                .text(finish.map(|finish| finish.outcome.name()))
                .number(finish.and_then(|finish| finish.exit_code).map(i64::from))
                .number(Some(i64::from(*aged)));
        });
    }
    script.commit()
}

#[derive(Debug)]
struct Script {
    texts: Vec<String>,
    /// Whether the last statement is an INSERT that takes further rows.
    open: bool,
}

impl Script {
    fn row(&mut self, insert: &str, values: impl Fn(&mut Row)) {
        let mut row = Row(String::with_capacity(ROW_BYTES));
        row.0.push('(');
        values(&mut row);
        let Row(row) = row;
        let text = self.texts.last().map_or(0, String::len);
        if text + insert.len() + row.len() > TEXT_BYTES && text > 0 {
            self.texts.push(String::new());
            self.open = false;
        }
        let Some(text) = self.texts.last_mut() else { return };
        if self.open {
            text.push(',');
        } else {
            text.push_str(if text.is_empty() { "" } else { "; " });
            text.push_str(insert);
            text.push_str(" VALUES ");
            self.open = true;
        }
        text.push_str(&row);
        text.push(')');
    }

    fn commit(mut self) -> Vec<String> {
        if let Some(text) = self.texts.last_mut() {
            text.push_str("; COMMIT");
        }
        self.texts
    }
}

/// The values of a row as SQL.
struct Row(String);

impl Row {
    fn next(&mut self) -> &mut String {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        &mut self.0
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        push_hex(self.next(), bytes);
        self
    }

    fn number(&mut self, number: Option<i64>) -> &mut Self {
        // Writing to a text cannot fail.
        let _ = match number {
            Some(number) => write!(self.next(), "{number}"),
            None => write!(self.next(), "NULL"),
        };
        self
    }

    /// Plain text between quotes; any other as the number of each byte, so that nothing in it means anything.
    fn text(&mut self, text: Option<&str>) -> &mut Self {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b" ._-:/@+".contains(&byte);
        let row = self.next();
        match text {
            None => row.push_str("NULL"),
            Some(text) if text.bytes().all(is_plain) => {
                row.push('\'');
                row.push_str(text);
                row.push('\'');
            }
            Some(text) => {
                row.push_str("_utf8mb4 ");
                push_hex(row, text.as_bytes());
            }
        }
        self
    }
}

fn push_hex(row: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    row.push_str("X'");
    for byte in bytes {
        row.push(char::from(DIGITS[usize::from(byte >> 4)]));
        row.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    row.push('\'');
}

async fn sqlite(pools: &Arc<Pools<Sqlite>>, steps: &[NewRow<'_>], changes: &[NewChange]) -> Result<(), StoreError> {
    // As each commit on SQLite: the file must be the one at its path, before and after.
    let _turn = pools.turn().await?;
    let mut taken = pools.write.take().await.map_err(|error| pools.why(error))?;
    let mut script = QueryBuilder::new("BEGIN IMMEDIATE; INSERT INTO changes (stream, since, bucket, ids) ");
    script.push_values(changes, |mut row, NewChange { stream, since, bucket, ids }| {
        row.push_bind(stream.to_vec()).push_bind(*since).push_bind(*bucket).push_bind(ids.clone());
    });
    // Without a journal of the statement: an error ends the transaction anyway.
    script.push("; INSERT OR ROLLBACK INTO steps (").push(COLUMNS).push(") ");
    script.push_values(steps, |mut row, new| push_step!(row, new));
    script.push("; COMMIT");
    let done = script.build().execute(&mut taken.connection).await;
    if done.is_err() {
        // It may be that nothing has begun, or that SQLite has rolled back by itself.
        let _: Result<_, sqlx::Error> = taken.connection.execute("ROLLBACK").await;
    }
    pools.write.keep(taken);
    done.map_err(|error| pools.why(error))?;
    Ok(pools.check_file()?)
}

#[cfg(test)]
mod tests {
    use steps_shared::{NewStep, Step, Timestamp};

    use super::*;

    fn step(component: &str) -> Step {
        let fields = [("component", component), ("version", "1"), ("owner", "o"), ("status", "s"), ("id", ID)];
        let now: Timestamp = "2026-01-05 10:00:00".parse().unwrap();
        NewStep::from_fields(fields).unwrap().into_step(now).unwrap()
    }

    const ID: &str = "01a2148b-b1bf-707b-ab89-b417d6e20fbf";

    fn change(nth: u8) -> NewChange {
        NewChange { stream: [nth; 16], since: 1, bucket: i32::from(nth), ids: vec![nth; 16] }
    }

    #[test]
    fn what_is_sent_is_one_transaction_and_texts_mean_nothing() {
        let steps = ["checkout", "a'); DROP TABLE steps; --", "ä\\'"].map(step);
        let steps: Vec<NewRow<'_>> = steps.iter().map(|step| NewRow::new(step, false)).collect();
        let texts = script(&steps, &[change(7), change(8)]);
        assert_eq!(texts.len(), 1);
        let text = &texts[0];
        let changes = "START TRANSACTION; INSERT INTO changes (stream, since, bucket, ids) VALUES \
                       (X'07070707070707070707070707070707',1,7,X'07070707070707070707070707070707'),\
                       (X'08080808080808080808080808080808',1,8,X'08080808080808080808080808080808'); INSERT INTO steps (";
        assert!(text.starts_with(changes), "{text}");
        assert!(text.contains("(X'01a2148bb1bf707bab89b417d6e20fbf',X'"), "{text}");
        assert!(
            text.contains(",'checkout','production','1','o','s',1767607200000000,NULL,NULL,0,NULL,NULL,NULL,0),("),
            "{text}"
        );
        assert!(text.contains("_utf8mb4 X'6127293b2044524f50"), "{text}");
        assert!(!text.contains("DROP") && !text.contains('\\') && text.ends_with("); COMMIT"), "{text}");
        assert_eq!(text.matches(';').count(), 3, "{text}");
    }

    #[test]
    fn no_text_is_longer_than_a_record() {
        let long = step(&"ä".repeat(100));
        let steps = vec![NewRow::new(&long, true); 200];
        let changes: Vec<_> = (0..200).map(change).collect();
        let texts = script(&steps, &changes);
        assert!(texts.len() > 3 && texts.iter().all(|text| text.len() < 16 * 1024), "{}", texts.len());
        assert!(texts.iter().all(|text| !text.starts_with(';')));
        let rows: usize = texts.iter().map(|text| text.matches("(X'").count()).sum();
        assert_eq!(rows, 400);
        assert_eq!(texts.iter().filter(|text| text.contains("COMMIT")).count(), 1);
    }
}
