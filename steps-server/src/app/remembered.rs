//! Answers about a component that are given again while they are true.
//!
//! Whoever changes a deployment gives its component another turn in the same transaction. An answer is kept with the turns that
//! were read before what it was made of, so that equal turns say that nothing has changed since; with the time that it is of; and
//! with when it changes by itself, because a deployment that may still go on will have ended by then.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;
use steps_shared::{StatsRow, Timestamp, Trend};

/// How much is kept, in bytes: of whatever was not asked for lately, less.
const BYTES: u64 = 32 * 1024 * 1024;

/// How many answers that is, about: for the size of the table alone.
const ANSWERS: usize = 4096;

/// Answers that may be given again.
#[derive(Debug)]
pub struct Remembered(Cache<Question, Arc<Entry>, Bytes>);

/// What was asked; of the same time at another moment is the same question.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// Of which component.
    pub component: String,
    /// In which environment; `None` is in all of them.
    pub environment: Option<String>,
    /// All that describes what is asked of it.
    pub parameters: Vec<(&'static str, String)>,
}

/// Which time an answer is of, and while it is true as far as nothing is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// From when on deployments were asked for.
    pub since: Timestamp,
    /// Until when.
    pub until: Option<Timestamp>,
    /// When the first of them started; `None` where there is none.
    pub first: Option<Timestamp>,
    /// When it was made.
    pub made: Timestamp,
    /// From when on another deployment may be in it, because it has ended or started by then.
    pub changes: Option<Timestamp>,
}

/// An answer.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The trend of a series; none of an empty one.
    Trend(Option<Box<Trend>>),
    /// The groups of a component.
    Stats(Vec<StatsRow>),
}

#[derive(Debug)]
struct Entry {
    turns: [i64; 2],
    times: Times,
    answer: Answer,
}

impl Default for Remembered {
    fn default() -> Self {
        Self(Cache::with_weighter(ANSWERS, BYTES, Bytes))
    }
}

impl Remembered {
    /// The answer to a question about a time, where it is true now: at these turns of the component.
    pub fn find(
        &self,
        question: &Question,
        turns: [i64; 2],
        (since, until): (Timestamp, Option<Timestamp>),
        now: Timestamp,
    ) -> Option<Answer> {
        let entry = self.0.get(question)?;
        (entry.turns == turns && entry.times.hold(since, until, now)).then(|| entry.answer.clone())
    }

    /// Keeps an answer.
    pub fn keep(&self, question: Question, turns: [i64; 2], times: Times, answer: Answer) {
        self.0.insert(question, Arc::new(Entry { turns, times, answer }));
    }
}

impl Times {
    /// Whether the same deployments are in a time, looked at now: none of them started before it, and it began no earlier.
    fn hold(&self, since: Timestamp, until: Option<Timestamp>, now: Timestamp) -> bool {
        self.since <= since
            && self.first.is_none_or(|first| since <= first)
            && self.until == until
            && self.made <= now
            && self.changes.is_none_or(|changes| now < changes)
    }
}

#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<Question, Arc<Entry>> for Bytes {
    fn weight(&self, question: &Question, entry: &Arc<Entry>) -> u64 {
        let rows = match &entry.answer {
            Answer::Trend(None) => 0,
            Answer::Trend(Some(trend)) => {
                let parts = |trend: &Trend| trend.cause.as_ref().map_or(0, |cause| cause.parts.len());
                let points = trend.points.as_ref().map_or(0, Vec::len);
                4 + points / 4 + trend.periods.len() / 4 + parts(trend) + 8 * trend.change_points.len()
            }
            Answer::Stats(rows) => 2 * rows.len(),
        };
        // A row has about 256 bytes.
        (1024 + 256 * rows + 64 * question.parameters.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(1_770_000_000_000_000 + minute * 60_000_000).unwrap()
    }

    #[test]
    fn an_answer_is_given_again_only_while_it_is_true() {
        let question = || Question {
            component: "shop".to_owned(),
            environment: None,
            parameters: vec![("by", "week".to_owned())],
        };
        let remembered = Remembered::default();
        let times = Times { since: at(0), until: None, first: Some(at(10)), made: at(100), changes: Some(at(200)) };
        remembered.keep(question(), [1, 2], times, Answer::Trend(None));
        let found =
            |turns: [i64; 2], since, until, now| remembered.find(&question(), turns, (since, until), now).is_some();
        assert!(found([1, 2], at(0), None, at(100)));
        assert!(found([1, 2], at(10), None, at(199)), "the first one is still within");
        assert!(!found([1, 3], at(0), None, at(100)), "something was folded");
        assert!(!found([1, 2], at(11), None, at(100)), "the first one is not within any more");
        assert!(!found([1, 2], at(-1), None, at(100)), "there may be one before");
        assert!(!found([1, 2], at(0), Some(at(300)), at(100)), "of another time");
        assert!(!found([1, 2], at(0), None, at(200)), "one has ended by itself");
        assert!(!found([1, 2], at(0), None, at(99)), "the clock went back");
        let other = Question { component: "bank".to_owned(), ..question() };
        assert!(remembered.find(&other, [1, 2], (at(0), None), at(100)).is_none());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let remembered = Remembered::default();
        let times = Times { since: at(0), until: None, first: None, made: at(0), changes: None };
        for nth in 0..100_000 {
            let question = Question { component: nth.to_string(), environment: None, parameters: Vec::new() };
            remembered.keep(question, [0, 0], times, Answer::Trend(None));
        }
        assert!(remembered.0.weight() <= BYTES, "{}", remembered.0.weight());
        assert!(remembered.0.len() > 1000, "{}", remembered.0.len());
    }
}
