//! `steps check`.

mod formats;
mod markdown;
mod plan;
mod report;

use clap::{ArgGroup, ValueEnum, value_parser};
use steps_shared::{
    Baseline, Budget, CheckAnswer, CheckQuery, CheckResult, Component, Duration, Environment, GrowthLimit, ListFormat,
    Percent, Status, StepFilter, Version,
};
use tokio::time::Instant;

use super::{nothing, setup};
use crate::client::{Client, block_on};
use crate::delivery::{Spool, deliver_first};
use crate::error::Error;
use crate::exit;
use crate::flags::{ConnectionFlags, TypedTime, ZoneFlags, check_safe};
use crate::settings::Key;
use crate::terminal;
use crate::terminal::canvas::Canvas;
use plan::QueryPlan;

/// The flags of `steps check`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    group = ArgGroup::new("limit").multiple(true).args(["max", "min", "baseline", "max_growth"]),
    after_help = "\
Examples:
  steps check --component checkout --version 4.2.0 --max 10m
  steps check --component checkout --baseline p95 --last 30 --margin 20%
  steps check --component checkout --step migrating --max-growth 5%/week
  steps check --max 10m --exclude-waiting   # an approval takes no time
  steps check                           # the rules of the nearest .steps.toml
  steps check --replay 90d              # how often they would have fired
  steps check --max 10m || [ $? -eq 5 ] too few deployments are no failure

The newest successful deployment is judged, or that of --version; failed, running and abandoned ones are not. Limits \
may be combined, and all are judged:
  max         No deployment may take longer.
  min         None may take less.
  baseline    None may take longer than what the percentile of the last 30
              (--last) successful ones before it lets expect of one more, and
              20% (--margin) more, because single runs differ; nor may the
              median of the last five, beside all medians of five before. What
              was over max is left out. At least ten are needed. With
              --both-ways none may take less than the percentile at the other
              end (p5 for p95), less the margin, either. What began more than
              90 days before it, or before --since, does not count. Less than
              --min-difference is no difference.
  max-growth  They may not grow faster in a week. Over is where they surely
              grow, and by more than that. It may be asked daily: the chance
              of ever firing without growth is at most 5%. A jump of the level
              counts as growth until --since is after it.

Without a limit, the rules of the nearest .steps.toml upwards are judged, or of the user's file where it has none:
  [[check]]
  component = \"checkout\"      # without it: the component that is set
  max = \"10m\"

  [[check]]
  component = \"checkout\"
  step = \"migrating\"
  baseline = \"p95\"
  last = 30
  margin = \"20%\"
  both_ways = true
  max_growth = \"5%/week\"
  since = \"2026-01-05\"
With --exclude-waiting, or exclude_waiting = true in a rule, what is judged is the duration less the time in which only \
waiting statuses were open, such as an approval. A step's own time stays as it is.

A rule without component or environment is of those that are set. With the flag --component only rules of that \
component are judged, and those that name none; so with --environment. With --step only rules of that step. --version \
is of every rule that is judged.

--format json is an array with one answer for each rule, and of one where limits are given by flags; csv has a row \
for each limit.

A replay always exits with 0. Use it to find limits that fire as often as is useful.

Steps that wait on this machine are delivered first.

Exit codes: 0 all within, 4 at least one is over, 5 none is over but there is not enough data to judge all of them, or \
steps of what is judged could not be delivered; and 1, 2 and 3 as of every command."
)]
pub struct Args {
    /// What is deployed; of rules, only those of it [env: STEPS_COMPONENT]
    #[arg(long, value_name = "NAME")]
    component: Option<Component>,
    /// Where to; of rules, only those of it [env: STEPS_ENVIRONMENT] [default: production]
    #[arg(long, value_name = "NAME")]
    environment: Option<Environment>,
    /// The newest successful deployment of this version, rather than of any; from this flag alone, no variable
    #[arg(long, value_name = "VERSION")]
    version: Option<Version>,
    /// This step in it, rather than the whole; of rules, only those of it
    #[arg(long, value_name = "STATUS")]
    step: Option<Status>,
    #[command(flatten)]
    limits: LimitFlags,
    /// Judge the time without that in which only waiting statuses were open
    #[arg(long)]
    exclude_waiting: bool,
    /// Only deployments before that began then or later: a date, a time, or a span before the one that is judged
    /// [default: 90d]
    #[arg(long, value_name = "TIME", help_heading = "Limits", requires = "limit")]
    since: Option<TypedTime>,
    #[command(flatten)]
    zone: ZoneFlags,
    /// Show how often the limits would have fired in so long a time until now, and exit with 0
    #[arg(long, value_name = "SPAN")]
    replay: Option<Duration>,
    /// How it is printed
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: CheckFormat,
    /// Of CSV: an apostrophe before each text that a spreadsheet would run as a formula
    #[arg(long)]
    safe: bool,
}

