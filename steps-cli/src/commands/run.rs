//! `steps run`.

mod child;
mod plan;
mod recording;
mod signals;

use std::ffi::OsString;
use std::time::{Duration, Instant};

use clap::ValueHint;
use tokio::time::{Instant as Deadline, timeout_at};

use crate::client::block_on;
use crate::error::Error;
use crate::exit;
use crate::flags::{ConnectionFlags, SpoolFlags, StreamFlags};
use crate::terminal;
use child::{Child, become_command, exit_code, report_start_error};
use plan::{Plan, RecordingPlan};
use recording::{CommandEnd, CommandSteps, KeptBecause, Recording, StartedRecording};
use signals::{Signals, forward, is_of_child};

/// The flags of `steps run`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    override_usage = "steps run [OPTIONS] --status <STATUS> -- <CMD>...\n       \
                      steps run [OPTIONS] --deployment -- <CMD>...",
    after_help = "\
Examples:
  steps run --component checkout --version 4.2.0 --status migrating -- ./migrate.sh --all
  steps run --status testing -- make test            the rest from .steps.toml, the CI and git
  steps run --component checkout --version 4.2.0 --deployment -- ./deploy.sh

CMD has the standard input, output, error and terminal of 'steps run', and gets the signals that are sent to it. It has \
the variables STEPS_COMPONENT, STEPS_VERSION, STEPS_OWNER, STEPS_ENVIRONMENT, STEPS_RUN, STEPS_ATTEMPT and STEPS_SERVER, \
so that 'steps record' and 'steps run' in it need no flags but --status. Steps that run at the same time may overlap.

A deployment has a run of its own: where none is given, and no CI system tells one, it is made. 'steps run --deployment' \
within another of the same component, version, environment and run is a step of that one.

The exit code is that of CMD: 128 and the number of the signal that killed it, 127 when there is no such command, 126 when \
it cannot be run. Only wrong flags keep CMD from being started; they are reported with exit code 2. Where a setting is \
wrong or missing, so that nothing can be recorded, a warning says so.

A slow or missing server changes neither the exit code nor the start of CMD. It delays the end by --timeout at most, and a \
warning goes to the standard error. That also holds when CMD is told to stop by a signal; a second signal, a second \
later, ends the waiting. Steps that cannot be delivered are kept on this machine. The next record or run, or steps flush, \
delivers them."
)]
pub struct Args {
    #[command(flatten)]
    stream: StreamFlags,
    /// The phase that CMD is, such as migrating
    #[arg(long, value_name = "STATUS", required_unless_present = "deployment", conflicts_with = "deployment")]
    status: Option<String>,
    /// CMD is the whole deployment: record started before it, and succeeded or failed after it
    #[arg(long)]
    deployment: bool,
    #[command(flatten)]
    spool: SpoolFlags,
    /// Do not start CMD when it cannot be recorded; exit with 1 when it succeeded, but its recording did not reach the server
    #[arg(long)]
    strict: bool,
    /// The command and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true, value_hint = ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

/// Runs a command and records it; returns the command's exit code.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<u8, Error> {
    let Args { stream, status, deployment: _, spool, strict, command } = args;
    let plan = Plan::new(connection, spool, stream, status)?;
    if let Some(problem) = plan.problem() {
        if strict {
            return Err(Error::Usage(problem));
        }
        terminal::note(format!("warning: {problem}"));
    }
    if let Some(guess) = &plan.guess {
        terminal::note(format!("steps: {guess}"));
    }
    let ran = block_on(async {
        match Signals::catch() {
            Ok(signals) => run_command(&command, plan, signals).await.map(Some),
            Err(error) => {
                terminal::note(format!("warning: this is not recorded: cannot catch signals: {error}"));
                Ok(None)
            }
        }
    });
    let Some((code, problem)) = ran.unwrap_or_else(|error| {
        terminal::note(format!("warning: this is not recorded: {error}"));
        None
    }) else {
        // Nothing has been started.
        return Ok(report_start_error(&command, &become_command(&command)));
    };
    match problem {
        None => {}
        Some(problem) if strict && code == exit::DONE => return Err(Error::Failed(problem)),
        Some(problem) => terminal::note(format!("warning: {problem}")),
    }
    Ok(code)
}

/// Runs a command and records it. Returns its exit code, and what is wrong with the recording.
async fn run_command(command: &[OsString], plan: Plan, mut signals: Signals) -> Result<(u8, Option<String>), Error> {
    let begun = Instant::now();
    let started = Child::start(command, &plan.variables);
    let Some(RecordingPlan { record_as, server, limit, spool }) = plan.recording else {
        let code = match started {
            Ok(child) => wait(&child, &mut signals).await,
            Err(error) => report_start_error(command, &error),
        };
        return Ok((code, None));
    };
    let steps = CommandSteps::new(record_as, begun);
    let recording = Recording::new(steps.clone(), server, limit, spool.clone());
    let (end, recorded) = match started {
        Ok(child) => {
            let beginning = tokio::spawn(recording.begin());
            let end = CommandEnd { code: wait(&child, &mut signals).await, took: begun.elapsed() };
            let ending = record_end(limit, end, async {
                beginning.await.unwrap_or_else(|error| Err(Error::Failed(error.to_string())))
            });
            let recorded = tokio::select! {
                recorded = ending => recorded,
                () = signals.told_again() => {
                    EndRecorded::Interrupted(Error::Failed("a signal came before the server had answered".to_owned()))
                }
            };
            (end, recorded)
        }
        Err(error) => {
            let end = CommandEnd { code: report_start_error(command, &error), took: begun.elapsed() };
            (end, record_end(limit, end, recording.without_beginning()).await)
        }
    };
    let recorded = match recorded {
        EndRecorded::Done(recorded) => recorded,
        EndRecorded::Interrupted(reason) => steps.keep(spool.as_ref(), end, reason),
    };
    let problem = match recorded {
        Ok(None) => None,
        Ok(Some(reason)) => Some(format!("kept, and recorded later: {reason}")),
        Err(error) => Some(format!("not recorded: {error}")),
    };
    Ok((end.code, problem))
}

/// Waits for the command's end, and forwards signals until then. Returns the exit code.
async fn wait(child: &Child, signals: &mut Signals) -> u8 {
    loop {
        match child.reap() {
            Ok(Some(status)) => return exit_code(status),
            Ok(None) => {}
            Err(error) => {
                terminal::note(format!("warning: cannot wait for the command: {error}"));
                return exit::FAILED;
            }
        }
        let origin = signals.next().await;
        // After the wait another process may have the id; it has not ended yet for us.
        if !is_of_child(&origin) {
            forward(&origin, child.id);
        }
    }
}

/// What became of the recording of a command's end.
enum EndRecorded {
    Done(Result<KeptBecause, Error>),
    /// It was given up, because of this.
    Interrupted(Error),
}

/// Records the end, and gives that up after `limit`.
async fn record_end(
    limit: Duration,
    end: CommandEnd,
    started: impl Future<Output = Result<StartedRecording, Error>>,
) -> EndRecorded {
    let deadline = Deadline::now() + limit;
    let recording = async {
        match started.await {
            Ok(started) => EndRecorded::Done(started.end(end, deadline).await),
            Err(error) => EndRecorded::Interrupted(error),
        }
    };
    timeout_at(deadline, recording).await.unwrap_or_else(|_| {
        let reason = format!("the server took longer than {limit:?}; --timeout or STEPS_TIMEOUT give it longer");
        EndRecorded::Interrupted(Error::Failed(reason))
    })
}
