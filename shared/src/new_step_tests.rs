use super::*;

const GOOD: [(&str, &str); 4] = [("component", "checkout"), ("version", "1"), ("owner", "ann"), ("status", "building")];

fn messages(fields: &[(&str, &str)]) -> Vec<String> {
    let errors = NewStep::from_fields(fields.iter().copied()).unwrap_err();
    errors.0.into_iter().map(|error| error.message).collect()
}

fn good_with(more: &[(&str, &str)]) -> Result<NewStep, FieldErrors> {
    NewStep::from_fields(GOOD.iter().chain(more).copied())
}

#[test]
fn names_every_wrong_field_at_once() {
    let messages = messages(&[("component", " "), ("compnent", "x"), ("status", "a"), ("status", "b"), ("ts", "soon")]);
    assert_eq!(messages.len(), 6, "{messages:#?}");
    assert!(messages.contains(&"component must not be empty".to_owned()));
    assert!(messages.contains(&"Unknown parameter \"compnent\"; did you mean \"component\"?".to_owned()));
    assert!(messages.contains(&"status is given more than once".to_owned()));
    assert!(messages.contains(&"Missing owner parameter".to_owned()));
    assert!(messages.contains(&"Missing version parameter".to_owned()));
}

#[test]
fn time_is_the_servers_less_the_age() {
    let now: Timestamp = "2026-01-05 09:30:00".parse().unwrap();
    let at = |more: &[(&str, &str)]| good_with(more).unwrap().into_step(now).map(|step| step.ts.to_rfc3339());
    assert_eq!(at(&[]).unwrap(), "2026-01-05T09:30:00.000000Z");
    assert_eq!(at(&[("age", "1.5")]).unwrap(), "2026-01-05T09:29:58.500000Z");
    assert_eq!(at(&[("ts", "2026-01-05 09:35:00")]).unwrap(), "2026-01-05T09:35:00.000000Z");
    assert!(at(&[("ts", "2026-01-05 09:35:00.000001")]).unwrap_err().to_string().contains("in the future"));
    for age in ["-1", "NaN", "inf", "x", "1e300"] {
        assert!(good_with(&[("age", age)]).is_err(), "{age}");
    }
    assert!(good_with(&[("age", "1"), ("ts", "2026-01-05 09:30:00")]).is_err());
}

#[test]
fn streams_differ_by_run_and_not_by_status() {
    let now: Timestamp = "2026-01-05 09:30:00".parse().unwrap();
    let step = |more: &[(&str, &str)]| good_with(more).unwrap().into_step(now).unwrap();
    let mut other = step(&[]);
    other.status = "testing".parse().unwrap();
    assert_eq!(step(&[]).stream(), other.stream());
    assert_ne!(step(&[]).stream(), step(&[("run", "7")]).stream());
    assert_ne!(step(&[]).stream(), step(&[("environment", "staging")]).stream());
    assert_eq!(step(&[]).differences(&other, true), ["status"]);
}
