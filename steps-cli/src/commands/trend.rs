//! `steps trend`.

mod svg;

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, ValueHint};
use steps_shared::view::note;
use steps_shared::view::trend::{method, nothing, overview_note, sentences};
use steps_shared::view::trend_tables::{cause_note, cause_table, changes_table, overview};
use steps_shared::view::{Meaning, Table, Text};
use steps_shared::{
    Bound, Component, DEFAULT_LOOKBACK, DeploymentFilter, DeploymentOutcome, Duration, Environment, ListFormat,
    PeriodKind, Status, StepFilter, Trend, TrendAnswer, TrendQuery,
};

use super::{listing, nothing as why, setup};
use crate::client::{Client, block_on};
use crate::clock;
use crate::error::{Error, NEXT_SENTENCE};
use crate::flags::{ConnectionFlags, OutputFlags, TypedTime, ZoneFlags, check_bounds};
use crate::settings::Key;
use crate::terminal::canvas::{Canvas, Glyphs};
use crate::terminal::destination::Destination;
use crate::terminal::export::export;
use crate::terminal::painted::Painted;
use crate::terminal::table::lay_out;
use crate::terminal::{self, chart, text};

/// The flags of `steps trend`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    group = ArgGroup::new("one").args(["component", "component_flag"]),
    after_help = "\
Examples:
  steps trend           # each component, growing ones first
  steps trend checkout  # one: how fast, since when, which step
  steps trend checkout --step migrating --since 26w
  steps trend checkout --environment production --svg checkout.svg
  steps trend checkout --exclude-waiting
  steps trend --by sprint --sprint-start 2026-01-05 --sprint-length 14d
  steps trend --format xlsx --output trends.xlsx

Verdicts:
  growing, shrinking  growth is a part of what explains the durations, goes on,
                      and is at least --min-change a week
  jumped, dropped     the level changed at once, by 5% or more, and does not
                      grow
  steady              nothing of it, or what changed has stopped or is mended
  not enough data     fewer than ten deployments, or less than two weeks

One model explains the durations: their logarithms are a constant or a line, with up to four jumps, beside noise that may wander \
for days. Growth compounds, and is told with its 95% interval. More than 400 deployments are fitted as the medians of 400 groups of \
deployments that follow each other. What is less than --min-difference is not told. Of many components, those are told of which at \
most 5% may be so by chance.

A change of the level is told with the versions of which one began it, with a probability of 90%, and who deployed the likeliest.

The cause compares the mean of the first and the last fifth of the deployments (5 to 50, outliers left out), and of both sides of a \
jump, step by step: each instant counts for the step that holds the deployment up, of nested ones the innermost, for a waiting \
status such as approval only where nobody works, and as (gaps) where no step is open. (--step is of \
the step's own time, however much of it others took as well.)

Only successful deployments count; failed, abandoned and running ones do not. Weeks begin on Mondays, UTC, whatever --tz is: \
that is of --since and --until. \
Component, environment and step are read from flags only, not from STEPS_* variables or settings files."
)]
pub struct Args {
    /// Tell all of this component, with a chart
    #[arg(value_name = "COMPONENT")]
    component: Option<Component>,
    // Other subcommands have the flag.
    /// The same
    #[arg(long = "component", value_name = "NAME", hide = true, conflicts_with = "component")]
    component_flag: Option<Component>,
    /// Only in this environment
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    environment: Option<Environment>,
    /// Of this step rather than of whole deployments
    #[arg(long, value_name = "STATUS", help_heading = "Filters")]
    step: Option<Status>,
    /// Only what started then or later: 2026-01-05 09:30, yesterday, monday, last month, or a span
    /// back from now such as 12w [default: 90d]
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    since: Option<TypedTime>,
    /// Only what started then or earlier; a whole second or minute is included, a date alone is its midnight
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    until: Option<TypedTime>,
    #[command(flatten)]
    zone: ZoneFlags,
    /// Of the time without that in which only waiting statuses were open
    #[arg(long)]
    exclude_waiting: bool,
    /// Medians of these [default: week; sprint for one component]
    #[arg(long, value_name = "week|sprint", hide_possible_values = true, value_parser = period())]
    by: Option<PeriodKind>,
    /// When a sprint began [env: STEPS_SPRINT_START] [default: 2026-01-05]
    #[arg(long, value_name = "DATE")]
    sprint_start: Option<String>,
    /// How long each sprint is, such as 14d or 2w [env: STEPS_SPRINT_LENGTH] [default: 14d]
    #[arg(long, value_name = "SPAN")]
    sprint_length: Option<String>,
    /// The smallest growth in a week that matters [env: STEPS_MIN_CHANGE] [default: 1%]
    #[arg(long, value_name = "PERCENT")]
    min_change: Option<String>,
    /// The smallest difference that matters [default: a hundredth of a deployment, and the recorded resolution]
    #[arg(long, value_name = "TIME")]
    min_difference: Option<Duration>,
    /// Write the chart to this file as SVG, which appears when it is complete
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "one")]
    svg: Option<PathBuf>,
    /// Draw with ASCII characters only, as where the locale is not UTF-8
    #[arg(long)]
    ascii: bool,
    #[command(flatten)]
    output: OutputFlags,
}

