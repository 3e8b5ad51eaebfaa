//! A trend in words: the sentences, the method, titles and notes.

use super::text::{Meaning, Sign, Text};
use super::words::{self, date, deployments, p_value, signed_duration, signed_percent};
use crate::{
    Bound, Cause, CauseShare, Duration, Environment, Estimate, Growth, LevelChange, SinceChange, Status, StepPresence,
    Trend, TrendAnswer, TrendQuery, Verdict,
};

const DAY_MICROS: i64 = 86_400_000_000;

/// The most steps that are named because they are new or gone.
const MAX_NAMED: usize = 3;

/// From this share of the difference on, the sentence says that the other steps changed in the opposite direction.
const MIN_OPPOSITE_SHARE: f64 = 0.2;

/// The trend in sentences: verdict, cause, latest change of the level, and what came after it.
#[must_use]
pub fn sentences(answer: &TrendAnswer, trend: &Trend) -> Text {
    let mut text = Text::default();
    let are = if trend.step.is_some() { "is" } else { "are" };
    let from_to =
        format!(", from {} to {} since {}", trend.start_median, trend.now_median, date(trend.first_started_at));
    match (trend.verdict, &trend.growth) {
        (Verdict::Growing, Some(growth)) => {
            text.append(subject(answer, trend))
                .say(" ")
                .add(format!("grew {}", speed(growth)), Meaning::Bad)
                .say(from_to)
                .say(began(growth));
        }
        (Verdict::Shrinking, Some(growth)) => {
            text.append(subject(answer, trend))
                .say(" ")
                .add(format!("shrank {}", speed(growth)), Meaning::Good)
                .say(from_to)
                .say(began(growth));
        }
        (Verdict::Jumped | Verdict::Dropped, Some(growth)) => {
            let is_jump = trend.verdict == Verdict::Jumped;
            let (word, meaning) = if is_jump { ("jumped", Meaning::Bad) } else { ("dropped", Meaning::Good) };
            text.append(subject(answer, trend))
                .say(" ")
                .add(word, meaning)
                .say(from_to)
                .say(format!(", and {}", beside_jumps(answer, growth, trend)));
        }
        (Verdict::Steady, Some(growth)) => {
            match growth.stopped_at.filter(|_| growth.is_told && !trend.is_by_chance()) {
                Some(stopped) => {
                    let went = if growth.seconds_per_week.value < 0.0 { "shrank" } else { "grew" };
                    let (from, to) = (growth.fitted_start_seconds, growth.fitted_end_seconds);
                    let (from, to) = (words::duration(from), words::duration(to));
                    text.append(subject(answer, trend))
                        .say(format!(
                            " {went} {}, from {from} to {to}, until {}; since then they {are} ",
                            speed(growth),
                            date(stopped)
                        ))
                        .add("steady", Meaning::Strong)
                        .say(format!(" at about {}", trend.now_median));
                }
                None => {
                    text.append(subject(answer, trend)).say(format!(" {are} ")).add("steady", Meaning::Strong);
                    let why = why_steady(answer, trend, growth);
                    text.say(format!(" at about {}: {}, which is {why}", trend.now_median, signed_speed(growth)));
                }
            }
        }
        (Verdict::NotEnoughData, _) | (_, None) => {
            text.add("there is not enough data", Meaning::Strong).append(too_little(answer, trend));
            return text;
        }
    }
    if let Some(cause) = cause(trend) {
        text.say(format!("; {cause}"));
    }
    if trend.is_by_chance() {
        text.say(".");
        return text;
    }
    if let Some(change) = latest_change(trend) {
        text.say(format!("; {change}"));
    }
    text.say(".");
    match (trend.verdict, &trend.growth, &trend.since_change) {
        // A jump is no growth that goes on: what came after it says more than a rate of the whole.
        (_, _, Some(since)) => {
            text.say(format!(" {}", after_change(since)));
        }
        (Verdict::Growing | Verdict::Shrinking, Some(growth), None) => {
            text.say(format!(" That is {} a sprint ({}).", per_sprint(growth), answer.sprint_length));
        }
        _ => {}
    }
    text
}

