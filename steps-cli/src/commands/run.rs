//! `steps run`.

mod child;
mod plan;
mod progress;
mod recording;
mod signals;

use std::cell::OnceCell;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use clap::ValueHint;
use futures_util::FutureExt as _;
use tokio::time::timeout_at;

use crate::client::block_on;
use crate::delivery::Deadline;
use crate::error::Error;
use crate::exit;
use crate::flags::{ConnectionFlags, SpoolFlags, StreamFlags};
use crate::terminal;
use child::{Child, become_command, exit_code, report_start_error};
use plan::{Plan, RecordingPlan};
use progress::ProgressLine;
use recording::{CommandEnd, CommandSteps, KeptBecause, RecordAs, Recording, StartedRecording};
use signals::{Signals, forward, is_of_child};

/// The flags of `steps run`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    override_usage = "steps run [OPTIONS] --status <STATUS> -- <CMD>...\n       \
                      steps run [OPTIONS] --deployment -- <CMD>...",
    after_help = "\
Examples:
  steps run --component checkout --status migrating -- ./migrate.sh --all
  steps run --status testing -- make test           # the rest is found
  steps run --component checkout --version 4.2.0 --deployment -- ./deploy.sh
  steps run --deployment --progress -- ./deploy.sh  # with a bar

CMD has the standard input, output, error and terminal of 'steps run', and gets the signals that are sent to it. It has \
the variables STEPS_COMPONENT, STEPS_VERSION, STEPS_OWNER, STEPS_ENVIRONMENT, STEPS_RUN, STEPS_ATTEMPT and STEPS_SERVER, \
so that 'steps record' and 'steps run' in it need no flags but --status. Steps that run at the same time may overlap.

A deployment has a run of its own: where none is given, and no CI system tells one, it is made. 'steps run --deployment' \
within another of the same component, version, environment and run is a step of that one.

With --progress a deployment has a line at the bottom of the terminal that is its standard error: its steps so far to scale, and how much \
longer it takes. CMD's output scrolls above it. A CMD that reads single keys, such as an editor, has the whole screen meanwhile. Where the \
standard error is no terminal, nothing is shown.

The exit code is that of CMD: 128 and the number of the signal that killed it, 127 when there is no such command, 126 when \
it cannot be run. Only wrong flags keep CMD from being started; they are reported with exit code 2. Where a setting is \
wrong or missing, so that nothing can be recorded, a warning says so.