/// So many environments of a component are told in full.
const MAX_WHOLE: usize = 2;

fn period() -> impl TypedValueParser<Value = PeriodKind> {
    PossibleValuesParser::new(["week", "sprint"]).try_map(|text| text.parse::<PeriodKind>())
}

/// Shows trends.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let Args { component, component_flag, environment, step, since, until, by, .. } = args;
    let component = component.or(component_flag);
    let Args { sprint_start, sprint_length, min_change, min_difference, svg, ascii, .. } = args;
    let Args { output: place, zone, exclude_waiting, .. } = args;
    let format = place.choose()?;
    let settings = setup::settings(connection)?.with_flags([
        (Key::SprintStart, sprint_start),
        (Key::SprintLength, sprint_length),
        (Key::MinChange, min_change),
        (Key::Tz, zone.tz),
    ]);
    let zone = settings.zone()?;
    let since = since.map(|since| since.bound("--since", zone)).transpose()?;
    let until = until.map(|until| until.bound("--until", zone)).transpose()?;
    check_bounds(since, until)?;
    let usual = if component.is_some() { PeriodKind::Sprint } else { PeriodKind::Week };
    let query = TrendQuery {
        component,
        environment,
        step,
        since,
        until,
        by: by.unwrap_or(usual),
        sprints: settings.sprints()?,
        min_change: settings.min_change()?,
        min_difference,
        exclude_waiting,
        format: Some(ListFormat::Json),
        safe: false,
    };
    let asked = asked(&query);
    let step = query.step.as_ref().map(|step| format!(" with the step {step}")).unwrap_or_default();
    let none = format!("no successful deployments{step}");
    let file = svg.map(SvgFile::open).transpose()?;
    let client = setup::client(&settings)?;
    block_on(async {
        let answer = match (&file, format) {
            (None, Some(_)) => None,
            _ => Some(listing::one::<TrendAnswer>(&client, client.trend(&query).await?).await?),
        };
        let written = file.zip(answer.as_ref()).map(|(file, answer)| file.write(answer, &query)).transpose()?;
        if let Some(format) = format {
            let destination = Destination::open(place.path())?;
            let response = client.trend(&TrendQuery { format: Some(format), safe: place.safe, ..query }).await?;
            if export(&client, response, format, destination).await?.is_empty() {
                explain(&client, &asked, &none).await?;
            }
        } else if let Some(answer) = answer {
            if answer.trends.is_empty() {
                explain(&client, &asked, &nothing(&answer, &query)).await?;
            } else {
                show(&answer, &query, Canvas::of_format(place.is_markdown(), ascii))?;
            }
        }
        if let Some(path) = written {
            terminal::note(format!("wrote {}", path.display()));
        }
        Ok(())
    })
}

/// The deployments that a trend is of.
fn asked(query: &TrendQuery) -> DeploymentFilter {
    let (component, environment) = (query.component.clone(), query.environment.clone());
    let now = clock::now();
    let since = query.since.unwrap_or(Bound::Ago(DEFAULT_LOOKBACK)).start(now).ok();
    let until = query.until.and_then(|until| until.end(now).ok());
    let base = StepFilter { component, environment, since, until, ..StepFilter::default() };
    DeploymentFilter { base, outcome: Some(DeploymentOutcome::Succeeded), ..DeploymentFilter::default() }
}

/// Tells why there is no trend.
///
/// # Errors
/// The component that was asked for was never recorded.
async fn explain(client: &Client, asked: &DeploymentFilter, sentence: &str) -> Result<(), Error> {
    let component = StepFilter { component: asked.base.component.clone(), ..StepFilter::default() };
    let unknown = why::never_recorded(client, &component).await;
    if !unknown.is_empty() {
        return Err(Error::Refused(unknown.join(NEXT_SENTENCE)));
    }
    terminal::note(sentence);
    why::explain(client, asked, true).await;
    Ok(())
}

