//! How much longer a running deployment takes: at several moments, beside each other, retried, and where it is not known.

use serde_json::{Value, json};
use steps_shared::{Expected, StepId, StepState, Timestamp};
use steps_tests::access::Caller;
use steps_tests::history::{History, step, wobble};
use steps_tests::server::Builder;
use steps_tests::steps::now;
use steps_tests::{Cli, Server, TestDb, on_both_stores};

on_both_stores!(
    it_is_told_at_every_moment,
    spans_beside_each_other_are_waited_for,
    a_step_that_comes_again_and_one_that_nobody_knows_take_longer,
    few_say_that_they_are_too_few,
    nobody_is_told_of_what_they_may_not_see,
    the_command_says_it_in_words,
);

/// The successful deployments before.
const PAST: usize = 10;

/// Records deployments of three steps: 60 s, 100 s and 40 s, give or take 6.
async fn before(server: &Server, component: &str) {
    let deployments = (0..PAST).map(|nth| {
        let testing = 60.0 + wobble(nth);
        let deploying = testing + 100.0 + wobble(nth + 1);
        format!("building@0 testing@{testing} deploying@{deploying} succeeded@{}", deploying + 40.0 + wobble(nth + 2))
    });
    History::of(component).record(server, deployments).await;
}

/// Records a deployment that began so many seconds ago; a status with `…` behind it is a span that goes on. Its id.
async fn running(server: &Server, component: &str, ago: u32, steps: &str) -> StepId {
    let start = Timestamp::from_micros(now().micros() - i64::from(ago) * 1_000_000).unwrap();
    let of = json!({"component": component, "version": StepId::generate().to_string(), "owner": "ann"});
    let read = |word: &str| {
        let is_open = word.ends_with('…');
        let mut step = step(start, word.trim_end_matches('…'), of.clone());
        if is_open {
            step["span"] = json!(true);
        }
        step
    };
    let steps: Vec<Value> = steps.split_whitespace().map(read).collect();
    assert_eq!(server.batch(&steps).await.recorded, steps.len() as u64);
    steps[0]["id"].as_str().unwrap().parse().unwrap()
}

async fn expected(server: &Server, id: StepId) -> Expected {
    serde_json::from_str(server.get(&format!("/v1/deployments/{id}/expected")).await.ok()).unwrap()
}

/// The time left is about so many seconds, with a range around it. Some time has passed since it was recorded.
#[track_caller]
fn about(expected: &Expected, seconds: f64) {
    let [low, median, high] = [expected.low_left, expected.median_left, expected.high_left]
        .map(|left| left.unwrap_or_else(|| panic!("it is not known: {expected:#?}")).seconds());
    assert!(low <= median && median <= high && low < high, "{expected:#?}");
    let late = expected.at.micros() - expected.expected_end.unwrap().micros();
    assert!((late as f64 / 1e6 + median).abs() < 0.01, "{expected:#?}");
    // What has passed since it was recorded is less by then.
    assert!((0.8 * seconds - 40.0..=1.25 * seconds + 5.0).contains(&median), "about {seconds}: {expected:#?}");
}

fn states(expected: &Expected) -> Vec<(String, StepState)> {
    expected.steps.iter().map(|step| (step.status.to_string(), step.state)).collect()
}

