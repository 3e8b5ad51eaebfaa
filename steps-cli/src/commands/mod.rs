//! One file for each subcommand.

pub mod completions;
pub mod config;
pub mod import;
pub mod list;
pub mod record;

use crate::args::{Cli, Command};
use crate::error::Error;

/// Runs the subcommand that was asked for.
pub fn run(cli: Cli) -> Result<(), Error> {
    let Cli { connection, command } = cli;
    match command {
        Command::Record(args) => record::run(args, &connection),
        Command::List(args) => list::run(args, &connection),
        Command::Import(args) => import::run(args, &connection),
        Command::Config(args) => config::run(args, &connection),
        Command::Completions(args) => completions::run(args),
    }
}