/// Why growth that was measured is none that is told.
fn why_steady(answer: &TrendAnswer, trend: &Trend, growth: &Growth) -> String {
    let p = p_value(growth.p_value);
    let percent = growth.percent_per_week.map_or(f64::INFINITY, |percent| percent.value.abs());
    match growth.is_significant() {
        false => format!("not significant ({p})"),
        true if percent < answer.min_change_percent => {
            format!("significant ({p}), but less than the {}% that matters", answer.min_change_percent)
        }
        true if trend.is_by_chance() => {
            format!("significant by itself ({p}), but not among so many trends")
        }
        true => {
            let least = words::duration(trend.min_difference_seconds);
            format!("significant ({p}), but less than the {least} that matter")
        }
    }
}

/// When growth began.
fn began(growth: &Growth) -> String {
    growth.began_at.map_or_else(String::new, |began| format!("; it began about {}", date(began)))
}

/// How it goes on beside the changes of the level.
fn beside_jumps(answer: &TrendAnswer, growth: &Growth, trend: &Trend) -> String {
    let does = if trend.step.is_some() { "does" } else { "do" };
    match growth.stopped_at.filter(|_| growth.is_told) {
        Some(stopped) => format!("grew {} until {}", speed(growth), date(stopped)),
        None if growth.is_told => format!("what growth is beside that is {}", why_steady(answer, trend, growth)),
        None => format!("{does} not grow beside that: {}", signed_speed(growth)),
    }
}

/// By which method and from how much data the growth was computed, so that it can be checked.
#[must_use]
pub fn method(trend: &Trend) -> Option<Text> {
    let growth = trend.growth.as_ref()?;
    let Growth { p_value: p, fitted_points, .. } = growth;
    let fitted = match *fitted_points < trend.deployments {
        true => format!(", fitted as the medians of {fitted_points} groups that follow each other"),
        false => String::new(),
    };
    let count = deployments(trend.deployments);
    let q_value =
        trend.q_value.map(|q_value| format!(", {}", p_value(q_value).replacen('p', "q", 1))).unwrap_or_default();
    Some(Text::new(
        format!(
            "a line through logarithms beside changes of the level, compound, with its 95% interval where noise may wander; \
             {}{q_value}; {count}{fitted}",
            p_value(*p)
        ),
        Meaning::Faint,
    ))
}

/// `checkout → production: migrating`: the title of a chart.
#[must_use]
pub fn title(trend: &Trend) -> Text {
    let Trend { component, environment, step, .. } = trend;
    let step = step.as_ref().map(|step| format!(": {step}")).unwrap_or_default();
    let mut text = Text::new(component.to_string(), Meaning::Component);
    text.say(" ").sign(Sign::Arrow, Meaning::Plain).say(format!(" {environment}{step}"));
    text
}

/// `growing, +3.8% a week (2.9 to 4.7); 12 deployments from 2026-09-01 to 2026-10-15`: what stands below the title.
#[must_use]
pub fn summary(trend: &Trend) -> String {
    let growth = trend.growth.as_ref().and_then(|growth| growth.percent_per_week);
    let growth = growth.map_or_else(String::new, |share| {
        format!(", {} a week ({:.1} to {:.1})", signed_percent(share.value), share.low, share.high)
    });
    let (from, to) = (date(trend.first_started_at), date(trend.last_started_at));
    format!("{}{growth}; {} deployments from {from} to {to}", trend.verdict, trend.deployments)
}

/// What the overview is of: which deployments, since when, and what its medians are of.
#[must_use]
pub fn overview_note(answer: &TrendAnswer, query: &TrendQuery) -> String {
    let what = match &query.step {
        Some(step) => format!("the step {step} in successful deployments"),
        None if answer.exclude_waiting => "successful deployments without their waiting,".to_owned(),
        None => "successful deployments".to_owned(),
    };
    let until = answer.until.map(|until| format!(" until {}", date(until))).unwrap_or_default();
    let chance = match answer.trends.len() {
        ..2 => String::new(),
        _ => {
            format!("; of those told as changed at most {} are so by chance", words::share(answer.false_discovery_rate))
        }
    };
    format!("{what} since {}{until}{chance}; medians of {}s", since(answer, query), answer.by)
}

/// That there is no trend to show.
#[must_use]
pub fn nothing(answer: &TrendAnswer, query: &TrendQuery) -> String {
    let step = query.step.as_ref().map(|step| format!(" with the step {step}")).unwrap_or_default();
    let of = query.component.as_ref().map(|component| format!(" of {component}")).unwrap_or_default();
    format!("no successful deployments{of}{step} since {}", since(answer, query))
}

