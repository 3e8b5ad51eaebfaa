//! `pages FOLDER`: writes the manual pages of both programs (`man1/steps.1`, `man1/steps-record.1`, `man1/steps-server.1`, …) and
//! their completions into a folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).context("usage: pages FOLDER")?;
    let [completions, manual] = ["completions", "man1"].map(|name| folder.join(name));
    fs::create_dir_all(&completions)?;
    fs::create_dir_all(&manual)?;
    for program in [steps_cli::command(), steps_server::Args::command()] {
        // The commit that it was built from is no part of a page.
        let program = program.version(env!("CARGO_PKG_VERSION"));
        let name = program.get_name().to_owned();
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let path = generate_to(shell, &mut program.clone(), &name, &completions)?;
            // Those of the command ask it, so that they know the names that its server knows.
            if name == "steps" {
                fs::write(path, steps_cli::completions(shell)?)?;
            }
        }
        let mut program = program.disable_help_subcommand(true);
        // So the flags of the whole program stand on the pages of its subcommands, too.
        program.build();
        write_pages(&program, &name, &manual)?;
    }
    Ok(())
}

/// Writes the page of a command, and those of its subcommands.
fn write_pages(command: &Command, name: &str, folder: &Path) -> anyhow::Result<()> {
    let mut page = Vec::new();
    let named = command.clone().display_name(name.to_owned());
    Man::new(named).title(name.to_uppercase()).section("1").manual("steps").render(&mut page)?;
    let path = folder.join(format!("{name}.1"));
    fs::write(&path, page).with_context(|| path.display().to_string())?;
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        write_pages(subcommand, &format!("{name}-{}", subcommand.get_name()), folder)?;
    }
    Ok(())
}
