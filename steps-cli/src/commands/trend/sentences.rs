//! What is to be said of a trend. Pure.

use steps_shared::{
    Cause, CauseShare, Duration, Environment, Estimate, Growth, LevelChange, SinceChange, StepPresence, Timestamp,
    Trend, TrendAnswer, Verdict,
};

use crate::output::canvas::Glyphs;
use crate::output::grouped;
use crate::output::paint::Look;
use crate::output::prose::Prose;

/// The most steps that are named because they are new or gone.
const MOST_NAMED: usize = 3;

/// From this share of the difference on it is told that the other steps went the other way.
const OTHERS: f64 = 0.2;

/// The trend in sentences.
pub fn sentences(answer: &TrendAnswer, trend: &Trend) -> Prose {
    let mut prose = Prose::default();
    let what = subject(trend);
    let are = if trend.step.is_some() { "is" } else { "are" };
    let from_to =
        format!(", from {} to {} since {}", trend.start_median, trend.now_median, date(trend.first_started_at));
    match (trend.verdict, &trend.growth) {
        (Verdict::Growing, Some(growth)) => {
            prose.say(&format!("{what} ")).add(&format!("grew {}", speed(growth)), Look::Bad).say(&from_to);
        }
        (Verdict::Shrinking, Some(growth)) => {
            prose.say(&format!("{what} ")).add(&format!("shrank {}", speed(growth)), Look::Good).say(&from_to);
        }
        (Verdict::Steady, Some(growth)) => {
            let why = if !growth.is_significant() {
                format!("not significant ({})", p_value(growth.p_value))
            } else {
                format!(
                    "significant ({}), but less than the {}% that matters",
                    p_value(growth.p_value),
                    answer.min_change_percent
                )
            };
            prose.say(&format!("{what} {are} ")).add("steady", Look::Bold);
            prose.say(&format!(" at about {}: {}, which is {why}", trend.now_median, signed_speed(growth)));
        }
        (Verdict::NotEnoughData, _) | (_, None) => {
            prose.add("there is not enough data", Look::Bold).say(&too_little(trend));
            return prose;
        }
    }
    if let Some(text) = cause(trend) {
        prose.say(&format!("; {text}"));
    }
    if let Some(text) = jump(&trend.change_points) {
        prose.say(&format!("; {text}"));
    }
    prose.say(".");
    match (trend.verdict, &trend.growth, &trend.since_change) {
        // A jump is no growth that goes on: what came after it says more than a rate of the whole.
        (_, _, Some(since)) => {
            prose.say(&format!(" {}", after_change(since)));
        }
        (Verdict::Growing | Verdict::Shrinking, Some(growth), None) => {
            prose.say(&format!(" That is {} a sprint ({}).", per_sprint(growth), answer.sprint_length));
        }
        _ => {}
    }
    prose
}

/// How that was found out, so that it can be checked.
pub fn method(trend: &Trend, glyphs: Glyphs) -> Option<String> {
    let growth = trend.growth.as_ref()?;
    let Growth { fitted_start_seconds, p_value: p, tau, fitted_points, .. } = growth;
    let fitted = match *fitted_points < trend.deployments {
        true => format!(", fitted as the medians of {fitted_points} groups that follow each other"),
        false => String::new(),
    };
    let of =
        growth.percent_per_week.map(|_| format!(" (percent of the fitted start, {})", length(*fitted_start_seconds)));
    Some(format!(
        "Theil{}Sen slope with its 95% confidence interval{}; Mann{}Kendall {}, tau = {tau:.2}; {}{fitted}",
        glyphs.pick("–", "-"),
        of.unwrap_or_default(),
        glyphs.pick("–", "-"),
        p_value(*p),
        deployments(trend.deployments),
    ))
}

/// `deploys of checkout to staging`.
fn subject(trend: &Trend) -> String {
    let Trend { component, environment, step, .. } = trend;
    let place = if *environment == Environment::default() { String::new() } else { format!(" to {environment}") };
    match step {
        Some(step) => format!("`{step}` in deploys of {component}{place}"),
        None => format!("deploys of {component}{place}"),
    }
}

/// `3.8% a week (2.9 to 4.7)`: of a growth or a shrinking, without its sign.
fn speed(growth: &Growth) -> String {
    let towards = |estimate: Estimate| {
        let Estimate { value, low, high } = estimate;
        if value < 0.0 { Estimate { value: -value, low: -high, high: -low } } else { estimate }
    };
    match growth.percent_per_week.map(towards) {
        Some(Estimate { value, low, high }) => format!("{value:.1}% a week ({low:.1} to {high:.1})"),
        None => {
            let Estimate { value, low, high } = towards(growth.seconds_per_week);
            format!("{} a week ({} to {})", length(value), signed(low, ""), signed(high, ""))
        }
    }
}

/// `+0.2% a week (-0.3 to 0.7)`.
fn signed_speed(growth: &Growth) -> String {
    match growth.percent_per_week {
        Some(Estimate { value, low, high }) => format!("{} a week ({low:.1} to {high:.1})", percent(value)),
        None => {
            let Estimate { value, low, high } = growth.seconds_per_week;
            format!("{} a week ({} to {})", signed(value, "+"), signed(low, ""), signed(high, ""))
        }
    }
}

