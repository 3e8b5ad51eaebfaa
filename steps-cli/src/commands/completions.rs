//! `steps completions SHELL`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Cli;
use crate::error::Error;
use crate::terminal;

/// The flags of `steps completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  steps completions bash > ~/.local/share/bash-completion/completions/steps
  steps completions zsh > ~/.zfunc/_steps
  steps completions fish > ~/.config/fish/completions/steps.fish")]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the completions. They are made in memory first: clap panics where it cannot write.
pub fn run(args: Args) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "steps", &mut script);
    terminal::print(&script)
}
