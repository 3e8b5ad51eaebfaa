//! The columns of an import, and how a row of them becomes a step.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::str::FromStr;

use chrono_tz::Tz;
use steps_shared::{FieldError, FieldErrors, NewStep, TimeError, TimeInterval, Timestamp, nearest};

/// The columns that a file may have.
pub const COLUMNS: [&str; 15] = [
    "component",
    "version",
    "owner",
    "status",
    "ts",
    "environment",
    "run",
    "attempt",
    "id",
    "started_at",
    "span",
    "outcome",
    "ended_at",
    "duration",
    "exit_code",
];

/// The columns of an export that are ignored, because the server derives them again.
const DERIVED: [&str; 3] = ["duration_seconds", "deployment_id", "result"];

/// The end of a step: recorded for spans that have ended, derived for all others.
const END: [&str; 4] = ["outcome", "ended_at", "duration", "exit_code"];

/// The most names that are kept to be told.
const MOST_TOLD: usize = 30;

/// `--map status=name`: a column of a step, and what the file calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    column: &'static str,
    name: String,
}

/// What the columns of a file are called, and how its times are read.
#[derive(Debug)]
pub struct Columns {
    renamed: Vec<Renamed>,
    /// The zone of times that have none.
    zone: Tz,
    /// The columns that are left aside, and not told yet.
    left_aside: Vec<String>,
    /// All that were found.
    unknown: BTreeSet<String>,
    /// Whether a span was taken for succeeded because nothing says how it ended.
    guessed: Cell<bool>,
    /// Whether that was told.
    guess_told: bool,
}

/// What a column of a file is.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    /// These columns of a step; none where it is derived.
    Known(Vec<&'static str>),
    /// No column of a step.
    Unknown,
    /// That of a list of something else.
    Foreign(&'static str),
}

impl FromStr for Renamed {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (column, name) = text
            .split_once('=')
            .map(|(column, name)| (column.trim(), name.trim()))
            .filter(|(_, name)| !name.is_empty())
            .ok_or_else(|| {
                format!("is not COLUMN=NAME: {text:?}; write run=pipeline_id where the file says pipeline_id")
            })?;
        match COLUMNS.into_iter().find(|known| known.eq_ignore_ascii_case(column)) {
            Some(column) => Ok(Self { column, name: name.to_owned() }),
            None => Err(unknown(column)),
        }
    }
}

fn unknown(name: &str) -> String {
    match nearest(name, &COLUMNS) {
        Some(near) => format!("unknown column {name:?}; did you mean {near:?}?"),
        None => format!("unknown column {name:?}; known are {}", COLUMNS.join(", ")),
    }
}

impl Columns {
    /// Columns that are called so; times without a zone are of this one.
    ///
    /// # Errors
    /// One column is given two names.
    pub fn new(renamed: Vec<Renamed>, zone: Tz) -> Result<Self, String> {
        for (at, Renamed { column, .. }) in renamed.iter().enumerate() {
            if renamed[..at].iter().any(|other| other.column == *column) {
                return Err(format!("{column} is given twice"));
            }
        }
        Ok(Self {
            renamed,
            zone,
            left_aside: Vec::new(),
            unknown: BTreeSet::new(),
            guessed: Cell::new(false),
            guess_told: false,
        })
    }

    fn meaning(&self, name: &str) -> Meaning {
        let is = |known: &str| known.eq_ignore_ascii_case(name.trim());
        let renamed: Vec<_> =
            self.renamed.iter().filter(|renamed| is(&renamed.name)).map(|renamed| renamed.column).collect();
        if !renamed.is_empty() {
            return Meaning::Known(renamed);
        }
        match COLUMNS.into_iter().find(|column| is(column)) {
            // Another column of the file is called so.
            Some(column) if self.renamed.iter().any(|renamed| renamed.column == column) => Meaning::Unknown,
            Some(column) => Meaning::Known(vec![column]),
            None if DERIVED.into_iter().any(is) => Meaning::Known(Vec::new()),
            None if is("steps") || is("deployments") => {
                Meaning::Foreign("is of a list of deployments; a list of steps is read")
            }
            None => Meaning::Unknown,
        }
    }

    /// Notes that a column is left aside.
    fn leave_aside(&mut self, name: &str) {
        if self.unknown.len() < MOST_TOLD && self.unknown.insert(name.trim().to_owned()) {
            self.left_aside.push(name.trim().to_owned());
        }
    }

