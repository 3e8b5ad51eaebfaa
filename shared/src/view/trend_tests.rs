use serde_json::{Value, json};

use super::super::text::Content;
use super::super::trend_samples::{answer, trend, with};
use super::*;

fn told(trend: &Value) -> String {
    let answer = answer(std::slice::from_ref(trend), "sprint");
    sentences(&answer, &answer.trends[0]).to_string()
}

#[test]
fn a_growth_is_told_with_its_cause_and_since_which_version() {
    assert_eq!(
        told(&trend()),
        "deploys of checkout grew 3.8% a week (2.9 to 4.7), from 6m10s to 8m42s since 2026-09-01; 71% of it is \
         `migrating`; `smoke-test` is new; the level jumped at version 4.12.0, deployed by ann, on 2026-09-25 (from 6m20s \
         to 8m30s). Since then there is too little to tell a trend: 6 deployments."
    );
    let gradual = told(&with(&[("/change_points", json!([])), ("/since_change", json!(null))]));
    assert!(gradual.ends_with("`smoke-test` is new. That is 7.6% or 28.0s a sprint (14d)."), "{gradual}");
}

#[test]
fn after_a_jump_it_is_told_how_it_goes_on() {
    let growth = trend()["growth"].clone();
    let since = |verdict: &str| {
        let growth = if verdict == "steady" { json!(null) } else { growth.clone() };
        let since = json!({"deployments": 40, "verdict": verdict, "growth": growth});
        told(&with(&[("/since_change", since)]))
    };
    for (verdict, end) in [
        ("steady", "Since then, in 40 deployments, it is steady."),
        ("growing", "Since then, in 40 deployments, it has grown 3.8% a week (2.9 to 4.7)."),
        ("shrinking", "Since then, in 40 deployments, it has shrunk 3.8% a week (2.9 to 4.7)."),
    ] {
        assert!(since(verdict).ends_with(end), "{}", since(verdict));
    }
}

#[test]
fn a_change_names_the_note_beside_it() {
    let id = "0197a000-0000-7000-8000-00000000000a";
    let note = json!([{"id": id, "component": "checkout", "environment": null, "text": "moved to the new cluster",
        "at": "2026-09-24T00:00:00Z", "until": null, "owner": "ann", "recorded_at": "2026-09-25T00:00:00Z"}]);
    let told_of = told(&with(&[("/notes", note.clone()), ("/change_points/0/note_id", json!(id))]));
    let beside = "on 2026-09-25, beside the note \"moved to the new cluster\" (from 6m20s to 8m30s)";
    assert!(told_of.contains(beside), "{told_of}");
    assert!(!told(&with(&[("/notes", note)])).contains("beside"));
}

#[test]
fn a_shrinking_has_no_signs() {
    let estimate = |value: f64, low: f64, high: f64| json!({"value": value, "low": low, "high": high});
    let shrinking = with(&[
        ("/verdict", json!("shrinking")),
        ("/environment", json!("staging")),
        ("/growth/percent_per_week", estimate(-3.8, -4.7, -2.9)),
        ("/growth/percent_per_sprint", estimate(-7.6, -9.4, -5.8)),
        ("/growth/seconds_per_sprint", estimate(-28.0, -36.0, -22.0)),
        ("/cause/change_seconds", json!(-137.0)),
        ("/cause/parts/0/change", json!("vanished")),
        ("/cause/parts/0/share", json!(1.2)),
        ("/cause/parts/2/change", json!(null)),
        ("/change_points/0/after_seconds", json!(100)),
    ]);
    let told = told(&shrinking);
    assert!(told.starts_with("deploys of checkout to staging shrank 3.8% a week (2.9 to 4.7), from "), "{told}");
    assert!(
        told.contains("; all of it is `migrating`, which is gone, while others got slower; the level dropped"),
        "{told}"
    );
}

#[test]
fn what_is_steady_says_why() {
    let steady = |p: f64| {
        told(&with(&[
            ("/verdict", json!("steady")),
            ("/growth/percent_per_week", json!({"value": 0.2, "low": -0.3, "high": 0.7})),
            ("/growth/p_value", json!(p)),
            ("/growth/is_told", json!(p < 0.05)),
            ("/cause/parts/2/change", json!(null)),
            ("/change_points", json!([])),
            ("/since_change", json!(null)),
        ]))
    };
    assert_eq!(
        steady(0.4),
        "deploys of checkout are steady at about 8m42s: +0.2% a week (-0.3 to 0.7), which is not significant (p = 0.40)."
    );
    assert!(steady(0.0123).ends_with("which is significant (p = 0.012), but less than the 1% that matters."));
}

