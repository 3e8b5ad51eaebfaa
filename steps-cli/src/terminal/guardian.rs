//! A process that puts a terminal right where this one ends without doing so itself: killed by SIGKILL, or aborted.
//!
//! It is a shell, in a process group of its own, that reads a pipe of which this process has the other end. The pipe ends with
//! this process, however that ends. Where there is no shell, or no `stty`, there is no guardian.

use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Nothing that a person types ends it, and a terminal that it is in the background of does not stop it.
const IGNORE: &str = "trap '' INT QUIT HUP TERM TSTP TTOU TTIN";

/// Puts back the modes that the terminal had, unless somebody has changed them since: then they are of the next program. It says
/// when it knows those before, and is told when they are changed.
const MODES: &str = r#"before=$(stty -g <&2) || exit
echo; exec >&-; read -r word; changed=$(stty -g <&2)
while read -r word; do [ "$word" = done ] && exit; done
[ "$(stty -g <&2)" = "$changed" ] && stty "$before" <&2"#;

/// Gives the whole screen back, without its last line.
const REGION: &str = r#"while read -r word; do [ "$word" = done ] && exit; done
printf '\0337\033[r\033[999;1H\033[2K\0338' >&2"#;

/// What a guardian puts right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    /// How the terminal takes what is typed.
    Modes,
    /// The part of the screen that scrolls.
    Region,
}

/// A process that puts the terminal right when this one is gone.
#[derive(Debug)]
pub struct Guardian {
    child: Child,
    pipe: ChildStdin,
}

impl Guardian {
    /// Starts one, before anything is changed; `None` where that is not possible.
    pub fn start(terminal: OwnedFd, guarded: Guarded) -> Option<Self> {
        let script = match guarded {
            Guarded::Modes => MODES,
            Guarded::Region => REGION,
        };
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("{IGNORE}\n{script}")]).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(terminal);
        let mut child = command.spawn().ok()?;
        let (pipe, said) = (child.stdin.take(), child.stdout.take());
        let (Some(pipe), Some(mut said)) = (pipe, said) else { return None };
        let is_ready = guarded == Guarded::Region || said.read(&mut [0]).is_ok_and(|count| count > 0);
        let guardian = Self { child, pipe };
        if is_ready {
            return Some(guardian);
        }
        guardian.dismiss();
        None
    }

    /// Tells it that the terminal is changed.
    pub fn changed(&mut self) {
        // It may have been killed.
        let _ = self.pipe.write_all(b"changed\n");
    }

    /// Lets it go without doing anything: the terminal is right.
    pub fn dismiss(self) {
        let Self { mut child, mut pipe } = self;
        let _ = pipe.write_all(b"done\n");
        drop(pipe);
        let _ = child.wait();
    }
}