/// The day from which on deployments were asked for; with its time where a moment within a day (UTC) was given.
fn since(answer: &TrendAnswer, query: &TrendQuery) -> String {
    match query.since {
        Some(Bound::At(_)) if answer.since.micros() % DAY_MICROS != 0 => {
            format!("{} UTC", answer.since.to_seconds_text())
        }
        _ => date(answer.since),
    }
}

/// `deploys of checkout to staging, without waiting,`.
fn subject(answer: &TrendAnswer, trend: &Trend) -> Text {
    let Trend { component, environment, step, .. } = trend;
    let mut text = Text::default();
    if let Some(step) = step {
        text.say(format!("`{step}` in "));
    }
    text.say("deploys of ").add(component.to_string(), Meaning::Component);
    if *environment != Environment::default() {
        text.say(format!(" to {environment}"));
    }
    if answer.exclude_waiting && step.is_none() {
        text.say(", without waiting,");
    }
    text
}

/// `3.8% a week (2.9 to 4.7)`: a growth or a shrinking without its sign.
fn speed(growth: &Growth) -> String {
    let unsigned = |estimate: Estimate| {
        let Estimate { value, low, high } = estimate;
        if value < 0.0 { Estimate { value: -value, low: -high, high: -low } } else { estimate }
    };
    match growth.percent_per_week.map(unsigned) {
        Some(Estimate { value, low, high }) => format!("{value:.1}% a week ({low:.1} to {high:.1})"),
        None => {
            let Estimate { value, low, high } = unsigned(growth.seconds_per_week);
            let value = words::duration(value);
            format!("{value} a week ({} to {})", signed_duration(low, ""), signed_duration(high, ""))
        }
    }
}

/// `+0.2% a week (-0.3 to 0.7)`.
fn signed_speed(growth: &Growth) -> String {
    match growth.percent_per_week {
        Some(Estimate { value, low, high }) => {
            format!("{} a week ({low:.1} to {high:.1})", signed_percent(value))
        }
        None => {
            let Estimate { value, low, high } = growth.seconds_per_week;
            let value = signed_duration(value, "+");
            format!("{value} a week ({} to {})", signed_duration(low, ""), signed_duration(high, ""))
        }
    }
}

fn per_sprint(growth: &Growth) -> String {
    let seconds = words::duration(growth.seconds_per_sprint.value.abs());
    match growth.percent_per_sprint {
        Some(percent) => format!("{:.1}% or {seconds}", percent.value.abs()),
        None => seconds,
    }
}

/// What contributes most, and which steps are new or gone.
fn cause(trend: &Trend) -> Option<String> {
    let main = trend.main_cause();
    let mut texts = Vec::new();
    if let Some((part, share)) = main.and_then(|part| Some((part, part.share?))) {
        // A smaller difference of the others is rather noise.
        let others = match trend.verdict {
            _ if share < 1.0 + MIN_OPPOSITE_SHARE => "",
            Verdict::Shrinking => ", while others got slower",
            _ => ", while others got faster",
        };
        let much = share_of(share);
        let presence = match part.change {
            Some(StepPresence::Appeared) => ", which is new",
            Some(StepPresence::Vanished) => ", which is gone",
            None => "",
        };
        let between = match (part.share_low, part.share_high) {
            (Some(low), Some(high)) if high - low >= 0.02 => {
                format!(" ({} to {})", words::share(low.max(0.0)), words::share(high))
            }
            _ => String::new(),
        };
        let was = match &part.replaces[..] {
            [] => String::new(),
            replaced => {
                let names: Vec<String> = replaced.iter().map(|step| format!("`{step}`")).collect();
                format!(", which was {}", names.join(" and "))
            }
        };
        texts.push(format!("{much}{between} of it is {}{was}{presence}{others}", step_name(part)));
    }
    let Cause { parts, .. } = trend.cause.as_ref()?;
    let others = |part: &&CauseShare| main.is_none_or(|main| main.step != part.step);
    for (change, is) in [(StepPresence::Appeared, "new"), (StepPresence::Vanished, "gone")] {
        let named = parts.iter().filter(others).filter(|part| part.change == Some(change) && part.step.is_some());
        let named: Vec<_> = named.map(step_name).collect();
        texts.extend(match named.len() {
            0 => None,
            1 => Some(format!("{} is {is}", named.concat())),
            2..=MAX_NAMED => Some(format!("{} are {is}", named.join(", "))),
            many => Some(format!("{} and {} more are {is}", named[..MAX_NAMED].join(", "), many - MAX_NAMED)),
        });
    }
    (!texts.is_empty()).then(|| texts.join("; "))
}