fn show(answer: &TrendAnswer, query: &TrendQuery, canvas: Canvas) -> Result<(), Error> {
    if query.component.is_none() {
        let scale = if canvas.glyphs == Glyphs::Ascii { ", 1 the lowest, 8 the highest" } else { "" };
        let note = format!("{}{scale}; steps trend COMPONENT tells more", overview_note(answer, query));
        let table = lay_out(&overview(answer), canvas).ended();
        return terminal::show(table + Painted::lines(faint(note, canvas)));
    }
    let (whole, others) = whole(&answer.trends);
    let each = whole.iter().enumerate();
    // Two empty lines between trends, as one is between their parts.
    let each = each.map(|(at, trend)| {
        if at == 0 { one(answer, trend, canvas) } else { Painted::default().ended() + one(answer, trend, canvas) }
    });
    let mut blocks: Vec<Painted> = each.collect();
    if !others.is_empty() {
        let table = overview(&TrendAnswer { trends: others, ..answer.clone() });
        let note = faint("the other environments; --environment NAME tells all of one".to_owned(), canvas);
        blocks.push(Painted::default().ended() + lay_out(&table, canvas).ended() + Painted::lines(note));
    }
    terminal::show(Painted::paragraphs(blocks))
}

/// Which environments are told in full, and which only as rows: where there are many, production alone, else the most alarming
/// one, is told.
fn whole(trends: &[Trend]) -> (Vec<&Trend>, Vec<Trend>) {
    if trends.len() <= MAX_WHOLE {
        return (trends.iter().collect(), Vec::new());
    }
    let production = trends.iter().find(|trend| trend.environment == Environment::default());
    let Some(chosen) = production.or(trends.first()) else { return (Vec::new(), Vec::new()) };
    let others = trends.iter().filter(|trend| trend.environment != chosen.environment).cloned().collect();
    (vec![chosen], others)
}

fn faint(words: String, canvas: Canvas) -> Vec<Painted> {
    text::lines(&Text::new(words, Meaning::Faint), canvas)
}

/// All that is told of one trend: sentences, the method, the chart, the cause, the changes of the level.
fn one(answer: &TrendAnswer, trend: &Trend, canvas: Canvas) -> Painted {
    let mut blocks = vec![Painted::lines(text::lines(&sentences(answer, trend), canvas))];
    blocks.extend(method(trend).map(|method| Painted::lines(text::lines(&method, canvas))));
    if !canvas.is_markdown() {
        blocks.push(Painted::lines(chart::draw(answer, trend, canvas)));
    }
    blocks.push(Painted::lines(note::lines(trend).iter().flat_map(|line| text::lines(line, canvas))));
    let table = |table: Table| lay_out(&table, canvas);
    if let (Some(cause), Some(note)) = (cause_table(trend), cause_note(trend)) {
        let gap = if canvas.is_markdown() { Painted::default().ended() } else { Painted::default() };
        blocks.push(table(cause) + gap + Painted::lines(faint(note, canvas)));
    }
    blocks.extend(changes_table(trend).map(table));
    blocks.retain(|block| !block.is_empty());
    Painted::paragraphs(blocks)
}

/// The file of a chart.
struct SvgFile {
    path: PathBuf,
    place: Destination,
}

impl SvgFile {
    fn open(path: PathBuf) -> Result<Self, Error> {
        if path == Path::new("-") {
            return Err(Error::Usage("--svg needs the name of a file: the standard output is for the rest".to_owned()));
        }
        Ok(Self { place: Destination::open(Some(&path))?, path })
    }

    /// Writes the chart of the one trend of the answer, and returns the path of the file.
    fn write(mut self, answer: &TrendAnswer, query: &TrendQuery) -> Result<PathBuf, Error> {
        let component = query.component.as_ref().map(ToString::to_string).unwrap_or_default();
        let trend = match answer.trends.as_slice() {
            [] => return Err(Error::Refused(format!("there is no successful deployment of {component} to draw"))),
            [trend] => trend,
            several => {
                let names: Vec<_> = several.iter().map(|trend| trend.environment.as_str()).collect();
                return Err(Error::Usage(format!(
                    "--svg draws one chart, and {component} is deployed to {}: choose with --environment",
                    names.join(", ")
                )));
            }
        };
        let svg = svg::svg(answer, trend).map_err(|error| Error::Failed(format!("cannot draw the chart: {error}")))?;
        let Some(svg) = svg else {
            return Err(Error::Refused(format!("one deployment of {component} makes no chart")));
        };
        self.place.write(svg.as_bytes())?;
        self.place.finish()?;
        Ok(self.path)
    }
}
