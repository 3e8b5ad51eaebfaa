//! `steps record`.

use clap::ValueEnum;
use steps_shared::{ListFormat, NewStep, Step, StepId};
use tokio::time::Instant;

use super::setup;
use crate::client::{Client, block_on};
use crate::clock::Now;
use crate::delivery::{Deadline, Recorded, Sender, keep};
use crate::error::Error;
use crate::flags::{ConnectionFlags, SpoolFlags, StreamFlags};
use crate::terminal;

/// The flags of `steps record`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  steps record --component checkout --version 4.2.0 --status building
  steps record --status succeeded  # the rest from .steps.toml, the CI and git
  steps record --component checkout --status failed --ts '2026-01-05 09:30:00'
  steps record --best-effort --status deploying  # in a hook that must not fail

Statuses such as succeeded, deployed and done, or failed, aborted and rolled_back, end a deployment.

When the server cannot be reached, fails or takes longer than --timeout, wants a token, has a limit reached, or something \
else answers in its place, the step is kept on this machine: a line on the \
standard error says so, and the exit code is 0. The next record or run, or steps flush, delivers it with its original \
time. After a failure the server is not asked again for 30 seconds."
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
    /// The step's id, a UUID; recording the same id again changes nothing [default: a new one]
    #[arg(long, value_name = "UUID")]
    id: Option<String>,
    #[command(flatten)]
    spool: SpoolFlags,
    /// Exit with 1 when the step is kept instead of recorded
    #[arg(long)]
    strict: bool,
    /// Exit with 0 whatever fails, and warn: for hooks whose failure aborts a deploy
    #[arg(long, conflicts_with = "strict")]
    best_effort: bool,
    /// Print nothing when it is recorded
    #[arg(long, short)]
    quiet: bool,
    /// How the recorded step is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: AnswerFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AnswerFormat {
    /// One line to read
    Text,
    /// The step as JSON, on one line
    Json,
}

/// Records a step.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let best_effort = args.best_effort;
    match record(args, connection) {
        Err(error) if best_effort => {
            terminal::note(format!("warning: this is not recorded: {error}"));
            Ok(())
        }
        recorded => recorded,
    }
}

fn record(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let Args { stream, status, ts, id, spool, strict, best_effort: _, quiet, format } = args;
    let (begun, now) = (Instant::now(), Now::read());
    let settings = setup::settings_to_record(connection)?.with_flags(spool.values()).with_flags(stream.values());
    let connection = setup::connection_to_record(&settings)?;
    let deadline = Deadline::new(begun, connection.timeout);
    let spool = setup::spool(&settings)?;
    let stream = settings.stream();
    let mut step = stream.new_step([("status", Some(status)), ("ts", ts), ("id", id)])?;
    // With an id of its own the step can be sent more than once, and is recorded once.
    step.id.get_or_insert_with(StepId::generate);

    if let Some(guess) = stream.guess().filter(|_| !quiet) {
        terminal::note(format!("steps: {guess}"));
    }
    let recorded = block_on(async {
        let sender = match Client::new(&connection) {
            Ok(client) => Sender::new(client, spool),
            Err(reason) => {
                return keep(spool.as_ref(), vec![step.clone()], &now, reason, deadline.end).await.map(Recorded::Kept);
            }
        };
        let recorded = sender.record(&step, &now, deadline).await?;
        if let Recorded::Sent { .. } = recorded {
            let lines = sender.deliver_waiting(deadline.end).await;
            lines.iter().for_each(terminal::note);
        }
        Ok(recorded)
    })?;
    match recorded {
        Recorded::Kept(reason) => {
            let NewStep { component, version, status, .. } = &step;
            let kept = format!("{component} {version} {status} is kept, and sent later: {reason}");
            if strict {
                return Err(Error::Failed(kept));
            }
            terminal::note(format!("steps: {kept}"));
            Ok(())
        }
        Recorded::Sent { .. } if quiet => Ok(()),
        Recorded::Sent { is_new, step } => match format {
            AnswerFormat::Text => terminal::say(sentence(is_new, &step)),
            AnswerFormat::Json => {
                let json = serde_json::to_string(&step).map_err(|error| Error::Failed(error.to_string()))?;
                terminal::print_data((json + "\n").as_bytes(), ListFormat::Json)
            }
        },
    }
}

fn sentence(is_new: bool, step: &Step) -> String {
    let Step { id, component, environment, version, owner, status, ts, run, .. } = step;
    let done = if is_new { "recorded" } else { "already recorded" };
    let run = run.as_ref().map_or_else(String::new, |run| format!(" run {run}"));
    format!("{done} {component} {version} {status} in {environment} by {owner}{run} at {ts} (id {id})")
}