fn step_name(part: &CauseShare) -> String {
    quoted(part.step.as_ref(), part.waiting)
}

/// A step in a sentence, or what the time without one is called.
pub(super) fn quoted(step: Option<&Status>, waiting: bool) -> String {
    let waiting = if waiting { "waiting in " } else { "" };
    step.map_or_else(|| "gaps, with no step open".to_owned(), |step| format!("{waiting}`{step}`"))
}

/// The latest change of the level: at one version where that is sure, else within a range of them. People are named as those who
/// deployed.
fn latest_change(trend: &Trend) -> Option<String> {
    let change = trend.change_points.last()?;
    let LevelChange { version, owner, started_at, before, after, range, cause, .. } = change;
    let last = if trend.change_points.len() > 1 { "last " } else { "" };
    let beside = trend.note_beside(change).map(|(_, note)| format!(", beside the note \"{}\"", note.text));
    let beside = beside.unwrap_or_default();
    let went = if after >= before { "jumped" } else { "dropped" };
    let when = date(*started_at);
    let most = cause.as_ref().and_then(|cause| cause.parts.first());
    let cause = most.and_then(|part| Some(format!("; {} of that is {}", share_of(part.share?), step_name(part))));
    let cause = cause.unwrap_or_default();
    let levels = format!("(from {before} to {after})");
    Some(match range.as_ref().filter(|range| range.deployments > 1) {
        None => format!(
            "the level {last}{went} at version {version}, deployed by {owner}, on {when}{beside} {levels}{cause}"
        ),
        Some(range) => format!(
            "the level {last}{went} {levels} with one of the {} deployments from version {} on {} to {} on {}, most probably {version}, \
             deployed by {owner}{beside}{cause}",
            range.deployments,
            range.first_version,
            date(range.first_started_at),
            range.last_version,
            date(range.last_started_at)
        ),
    })
}

/// How much a share from 0 on is: all of it, or so many percent.
pub(super) fn share_of(share: f64) -> String {
    match share {
        ..0.95 => words::share(share),
        0.95..1.0 => "nearly all".to_owned(),
        _ => "all".to_owned(),
    }
}

/// The verdict of the deployments since the last change.
fn after_change(since: &SinceChange) -> String {
    let SinceChange { deployments: count, verdict, growth } = since;
    let of = deployments(*count);
    match (verdict, growth) {
        (Verdict::Growing, Some(growth)) => format!("Since then, in {of}, it has grown {}.", speed(growth)),
        (Verdict::Shrinking, Some(growth)) => format!("Since then, in {of}, it has shrunk {}.", speed(growth)),
        (Verdict::Steady | Verdict::Jumped | Verdict::Dropped, None) => format!("Since then, in {of}, it is steady."),
        (_, Some(growth)) => format!("Since then, in {of}, it is steady: {}.", signed_speed(growth)),
        (Verdict::NotEnoughData, _) | (_, None) => format!("Since then there is too little to tell a trend: {of}."),
    }
}

/// How much data there is, and how much is needed.
fn too_little(answer: &TrendAnswer, trend: &Trend) -> Text {
    let span = Duration::between(trend.first_started_at, trend.last_started_at).unwrap_or_default();
    let over = match span.micros() / 86_400_000_000 {
        _ if trend.deployments <= 1 => String::new(),
        0 => " within a day".to_owned(),
        1 => " over one day".to_owned(),
        days => format!(" over {days} days"),
    };
    let mut text = Text::from(" to tell how ");
    text.append(subject(answer, trend)).say(format!(
        " grow{}: {}{over} (median {}); ten over two weeks are needed.",
        if trend.step.is_some() { "s" } else { "" },
        deployments(trend.deployments),
        trend.now_median
    ));
    text
}

#[cfg(test)]
#[path = "trend_tests.rs"]
mod tests;
