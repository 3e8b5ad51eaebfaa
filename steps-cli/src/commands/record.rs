//! `steps record`.

use clap::ValueEnum;
use steps_shared::{Step, StepId};

use crate::args::Connection;
use crate::client::{Client, block_on};
use crate::error::Error;
use crate::flags::StreamFlags;
use crate::output;
use crate::settings::Sources;

/// The flags of `steps record`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  steps record --component checkout --version 4.2.0 --status building
  steps record --status succeeded              the rest from .steps.toml, the CI and git
  steps record --component checkout --version 4.1.9 --status failed --ts '2026-01-05 09:30:00'

Statuses such as succeeded, deployed and done, or failed, aborted and rolled_back, end a deployment."
)]
pub struct Args {
    #[command(flatten)]
    stream: StreamFlags,
    /// The phase that begins, such as building, or the end, such as succeeded
    #[arg(long, value_name = "STATUS")]
    status: String,
    /// When it began, if not now: 2026-01-05T09:30:00Z, or '2026-01-05 09:30:00' in UTC
    #[arg(long, value_name = "TIME")]
    ts: Option<String>,
    /// The step's own identity, a UUID; recording the same one again changes nothing [default: a new one]
    #[arg(long, value_name = "UUID")]
    id: Option<String>,
    /// Print nothing when it is recorded
    #[arg(long, short)]
    quiet: bool,
    /// How the recorded step is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// One line to read
    Text,
    /// The step as JSON, on one line
    Json,
}

/// Records a step.
pub fn run(args: Args, connection: &Connection) -> Result<(), Error> {
    let Args { stream, status, ts, id, quiet, format } = args;
    let sources = Sources::load()?;
    let client = Client::new(&sources, connection)?;
    let mut step = stream.find(&sources).new_step([("status", Some(status)), ("ts", ts), ("id", id)])?;
    // The identity is made here, so that sending the step again could not record it twice.
    step.id.get_or_insert_with(StepId::generate);

    let (now, step) = block_on(async { Ok(client.record(&step).await?) })?;
    match format {
        _ if quiet => Ok(()),
        Format::Text => output::print(sentence(now, &step)),
        Format::Json => {
            let json = serde_json::to_string(&step).map_err(|error| Error::Failed(error.to_string()))?;
            output::print(json + "\n")
        }
    }
}

fn sentence(now: bool, step: &Step) -> String {
    let Step { id, component, environment, version, owner, status, ts, run, .. } = step;
    let done = if now { "recorded" } else { "already recorded" };
    let run = run.as_ref().map_or_else(String::new, |run| format!(" run {run}"));
    format!("{done} {component} {version} {status} in {environment} by {owner}{run} at {ts} (id {id})\n")
}
