//! The command as a child process, and the other processes that become ours.
//!
//! As process 1 of a container, the children of processes that have ended are given to us, and we wait for them, so that they
//! do not stay in the table of processes. As one call waits for all children, the command is no `tokio` child.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus};

use rustix::io::Errno;
use rustix::process::{WaitOptions, wait};

use crate::exit;
use crate::terminal;

/// A command that runs.
#[derive(Debug, Clone)]
pub struct Child {
    pub id: u32,
}

impl Child {
    /// Starts the command, with these variables beside ours.
    pub fn start(command: &[OsString], variables: &[(&'static str, String)]) -> io::Result<Self> {
        with_shell(command, |command| {
            command.envs(variables.iter().cloned()).spawn().map(|child| Self { id: child.id() })
        })
    }

    /// Waits for the command's end without doing anything else; its exit code.
    pub fn wait(&self) -> u8 {
        loop {
            match wait(WaitOptions::empty()) {
                Ok(Some((id, status))) if u32::try_from(id.as_raw_pid()) == Ok(self.id) => {
                    return exit_code(ExitStatus::from_raw(status.as_raw()));
                }
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return exit::FAILED,
            }
        }
    }

    /// Waits for all children that have ended; how the command has, where it is among them.
    pub fn reap(&self) -> io::Result<Option<ExitStatus>> {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((id, status))) if u32::try_from(id.as_raw_pid()) == Ok(self.id) => {
                    return Ok(Some(ExitStatus::from_raw(status.as_raw())));
                }
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Becomes the command. Returns only where that fails.
pub fn become_command(command: &[OsString]) -> io::Error {
    match with_shell(command, |command| -> io::Result<()> { Err(command.exec()) }) {
        Ok(()) => io::ErrorKind::Other.into(),
        Err(error) => error,
    }
}

fn with_shell<T>(command: &[OsString], mut start: impl FnMut(&mut Command) -> io::Result<T>) -> io::Result<T> {
    let (program, arguments) = command.split_first().ok_or(io::ErrorKind::NotFound)?;
    match start(Command::new(program).args(arguments)) {
        // A shell runs a script that names no interpreter by itself.
        Err(error) if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) && has_slash(program) => {
            start(Command::new("/bin/sh").args(command))
        }
        started => started,
    }
}

/// Whether it is a path, not a name to search the PATH for.
fn has_slash(program: &OsStr) -> bool {
    program.as_encoded_bytes().contains(&b'/')
}

/// The exit code that a shell gives for this.
pub fn exit_code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(exit::FAILED),
        (None, Some(signal)) => u8::try_from(signal).map_or(exit::FAILED, |signal| exit::SIGNAL.saturating_add(signal)),
        (None, None) => exit::FAILED,
    }
}

/// Prints why the command could not be started, and returns the exit code for that.
pub fn report_start_error(command: &[OsString], error: &io::Error) -> u8 {
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
