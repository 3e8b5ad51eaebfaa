//! Commits facts together and answers each.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::iter;

use steps_shared::{FieldError, NewFinish, SpanEnd, Step, StepId, Timestamp};

use super::fact::{Fact, RecordOutcome};
use crate::store::{EndedSpan, Store, StoreError};

/// A fact of a commit.
#[derive(Debug, Clone, Copy)]
pub struct Queued<'a> {
    pub fact: &'a Fact,
    /// An earlier commit of it failed, and the database may have made it nevertheless.
    pub uncertain: bool,
}

/// Commits facts in one transaction; the outcomes are in their order.
///
/// Ids that are stored already, and rows that the database refuses, take further transactions, so that no fact fails because
/// of another one.
///
/// # Errors
/// The database does not answer. It may have committed nevertheless.
pub async fn commit(store: &Store, facts: &[Queued<'_>]) -> Result<Vec<RecordOutcome>, StoreError> {
    let mut stored = store.stored(&spans_begun_elsewhere(facts)).await?;
    let mut outcomes = vec![None; facts.len()];
    let mut ranges: Vec<_> = iter::once(0..facts.len()).collect();
    while let Some(range) = ranges.pop() {
        let mut plan = Plan::new(&facts[range.clone()], &stored);
        match store.record(&plan.steps, &plan.ends).await {
            Ok(ended_before) => {
                if !ended_before.is_empty() {
                    let spans = store.stored(&ended_before).await?;
                    plan.judge_again(&facts[range.clone()], &ended_before, &spans);
                }
            }
            Err(StoreError::Duplicate) => {
                let ids: Vec<StepId> = plan.steps.iter().map(|step| step.id).collect();
                stored.extend(store.stored(&ids).await?);
                ranges.push(range);
                continue;
            }
            Err(StoreError::Refused(error)) => match plan.only_write() {
                Some(id) => {
                    tracing::error!(%error, %id, "the database refuses a step");
                    plan.refuse(&facts[range.clone()], id, &error.to_string());
                }
                None => {
                    let middle = range.start + range.len() / 2;
                    ranges.extend([middle..range.end, range.start..middle]);
                    continue;
                }
            },
            Err(error) => return Err(error),
        }
        let made = plan.outcomes;
        if !ranges.is_empty() {
            stored.extend(made.iter().filter_map(|outcome| match outcome {
                RecordOutcome::Recorded(step) => Some((step.id, step.clone())),
                _ => None,
            }));
        }
        for (place, outcome) in outcomes[range].iter_mut().zip(made) {
            *place = Some(outcome);
        }
    }
    Ok(outcomes.into_iter().flatten().collect())
}

/// The spans that are ended by these facts, and begun by none before.
fn spans_begun_elsewhere(facts: &[Queued<'_>]) -> Vec<StepId> {
    if !facts.iter().any(|queued| matches!(queued.fact, Fact::SpanEnd { .. })) {
        return Vec::new();
    }
    let mut begun = HashSet::new();
    let mut elsewhere = Vec::new();
    for Queued { fact, .. } in facts {
        match fact {
            Fact::Step { step, .. } => drop(begun.insert(step.id)),
            Fact::SpanEnd { id, .. } if begun.contains(id) => {}
            Fact::SpanEnd { id, .. } => elsewhere.push(*id),
        }
    }
    elsewhere
}

/// What has to be written for facts, and what each of them is answered once it is.
struct Plan<'a> {
    steps: Vec<&'a Step>,
    ends: Vec<EndedSpan>,
    outcomes: Vec<RecordOutcome>,
}

impl<'a> Plan<'a> {
    fn new(facts: &[Queued<'a>], stored: &'a HashMap<StepId, Step>) -> Self {
        let mut plan = Self {
            steps: Vec::with_capacity(facts.len()),
            ends: Vec::new(),
            outcomes: Vec::with_capacity(facts.len()),
        };
        let mut known: HashMap<StepId, &Step> = HashMap::with_capacity(facts.len());
        let mut ended: HashMap<StepId, Step> = HashMap::new();
        for Queued { fact, uncertain } in facts {
            let outcome = match fact {
                Fact::Step { step, sent_ts } => match known.entry(step.id) {
                    Entry::Vacant(entry) => match stored.get(&step.id) {
                        None => {
                            entry.insert(step);
                            plan.steps.push(step);
                            RecordOutcome::Recorded(step.clone())
                        }
                        Some(before) => {
                            entry.insert(before);
                            compare(before, step, *sent_ts, *uncertain)
                        }
                    },
                    Entry::Occupied(entry) => {
                        let before = ended.get(&step.id).unwrap_or(entry.get());
                        compare(before, step, *sent_ts, false)
                    }
                },
                Fact::SpanEnd { id, end, received_at } => {
                    let span = ended.get(id).or_else(|| known.get(id).copied()).or_else(|| stored.get(id));
                    let outcome = judge_end(*id, span, *end, *received_at);
                    if let RecordOutcome::Recorded(span) = &outcome {
                        plan.ends.extend(EndedSpan::of(span));
                        ended.insert(*id, span.clone());
                    }
                    outcome
                }
            };
            plan.outcomes.push(outcome);
        }
        plan
    }

    /// The id of the row when only one is written.
    fn only_write(&self) -> Option<StepId> {
        match (self.steps.as_slice(), self.ends.as_slice()) {
            ([step], []) => Some(step.id),
            ([], [end]) => Some(end.id),
            _ => None,
        }
    }

    /// Answers the ends of spans that another server has ended between the plan and the commit; `spans` are as they are now.
    fn judge_again(&mut self, facts: &[Queued<'_>], ended_before: &[StepId], spans: &HashMap<StepId, Step>) {
        for (Queued { fact, .. }, outcome) in facts.iter().zip(&mut self.outcomes) {
            if let Fact::SpanEnd { id, end, received_at } = fact
                && ended_before.contains(id)
            {
                *outcome = judge_end(*id, spans.get(id), *end, *received_at);
            }
        }
    }

    fn refuse(&mut self, facts: &[Queued<'_>], id: StepId, reason: &str) {
        for (Queued { fact, .. }, outcome) in facts.iter().zip(&mut self.outcomes) {
            if fact.id() == id {
                *outcome = RecordOutcome::Refused(id, reason.to_owned());
            }
        }
    }
}

/// What a step is answered whose id is recorded already.
fn compare(before: &Step, step: &Step, sent_ts: bool, uncertain: bool) -> RecordOutcome {
    let differences = before.differences(step, sent_ts);
    if !differences.is_empty() {
        let reason = format!("{} is recorded already with another {}", step.id, differences.join(", "));
        RecordOutcome::Conflict(step.id, FieldError::wrong("id", reason))
    } else if uncertain {
        RecordOutcome::Recorded(before.clone())
    } else {
        RecordOutcome::AlreadyRecorded(before.clone())
    }
}

/// What the end of a span is answered: [`RecordOutcome::Recorded`], with the ended span, when it is to be written.
fn judge_end(id: StepId, span: Option<&Step>, end: NewFinish, received_at: Timestamp) -> RecordOutcome {
    let conflict = |reason: String| RecordOutcome::Conflict(id, FieldError::wrong("id", reason));
    let Some(span) = span else { return RecordOutcome::NoSuchStep(id) };
    if !span.span {
        return conflict(format!("{id} is not a span; it ends when the next step begins"));
    }
    let finish = match end.into_finish(span.ts, received_at) {
        Ok(finish) => finish,
        Err(errors) => return RecordOutcome::Invalid(id, errors),
    };
    let Some(recorded) = span.finish() else {
        let (outcome, ended_at) = (Some(finish.outcome), Some(finish.ended_at));
        return RecordOutcome::Recorded(Step { outcome, ended_at, exit_code: finish.exit_code, ..span.clone() });
    };
    // Without a time from the client the end is another one at each try.
    let same_time = match end.end {
        Some(SpanEnd::After(_) | SpanEnd::At(_)) => recorded.ended_at == finish.ended_at,
        None => true,
    };
    if recorded.outcome == finish.outcome && recorded.exit_code == finish.exit_code && same_time {
        RecordOutcome::AlreadyRecorded(span.clone())
    } else {
        conflict(format!("{id} is finished already, and differently"))
    }
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
