//! What a shell is offered for the word that is being typed: `STEPS_COMPLETE=bash steps -- steps show che`, which the scripts of
//! `steps completions` run. Nothing here is told, whatever fails: a prompt is no place for errors.

mod names;

use std::ffi::OsString;
use std::io;

use clap::{Arg, Command, CommandFactory as _, ValueHint};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::Shells;
use clap_complete::{CompleteEnv, Shell};

use super::Cli;
use crate::error::Error;
use names::{Kind, Line};

/// The variable by which the script of a shell asks for candidates; its value is the shell.
const VARIABLE: &str = "STEPS_COMPLETE";

/// In a folder of functions the script is run when something is to be completed first; then it does that, too.
const ZSH_FIRST_CALL: &[u8] = b"
if [ \"$funcstack[1]\" = \"_steps\" ]; then
    _clap_dynamic_completer_steps \"$@\"
fi
";

/// The script that a shell loads.
///
/// # Errors
/// The shell has none.
pub fn script(shell: Shell) -> io::Result<Vec<u8>> {
    let name = shell.to_string();
    let shells = Shells::builtins();
    let known = shells.completer(&name).ok_or_else(|| io::Error::other(format!("there are none for {name}")))?;
    let mut script = Vec::new();
    known.write_registration(VARIABLE, "steps", "steps", "steps", &mut script)?;
    if shell == Shell::Zsh {
        script.extend_from_slice(ZSH_FIRST_CALL);
    }
    Ok(script)
}

/// Offers candidates where a shell asks for them; `false` where none does.
///
/// # Errors
/// There is no such shell, or the candidates cannot be written.
pub fn complete(arguments: &[OsString]) -> Result<bool, Error> {
    let words: Vec<OsString> = arguments.iter().skip_while(|word| *word != "--").skip(1).cloned().collect();
    let folder = std::env::current_dir().ok();
    CompleteEnv::with_factory(|| command(&words))
        .var(VARIABLE)
        .try_complete(arguments.iter().cloned(), folder.as_deref())
        .map_err(|error| Error::Failed(format!("nothing can be completed: {error}")))
}

/// The command line, with what the server knows for values that are names.
fn command(words: &[OsString]) -> Command {
    let line = Line::new(words);
    // Before a value or a subcommand is begun, flags would bury it.
    let is_begun = words.last().is_some_and(|word| !word.is_empty());
    // Built, it has the flags that every subcommand has, and --help.
    let mut command = Cli::command();
    command.build();
    with_names(command, &line, is_begun)
}

fn with_names(command: Command, line: &Line, is_begun: bool) -> Command {
    // Globs of tokens are names too, or begin like them.
    let command = command.mut_args(|argument| {
        let argument = with_candidates(argument, line);
        let is_flag = argument.get_long().is_some();
        if is_flag && !is_begun { argument.hide(true) } else { argument }
    });
    let names: Vec<String> = command.get_subcommands().map(|subcommand| subcommand.get_name().to_owned()).collect();
    names.iter().fold(command, |command, name| {
        command.mut_subcommand(name, |subcommand| with_names(subcommand, line, is_begun))
    })
}

fn with_candidates(argument: Arg, line: &Line) -> Arg {
    let kind = match argument.get_id().as_str() {
        "component" => Kind::Component,
        "environment" => Kind::Environment,
        "version" if argument.get_action().takes_values() => Kind::Version,
        "owner" => Kind::Owner,
        // Of `steps show`, `compare` and `open`: a component, or an id.
        _ if is_component(&argument) => Kind::Component,
        _ if argument.get_value_hint() == ValueHint::CommandWithArguments => {
            return argument.value_hint(ValueHint::AnyPath);
        }
        _ => return argument,
    };
    let line = line.clone();
    argument.add(ArgValueCandidates::new(move || {
        let names = line.names(kind).into_iter();
        names.zip(0..).map(|(name, at)| CompletionCandidate::new(name).display_order(Some(at))).collect()
    }))
}

fn is_component(argument: &Arg) -> bool {
    argument.get_value_names().unwrap_or_default().iter().any(|name| name.contains("COMPONENT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_with_names_is_sound() {
        command(&["steps".into(), "--".into()]).debug_assert();
    }

    #[test]
    fn each_shell_has_a_script_that_asks_for_candidates() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let script = String::from_utf8(script(shell).unwrap()).unwrap();
            assert!(script.contains(VARIABLE), "{shell}: {script}");
        }
    }
}