#[test]
fn a_growth_that_stopped_a_jump_and_what_is_uncertain_are_told_as_such() {
    let stopped = told(&with(&[
        ("/verdict", json!("steady")),
        ("/growth/stopped_at", json!("2026-10-01T00:00:00Z")),
        ("/cause/parts/2/change", json!(null)),
        ("/change_points", json!([])),
        ("/since_change", json!(null)),
    ]));
    assert_eq!(
        stopped,
        "deploys of checkout grew 3.8% a week (2.9 to 4.7), from 6m08s to 8m30s, until 2026-10-01; since then they are steady at \
         about 8m42s."
    );
    let range = json!({"deployments": 3, "first_version": "4.11.9", "first_started_at": "2026-09-24T09:00:00Z",
        "last_version": "4.12.1", "last_started_at": "2026-09-26T09:00:00Z"});
    let jumped = told(&with(&[
        ("/verdict", json!("jumped")),
        ("/growth/is_told", json!(false)),
        ("/cause/parts/0/share_low", json!(0.6)),
        ("/cause/parts/0/share_high", json!(0.83)),
        ("/cause/parts/0/replaces", json!(["migrate"])),
        ("/change_points/0/range", range),
        ("/since_change", json!({"deployments": 40, "verdict": "steady", "growth": null})),
    ]));
    assert_eq!(
        jumped,
        "deploys of checkout jumped, from 6m10s to 8m42s since 2026-09-01, and do not grow beside that: +3.8% a week (2.9 to \
         4.7); 71% (60% to 83%) of it is `migrating`, which was `migrate`; `smoke-test` is new; the level jumped (from 6m20s to \
         8m30s) with one of the 3 deployments from version 4.11.9 on 2026-09-24 to 4.12.1 on 2026-09-26, most probably 4.12.0, \
         deployed by ann. Since then, in 40 deployments, it is steady."
    );
}

#[test]
fn what_may_be_so_by_chance_among_many_is_not_told() {
    let told = told(&with(&[
        ("/verdict", json!("steady")),
        ("/q_value", json!(0.3)),
        ("/growth/stopped_at", json!("2026-10-01T00:00:00Z")),
        ("/cause/parts/2/change", json!(null)),
    ]));
    assert!(told.contains("are steady at about 8m42s") && told.ends_with("but not among so many trends."), "{told}");
    assert!(!told.contains("until") && !told.contains("jumped"), "{told}");
}

#[test]
fn too_little_says_how_much_is_needed() {
    let little = |deployments: u32, last: &str| {
        told(&with(&[
            ("/verdict", json!("not enough data")),
            ("/deployments", json!(deployments)),
            ("/last_started_at", json!(last)),
            ("/growth", json!(null)),
            ("/cause", json!(null)),
        ]))
    };
    assert_eq!(
        little(7, "2026-09-06T10:00:00Z"),
        "there is not enough data to tell how deploys of checkout grow: 7 deployments over 5 days (median 8m42s); ten over \
         two weeks are needed."
    );
    assert!(little(1, "2026-09-01T09:00:00Z").contains("grow: 1 deployment (median"));
    assert!(little(2, "2026-09-01T10:00:00Z").contains("2 deployments within a day"));
}

#[test]
fn gaps_waiting_steps_and_seconds_have_words_of_their_own() {
    let gaps = told(&with(&[("/cause/parts/0/step", json!(null))]));
    assert!(gaps.contains("; 71% of it is gaps, with no step open; `smoke-test`"), "{gaps}");
    let waiting = told(&with(&[("/cause/parts/0/waiting", json!(true))]));
    assert!(waiting.contains("; 71% of it is waiting in `migrating`; `smoke-test`"), "{waiting}");
    let step = told(&with(&[
        ("/step", json!("migrating")),
        ("/cause", json!(null)),
        ("/growth/percent_per_week", json!(null)),
    ]));
    assert!(step.starts_with("`migrating` in deploys of checkout grew 14.0s a week (11.0s to 18.0s), from"), "{step}");
    let new = json!("appeared");
    let many = with(&[
        ("/cause/parts/0/change", new.clone()),
        ("/cause/parts/1/step", json!("scanning")),
        ("/cause/parts/1/change", new.clone()),
        ("/cause/parts/3/change", json!("vanished")),
        ("/change_points", json!([trend()["change_points"][0], trend()["change_points"][0]])),
    ]);
    let many = told(&many);
    assert!(
        many.contains("`migrating`, which is new; `scanning`, `smoke-test` are new; `building` is gone; "),
        "{many}"
    );
    assert!(many.contains("the level last jumped at"), "{many}");
}

#[test]
fn the_method_can_be_checked() {
    let answer = answer(&[with(&[("/growth/fitted_points", json!(6))])], "week");
    assert_eq!(
        method(&answer.trends[0]).unwrap().to_string(),
        "a line through logarithms beside changes of the level, compound, with its 95% interval where noise may wander; \
         p < 0.001; 12 deployments, fitted as the medians of 6 groups that follow each other"
    );
}

#[test]
fn the_verdict_and_the_component_have_meanings() {
    let answer = answer(&[trend()], "sprint");
    let sentences = sentences(&answer, &answer.trends[0]);
    let meant = |meaning| {
        let mut spans = sentences.spans().iter().filter(move |span| span.meaning == meaning);
        spans.next().map(|span| span.content.clone())
    };
    assert_eq!(meant(Meaning::Component), Some(Content::Words("checkout".to_owned())));
    assert_eq!(meant(Meaning::Bad), Some(Content::Words("grew 3.8% a week (2.9 to 4.7)".to_owned())));
}

#[test]
fn a_chart_has_a_title_and_a_summary() {
    let answer = answer(&[with(&[("/step", json!("migrating"))])], "week");
    assert_eq!(title(&answer.trends[0]).to_string(), "checkout → production: migrating");
    assert!(
        summary(&answer.trends[0]).starts_with("growing, +3.8% a week (2.9 to 4.7); 12 deployments from 2026-09-01")
    );
}
