//! A step that waits, as a line of the spool.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use steps_shared::{NewFinish, NewStep, StepId, Timestamp};

use crate::error::Error;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpooledStep {
    /// When it was kept, by this machine's clock, in microseconds since 1970. Its age grows from then on.
    pub queued_at: i64,
    /// The fields that would have been sent then, with an id.
    pub step: Map<String, Value>,
}

impl SpooledStep {
    /// A step that is kept at `now`.
    pub fn new(step: &NewStep, now: Timestamp) -> Result<Self, Error> {
        match serde_json::to_value(step) {
            Ok(Value::Object(step)) => Ok(Self { queued_at: now.micros(), step }),
            Ok(_) => Err(Error::Failed("a step is not a JSON object".to_owned())),
            Err(error) => Err(Error::Failed(error.to_string())),
        }
    }

    /// The line: eight digits of CRC-32, a space, the JSON, a line end.
    pub fn to_line(&self) -> Result<String, Error> {
        let json = serde_json::to_string(self).map_err(|error| Error::Failed(error.to_string()))?;
        Ok(format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())))
    }

    /// Reads a line with its end; `None` when it is not whole.
    pub fn from_line(line: &[u8]) -> Option<Self> {
        let (checksum, json) = line.strip_suffix(b"\n")?.split_at_checked(8)?;
        let json = json.strip_prefix(b" ")?;
        let checksum = u32::from_str_radix(std::str::from_utf8(checksum).ok()?, 16).ok()?;
        if crc32fast::hash(json) == checksum { serde_json::from_slice(json).ok() } else { None }
    }

    /// The fields to send at `now`: the age grows by the time since it was kept, and never shrinks when the clock is set
    /// back. An explicit ts is not aged.
    pub fn aged(&self, now: Timestamp) -> Map<String, Value> {
        let mut step = self.step.clone();
        if let Some(age) = step.get("age").and_then(Value::as_f64) {
            let waited = (now.micros() - self.queued_at).max(0);
            step.insert("age".to_owned(), Value::from(age + waited as f64 / 1e6));
        }
        step
    }

    pub fn id(&self) -> Option<StepId> {
        self.step.get("id")?.as_str()?.parse().ok()
    }

    /// A field that is a text; empty where there is none.
    pub fn text(&self, field: &str) -> &str {
        self.step.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether it is a span with its end.
    pub fn has_ended(&self) -> bool {
        self.step.contains_key("outcome")
    }

    /// The end of a span: the fields of a `NewFinish`.
    pub fn finish(&self) -> Option<Map<String, Value>> {
        let field = |name: &str| Some((name.to_owned(), self.step.get(name)?.clone()));
        self.has_ended().then(|| NewFinish::FIELDS.into_iter().filter_map(field).collect())
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
        let kept = SpooledStep::new(&step(&[("age", "1.5")]), at(1000)).unwrap();
        let line = kept.to_line().unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(SpooledStep::from_line(line.as_bytes()), Some(kept));
        for cut in 0..line.len() {
            assert_eq!(SpooledStep::from_line(&line.as_bytes()[..cut]), None, "{cut}");
            let mut wrong = line.clone().into_bytes();
            wrong[cut] ^= 1;
            assert_eq!(SpooledStep::from_line(&wrong), None, "{cut}");
        }
    }

    #[test]
    fn the_age_grows_and_never_shrinks() {
        let age = |kept: &SpooledStep, now| kept.aged(at(now))["age"].as_f64().unwrap();
        let kept = SpooledStep::new(&step(&[("age", "1.5")]), at(1000)).unwrap();
        assert_eq!([1000, 1003, 900].map(|now| age(&kept, now)), [1.5, 4.5, 1.5]);
        let explicit = SpooledStep::new(&step(&[("ts", "2026-01-05T09:30:00Z")]), at(1000)).unwrap();
        assert_eq!(explicit.aged(at(2000)), explicit.step);
    }

    #[test]
    fn only_a_span_that_has_ended_has_an_end() {
        assert_eq!(SpooledStep::new(&step(&[("span", "true")]), at(1)).unwrap().finish(), None);
        let ended = step(&[("span", "true"), ("outcome", "failed"), ("duration", "2"), ("exit_code", "3")]);
        let finish = Value::from(SpooledStep::new(&ended, at(1)).unwrap().finish().unwrap());
        assert_eq!(finish, serde_json::json!({"outcome": "failed", "duration": 2.0, "exit_code": 3}));
    }
}
