//! Commits facts together and answers each.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::iter;

use steps_shared::{FieldError, NewFinish, SpanEnd, Step, StepId, Timestamp};

use super::Caller;
use super::fact::{Fact, RecordOutcome};
use crate::store::{EarlierStart, EndedSpan, NewRow, Store, StoreError, StoredStep, Writes};

/// A fact of a commit.
#[derive(Debug, Clone, Copy)]
pub struct Queued<'a> {
    pub fact: &'a Fact,
    /// Who sent it.
    pub caller: &'a Caller,
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
    // Where the file is lost, no connection is opened, and nothing else is told of it.
    store.check_known_file()?;
    let mut stored = store.stored(&spans_begun_elsewhere(facts)).await?;
    let mut outcomes = vec![None; facts.len()];
    let mut ranges: Vec<_> = iter::once(0..facts.len()).collect();
    while let Some(range) = ranges.pop() {
        let mut plan = Plan::new(&facts[range.clone()], &stored);
        match store.record(&plan.writes).await {
            Ok(ended_before) => {
                if !ended_before.is_empty() {
                    let spans = store.stored(&ended_before).await?;
                    plan.judge_again(&facts[range.clone()], &ended_before, &spans);
                }
            }
            Err(StoreError::Duplicate) => {
                let ids: Vec<StepId> = plan.writes.steps.iter().map(|row| row.step.id).collect();
                stored.extend(store.stored(&ids).await?);
                ranges.push(range);
                continue;
            }
            Err(StoreError::Refused(error)) => match plan.writes.only_id() {
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
            stored.extend(made_steps(&facts[range.clone()], &made));
        }
        for (place, outcome) in outcomes[range].iter_mut().zip(made) {
            *place = Some(outcome);
        }
    }
    Ok(outcomes.into_iter().flatten().collect())
}

