//! What was sent and what was acknowledged, to be compared with what is stored.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{Connection as _, MySqlConnection, SqliteConnection};
use steps_shared::{Step, StepId};
use uuid::Uuid;

/// The statuses of one deployment, in turn.
const STATUSES: [&str; 5] = ["started", "building", "testing", "deploying", "succeeded"];

/// How long the spans take that are recorded here, in seconds.
const SPAN_SECONDS: f64 = 1.5;

/// Every step that was sent, and every kind of answer.
#[derive(Debug, Default)]
pub struct Ledger {
    sent: HashMap<Uuid, Sent>,
    /// How often each status came as an answer.
    pub statuses: BTreeMap<u16, usize>,
    /// How often the connection broke, or could not be had, so that there was no answer.
    pub broken: usize,
    /// Requests that had no answer within the client's own time.
    pub unanswered: usize,
    /// The longest time until an answer.
    pub longest: Duration,
    /// Answers that are wrong whatever has failed.
    pub odd: Vec<String>,
}

/// The content of a step: no two are the same, so that one which is stored twice shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    component: String,
    version: String,
    /// It is of this step alone.
    owner: String,
    status: &'static str,
    span: bool,
}

#[derive(Debug)]
struct Sent {
    content: Content,
    acknowledged: bool,
    /// What the answer said when the step began.
    ts: Option<i64>,
    /// Whether the end of it, a span, was acknowledged.
    finished: bool,
}

/// The database beside what was acknowledged.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// Steps of which a client heard that they are recorded.
    pub acknowledged: usize,
    /// Those of them that are stored, as they were sent and acknowledged.
    pub found: usize,
    /// Those that are not, or otherwise.
    pub missing: usize,
    /// Steps that are stored more than once.
    pub double: usize,
    /// Rows that nobody sent.
    pub strange: usize,
    /// Steps that are stored though no client heard of it; that is right, if not what one wishes for.
    pub unheard: usize,
    /// Some of what is wrong.
    pub examples: Vec<String>,
}

impl Content {
    /// The step with this number of one client.
    #[must_use]
    pub fn new(client: usize, number: usize, span: bool) -> Self {
        Self {
            component: format!("component-{}", client % 5),
            version: format!("{client}.{}", number / STATUSES.len()),
            owner: format!("client-{client}-{number}"),
            status: STATUSES[number % STATUSES.len()],
            span,
        }
    }

    /// As it is sent.
    #[must_use]
    pub fn json(&self, id: StepId) -> Value {
        let Self { component, version, owner, status, span } = self;
        let mut step = json!({"id": id, "component": component, "version": version, "owner": owner, "status": status});
        if *span {
            step["span"] = true.into();
        }
        step
    }
}

/// How a span is told to have ended.
#[must_use]
pub fn finish_json() -> Value {
    json!({"outcome": "succeeded", "duration": SPAN_SECONDS, "exit_code": 0})
}

impl Ledger {
    /// A step is about to be sent.
    pub fn sending(&mut self, id: StepId, content: Content) {
        self.sent.insert(id.0, Sent { content, acknowledged: false, ts: None, finished: false });
    }

    /// A client has heard that the step is recorded; `step` is what it heard.
    pub fn acknowledged(&mut self, id: StepId, step: Option<&Step>) {
        let Some(sent) = self.sent.get_mut(&id.0) else {
            self.odd.push(format!("{id} is acknowledged, and was not sent"));
            return;
        };
        sent.acknowledged = true;
        sent.ts = step.map(|step| step.ts.micros());
    }

    /// A client has heard that the end of the span is recorded.
    pub fn finished(&mut self, id: StepId) {
        if let Some(sent) = self.sent.get_mut(&id.0) {
            sent.finished = true;
        }
    }

    /// An answer came after this time.
    pub fn answered(&mut self, status: u16, took: Duration) {
        *self.statuses.entry(status).or_default() += 1;
        self.longest = self.longest.max(took);
    }

    /// How many steps were acknowledged.
    #[must_use]
    pub fn count(&self) -> usize {
        self.sent.values().filter(|sent| sent.acknowledged).count()
    }

    /// Compares with the tables of the database at this URL, past every server.
    pub async fn compare(&self, url: &str) -> Comparison {
        let mut comparison = Comparison { acknowledged: self.count(), ..Comparison::default() };
        let mut owners: HashMap<String, usize> = HashMap::new();
        let mut found: HashMap<Uuid, bool> = HashMap::new();
        for row in rows(url).await {
            let Some((id, sent)) = row.id().and_then(|id| Some((id, self.sent.get(&id)?))) else {
                comparison.strange += 1;
                comparison.examples.push(format!("nobody sent {row:?}"));
                continue;
            };
            let same = sent.is_stored_as(&row);
            comparison.unheard += usize::from(!sent.acknowledged);
            let before = owners.entry(row.owner.clone()).or_default();
            *before += 1;
            if *before > 1 {
                comparison.double += 1;
                comparison.examples.push(format!("double: {row:?}"));
            }
            if !same {
                comparison.examples.push(format!("stored otherwise than {sent:?}: {row:?}"));
            }
            found.insert(id, same);
        }
        for (id, sent) in self.sent.iter().filter(|(_, sent)| sent.acknowledged) {
            match found.get(id) {
                Some(true) => comparison.found += 1,
                Some(false) => comparison.missing += 1,
                None => {
                    comparison.missing += 1;
                    comparison.examples.push(format!("missing: {id} {sent:?}"));
                }
            }
        }
        comparison.examples.truncate(20);
        comparison
    }
}

impl Sent {
    fn is_stored_as(&self, row: &Row) -> bool {
        let Content { component, version, owner, status, span: _ } = &self.content;
        let end = Some(row.ts + (SPAN_SECONDS * 1_000_000.0) as i64);
        let finish = (row.finished_at, row.outcome.as_deref(), row.exit_code);
        // An end that nobody has heard of may be stored or not, but not another one.
        let whole = finish == (end, Some("succeeded"), Some(0));
        [component, version, owner, *status] == [&row.component, &row.version, &row.owner, row.status.as_str()]
            && self.ts.is_none_or(|ts| ts == row.ts)
            && (whole || (!self.finished && finish == (None, None, None)))
            && (self.content.span || finish == (None, None, None))
    }
}

/// A row of the table.
#[derive(Debug, sqlx::FromRow)]
struct Row {
    id: Vec<u8>,
    component: String,
    version: String,
    owner: String,
    status: String,
    ts: i64,
    finished_at: Option<i64>,
    outcome: Option<String>,
    exit_code: Option<i32>,
}

impl Row {
    fn id(&self) -> Option<Uuid> {
        Uuid::from_slice(&self.id).ok()
    }
}

const ROWS: &str =
    "SELECT id, component, version, owner, status, ts, finished_at, outcome, exit_code FROM steps ORDER BY ts, id";

async fn rows(url: &str) -> Vec<Row> {
    let rows = if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await.expect("the file opens");
        sqlx::query_as(ROWS).fetch_all(&mut connection).await
    } else {
        let mut connection = MySqlConnection::connect(url).await.expect("the database answers");
        sqlx::query_as(ROWS).fetch_all(&mut connection).await
    };
    rows.expect("the steps can be read")
}
