//! `steps-launcher` makes a machine at AWS with steps-server on it, says when it answers and what to try, and removes it again.

mod advice;
mod arguments;
mod destroy;
mod examples;
mod files;
mod launch;
mod machine;
mod progress;
mod query;
mod session;
mod stack;
mod status;
mod template;

use std::process::ExitCode;

use clap::Parser;

use crate::advice::Failure;
use crate::arguments::{Action, Arguments};

/// What was to be done is done.
const DONE: u8 = 0;
/// AWS, the machine or the network did not do it; the message says what to do.
const FAILED: u8 = 1;
/// A flag, a variable or the credentials are wrong; nothing was changed.
const USAGE: u8 = 2;
/// `--status`: there is no such stack.
const ABSENT: u8 = 3;
/// Ctrl-C or SIGTERM: what was begun goes on at AWS.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("steps-launcher: cannot start: {error}");
            return FAILED.into();
        }
    };
    runtime.block_on(run(&arguments)).into()
}

async fn run(arguments: &Arguments) -> u8 {
    let result = tokio::select! {
        result = act(arguments) => result,
        signal = told_to_stop() => Err(signal),
    };
    result.unwrap_or_else(|failure| {
        eprintln!("steps-launcher: {failure}");
        failure.code
    })
}

async fn act(arguments: &Arguments) -> Result<u8, Failure> {
    // Another provider is never installed before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match arguments.action() {
        Action::Launch => launch::launch(arguments).await,
        Action::DryRun => launch::dry_run(arguments),
        Action::Status => status::status(arguments).await,
        Action::Destroy => destroy::destroy(arguments).await,
    }
}

/// Ends when somebody wants this program to end, with what to say then.
async fn told_to_stop() -> Failure {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
    Failure::new(
        "stopped; what was begun goes on at AWS",
        "run the same command again to go on where this one stopped, or with --destroy to remove everything",
    )
    .with_code(INTERRUPTED)
}