/// What a deployment may take.
#[derive(Debug, clap::Args)]
struct LimitFlags {
    /// No longer than this: 90s, 10m, 1h30m
    #[arg(long, value_name = "TIME", help_heading = "Limits")]
    max: Option<Duration>,
    /// No less than this
    #[arg(long, value_name = "TIME", help_heading = "Limits")]
    min: Option<Duration>,
    /// No longer than this percentile of those before, and the margin: p95, median
    #[arg(long, value_name = "PERCENTILE", help_heading = "Limits")]
    baseline: Option<Baseline>,
    /// How many of those before make the baseline, 10 to 1000 [default: 30]
    #[arg(
        long, value_name = "N", help_heading = "Limits", requires = "baseline",
        value_parser = value_parser!(u32).range(i64::from(Budget::MIN_BASELINE_WINDOW)..=i64::from(Budget::MAX_BASELINE_WINDOW))
    )]
    last: Option<u32>,
    /// How far above the baseline is still within [default: 20%]
    #[arg(long, value_name = "PERCENT", help_heading = "Limits", requires = "baseline")]
    margin: Option<Percent>,
    /// No less than the percentile at the other end and the margin, either: p5 for p95
    #[arg(long, help_heading = "Limits", requires = "baseline")]
    both_ways: bool,
    /// Growing no faster than this: 5%/week
    #[arg(long, value_name = "GROWTH", help_heading = "Limits")]
    max_growth: Option<GrowthLimit>,
    /// The smallest difference from a baseline that matters [default: a hundredth of a deployment]
    #[arg(long, value_name = "TIME", help_heading = "Limits", requires = "baseline")]
    min_difference: Option<Duration>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum CheckFormat {
    /// Sentences to read, in the log of a pipeline too
    #[default]
    Table,
    /// The same as Markdown, for summaries of jobs and comments on merge requests
    Markdown,
    /// An array of answers
    Json,
    /// A row for each limit
    Csv,
}

/// A query and its answer.
#[derive(Debug)]
struct Checked {
    query: CheckQuery,
    answer: CheckAnswer,
}

/// Judges deployments; returns the exit code.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<u8, Error> {
    let settings = setup::settings(connection)?.with_flags([(Key::Tz, args.zone.tz.clone())]);
    let (format, safe, replay) = (args.format, args.safe, args.replay.is_some());
    check_safe(safe, matches!(format, CheckFormat::Csv))?;
    let QueryPlan { queries, rules } = plan::plan(args, &settings)?;
    let client = setup::client(&settings)?;
    let spool = setup::spool(&settings)?;
    let mut checked = Vec::new();
    let mut waiting = 0;
    let asked = block_on(async {
        if let Some(spool) = &spool {
            waiting = deliver_waiting(spool, &client, &queries).await;
        }
        for query in queries {
            let answer = client.check(&query).await?;
            if answer.deployment.is_none() {
                let (component, environment) = (Some(query.component.clone()), Some(query.environment.clone()));
                let names = StepFilter { component, environment, status: query.step.clone(), ..StepFilter::default() };
                nothing::never_recorded(&client, &names).await.iter().for_each(terminal::note);
            }
            checked.push(Checked { query, answer });
        }
        Ok(())
    });
    let is_unknown = waiting > 0 && !replay;
    let asked = match asked {
        Err(error) if is_unknown => {
            terminal::report(error);
            Ok(())
        }
        asked => asked,
    };
    if checked.is_empty() {
        return asked.map(|()| if is_unknown { exit::NOT_ENOUGH_DATA } else { exit::DONE });
    }
    let unwritable = |error: &dyn std::fmt::Display| Error::Failed(format!("cannot write the answer: {error}"));
    let printed = match format {
        CheckFormat::Table => terminal::show(report::report(&checked, rules.as_deref(), Canvas::of_output(false))),
        CheckFormat::Markdown => terminal::show(markdown::report(&checked, rules.as_deref())),
        CheckFormat::Json => formats::json(&checked)
            .map_err(|error| unwritable(&error))
            .and_then(|document| terminal::print_data(&document, ListFormat::Json)),
        CheckFormat::Csv => formats::csv(&checked, replay, safe)
            .map_err(|error| unwritable(&error))
            .and_then(|rows| terminal::print_data(&rows, ListFormat::Csv)),
    };
    // The answers before a failure are printed all the same.
    asked?;
    match printed {
        // A reader that stops early does not change the exit code.
        Ok(()) | Err(Error::ClosedPipe) if is_unknown => Ok(exit::NOT_ENOUGH_DATA),
        Ok(()) | Err(Error::ClosedPipe) => Ok(exit_code(&checked, replay)),
        Err(error) => Err(error),
    }
}

