//! A step that waits, as a line of the spool.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use steps_shared::{NewFinish, NewStep, StepId};

use crate::clock::{BootTime, Now};
use crate::error::Error;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpooledStep {
    /// When it was kept, by this machine's clock, in microseconds since 1970. Its age grows from then on.
    pub queued_at: i64,
    /// Which start of the machine that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// When it was kept, in microseconds since that start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_boot: Option<i64>,
    /// The fields that would have been sent then, with an id.
    pub step: Map<String, Value>,
}

impl SpooledStep {
    /// A step that is kept at `now`.
    pub fn new(step: &NewStep, now: &Now) -> Result<Self, Error> {
        let (boot_id, since_boot) = now.boot.clone().map(|BootTime { boot_id, micros }| (boot_id, micros)).unzip();
        match serde_json::to_value(step) {
            Ok(Value::Object(step)) => Ok(Self { queued_at: now.wall.micros(), boot_id, since_boot, step }),
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

    /// How long it has waited: by the clock that nobody sets, and by the other one where the machine was started again since.
    /// Never less than nothing.
    pub fn waited(&self, now: &Now) -> Duration {
        let since_boot = now.boot.as_ref().filter(|boot| self.boot_id.as_ref() == Some(&boot.boot_id));
        let waited = since_boot.zip(self.since_boot).map(|(boot, kept)| boot.micros.saturating_sub(kept));
        // A machine that was copied or moved while it ran may have a clock that has gone back.
        let waited = waited.filter(|micros| *micros >= 0);
        let waited = waited.unwrap_or_else(|| now.wall.micros().saturating_sub(self.queued_at));
        Duration::from_micros(u64::try_from(waited).unwrap_or_default())
    }

    /// The fields to send at `now`: the age grows by the time it has waited. An explicit ts is not aged.
    pub fn aged(&self, now: &Now) -> Map<String, Value> {
        let mut step = self.step.clone();
        if let Some(age) = step.get("age").and_then(Value::as_f64) {
            step.insert("age".to_owned(), Value::from(age + self.waited(now).as_secs_f64()));
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
    use std::time::Instant;

    use steps_shared::Timestamp;

    use super::*;

    fn step(more: &[(&str, &str)]) -> NewStep {
        let fields = [("id", "0197a000-0000-7000-8000-000000000001"), ("component", "c"), ("version", "1")];
        NewStep::from_fields(fields.iter().chain(&[("owner", "Ann – ü\n"), ("status", "s")]).chain(more).copied())
            .unwrap()
    }

    fn at(seconds: i64) -> Now {
        Now { wall: Timestamp::from_micros(seconds * 1_000_000).unwrap(), boot: None, process: Instant::now() }
    }

    fn since_boot(wall: i64, boot_id: &str, seconds: i64) -> Now {
        Now { boot: Some(BootTime { boot_id: boot_id.to_owned(), micros: seconds * 1_000_000 }), ..at(wall) }
    }

    #[test]
    fn a_clock_that_is_set_changes_no_age_until_the_machine_is_started_again() {
        let kept = SpooledStep::new(&step(&[("age", "1")]), &since_boot(1000, "a", 50)).unwrap();
        let kept = SpooledStep::from_line(kept.to_line().unwrap().as_bytes()).unwrap();
        let waited = |now| kept.waited(&now).as_secs();
        for wall in [0, 1003, 4603, 1_000_000] {
            assert_eq!(waited(since_boot(wall, "a", 53)), 3, "set to {wall}");
        }
        assert_eq!(kept.aged(&since_boot(4603, "a", 53))["age"], 4.0);
        assert_eq!(waited(since_boot(1600, "b", 7)), 600, "started again");
        assert_eq!(waited(at(1600)), 600, "no such clock");
        assert_eq!(waited(since_boot(1600, "a", 49)), 600, "moved to another machine");
        let older_version = r#"{"queued_at":1000000000,"step":{"age":1.0}}"#;
        let older_version: SpooledStep = serde_json::from_str(older_version).unwrap();
        assert_eq!(older_version.waited(&since_boot(1600, "a", 53)).as_secs(), 600);
    }

    #[test]
    fn a_line_is_read_as_it_was_written_or_not_at_all() {
        let kept = SpooledStep::new(&step(&[("age", "1.5")]), &at(1000)).unwrap();
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
        let age = |kept: &SpooledStep, now| kept.aged(&at(now))["age"].as_f64().unwrap();
        let kept = SpooledStep::new(&step(&[("age", "1.5")]), &at(1000)).unwrap();
        assert_eq!([1000, 1003, 900].map(|now| age(&kept, now)), [1.5, 4.5, 1.5]);
        let explicit = SpooledStep::new(&step(&[("ts", "2026-01-05T09:30:00Z")]), &at(1000)).unwrap();
        assert_eq!(explicit.aged(&at(2000)), explicit.step);
    }

    #[test]
    fn only_a_span_that_has_ended_has_an_end() {
        assert_eq!(SpooledStep::new(&step(&[("span", "true")]), &at(1)).unwrap().finish(), None);
        let ended = step(&[("span", "true"), ("outcome", "failed"), ("duration", "2"), ("exit_code", "3")]);
        let finish = Value::from(SpooledStep::new(&ended, &at(1)).unwrap().finish().unwrap());
        assert_eq!(finish, serde_json::json!({"outcome": "failed", "duration": 2.0, "exit_code": 3}));
    }
}
