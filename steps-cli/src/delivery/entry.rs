//! A step that waits, as a line of the spool: a checksum, and JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use steps_shared::{NewFinish, NewStep, StepId, Timestamp};

use crate::error::Error;

/// A step that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was kept by this machine's clock, in microseconds since 1970. Its age grows from then on.
    pub queued_at: i64,
    /// The step as it would have been sent then, with its id.
    pub step: Map<String, Value>,
}

impl Entry {
    /// Keeps `step`, which has an id, at `now`.
    pub fn new(step: &NewStep, now: Timestamp) -> Result<Self, Error> {
        match serde_json::to_value(step) {
            Ok(Value::Object(step)) => Ok(Self { queued_at: now.micros(), step }),
            Ok(_) => Err(Error::Failed("a step is not a JSON object".to_owned())),
            Err(error) => Err(Error::Failed(error.to_string())),
        }
    }

    /// The line: eight digits of CRC-32, a space, the JSON, a line end. Whatever was cut or overwritten does not match.
    pub fn line(&self) -> Result<String, Error> {
        let json = serde_json::to_string(self).map_err(|error| Error::Failed(error.to_string()))?;
        Ok(format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())))
    }

    /// Reads a line with its end; `None` when it is not whole.
    pub fn read(line: &[u8]) -> Option<Self> {
        let (checksum, json) = line.strip_suffix(b"\n")?.split_at_checked(8)?;
        let json = json.strip_prefix(b" ")?;
        let checksum = u32::from_str_radix(std::str::from_utf8(checksum).ok()?, 16).ok()?;
        if crc32fast::hash(json) == checksum { serde_json::from_slice(json).ok() } else { None }
    }

    /// The step as it is to be sent at `now`: older than when it was kept, but never younger, whatever the clock did.
    /// A moment that was said stays as it is.
    pub fn aged(&self, now: Timestamp) -> Map<String, Value> {
        let mut step = self.step.clone();
        if let Some(age) = step.get("age").and_then(Value::as_f64) {
            let waited = (now.micros() - self.queued_at).max(0);
            step.insert("age".to_owned(), Value::from(age + waited as f64 / 1e6));
        }
        step
    }

    /// The identity.
    pub fn id(&self) -> Option<StepId> {
        self.step.get("id")?.as_str()?.parse().ok()
    }

    /// Whether it is a span that is told with its end.
    pub fn has_ended(&self) -> bool {
        self.step.contains_key("outcome")
    }

    /// The end that is told with it, where it is a span that has ended.
    pub fn finish(&self) -> Option<Map<String, Value>> {
        let told = |name: &str| Some((name.to_owned(), self.step.get(name)?.clone()));
        self.has_ended().then(|| NewFinish::FIELDS.into_iter().filter_map(told).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(more: &[(&str, &str)]) -> NewStep {
        let fields = [("id", "0197a000-0000-7000-8000-000000000001"), ("component", "c"), ("version", "1")];
        NewStep::from_fields(fields.iter().chain(&[("owner", "Ann – ü\n"), ("status", "s")]).chain(more).copied())
            .unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000).unwrap()
    }

    #[test]
    fn a_line_is_read_as_it_was_written_or_not_at_all() {
        let entry = Entry::new(&step(&[("age", "1.5")]), at(1000)).unwrap();
        let line = entry.line().unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(Entry::read(line.as_bytes()), Some(entry));
        for cut in 0..line.len() {
            assert_eq!(Entry::read(&line.as_bytes()[..cut]), None, "{cut}");
            let mut wrong = line.clone().into_bytes();
            wrong[cut] ^= 1;
            assert_eq!(Entry::read(&wrong), None, "{cut}");
        }
    }

    #[test]
    fn the_age_grows_and_never_shrinks() {
        let age = |entry: &Entry, now| entry.aged(at(now))["age"].as_f64().unwrap();
        let entry = Entry::new(&step(&[("age", "1.5")]), at(1000)).unwrap();
        assert_eq!([1000, 1003, 900].map(|now| age(&entry, now)), [1.5, 4.5, 1.5]);
        let said = Entry::new(&step(&[("ts", "2026-01-05T09:30:00Z")]), at(1000)).unwrap();
        assert_eq!(said.aged(at(2000)), said.step);
    }

    #[test]
    fn only_a_span_that_has_ended_has_an_end() {
        assert_eq!(Entry::new(&step(&[("span", "true")]), at(1)).unwrap().finish(), None);
        let ended = step(&[("span", "true"), ("outcome", "failed"), ("duration", "2"), ("exit_code", "3")]);
        let finish = Value::from(Entry::new(&ended, at(1)).unwrap().finish().unwrap());
        assert_eq!(finish, serde_json::json!({"outcome": "failed", "duration": 2.0, "exit_code": 3}));
    }
}
