//! One file for each subcommand.

mod args;
pub mod check;
pub mod compare;
pub mod completing;
pub mod completions;
pub mod config;
pub mod deployments;
pub mod doctor;
pub mod exclude;
pub mod flush;
pub mod import;
pub mod include;
pub mod list;
mod listing;
pub mod login;
pub mod logout;
pub mod note;
pub mod notes;
mod nothing;
pub mod open;
pub mod record;
pub mod run;
mod setup;
pub mod show;
pub mod stats;
pub mod status;
pub mod token;
pub mod trend;
pub mod watch;

pub use args::{Cli, Command};

use crate::error::Error;
use crate::exit;
use crate::terminal;
use args::When;

/// Runs the subcommand, and returns the exit code.
pub fn run(cli: Cli) -> Result<u8, Error> {
    let Cli { connection, color, command } = cli;
    match color {
        Some(When::Always) => terminal::set_styles(true),
        Some(When::Never) => terminal::set_styles(false),
        Some(When::Auto) | None => {}
    }
    match command {
        Command::Record(args) => record::run(args, &connection),
        Command::Run(args) => return run::run(args, &connection),
        Command::List(args) => list::run(args, &connection),
        Command::Deployments(args) => deployments::run(args, &connection),
        Command::Show(args) => show::run(args, &connection),
        Command::Compare(args) => compare::run(args, &connection),
        Command::Watch(args) => return watch::run(args, &connection),
        Command::Stats(args) => stats::run(args, &connection),
        Command::Trend(args) => trend::run(args, &connection),
        Command::Check(args) => return check::run(args, &connection),
        Command::Flush(args) => flush::run(args, &connection),
        Command::Status(args) => return status::run(args, &connection),
        Command::Doctor(args) => return doctor::run(args, &connection),
        Command::Exclude(args) => exclude::run(args, &connection),
        Command::Include(args) => include::run(args, &connection),
        Command::Note(args) => note::run(args, &connection),
        Command::Notes(args) => notes::run(args, &connection),
        Command::Open(args) => open::run(args, &connection),
        Command::Import(args) => import::run(args, &connection),
        Command::Login(args) => login::run(args, &connection),
        Command::Logout(args) => logout::run(args, &connection),
        Command::Token(args) => token::run(args, &connection),
        Command::Config(args) => config::run(args, &connection),
        Command::Completions(args) => completions::run(args),
    }?;
    Ok(exit::DONE)
}