async fn it_is_told_at_every_moment(db: TestDb) {
    use StepState::{Done, Running, ToCome};
    let server = Server::start(&db).await;
    before(&server, "shop").await;
    let begun = running(&server, "shop", 0, "building@0").await;
    let told = expected(&server, begun).await;
    about(&told, 200.0);
    assert_eq!((told.past_deployments, told.is_longest, &told.reason), (PAST as u32, false, &None));
    let expected_states = [("building", Running), ("testing", ToCome), ("deploying", ToCome)];
    assert_eq!(states(&told), expected_states.map(|(status, state)| (status.to_owned(), state)));
    let [building, testing, deploying] = &told.steps[..] else { panic!("{told:#?}") };
    assert!(building.to <= testing.from && testing.to <= deploying.from, "{told:#?}");
    assert!((95.0..=105.0).contains(&testing.usual.unwrap().seconds()) && testing.usual_low < testing.usual_high);
    assert!(told.steps.iter().all(|step| step.past_deployments == PAST as u32 && !step.is_slow), "{told:#?}");

    about(&expected(&server, running(&server, "shop", 60, "building@0 testing@60").await).await, 140.0);
    about(&expected(&server, running(&server, "shop", 110, "building@0 testing@60").await).await, 90.0);
    let last = running(&server, "shop", 170, "building@0 testing@60 deploying@160").await;
    about(&expected(&server, last).await, 30.0);

    // It has been testing for ten minutes: it may go on about as long as it is late, and is never told to have ended.
    let late = running(&server, "shop", 660, "building@0 testing@60").await;
    let told = expected(&server, late).await;
    assert!(told.is_longest, "{told:#?}");
    assert_eq!(told.steps[0].state, Done);
    assert!(told.steps[1].is_slow && !told.steps[0].is_slow, "{told:#?}");
    let [low, high] = [told.low_left, told.high_left].map(|left| left.unwrap().seconds());
    assert!(low > 30.0 && high > 100.0, "{told:#?}");
    // What is still to come is due later.
    assert!(told.steps[2].from > Some(told.at), "{told:#?}");

    // What has ended has nothing left, and what is recorded counts at once.
    let of = json!({"component": "shop", "owner": "ann"});
    let start = Timestamp::from_micros(now().micros() - 1_000_000_000).unwrap();
    let steps = ["building@0", "succeeded@900"].map(|word| {
        let mut step = step(start, word, of.clone());
        step["version"] = json!("ended");
        step
    });
    assert_eq!(server.batch(&steps).await.recorded, 2);
    let ended = expected(&server, steps[0]["id"].as_str().unwrap().parse().unwrap()).await;
    assert_eq!((ended.median_left, ended.reason.as_deref()), (None, Some("it is not running")));
    let one_more = expected(&server, begun).await;
    assert_eq!(one_more.past_deployments, PAST as u32 + 1, "the one that ended has begun before");

    server.get(&format!("/v1/deployments/{}/expected", StepId::generate())).await.problem(404);
    server.get(&format!("/v1/deployments/{begun}/expected?format=csv")).await.problem(400);
}

async fn spans_beside_each_other_are_waited_for(db: TestDb) {
    let server = Server::start(&db).await;
    let deployments = (0..PAST).map(|nth| {
        let (unit, whole) = (30.0 + wobble(nth), 100.0 + wobble(nth + 1));
        format!("build@0+60 unit@60.2+{unit} whole@60.3+{whole} deploy@{}+40", 60.5 + whole)
    });
    History::of("shop").record(&server, deployments).await;
    // The longer one of the two is waited for, whether the other has ended or not.
    let both = running(&server, "shop", 80, "build@0+60 unit@60.2… whole@60.3…").await;
    let told = expected(&server, both).await;
    about(&told, 120.0);
    let one = running(&server, "shop", 110, "build@0+60 unit@60.2+30 whole@60.3…").await;
    about(&expected(&server, one).await, 90.0);
    // Where the shorter one hangs, it is the one that is waited for.
    let hangs = running(&server, "shop", 170, "build@0+60 unit@60.2… whole@60.3+100").await;
    let told = expected(&server, hangs).await;
    assert!(told.median_left.unwrap().seconds() > 40.0, "{told:#?}");
    assert!(told.steps[1].is_slow && !told.steps[2].is_slow, "{told:#?}");
    let build = running(&server, "shop", 30, "build@0…").await;
    let told = expected(&server, build).await;
    about(&told, 170.0);
    let [_, unit, whole, deploy] = &told.steps[..] else { panic!("{told:#?}") };
    let apart = unit.from.unwrap().micros().abs_diff(whole.from.unwrap().micros());
    assert!(apart < 5_000_000 && whole.to <= deploy.from, "they begin together: {told:#?}");
}

async fn a_step_that_comes_again_and_one_that_nobody_knows_take_longer(db: TestDb) {
    let server = Server::start(&db).await;
    before(&server, "shop").await;
    // The tests are run again after they have failed: they take their time again, and what follows is still to come.
    let again = running(&server, "shop", 160, "building@0 testing@60 testing@160").await;
    about(&expected(&server, again).await, 140.0);
    let all_again = running(&server, "shop", 160, "building@0 testing@60 building@160").await;
    about(&expected(&server, all_again).await, 200.0);
    // Nobody knows how long it takes; the rest comes after it.
    let unknown = running(&server, "shop", 80, "building@0 scanning@60").await;
    let told = expected(&server, unknown).await;
    assert!(told.median_left.unwrap().seconds() > 130.0, "{told:#?}");
    let scanning = &told.steps[1];
    assert_eq!((scanning.past_deployments, scanning.usual, scanning.is_slow), (0, None, false));
    // A step that is left out does not come any more.
    let without = running(&server, "shop", 60, "building@0 deploying@60").await;
    let told = expected(&server, without).await;
    about(&told, 40.0);
    assert!(!states(&told).iter().any(|(status, _)| status == "testing"), "{told:#?}");
}

