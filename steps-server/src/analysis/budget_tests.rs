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
    let budgets = Budgets::new(&series, budget, Lookback::new(None), Duration::default());
    budgets.replay(0).map(|(_, said)| said[0].result).collect()
}

#[test]
fn a_maximum_holds_for_every_deployment() {
    let series = series([59.0, 60.0, 61.5]);
    let budget = budget(Some(60.0), None, None);
    let budgets = Budgets::new(&series, &budget, Lookback::new(None), Duration::default());
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
    assert_eq!(after(&[3.0, 2410.0, 3600.0], &both), [Over, Within, Within]);
    assert_eq!(after(&[3640.0], &both), [Over]);
    assert_eq!(after(&[3.0], &budget(None, Some("p95"), None)), [Within]);
    assert_eq!(after(&[3.0; 20], &both), [Over; 20], "what took too little is in no later baseline");
    let series = series([&usual[..], &[3.0, 3001.0]].concat());
    let judged =
        |at: usize| Budgets::new(&series, &both, Lookback::new(None), Duration::default()).judge(at)[0].reason.clone();
    assert_eq!(judged(30), "3.0s is under 40m00s, 20% less than 50m01s, the p5 of the 30 before it");
    assert_eq!(
        judged(31),
        "50m01s is between 40m00s, 20% less than 50m01s, the p5, and 1h00m, 20% more than 50m28s, the p95 of the 30 before \
         it (one that was over is left out)"
    );
    let all = Budget { margin: "100%".parse().unwrap(), ..both.clone() };
    assert_eq!(after(&[0.0], &all), [Within], "a margin of all allows nothing at all");
}

#[test]
fn what_was_over_the_maximum_is_in_no_later_baseline() {
    let rising: Vec<f64> = (0..60).map(|nth| if nth < 20 { 100.0 } else { 119.0 }).collect();
    assert_eq!(results(&rising, &budget(None, Some("p100"), None))[20..], [Within; 40]);
    let series = series(rising);
    let both = budget(Some(110.0), Some("p100"), None);
    let budgets = Budgets::new(&series, &both, Lookback::new(None), Duration::default());
    assert_eq!(
        budgets.judge(59)[1].reason,
        "1m59s is within 2m00s, 20% more than 1m40s, the p100 of the 20 before it (39 that were over are left out)"
    );
}

#[test]
fn a_new_level_is_told_for_a_while_and_then_accepted() {
    let mut seconds = vec![100.0; 60];
    seconds.extend([150.0; 60]);
    let series = series(seconds);
    let budget = budget(None, Some("p95"), None);
    let budgets = |lookback| Budgets::new(&series, &budget, lookback, Duration::default());
    let all = budgets(Lookback::new(None));
    let over = (60..120).take_while(|at| all.judge(*at)[0].result == Over).count();
    assert!((5..15).contains(&over), "{over}");
    assert_eq!(all.over_in_a_row(59 + over), u32::try_from(over).unwrap());
    assert!((60 + over..120).all(|at| all.judge(at)[0].result == Within), "and from then on it is usual");
    let lately = all.judge(64)[0].reason.clone();
    assert!(
        lately.starts_with("the last 5 took 2m30s, their median, which is over 2m00s, 20% more than 1m40s"),
        "{lately}"
    );
    // At once, where it is said.
    let since = budgets(Lookback::From(series[60].started_at));
    assert_eq!((since.judge(62)[0].result, since.judge(70)[0].result), (NotEnoughData, Within));
}

#[test]
fn what_differs_by_less_than_matters_is_within() {
    let mut seconds = vec![0.002; 20];
    seconds.push(0.005);
    let series = series(seconds);
    let budget = budget(None, Some("p95"), None);
    let said = |least: f64| {
        let least = Duration::from_seconds(least).unwrap();
        Budgets::new(&series, &budget, Lookback::new(None), least).judge(20)[0].result
    };
    assert_eq!([said(0.0), said(0.01)], [Over, Within]);
}

#[test]
fn growth_is_judged_as_of_each_deployment() {
    // Three deployments a day that grow by 7 % of the first a week.
    let growing: Vec<f64> = (0..60).map(|nth| 100.0 + f64::from(nth) / 3.0).collect();
    let found = results(&growing, &budget(None, None, Some("5%/week")));
    let first = found.iter().position(|result| *result != NotEnoughData).unwrap();
    assert_eq!(first, 42, "two weeks after the first");
    assert_eq!(found[42..], [Over; 18]);
    assert!(results(&growing, &budget(None, None, Some("8%/week")))[42..].iter().all(|result| *result == Within));
    let series = series(growing);
    let limit = budget(None, None, Some("5%/week"));
    let said = &Budgets::new(&series, &limit, Lookback::new(None), Duration::default()).judge(59)[0];
    assert_eq!(said.reason, "+6.6% a week (6.5 to 6.7), over 5%/week");
}

#[test]
fn noise_does_not_grow() {
    let noise: Vec<f64> = (0..90).map(|nth| 100.0 + 20.0 * (f64::from(nth) * 0.618_034).fract()).collect();
    let series = series(noise);
    let limit = budget(None, None, Some("0%/week"));
    let said = &Budgets::new(&series, &limit, Lookback::new(None), Duration::default()).judge(89)[0];
    assert_eq!(said.result, Within);
    assert!(said.reason.contains("not significant (p = "), "{}", said.reason);
}

#[test]
fn of_nothing_nothing_is_said() {
    let budget = budget(Some(60.0), Some("p95"), Some("5%"));
    let budgets = Budgets::new(&[], &budget, Lookback::new(None), Duration::default());
    assert_eq!((budgets.judge(0), budgets.replay(0).count()), (Vec::new(), 0));
}