fn per_sprint(growth: &Growth) -> String {
    let more = length(growth.seconds_per_sprint.value.abs());
    match growth.percent_per_sprint {
        Some(percent) => format!("{:.1}% or {more}", percent.value.abs()),
        None => more,
    }
}

/// What contributes most, and which steps are new or gone.
fn cause(trend: &Trend) -> Option<String> {
    let main = trend.main_cause();
    let mut texts = Vec::new();
    if let Some((part, share)) = main.and_then(|part| Some((part, part.share?))) {
        // Others that differ by less are rather noise.
        let others = match trend.verdict {
            _ if share < 1.0 + OTHERS => "",
            Verdict::Shrinking => ", while others got slower",
            _ => ", while others got faster",
        };
        let much = match share {
            ..0.95 => format!("{:.0}%", share * 100.0),
            0.95..1.0 => "nearly all".to_owned(),
            _ => "all".to_owned(),
        };
        let news = match part.change {
            Some(StepPresence::Appeared) => ", which is new",
            Some(StepPresence::Vanished) => ", which is gone",
            None => "",
        };
        texts.push(format!("{much} of it is {}{news}{others}", part_name(part)));
    }
    let Cause { parts, .. } = trend.cause.as_ref()?;
    let told = |part: &&CauseShare| main.is_none_or(|main| main.step != part.step);
    for (change, is) in [(StepPresence::Appeared, "new"), (StepPresence::Vanished, "gone")] {
        let named = parts.iter().filter(told).filter(|part| part.change == Some(change) && part.step.is_some());
        let named: Vec<_> = named.map(part_name).collect();
        texts.extend(match named.len() {
            0 => None,
            1 => Some(format!("{} is {is}", named.concat())),
            2..=MOST_NAMED => Some(format!("{} are {is}", named.join(", "))),
            many => Some(format!("{} and {} more are {is}", named[..MOST_NAMED].join(", "), many - MOST_NAMED)),
        });
    }
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// The step, or what it is where there is none.
fn part_name(part: &CauseShare) -> String {
    part.step.as_ref().map_or_else(|| "waiting, with no step open".to_owned(), |step| format!("`{step}`"))
}

/// The latest change of the level.
fn jump(changes: &[LevelChange]) -> Option<String> {
    let LevelChange { version, owner, started_at, before, after, .. } = changes.last()?;
    let last = if changes.len() > 1 { "last " } else { "" };
    let went = if after >= before { "jumped" } else { "dropped" };
    let when = date(*started_at);
    Some(format!(
        "the level {last}{went} at version {version}, recorded by {owner}, on {when} (from {before} to {after})"
    ))
}

/// What is to be thought of the deployments since the last change.
fn after_change(since: &SinceChange) -> String {
    let SinceChange { deployments: many, verdict, growth } = since;
    let of = deployments(*many);
    match (verdict, growth) {
        (Verdict::Growing, Some(growth)) => format!("Since then, in {of}, it has grown {}.", speed(growth)),
        (Verdict::Shrinking, Some(growth)) => format!("Since then, in {of}, it has shrunk {}.", speed(growth)),
        (Verdict::Steady, Some(growth)) => format!("Since then, in {of}, it is steady: {}.", signed_speed(growth)),
        (Verdict::NotEnoughData, _) | (_, None) => format!("Since then there is too little to tell a trend: {of}."),
    }
}

/// How much there is, and how much is needed.
fn too_little(trend: &Trend) -> String {
    let span = Duration::between(trend.first_started_at, trend.last_started_at).unwrap_or_default();
    let over = match span.micros() / 86_400_000_000 {
        _ if trend.deployments <= 1 => String::new(),
        0 => " within a day".to_owned(),
        1 => " over one day".to_owned(),
        days => format!(" over {days} days"),
    };
    format!(
        " to tell how {} grow{}: {}{over} (median {}); ten over two weeks are needed.",
        subject(trend),
        if trend.step.is_some() { "s" } else { "" },
        deployments(trend.deployments),
        trend.now_median
    )
}

fn deployments(count: u32) -> String {
    let noun = if count == 1 { "deployment" } else { "deployments" };
    format!("{} {noun}", grouped(count.into()))
}

/// The day, UTC.
pub fn date(moment: Timestamp) -> String {
    let mut text = moment.to_seconds_text();
    text.truncate(10);
    text
}

/// Seconds as people write them; what is below zero is not a length.
pub fn length(seconds: f64) -> String {
    Duration::from_seconds(seconds.max(0.0)).unwrap_or_default().to_string()
}

/// Seconds with their sign: `-12.0s`, and `plus` before what is not below zero.
pub fn signed(seconds: f64, plus: &str) -> String {
    // What is written as nothing has no sign.
    if seconds.abs() < 0.005 {
        return length(0.0);
    }
    format!("{}{}", if seconds < 0.0 { "-" } else { plus }, length(seconds.abs()))
}

/// `+3.8%`.
pub fn percent(value: f64) -> String {
    // -0.04 would be -0.0.
    let value = if value.abs() < 0.05 { 0.0 } else { value };
    format!("{value:+.1}%")
}

fn p_value(p: f64) -> String {
    match p {
        ..0.001 => "p < 0.001".to_owned(),
        ..0.1 => format!("p = {p:.3}"),
        _ => format!("p = {p:.2}"),
    }
}

#[cfg(test)]
#[path = "sentences_tests.rs"]
mod tests;
