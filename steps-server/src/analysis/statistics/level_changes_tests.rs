use super::*;

/// Numbers that look random, and are the same everywhere: SplitMix64 (Steele, Lea & Flood, 2014).
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Of the standard normal distribution, by Box and Muller.
    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.uniform()).ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// Seeds of each experiment.
const SEEDS: u64 = 200;

/// In how many of the seeds the changes of a series are as wanted: of `length` values, the level at each place with noise of 5 %.
fn count(length: usize, level: impl Fn(usize) -> f64, wanted: impl Fn(&[usize]) -> bool) -> usize {
    count_of(length, |noise, nth, _| level(nth) * (1.0 + 0.05 * noise.normal()), wanted)
}

/// The same of series whose values are made of noise, their place, and the value before.
fn count_of(length: usize, value: impl Fn(&mut Noise, usize, f64) -> f64, wanted: impl Fn(&[usize]) -> bool) -> usize {
    let holds = |seed: &u64| {
        let mut noise = Noise(seed * 7919 + 1);
        let mut values = vec![0.0; length];
        for nth in 0..length {
            values[nth] = value(&mut noise, nth, nth.checked_sub(1).map_or(0.0, |before| values[before]));
        }
        let places: Vec<usize> = level_changes(&values).iter().map(|change| change.at).collect();
        wanted(&places)
    };
    (0..SEEDS).filter(holds).count()
}

fn some(places: &[usize]) -> bool {
    !places.is_empty()
}

/// Whether the changes are near these places, and there are no others.
fn exactly<const N: usize>(expected: [usize; N]) -> impl Fn(&[usize]) -> bool {
    move |places| {
        places.len() == N && places.iter().zip(expected).all(|(place, expected)| place.abs_diff(expected) <= 2)
    }
}

#[test]
fn a_step_of_20_percent_in_noise_of_5_is_found_within_two_points() {
    let found =
        count(40, |nth| if nth < 20 { 360.0 } else { 432.0 }, |places| places.iter().any(|at| at.abs_diff(20) <= 2));
    assert!(found >= 198, "twenty on either side: {found} of {SEEDS}");
    let found = count(220, |nth| if nth < 200 { 360.0 } else { 432.0 }, exactly([200]));
    assert!(found >= 190, "the last twenty of many: {found} of {SEEDS}");
}

#[test]
fn noise_has_no_changes() {
    for length in [20, 40, 100, 200, 400] {
        let found = count(length, |_| 360.0, some);
        assert!(found <= 10, "{length} values: {found} of {SEEDS}");
    }
    let found = count_of(200, |noise, _, before| 0.4 * before + noise.normal(), some);
    assert!(found <= 10, "noise that wanders: {found} of {SEEDS}");
}

#[test]
fn values_that_alternate_between_two_levels_have_no_changes() {
    // What a cache hits, and what it misses: it is no normal noise, and may look like a change a little more often.
    for (length, share) in [(60, 0.3), (120, 0.15), (120, 0.3), (120, 0.5), (300, 0.3)] {
        let either = |noise: &mut Noise| if noise.uniform() < share { 180.0 } else { 300.0 };
        let found = count_of(length, |noise, _, _| either(noise) + 12.0 * noise.normal(), some);
        assert!(found <= 16, "{length} values, {share} of them low: {found} of {SEEDS}");
    }
}

#[test]
fn growth_is_no_jump() {
    let week = |nth: usize| nth as f64 / 200.0 * 13.0;
    let found = count(200, |nth| 360.0 + 15.0 * week(nth), some);
    assert!(found <= 10, "a line: {found} of {SEEDS}");
    let found = count(200, |nth| 360.0 * 1.15_f64.powf(week(nth)), some);
    assert!(found <= 10, "15 % more every week: {found} of {SEEDS}");
    let found = count(200, |nth| 360.0 + 7.0 * week(nth) + if nth < 120 { 0.0 } else { 90.0 }, exactly([120]));
    assert!(found >= 180, "a jump while it grows: {found} of {SEEDS}");
}

#[test]
fn several_changes_do_not_hide_each_other() {
    let found = count(160, |nth| if (60..100).contains(&nth) { 432.0 } else { 360.0 }, exactly([60, 100]));
    assert!(found >= 170, "up and down again: {found} of {SEEDS}");
    let found = count(160, |nth| 360.0 + 72.0 * (nth / 40) as f64, exactly([40, 80, 120]));
    assert!(found >= 160, "stairs: {found} of {SEEDS}");
}

#[test]
fn outliers_neither_make_nor_hide_a_change() {
    let outlier = |noise: &mut Noise| if noise.uniform() < 0.04 { 20.0 } else { 1.0 };
    let found = count_of(200, |noise, _, _| (360.0 + 18.0 * noise.normal()) * outlier(noise), some);
    assert!(found <= 10, "{found} of {SEEDS}");
    let level = |nth: usize| if nth < 100 { 360.0 } else { 432.0 };
    let found =
        count_of(200, |noise, nth, _| level(nth) * (1.0 + 0.05 * noise.normal()) * outlier(noise), exactly([100]));
    assert!(found >= 180, "{found} of {SEEDS}");
}

#[test]
fn few_and_equal_values() {
    assert_eq!(level_changes(&[]), []);
    assert_eq!(level_changes(&[1.0; 9]), []);
    assert_eq!(level_changes(&[5.0; 50]), []);
    let values: Vec<f64> = (0..40).map(|nth| if nth < 20 { 5.0 } else { 6.0 }).collect();
    assert_eq!(level_changes(&values), [ChangeIndex { at: 20, p_value: 0.0 }], "whole seconds without any noise");
}