A slow or missing server changes neither the exit code nor the start of CMD. Finding out what is recorded, before CMD, and \
recording it take --timeout together at most, and a \
warning goes to the standard error. That also holds when CMD is told to stop by a signal; a second signal, a second \
later, ends the waiting. Steps that cannot be delivered are kept on this machine. The next record or run, or steps flush, \
delivers them."
)]
pub struct Args {
    #[command(flatten)]
    stream: StreamFlags,
    /// The phase that CMD is, such as migrating
    #[arg(long, value_name = "STATUS", required_unless_present_any = ["deployment", "progress"], conflicts_with = "deployment")]
    status: Option<String>,
    /// CMD is the whole deployment: record started before it, and succeeded or failed after it
    #[arg(long)]
    deployment: bool,
    /// Show how far the deployment is, and how much longer it takes, in a line below CMD's output, where that is a terminal
    #[arg(long)]
    progress: bool,
    #[command(flatten)]
    spool: SpoolFlags,
    /// Do not start CMD when it cannot be recorded; exit with 1 when it succeeded, but its recording did not reach the server
    #[arg(long)]
    strict: bool,
    /// The command and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true, value_hint = ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

/// A command that is run, and its exit code: what is known of them when recording panics.
#[derive(Debug, Default)]
struct Progress {
    child: OnceCell<Child>,
    code: OnceCell<u8>,
}

/// Runs a command and records it; returns the command's exit code.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<u8, Error> {
    let Args { stream, status, deployment, progress: has_line, spool, strict, command } = args;
    if has_line && !deployment {
        let message = "--progress shows how far a deployment is, and a status is a step of one: \
                       steps run --deployment --progress -- CMD";
        return Err(Error::Usage(message.to_owned()));
    }
    let plan = without_panic(|| Plan::new(connection, spool, stream, status))
        .unwrap_or_else(|panic| Ok(Plan::without_recording(panic)))?;
    if let Some(problem) = plan.problem() {
        if strict {
            return Err(Error::Usage(problem));
        }
        terminal::note(format!("warning: {problem}"));
    }
    if let Some(guess) = &plan.guess {
        terminal::note(format!("steps: {guess}"));
    }
    let progress = Progress::default();
    let ran = without_panic(|| {
        block_on(async {
            match Signals::catch() {
                Ok(signals) => Box::pin(run_command(&command, plan, has_line, signals, &progress)).await.map(Some),
                Err(error) => {
                    terminal::note(format!("warning: this is not recorded: cannot catch signals: {error}"));
                    Ok(None)
                }
            }
        })
    });
    let Some((code, problem)) = ran.and_then(|ran| ran).unwrap_or_else(|error| {
        terminal::note(format!("warning: this is not recorded: {error}"));
        progress.end().map(|code| (code, None))
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

/// Does something that must not end this process.
///
/// # Errors
/// It panicked.
fn without_panic<T>(work: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| panicked())
}

fn panicked() -> Error {
    Error::Failed("the recording panicked, which is a bug in steps".to_owned())
}

impl Progress {
    /// The exit code of the command, which is waited for; `None` where it was not started.
    fn end(&self) -> Option<u8> {
        self.code.get().copied().or_else(|| Some(self.child.get()?.wait()))
    }
}

/// Runs a command and records it. Returns its exit code, and what is wrong with the recording.
async fn run_command(
    command: &[OsString],
    plan: Plan,
    has_line: bool,
    mut signals: Signals,
    progress: &Progress,
) -> Result<(u8, Option<String>), Error> {
    let begun = Instant::now();
    let started = Child::start(command, &plan.variables);
    if let Ok(child) = &started {
        progress.child.get_or_init(|| child.clone());
    }
    let Some(RecordingPlan { record_as, connection, end_limit, spool }) = plan.recording else {
        let code = match started {
            Ok(child) => wait(&child, &mut signals).await,
            Err(error) => report_start_error(command, &error),
        };
        return Ok((code, None));
    };
    let line = match &record_as {
        RecordAs::Deployment(first) if has_line && started.is_ok() => ProgressLine::begin(&connection, first, begun),
        _ => None,
    };
    let steps = CommandSteps::new(record_as, begun);
    let timeout = connection.timeout;
    let recording = Recording::new(steps.clone(), connection, spool.clone());
    let (end, deadline, recorded) = match started {
        Ok(child) => {
            let beginning = tokio::spawn(recording.begin());
            let ended = async {
                let code = wait(&child, &mut signals).await;
                CommandEnd { code, took: begun.elapsed() }
            };
            let end = match line {
                Some(line) => line.beside(ended).await,
                None => ended.await,
            };
            progress.code.get_or_init(|| end.code);
            let deadline = Deadline::new(tokio::time::Instant::now(), end_limit);
            let ending = record_end(deadline, timeout, end, async {
                beginning.await.unwrap_or_else(|error| Err(Error::Failed(error.to_string())))
            });
            let recorded = tokio::select! {
                recorded = ending => recorded,
                () = signals.told_again() => {
                    EndRecorded::Interrupted(Error::Failed("a signal came before the server had answered".to_owned()))
                }
            };
            (end, deadline, recorded)
        }
        Err(error) => {
            let end = CommandEnd { code: report_start_error(command, &error), took: begun.elapsed() };
            progress.code.get_or_init(|| end.code);
            let deadline = Deadline::new(tokio::time::Instant::now(), end_limit);
            (end, deadline, record_end(deadline, timeout, end, recording.without_beginning()).await)
        }
    };
    let recorded = match recorded {
        EndRecorded::Done(recorded) => recorded,
        EndRecorded::Interrupted(reason) => steps.keep(spool.as_ref(), end, reason, deadline.end).await,
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

/// Records the end, until the deadline.
async fn record_end(
    deadline: Deadline,
    timeout: Duration,
    end: CommandEnd,
    started: impl Future<Output = Result<StartedRecording, Error>>,
) -> EndRecorded {
    let recording = async {
        match timeout_at(deadline.asking, started).await {
            Ok(Ok(started)) => EndRecorded::Done(started.end(end, deadline).await),
            Ok(Err(error)) => EndRecorded::Interrupted(error),
            Err(_) => {
                let reason =
                    format!("the server took longer than {timeout:?}; --timeout or STEPS_TIMEOUT give it longer");
                EndRecorded::Interrupted(Error::Failed(reason))
            }
        }
    };
    AssertUnwindSafe(recording).catch_unwind().await.unwrap_or_else(|_| EndRecorded::Interrupted(panicked()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_the_code_of_the_command_stays() {
        let error = without_panic(|| -> u8 { panic!("on purpose") }).unwrap_err();
        assert!(error.to_string().contains("panicked"), "{error}");
        let progress = Progress::default();
        assert_eq!(progress.end(), None);
        progress.code.set(7).unwrap();
        assert_eq!(progress.end(), Some(7));
    }

    #[tokio::test]
    async fn what_a_panic_interrupts_is_kept() {
        let deadline = Deadline::new(tokio::time::Instant::now(), Duration::from_secs(60));
        let end = CommandEnd { code: 3, took: Duration::ZERO };
        let started = async { panic!("on purpose") };
        let recorded = record_end(deadline, Duration::from_secs(60), end, started).await;
        assert!(matches!(recorded, EndRecorded::Interrupted(error) if error.to_string().contains("panicked")));
    }
}
