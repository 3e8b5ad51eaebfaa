use steps_shared::{FieldErrors, StepOutcome};

use super::*;

const START: &str = "2026-01-05 09:00:00";

fn fields(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn now() -> Timestamp {
    "2026-01-05 10:00:00".parse().unwrap()
}

fn step(id: StepId, more: &[(&str, &str)]) -> Fact {
    let id = id.to_string();
    let mut all = vec![("id", id.as_str()), ("component", "c"), ("version", "1"), ("owner", "o"), ("status", "s")];
    all.push(("ts", START));
    all.extend(more);
    Fact::from_fields(fields(&all), None, now()).unwrap()
}

fn span(id: StepId) -> Fact {
    step(id, &[("span", "true")])
}

fn end(id: StepId, finish: &[(&str, &str)]) -> Fact {
    Fact::from_fields(fields(finish), Some(id), now()).unwrap()
}

fn stored(fact: &Fact) -> HashMap<StepId, StoredStep> {
    match fact {
        Fact::Step { step, sent_ts } => HashMap::from([(step.id, StoredStep { step: step.clone(), aged: !sent_ts })]),
        Fact::SpanEnd { .. } => HashMap::new(),
    }
}

/// The numbers of steps and ends to be written, and the outcomes.
fn plan(facts: &[Fact], stored: &HashMap<StepId, StoredStep>) -> (usize, usize, Vec<RecordOutcome>) {
    let caller = Caller::anonymous(None);
    let queued: Vec<_> = facts.iter().map(|fact| Queued { fact, caller: &caller, uncertain: false }).collect();
    let Plan { writes, outcomes, .. } = Plan::new(&queued, stored);
    (writes.steps.len(), writes.ends.len(), outcomes)
}

#[test]
fn a_span_that_begins_and_ends_in_one_commit() {
    let id = StepId::generate();
    let finish = [("outcome", "failed"), ("duration", "5"), ("exit_code", "3")];
    let (steps, ends, outcomes) = plan(&[span(id), end(id, &finish), end(id, &finish), span(id)], &HashMap::new());
    assert_eq!((steps, ends), (1, 1));
    let [
        RecordOutcome::Recorded(begun),
        RecordOutcome::Recorded(ended),
        RecordOutcome::AlreadyRecorded(again),
        RecordOutcome::AlreadyRecorded(last),
    ] = outcomes.as_slice()
    else {
        panic!("{outcomes:?}")
    };
    assert_eq!(begun.finish(), None);
    assert_eq!((ended.outcome, ended.exit_code), (Some(StepOutcome::Failed), Some(3)));
    assert_eq!(ended.duration().unwrap().seconds(), 5.0);
    assert_eq!((again, last), (ended, ended));
}

#[test]
fn an_end_needs_a_span_that_begins_before_it() {
    let id = StepId::generate();
    let finish = [("outcome", "succeeded")];
    let (_, ends, outcomes) = plan(&[end(id, &finish), span(id)], &HashMap::new());
    assert_eq!((ends, &outcomes[0]), (0, &RecordOutcome::NoSuchStep(id)));
    let (_, ends, outcomes) = plan(&[step(id, &[]), end(id, &finish)], &HashMap::new());
    assert!(ends == 0 && matches!(outcomes[1], RecordOutcome::Conflict(..)), "not a span: {outcomes:?}");
    let early = [("outcome", "succeeded"), ("ended_at", "2026-01-05 08:59:59")];
    let (_, ends, outcomes) = plan(&[end(id, &early)], &stored(&span(id)));
    let RecordOutcome::Invalid(_, FieldErrors(errors)) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!((ends, errors[0].field.as_str()), (0, "ended_at"));
}

#[test]
fn an_end_without_a_time_is_the_same_at_each_try() {
    let id = StepId::generate();
    let ended = step(id, &[("span", "true"), ("outcome", "succeeded"), ("duration", "7")]);
    let outcome = |finish: &[(&str, &str)]| plan(&[end(id, finish)], &stored(&ended)).2.remove(0);
    assert!(matches!(outcome(&[("outcome", "succeeded")]), RecordOutcome::AlreadyRecorded(_)));
    assert!(matches!(outcome(&[("outcome", "succeeded"), ("duration", "7")]), RecordOutcome::AlreadyRecorded(_)));
    assert!(matches!(outcome(&[("outcome", "succeeded"), ("duration", "8")]), RecordOutcome::Conflict(..)));
    assert!(matches!(outcome(&[("outcome", "failed")]), RecordOutcome::Conflict(..)));
}

#[test]
fn what_an_uncertain_commit_has_made_is_recorded() {
    let fact = step(StepId::generate(), &[]);
    let stored = stored(&fact);
    let outcomes = [true, false].map(|uncertain| {
        Plan::new(&[Queued { fact: &fact, caller: &Caller::anonymous(None), uncertain }], &stored).outcomes
    });
    assert!(matches!(outcomes[0][0], RecordOutcome::Recorded(_)));
    assert!(matches!(outcomes[1][0], RecordOutcome::AlreadyRecorded(_)));
}

/// A step that is sent so many seconds after it began, without a time.
fn aged(id: StepId, age: &str, more: &[(&str, &str)]) -> Fact {
    let id = id.to_string();
    let mut all = vec![("id", id.as_str()), ("component", "c"), ("version", "1"), ("owner", "o"), ("status", "s")];
    all.push(("age", age));
    all.extend(more);
    Fact::from_fields(fields(&all), None, now()).unwrap()
}

#[test]
fn of_two_deliveries_by_age_the_earlier_time_holds() {
    let id = StepId::generate();
    let early: Timestamp = "2026-01-05 09:59:30".parse().unwrap();
    for facts in [[aged(id, "0", &[]), aged(id, "30", &[])], [aged(id, "30", &[]), aged(id, "0", &[])]] {
        let (steps, _, outcomes) = plan(&facts, &HashMap::new());
        let [RecordOutcome::Recorded(one), RecordOutcome::AlreadyRecorded(two)] = outcomes.as_slice() else {
            panic!("{outcomes:?}")
        };
        assert_eq!((steps, one.ts, two.ts), (1, early, early));
        let late = stored(&facts[0]);
        let outcomes = plan(&facts[1..], &late).2;
        assert!(matches!(&outcomes[0], RecordOutcome::AlreadyRecorded(step) if step.ts == early), "{outcomes:?}");
    }
    // A time that was sent stays, and another step under the same id is a conflict, whatever its age.
    let sent = step(id, &[]);
    let outcomes = plan(&[aged(id, "86400", &[])], &stored(&sent)).2;
    assert!(matches!(&outcomes[0], RecordOutcome::AlreadyRecorded(step) if step.ts == START.parse().unwrap()));
    let outcomes = plan(&[aged(id, "30", &[("run", "7")])], &stored(&aged(id, "0", &[]))).2;
    assert!(matches!(outcomes[0], RecordOutcome::Conflict(..)), "{outcomes:?}");
}

#[test]
fn a_span_that_began_earlier_takes_as_long() {
    let id = StepId::generate();
    let whole = |age| aged(id, age, &[("span", "true"), ("outcome", "succeeded"), ("duration", "5")]);
    let begun = |age| aged(id, age, &[("span", "true")]);
    let (early, end_of): (Timestamp, Timestamp) =
        ("2026-01-05 09:59:30".parse().unwrap(), "2026-01-05 09:59:35".parse().unwrap());
    // Only its beginning was recorded, late; it has ended meanwhile.
    let (_, ends, outcomes) = plan(&[whole("30")], &stored(&begun("10")));
    let [RecordOutcome::Recorded(step)] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    assert_eq!((ends, step.ts, step.ended_at), (1, early, Some(end_of)));
    // The same in one commit, with the end between them.
    let facts = [begun("10"), end(id, &[("outcome", "succeeded"), ("duration", "5")]), whole("30")];
    let (steps, ends, outcomes) = plan(&facts, &HashMap::new());
    let RecordOutcome::Recorded(ended) = &outcomes[1] else { panic!("{outcomes:?}") };
    assert_eq!((steps, ends, ended.ts, ended.ended_at), (1, 1, early, Some(end_of)));
    assert!(matches!(&outcomes[2], RecordOutcome::AlreadyRecorded(step) if step == ended), "{outcomes:?}");
}