/// The steps that a commit has made of facts.
fn made_steps(facts: &[Queued<'_>], made: &[RecordOutcome]) -> Vec<(StepId, StoredStep)> {
    let made = facts.iter().zip(made).filter_map(|(queued, outcome)| match (queued.fact, outcome) {
        (Fact::Step { sent_ts, .. }, RecordOutcome::Recorded(step)) => {
            Some((step.id, StoredStep { step: step.clone(), aged: !sent_ts }))
        }
        _ => None,
    });
    made.collect()
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
    writes: Writes<'a>,
    outcomes: Vec<RecordOutcome>,
    /// The steps that are stored or to be written, as they are then, and whether their times are of the server's clock.
    known: HashMap<StepId, (Cow<'a, Step>, bool)>,
}

impl<'a> Plan<'a> {
    fn new(facts: &[Queued<'a>], stored: &'a HashMap<StepId, StoredStep>) -> Self {
        let writes = Writes { steps: Vec::with_capacity(facts.len()), ..Writes::default() };
        let outcomes = Vec::with_capacity(facts.len());
        let mut plan = Self { writes, outcomes, known: HashMap::with_capacity(facts.len()) };
        for Queued { fact, caller, uncertain } in facts {
            let id = fact.id();
            if let Some(before) = stored.get(&id) {
                plan.known.entry(id).or_insert((Cow::Borrowed(&before.step), before.aged));
            }
            let outcome = match fact {
                Fact::Step { step, sent_ts } => match plan.known.entry(id) {
                    Entry::Vacant(entry) => {
                        entry.insert((Cow::Borrowed(step), !sent_ts));
                        plan.writes.steps.push(NewRow::new(step, !sent_ts));
                        RecordOutcome::Recorded(step.clone())
                    }
                    Entry::Occupied(known) if !sees(caller, &known.get().0) => taken(id),
                    // What comes again within a commit has not been tried before.
                    Entry::Occupied(_) => plan.again(step, *sent_ts, *uncertain && stored.contains_key(&id)),
                },
                Fact::SpanEnd { end, received_at, .. } => {
                    let span = plan.known.get(&id).map(|(span, _)| span.as_ref());
                    let outcome = judge_end(caller, id, span, *end, *received_at);
                    if let RecordOutcome::Recorded(span) = &outcome {
                        plan.writes.ends.extend(EndedSpan::of(span));
                        plan.set_known(span);
                    }
                    outcome
                }
            };
            plan.outcomes.push(outcome);
        }
        plan
    }

    fn set_known(&mut self, step: &Step) {
        if let Some((known, _)) = self.known.get_mut(&step.id) {
            *known = Cow::Owned(step.clone());
        }
    }

    /// Plans what a step changes whose id is known: where both times are of the server's clock the earlier one holds, because the
    /// later delivery may have waited anywhere. A span that has ended meanwhile tells its end.
    fn again(&mut self, step: &Step, sent_ts: bool, uncertain: bool) -> RecordOutcome {
        let Some((before, aged)) = self.known.get(&step.id).map(|(before, aged)| (before.clone().into_owned(), *aged))
        else {
            return RecordOutcome::NoSuchStep(step.id);
        };
        let brings_end = !sent_ts && before.span && before.finish().is_none() && step.finish().is_some();
        let outcome = match brings_end {
            true => compare(&before, &Step { outcome: None, exit_code: None, ..step.clone() }, sent_ts, uncertain),
            false => compare(&before, step, sent_ts, uncertain),
        };
        if matches!(outcome, RecordOutcome::Conflict(..)) {
            return outcome;
        }
        let mut now = before.clone();
        let earlier = before.ts.micros() - step.ts.micros();
        if aged && !sent_ts && earlier > 0 {
            now = moved(now, earlier);
            self.writes.earlier.push(EarlierStart::of(&now));
            for end in self.writes.ends.iter_mut().filter(|end| end.id == step.id) {
                end.ts = now.ts;
                end.finish.ended_at = Timestamp::saturating_from_micros(end.finish.ended_at.micros() - earlier);
            }
            for outcome in &mut self.outcomes {
                match outcome {
                    RecordOutcome::Recorded(told) | RecordOutcome::AlreadyRecorded(told) if told.id == step.id => {
                        *told = moved(told.clone(), earlier);
                    }
                    _ => {}
                }
            }
        }
        if brings_end && let Some(finish) = step.finish() {
            let took = finish.ended_at.micros() - step.ts.micros();
            now.ended_at = Some(Timestamp::saturating_from_micros(now.ts.micros() + took));
            (now.outcome, now.exit_code) = (Some(finish.outcome), finish.exit_code);
            self.writes.ends.extend(EndedSpan::of(&now));
        }
        self.set_known(&now);
        match outcome {
            RecordOutcome::AlreadyRecorded(_) if !brings_end => RecordOutcome::AlreadyRecorded(now),
            _ => RecordOutcome::Recorded(now),
        }
    }

    /// Answers the ends of spans that another server has ended between the plan and the commit; `spans` are as they are now.
    fn judge_again(&mut self, facts: &[Queued<'_>], ended_before: &[StepId], spans: &HashMap<StepId, StoredStep>) {
        for (Queued { fact, caller, uncertain }, outcome) in facts.iter().zip(&mut self.outcomes) {
            let id = fact.id();
            if !ended_before.contains(&id) {
                continue;
            }
            let span = spans.get(&id).map(|stored| &stored.step);
            match (fact, span) {
                (Fact::SpanEnd { end, received_at, .. }, _) => {
                    *outcome = judge_end(caller, id, span, *end, *received_at);
                }
                (Fact::Step { step, sent_ts }, Some(span)) if sees(caller, span) => {
                    *outcome = compare(span, step, *sent_ts, *uncertain)
                }
                (Fact::Step { .. }, _) => {}
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

/// Whether a step is one that the sender of a fact may see.
fn sees(caller: &Caller, step: &Step) -> bool {
    caller.access.may_see(&step.component, &step.environment)
}

/// What a step is answered whose id is that of one which its sender may not see: the same whatever that one is.
fn taken(id: StepId) -> RecordOutcome {
    RecordOutcome::Conflict(id, FieldError::wrong("id", format!("{id} is taken; send the step with another one")))
}

/// The step as it is when it began so many microseconds earlier; how long it took stays.
fn moved(step: Step, earlier: i64) -> Step {
    let back = |time: Timestamp| Timestamp::saturating_from_micros(time.micros() - earlier);
    let ended_at = if step.finish().is_some() { step.ended_at.map(back) } else { step.ended_at };
    Step { ts: back(step.ts), ended_at, ..step }
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
fn judge_end(
    caller: &Caller,
    id: StepId,
    span: Option<&Step>,
    end: NewFinish,
    received_at: Timestamp,
) -> RecordOutcome {
    let conflict = |reason: String| RecordOutcome::Conflict(id, FieldError::wrong("id", reason));
    let Some(span) = span.filter(|span| sees(caller, span)) else { return RecordOutcome::NoSuchStep(id) };
    if let Err(error) = caller.check_owner(&span.owner) {
        return RecordOutcome::Forbidden(id, error);
    }
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
