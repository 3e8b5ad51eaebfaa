//! The `steps` command: records the steps of deployments and asks for them.
//!
//! Each subcommand is one file in `commands/` that reads from its flags to its output. What they share, each importing only
//! what comes before it: flags (`flags`), settings and where each came from (`settings`), the server (`client`), steps that are
//! sent or kept (`delivery`), and what is printed (`terminal`).

use std::ffi::OsString;

use clap::{CommandFactory, Parser};

mod client;
mod clock;
mod commands;
mod delivery;
mod error;
pub mod exit;
mod flags;
mod settings;
mod terminal;

pub use error::Error;

/// Runs the command with the program's arguments, its own name first, and returns the code to exit with.
///
/// # Errors
/// Whatever went wrong; it knows its exit code, and a closed output pipe is not a failure.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<u8, Error> {
    let cli = commands::Cli::try_parse_from(arguments)?;
    commands::run(cli)
}

/// The command line as clap knows it: completions and tests are made from it.
#[must_use]
pub fn command() -> clap::Command {
    commands::Cli::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::command().debug_assert();
    }

    #[test]
    fn every_flag_and_subcommand_is_explained() {
        let command = super::command();
        for subcommand in command.get_subcommands() {
            assert!(subcommand.get_about().is_some(), "{}", subcommand.get_name());
            for argument in subcommand.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", subcommand.get_name(), argument.get_id());
            }
        }
    }
}
