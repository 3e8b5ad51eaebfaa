//! `steps completions SHELL`.

use clap_complete::Shell;

use super::completing;
use crate::error::Error;
use crate::terminal;

/// The flags of `steps completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  steps completions bash > ~/.local/share/bash-completion/completions/steps
  steps completions zsh > ~/.zfunc/_steps
  steps completions fish > ~/.config/fish/completions/steps.fish

They complete components, environments, versions and owners too, which the server is asked for: for 300 ms at most, and \
not within half a minute again. A server that only a .steps.toml names is not asked.")]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the script.
pub fn run(args: Args) -> Result<(), Error> {
    let script = completing::script(args.shell).map_err(|error| Error::Failed(error.to_string()))?;
    terminal::print(&script)
}