/// Delivers what waits here, so that the deployment of this moment is judged. Returns how many steps of what is judged
/// wait on.
async fn deliver_waiting(spool: &Spool, client: &Client, queries: &[CheckQuery]) -> u64 {
    deliver_first(spool, client, Instant::now() + client.timeout()).await.iter().for_each(terminal::note);
    let is_judged = |component: &str, environment: &str| {
        queries.iter().any(|of| of.component.as_str() == component && of.environment.as_str() == environment)
    };
    let waiting = spool.count_of(is_judged).unwrap_or_else(|error| {
        terminal::note(format!("warning: the spool in {}: {error}", spool.folder().display()));
        1
    });
    if waiting > 0 {
        let steps = if waiting == 1 { "a step waits".to_owned() } else { format!("{waiting} steps wait") };
        terminal::note(format!("steps: {steps} here of what is judged, so that the answer is not known"));
    }
    waiting
}

/// The code of the worst result; of a replay always 0.
fn exit_code(checked: &[Checked], replay: bool) -> u8 {
    match checked.iter().map(|checked| checked.answer.result).max() {
        _ if replay => exit::DONE,
        Some(CheckResult::Over) => exit::OVER_BUDGET,
        Some(CheckResult::NotEnoughData) => exit::NOT_ENOUGH_DATA,
        Some(CheckResult::Within) | None => exit::DONE,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::commands::{Cli, Command};

    /// The flags as the command line gives them.
    pub(super) fn args(flags: &[&str]) -> Result<Args, clap::Error> {
        match Cli::try_parse_from(["steps", "check"].iter().chain(flags))?.command {
            Command::Check(args) => Ok(args),
            other => panic!("{other:?}"),
        }
    }

    /// An answer as the server gives it, with its query.
    pub(super) fn checked(parameters: &[(&str, &str)], answer: &str) -> Checked {
        let parameters = parameters.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let query = CheckQuery::from_parameters(parameters).unwrap();
        Checked { query, answer: serde_json::from_str(answer).unwrap() }
    }

    /// A step that is over one of two limits.
    pub(super) fn over() -> Checked {
        checked(
            &[("component", "checkout"), ("step", "migrating"), ("max", "5m"), ("baseline", "p95")],
            r#"{"component":"checkout","environment":"production","step":"migrating","result":"over","deployment":
            {"id":"0197a000-0000-7000-8000-000000000001","version":"4.12.0","owner":"ann",
            "started_at":"2026-10-02T09:30:00Z","duration_seconds":370},"budgets":[
            {"budget":"max","result":"over","reason":"6m10s is more than 5m00s"},
            {"budget":"baseline","result":"not enough data","reason":"7 deployments before it, of 10 that are needed"}],
            "replay":null}"#,
        )
    }

    /// A component without a successful deployment.
    pub(super) fn without_deployment() -> Checked {
        checked(
            &[("component", "api"), ("version", "1.0"), ("max", "1h")],
            r#"{"component":"api","environment":"staging","step":null,"result":"not enough data","deployment":null,
            "budgets":[{"budget":"max","result":"not enough data","reason":"nothing to judge"}],"replay":null}"#,
        )
    }

    #[test]
    fn the_exit_code_is_that_of_the_worst() {
        let code = |results: &[&str], replay| {
            let answer = |result: &&str| {
                let answer = format!(
                    r#"{{"component":"c","environment":"e","step":null,"result":"{result}","deployment":null,"budgets":[],
                    "replay":null}}"#
                );
                checked(&[("component", "c"), ("max", "1m")], &answer)
            };
            exit_code(&results.iter().map(answer).collect::<Vec<_>>(), replay)
        };
        assert_eq!(code(&["within", "within"], false), 0);
        assert_eq!(code(&["within", "not enough data"], false), 5);
        assert_eq!(code(&["not enough data", "over", "within"], false), 4);
        assert_eq!(code(&["over", "not enough data"], true), 0);
    }

    #[test]
    fn flags_that_are_of_a_limit_need_it() {
        assert!(args(&["--baseline", "p95", "--last", "50", "--margin", "10%", "--since", "2026-01-05"]).is_ok());
        assert!(args(&["--max", "10m", "--max-growth", "5%/week", "--since", "30d"]).is_ok());
        for wrong in [
            &["--max", "10m", "--last", "50"][..],
            &["--max", "10m", "--margin", "5%"],
            &["--max", "10m", "--both-ways"],
            &["--since", "30d"],
            &["--baseline", "p95", "--last", "9"],
            &["--max", "soon"],
        ] {
            assert!(args(wrong).is_err(), "{wrong:?}");
        }
    }
}
