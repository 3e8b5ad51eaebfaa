//! `steps run`.

mod recording;
mod signals;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use clap::ValueHint;
use reqwest::Url;
use rustix::io::Errno;
use tokio::process::{Child, Command};
use tokio::time::{Instant as Deadline, timeout_at};

use super::setup;
use crate::client::block_on;
use crate::error::Error;
use crate::exit;
use crate::flags::{ConnectionFlags, SpoolFlags, StreamFlags};
use crate::settings::{Key, Stream};
use crate::terminal;
use recording::{CommandEnd, CommandSteps, KeptBecause, RecordAs, Recording, StartedRecording};
use signals::{Signals, forward};

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
the variables STEPS_COMPONENT, STEPS_VERSION, STEPS_OWNER, STEPS_ENVIRONMENT, STEPS_RUN and STEPS_SERVER, so that 'steps \
record' and 'steps run' in it need no flags but --status. Steps that run at the same time may overlap.

The exit code is that of CMD: 128 and the number of the signal that killed it, 127 when there is no such command, 126 when \
it cannot be run. Wrong flags or settings are reported before CMD is started, with exit code 2.

A slow or missing server changes neither the exit code nor the start of CMD. It delays the end by --timeout at most, and a \
warning goes to the standard error. Steps that cannot be delivered are kept on this machine. The next record or run, or \
steps flush, delivers them."
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
    /// Exit with 1 when CMD succeeded, but its recording did not reach the server
    #[arg(long)]
    strict: bool,
    /// The command and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true, value_hint = ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

/// Runs a command and records it; returns the command's exit code.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<u8, Error> {
    let Args { stream, status, deployment: _, spool, strict, command } = args;
    let settings = setup::settings(connection)?.with_flags(spool.values()).with_flags(stream.values());
    let (server, limit) = (settings.server()?, settings.timeout()?);
    let (spool, stream) = (setup::spool(&settings)?, settings.stream());
    let record_as = match status {
        Some(status) => RecordAs::Span(stream.new_step([("status", Some(status)), ("span", Some("true".to_owned()))])?),
        None => RecordAs::Deployment(stream.new_step([("status", Some("started".to_owned()))])?),
    };
    block_on(async {
        let mut signals = Signals::catch().map_err(|error| Error::Failed(format!("cannot catch signals: {error}")))?;
        let begun = Instant::now();
        let started = start(&command, &stream, &server);
        let steps = CommandSteps::new(record_as, begun);
        let recording = Recording::new(steps.clone(), server, limit, spool.clone());
        let (end, recorded) = match started {
            Ok(child) => record_command(child, &mut signals, begun, recording, limit).await?,
            Err(error) => {
                let end = CommandEnd { code: report_start_error(&command, &error), took: begun.elapsed() };
                let deadline = Deadline::now() + limit;
                let ending = async { recording.without_beginning().await?.end(end, deadline).await };
                (end, with_deadline(deadline, limit, ending).await)
            }
        };
        let recorded = match recorded {
            EndRecorded::Done(recorded) => recorded,
            EndRecorded::Interrupted(reason) => steps.keep(spool.as_ref(), end, reason),
        };
        let problem = match recorded {
            Ok(None) => return Ok(end.code),
            Ok(Some(reason)) => format!("kept, and recorded later: {reason}"),
            Err(error) => format!("not recorded: {error}"),
        };
        if strict && end.code == exit::DONE {
            return Err(Error::Failed(problem));
        }
        terminal::note(format!("warning: {problem}"));
        Ok(end.code)
    })
}

/// What became of the recording of a command's end.
enum EndRecorded {
    Done(Result<KeptBecause, Error>),
    /// It was given up, because of this.
    Interrupted(Error),
}

/// Gives the recording of the end up at `deadline`.
async fn with_deadline(
    deadline: Deadline,
    limit: Duration,
    recording: impl Future<Output = Result<KeptBecause, Error>>,
) -> EndRecorded {
    timeout_at(deadline, recording).await.map_or_else(
        |_| {
            let reason = format!("the server took longer than {limit:?}; --timeout or STEPS_TIMEOUT give it longer");
            EndRecorded::Interrupted(Error::Failed(reason))
        },
        EndRecorded::Done,
    )
}

/// Starts the command, with the settings that `steps` within it needs as variables.
fn start(command: &[OsString], stream: &Stream, server: &Url) -> io::Result<Child> {
    let spawn = |program: &OsStr, arguments: &[OsString]| {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(stream.variables())
            .env(Key::Server.variable(), server.as_str().trim_end_matches('/'))
            .spawn()
    };
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::NotFound)?;
    match spawn(program, arguments) {
        // A shell runs a script that names no interpreter by itself.
        Err(error) if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) && has_slash(program) => {
            spawn(OsStr::new("/bin/sh"), command)
        }
        started => started,
    }
}

/// Whether it is a path, not a name to search the PATH for.
fn has_slash(program: &OsStr) -> bool {
    program.as_encoded_bytes().contains(&b'/')
}

/// Records the command's beginning, forwards signals until it ends, and records its end.
async fn record_command(
    mut child: Child,
    signals: &mut Signals,
    begun: Instant,
    recording: Recording,
    limit: Duration,
) -> Result<(CommandEnd, EndRecorded), Error> {
    let beginning = tokio::spawn(recording.begin());
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            // After the wait there is no id: another process may have it by then.
            origin = signals.next() => if let Some(command) = child.id() { forward(&origin, command) },
        }
    };
    let took = begun.elapsed();
    let code = exit_code(status.map_err(|error| Error::Failed(format!("cannot wait for the command: {error}")))?);
    let end = CommandEnd { code, took };
    let deadline = Deadline::now() + limit;
    let ending = async {
        let started: StartedRecording = beginning.await.map_err(|error| Error::Failed(error.to_string()))??;
        started.end(end, deadline).await
    };
    let recorded = tokio::select! {
        recorded = with_deadline(deadline, limit, ending) => recorded,
        _ = signals.next() => {
            EndRecorded::Interrupted(Error::Failed("a signal came before the server had answered".to_owned()))
        }
    };
    Ok((end, recorded))
}

/// The exit code that a shell gives for this.
fn exit_code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(exit::FAILED),
        (None, Some(signal)) => u8::try_from(signal).map_or(exit::FAILED, |signal| exit::SIGNAL.saturating_add(signal)),
        (None, None) => exit::FAILED,
    }
}

/// Prints why the command could not be started, and returns the exit code for that.
fn report_start_error(command: &[OsString], error: &io::Error) -> u8 {
    let program = command.first().map(|program| program.display().to_string()).unwrap_or_default();
    match error.kind() {
        io::ErrorKind::NotFound => {
            terminal::note(format!("error: cannot run {program}: no such command"));
            exit::NOT_FOUND
        }
        _ => {
            terminal::note(format!("error: cannot run {program}: {error}"));
            exit::NOT_EXECUTABLE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_a_shell() {
        let codes = [0, 3 << 8, 255 << 8, 15, 9].map(|raw| exit_code(ExitStatus::from_raw(raw)));
        assert_eq!(codes, [0, 3, 255, 143, 137]);
    }
}
