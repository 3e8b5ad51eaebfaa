use super::super::series::tests::series;
use super::*;
use CheckResult::{NotEnoughData, Over, Within};

fn budget(max: Option<f64>, baseline: Option<&str>, max_growth: Option<&str>) -> Budget {
    Budget {
        max: max.map(|max| Duration::from_seconds(max).unwrap()),
        baseline: baseline.map(|baseline| baseline.parse().unwrap()),
        max_growth: max_growth.map(|growth| growth.parse().unwrap()),
        ..Budget::default()
    }
}

/// What the one limit of a budget says of each deployment.
fn results(seconds: &[f64], budget: &Budget) -> Vec<CheckResult> {
    let series = series(seconds.iter().copied());
    let budgets = Budgets::new(&series, budget, Lookback::new(None));
    budgets.replay(0).map(|(_, said)| said[0].result).collect()
}

#[test]
fn a_maximum_holds_for_every_deployment() {
    let series = series([59.0, 60.0, 61.5]);
    let budget = budget(Some(60.0), None, None);
    let budgets = Budgets::new(&series, &budget, Lookback::new(None));
    let said: Vec<_> = budgets.replay(0).map(|(_, said)| (said[0].result, said[0].reason.clone())).collect();
    assert_eq!(said[1], (Within, "1m00s is within 1m00s".to_owned()));
    assert_eq!(said[2], (Over, "1m02s is 1.5s over 1m00s".to_owned()));
    assert_eq!(budgets.judge(2), budgets.replay(2).next().unwrap().1);
    assert_eq!(budgets.judge(3), []);
}

#[test]
fn a_baseline_needs_ten_and_a_margin() {
    let after_ten = |next: f64| results(&[&[100.0; 10][..], &[next]].concat(), &budget(None, Some("p95"), None));
    assert_eq!(after_ten(120.0)[..10], [NotEnoughData; 10]);
    assert_eq!((after_ten(120.0)[10], after_ten(120.1)[10]), (Within, Over), "a fifth more is within the margin");
}

#[test]
fn a_minimum_and_both_ways_look_at_the_other_end() {
    let seconds = |seconds: f64| Duration::from_seconds(seconds).ok();
    let min = Budget { min: seconds(600.0), ..Budget::default() };
    assert_eq!(results(&[599.9, 600.0, 3060.0], &min), [Over, Within, Within]);
    let usual: Vec<f64> = (0..30).map(|nth| 3000.0 + f64::from(nth)).collect();
    let both = Budget { both_ways: true, ..budget(None, Some("p95"), None) };
    let after = |next: &[f64], budget: &Budget| results(&[&usual[..], next].concat(), budget)[30..].to_vec();
    // A deploy of 51 min took 3 s.
    assert_eq!(after(&[3.0, 2410.0, 3600.0, 3640.0], &both), [Over, Within, Within, Over]);
    assert_eq!(after(&[3.0], &budget(None, Some("p95"), None)), [Within]);
    assert_eq!(after(&[3.0; 20], &both), [Over; 20], "what took too little is in no later baseline");
    let series = series([&usual[..], &[3.0, 3001.0]].concat());
    let judged = |at: usize| Budgets::new(&series, &both, Lookback::new(None)).judge(at)[0].reason.clone();
    assert_eq!(judged(30), "3.0s is under 40m01s, 20% less than 50m01s, the p5 of the 30 before it");
    assert_eq!(
        judged(31),
        "50m01s is between 40m01s, 20% less than 50m01s, the p5, and 1h00m, 20% more than 50m28s, the p95 of the 30 before \
         it (one that was over is left out)"
    );
    let all = Budget { margin: "100%".parse().unwrap(), ..both.clone() };
    assert_eq!(after(&[0.0], &all), [Within], "a margin of all allows nothing at all");
}

#[test]
fn what_was_flagged_is_in_no_later_baseline() {
    // A level that has risen for good: without the flags the baseline would follow it after a few deployments.
    let mut seconds = vec![100.0; 30];
    seconds.extend([150.0; 30]);
    let found = results(&seconds, &budget(None, Some("p50"), None));
    assert_eq!(found[30..], [Over; 30]);
    // What is over the maximum is flagged as well.
    let rising: Vec<f64> = (0..60).map(|nth| if nth < 20 { 100.0 } else { 119.0 }).collect();
    assert_eq!(results(&rising, &budget(None, Some("p100"), None))[20..], [Within; 40]);
    let series = series(rising);
    let both = budget(Some(110.0), Some("p100"), None);
    let budgets = Budgets::new(&series, &both, Lookback::new(None));
    assert_eq!(
        budgets.judge(59)[1].reason,
        "1m59s is within 2m00s, 20% more than 1m40s, the p100 of the 20 before it (39 that were over are left out)"
    );
}

#[test]
fn a_new_level_is_accepted_from_a_moment_on_and_after_the_lookback() {
    let mut seconds = vec![100.0; 30];
    seconds.extend([150.0; 60]);
    let series = series(seconds);
    let budget = budget(None, Some("p95"), None);
    let said = |lookback| Budgets::new(&series, &budget, lookback).judge(80)[0].clone();
    assert_eq!(said(Lookback::new(None)).result, Over);
    assert_eq!(Budgets::new(&series, &budget, Lookback::new(None)).over_in_a_row(80), 51);
    assert_eq!(said(Lookback::From(series[30].started_at)).result, Within);
    // Three a day: after a week nothing of the old level counts any more.
    assert_eq!(said(Lookback::new(Some("7d".parse().unwrap()))).result, Within);
}

#[test]
fn growth_needs_two_of_the_last_three() {
    // Three deployments a day that grow by 7 % of the first a week.
    let growing: Vec<f64> = (0..60).map(|nth| 100.0 + f64::from(nth) / 3.0).collect();
    let found = results(&growing, &budget(None, None, Some("5%/week")));
    let first = found.iter().position(|result| *result != NotEnoughData).unwrap();
    assert_eq!(first, 42, "two weeks after the first");
    assert_eq!(found[42], Within, "as of one deployment alone it is no alarm");
    assert_eq!(found[43..], [Over; 17]);
    assert!(results(&growing, &budget(None, None, Some("8%/week")))[42..].iter().all(|result| *result == Within));
    let series = series(growing);
    let limit = budget(None, None, Some("5%/week"));
    let said = &Budgets::new(&series, &limit, Lookback::new(None)).judge(59)[0];
    assert_eq!(said.reason, "+7.0% a week (7.0 to 7.0); over 5%/week as of 3 of the last 3 deployments");
}

#[test]
fn noise_does_not_grow() {
    let noise: Vec<f64> = (0..90).map(|nth| 100.0 + 20.0 * (f64::from(nth) * 0.618_034).fract()).collect();
    let series = series(noise);
    let limit = budget(None, None, Some("0%/week"));
    let said = &Budgets::new(&series, &limit, Lookback::new(None)).judge(89)[0];
    assert_eq!(said.result, Within);
    assert!(said.reason.contains("not significant (p = "), "{}", said.reason);
}

#[test]
fn of_nothing_nothing_is_said() {
    let budget = budget(Some(60.0), Some("p95"), Some("5%"));
    let budgets = Budgets::new(&[], &budget, Lookback::new(None));
    assert_eq!((budgets.judge(0), budgets.replay(0).count()), (Vec::new(), 0));
}