    /// Sentences about what was found since this was asked last: columns that were left aside, outcomes that are missing.
    pub fn notes(&mut self) -> Vec<String> {
        let mut notes: Vec<_> = self.left_aside().into_iter().collect();
        if self.guessed.get() && !self.guess_told {
            self.guess_told = true;
            notes.push(
                "no column says how the spans ended: they are taken for succeeded; --map outcome=NAME says which does"
                    .to_owned(),
            );
        }
        notes
    }

    fn left_aside(&mut self) -> Option<String> {
        let names: Vec<String> = std::mem::take(&mut self.left_aside)
            .iter()
            .map(|name| match nearest(name, &COLUMNS) {
                Some(near) if !self.renamed.iter().any(|renamed| renamed.column == near) => {
                    format!("{name:?} (--map {near}={name} takes it as {near})")
                }
                _ => format!("{name:?}"),
            })
            .collect();
        let noun = if names.len() == 1 { "column" } else { "columns" };
        (!names.is_empty()).then(|| format!("left aside: {noun} {}", names.join(", ")))
    }

    /// Reads a CSV header: which columns of a step each of its columns is.
    ///
    /// # Errors
    /// Everything that is wrong with it, in one sentence.
    pub fn header(&mut self, names: &[String]) -> Result<Vec<Vec<&'static str>>, String> {
        let mut wrong = Vec::new();
        let mut columns: Vec<Vec<&'static str>> = Vec::new();
        let mut strange = Vec::new();
        for name in names {
            let known = match self.meaning(name) {
                Meaning::Known(known) => known,
                Meaning::Foreign(reason) => {
                    wrong.push(format!("column {name:?} {reason}"));
                    Vec::new()
                }
                Meaning::Unknown => {
                    strange.push(name);
                    Vec::new()
                }
            };
            for column in &known {
                if columns.iter().flatten().any(|other| other == column) {
                    wrong.push(format!("column {column:?} is there twice"));
                }
            }
            columns.push(known);
        }
        // Where every name is unknown, the header itself is what is missing.
        if columns.iter().all(Vec::is_empty) {
            return Err(format!("the first line must name the columns: {}", COLUMNS.join(", ")));
        }
        let has = |column: &str| columns.iter().flatten().any(|known| *known == column);
        let mut missing: Vec<String> = ["component", "version", "owner", "status"]
            .into_iter()
            .filter(|column| !has(column))
            .map(|column| format!("column {column:?} is missing"))
            .collect();
        if !has("ts") && !has("started_at") {
            missing.push("column \"ts\" (or \"started_at\") is missing".to_owned());
        }
        for Renamed { column, name } in &self.renamed {
            if !has(column) {
                wrong.push(format!("--map {column}={name}: there is no column {name:?}"));
            }
        }
        if !missing.is_empty() {
            wrong.extend(self.strange(&strange));
        }
        wrong.append(&mut missing);
        if !wrong.is_empty() {
            return Err(wrong.join("; "));
        }
        strange.into_iter().for_each(|name| self.leave_aside(name));
        Ok(columns)
    }

    /// What may be meant by the unknown names of a header in which something is missing.
    fn strange(&self, names: &[&String]) -> Vec<String> {
        let taken = |known: &str| self.renamed.iter().any(|renamed| renamed.column == known);
        let (near, far): (Vec<_>, Vec<_>) = names
            .iter()
            .map(|name| (name, nearest(name, &COLUMNS).filter(|near| !taken(near))))
            .partition(|(_, near)| near.is_some());
        let mut sentences: Vec<String> = near
            .into_iter()
            .filter_map(|(name, near)| Some(format!("unknown column {name:?}; did you mean {:?}?", near?)))
            .collect();
        if !far.is_empty() {
            let far: Vec<_> = far.into_iter().map(|(name, _)| format!("{name:?}")).collect();
            sentences.push(format!(
                "unknown: {} (known are {}; --map COLUMN=NAME)",
                far.join(", "),
                COLUMNS.join(", ")
            ));
        }
        sentences
    }

    /// The columns of a step that a member of a JSON object is.
    ///
    /// # Errors
    /// It is a member of something else.
    pub fn member(&mut self, name: &str) -> Result<Vec<&'static str>, String> {
        match self.meaning(name) {
            Meaning::Known(known) => Ok(known),
            Meaning::Foreign(reason) => Err(format!("{name} {reason}")),
            Meaning::Unknown => {
                self.leave_aside(name);
                Ok(Vec::new())
            }
        }
    }

    /// The step that a row describes.
    ///
    /// # Errors
    /// Everything that is wrong with the row, in one sentence.
    pub fn step(&self, fields: impl IntoIterator<Item = (&'static str, String)>) -> Result<NewStep, String> {
        let mut errors = Vec::new();
        let (mut ts, mut started_at) = (None, None);
        let mut others = Vec::new();
        for (name, value) in fields {
            let time = match name {
                "ts" => &mut ts,
                "started_at" => &mut started_at,
                name => {
                    others.push((name, value));
                    continue;
                }
            };
            if time.replace(value).is_some() {
                errors.push(FieldError::repeated(name));
            }
        }
        match self.start_time(ts.as_deref(), started_at.as_deref()) {
            Ok(time) => others.push(("ts", time.start.to_string())),
            Err(error) => errors.push(error),
        }
        self.decide_end(&mut others);
        for (_, value) in others.iter_mut().filter(|(name, value)| *name == "ended_at" && !value.trim().is_empty()) {
            match TimeInterval::read(value, &self.zone) {
                Ok(time) => *value = time.start.to_string(),
                // It is said once, here.
                Err(error) => {
                    errors.push(FieldError::wrong("ended_at", error));
                    *value = Timestamp::default().to_string();
                }
            }
        }
        match NewStep::from_fields(others) {
            Ok(step) if errors.is_empty() => Ok(step),
            step => {
                errors.extend(step.err().map(|errors| errors.0).unwrap_or_default());
                Err(FieldErrors(errors).to_string())
            }
        }
    }

    /// Decides whether a row is a span, and keeps the end only of spans that have ended.
    ///
    /// A row that does not say whether it is one is a span where it has both an outcome and an end, or where `--map` says
    /// which column is the end; then it succeeded, unless the file says how it ended.
    fn decide_end(&self, fields: &mut Vec<(&'static str, String)>) {
        let get = |column: &str| {
            let value = fields.iter().find(|(name, _)| *name == column);
            value.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
        };
        let span = get("span").map(str::to_ascii_lowercase);
        let has_end = get("ended_at").or(get("duration")).is_some();
        let maps_end = self.renamed.iter().any(|renamed| matches!(renamed.column, "ended_at" | "duration"));
        let says_outcome = fields.iter().any(|(name, _)| *name == "outcome");
        let mut outcome = get("outcome").map(outcome);
        if outcome.is_none() && !says_outcome && maps_end && has_end {
            self.guessed.set(true);
            outcome = Some("succeeded".to_owned());
        }
        let outcome = outcome.filter(|outcome| outcome != "unfinished");
        let is_span = match span.as_deref() {
            None => maps_end || (has_end && outcome.is_some()),
            Some(span) => span != "false",
        };
        let keeps_end = is_span && outcome.is_some();
        fields.retain(|(name, _)| !matches!(*name, "span" | "outcome") && (keeps_end || !END.contains(name)));
        if is_span {
            fields.push(("span", span.unwrap_or_else(|| "true".to_owned())));
            fields.extend(outcome.map(|outcome| ("outcome", outcome)));
        }
    }

    /// When the step began. `started_at` is exact; `ts` may be the same time in whole seconds.
    fn start_time(&self, ts: Option<&str>, started_at: Option<&str>) -> Result<TimeInterval, FieldError> {
        let read = |name: &str, text: Option<&str>| {
            let text = text.filter(|text| !text.trim().is_empty());
            let read =
                |text| TimeInterval::read(text, &self.zone).map_err(|error: TimeError| FieldError::wrong(name, error));
            text.map(read).transpose()
        };
        match (read("ts", ts)?, read("started_at", started_at)?) {
            (None, None) => Err(FieldError::wrong("ts", "is missing, and no time is guessed")),
            (Some(time), None) | (None, Some(time)) => Ok(time),
            (Some(ts), Some(exact)) => {
                let second = |time: TimeInterval| time.start.micros() / 1_000_000;
                if second(ts) == second(exact) {
                    return Ok(exact);
                }
                let reason = format!("({}) and ts ({}) are different times", exact.start, ts.start);
                Err(FieldError::wrong("started_at", reason))
            }
        }
    }
}

/// How a span ended, in the word that is recorded; one that is not known stays as it is.
fn outcome(word: &str) -> String {
    match word.to_ascii_lowercase().replace(['-', ' '], "_").as_str() {
        "success" | "successful" | "succeeded" | "passed" | "pass" | "ok" => "succeeded".to_owned(),
        "failure" | "failed" | "fail" | "error" | "errored" | "timed_out" | "timeout" => "failed".to_owned(),
        "unfinished" => "unfinished".to_owned(),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
#[path = "columns_tests.rs"]
mod tests;
