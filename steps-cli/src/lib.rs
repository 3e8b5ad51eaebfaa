//! The `steps` command: records the steps of deployments and asks for them.
//!
//! The layers, each of which imports only those before it:
//!
//! 1. `flags`: flags that several subcommands have;
//! 2. `settings`: the value of each setting, and where it came from;
//! 3. `credentials`: which token a server gets, and what `steps login` stored;
//! 4. `client`: requests to the server;
//! 5. `delivery`: sending steps, keeping what cannot be sent, delivering that later;
//! 6. `terminal`: tables, charts, files and pipes;
//! 7. `commands`: one file for each subcommand, from its flags to its output.
//!
//! Below all of them stand `error`, `exit`, `clock` and `files`.

use std::ffi::OsString;

use clap::{CommandFactory, Parser};

#[cfg(test)]
mod campaign_tests;
mod client;
mod clock;
mod commands;
mod credentials;
mod delivery;
mod error;
pub mod exit;
mod files;
mod flags;
mod settings;
mod terminal;

pub use commands::completing::script as completions;
pub use error::Error;
pub use terminal::report;

/// Runs the command with the program's arguments, its own name first, and returns the code to exit with.
///
/// # Errors
/// What went wrong; [`Error::exit_code`] has the code for it. A closed output pipe has the code of success.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<u8, Error> {
    let arguments: Vec<_> = arguments.into_iter().collect();
    if commands::completing::complete(&arguments)? {
        return Ok(exit::DONE);
    }
    match commands::Cli::try_parse_from(&arguments) {
        Ok(cli) => commands::run(cli),
        // A hook that may not fail is not to fail because of a flag that this version does not know.
        Err(error) if error.use_stderr() && is_best_effort(&arguments) => {
            report(Error::from(error));
            Ok(exit::DONE)
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether these are arguments of `steps record` with `--best-effort`.
fn is_best_effort(arguments: &[OsString]) -> bool {
    let has = |word: &str| arguments.iter().skip(1).any(|argument| argument == word);
    has("record") && has("--best-effort")
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

    /// What is laid out by hand is not broken again by a terminal of 80 columns: only what begins at the left edge flows.
    #[test]
    fn help_is_wrapped_once() {
        let command = super::command();
        for command in command.get_subcommands().chain([&command]) {
            for help in [command.get_after_help(), command.get_after_long_help()].into_iter().flatten() {
                let help = help.to_string();
                let is_broken = |line: &&str| line.starts_with(' ') && line.chars().count() > 80;
                let broken: Vec<&str> = help.lines().filter(is_broken).collect();
                assert!(broken.is_empty(), "{}: {broken:#?}", command.get_name());
            }
        }
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