async fn few_say_that_they_are_too_few(db: TestDb) {
    let server = Server::start(&db).await;
    let first = running(&server, "shop", 30, "building@0").await;
    let told = expected(&server, first).await;
    let reason = "there is no successful deployment before it; 5 are needed";
    assert_eq!((told.median_left, told.expected_end, told.reason.as_deref()), (None, None, Some(reason)));
    // Those that failed, and those in other environments, teach nothing.
    History::of("shop").record(&server, (0..4).map(|_| "building@0 succeeded@60")).await;
    History::of("shop").going_on_at(4).record(&server, (0..9).map(|_| "building@0 failed@60")).await;
    History::of("shop").to("staging").record(&server, (0..9).map(|_| "building@0 succeeded@60")).await;
    let told = expected(&server, first).await;
    assert_eq!((told.past_deployments, told.median_left), (4, None));
    assert_eq!(told.reason.as_deref(), Some("there are only 4 successful deployments before it; 5 are needed"));
    assert_eq!(told.steps[0].usual.unwrap().seconds(), 60.0);
    History::of("shop").going_on_at(20).record(&server, ["building@0 succeeded@62"]).await;
    let told = expected(&server, first).await;
    assert_eq!(told.past_deployments, 5);
    about(&told, 30.0);
}

async fn nobody_is_told_of_what_they_may_not_see(db: TestDb) {
    let server = Builder::on(&db.url()).args(&["--allow-anonymous"]).start().await;
    before(&server, "shop").await;
    before(&server, "bank").await;
    let id = running(&server, "shop", 10, "building@0").await;
    let path = format!("/v1/deployments/{id}/expected");
    let shop = Caller::limited(&server, &["shop"], &["production"]).await;
    let told: Expected = serde_json::from_str(shop.get(&path).await.ok()).unwrap();
    assert_eq!(told.past_deployments, PAST as u32);
    for (components, environments) in [(&["bank"][..], &[][..]), (&[], &["staging"])] {
        let other = Caller::limited(&server, components, environments).await;
        other.get(&path).await.problem(404);
    }
}

async fn the_command_says_it_in_words(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    before(&server, "shop").await;
    let id = running(&server, "shop", 60, "building@0 testing@60").await.to_string();
    let shown = cli.run(&["show", &id, "--format", "table", "--ascii"]).ok();
    for words in ["running", "%, about ", " left", "most likely ", " to ", "; by 10 deployments before"] {
        assert!(shown.contains(words), "{words}:\n{shown}");
    }
    let said = cli.run(&["show", "shop", "--left"]).ok();
    assert!(said.starts_with("about ") && said.contains(" left, most likely "), "{said}");
    assert!(said.ends_with("; by 10 deployments before\n") && said.lines().count() == 1, "{said}");
    let left: Expected = serde_json::from_str(&cli.run(&["show", &id, "--left", "--format", "json"]).ok()).unwrap();
    about(&left, 140.0);
    let document: Value = serde_json::from_str(&cli.run(&["show", &id, "--format", "json"]).ok()).unwrap();
    let within: Expected = serde_json::from_value(document["expected"].clone()).unwrap();
    assert_eq!((within.deployment_id.to_string(), within.past_deployments), (id.clone(), 10));
    assert_eq!(document["timeline"].as_array().unwrap().len(), 2);
    cli.run(&["show", &id, "--left", "--format", "csv"]).failed(2);

    let late = running(&server, "shop", 900, "building@0 testing@60").await.to_string();
    let said = cli.run(&["show", &late, "--left"]).ok();
    assert!(said.starts_with("longer than all before, about "), "{said}");
    let new = running(&server, "new", 5, "building@0").await.to_string();
    let said = cli.run(&["show", &new, "--left"]).ok();
    assert_eq!(said, "time left unknown: there is no successful deployment before it; 5 are needed\n");
    let shown = cli.run(&["show", &new, "--format", "table"]).ok();
    assert!(shown.contains("time left unknown"), "{shown}");
}
