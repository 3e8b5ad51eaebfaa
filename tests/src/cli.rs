//! The real command, in a home of its own.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::{Server, binary};

/// `steps`, with an empty home, an empty working folder and no variable but those that are given here.
#[derive(Debug)]
pub struct Cli {
    folder: TempDir,
    env: Vec<(String, String)>,
}

/// What a command did.
#[derive(Debug)]
pub struct Run {
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it told the user beside.
    pub stderr: String,
}

impl Default for Cli {
    fn default() -> Self {
        Self::new()
    }
}

impl Cli {
    /// One that knows no server.
    #[must_use]
    pub fn new() -> Self {
        let folder = TempDir::with_prefix("steps-cli-").expect("a temporary folder");
        for sub in ["home", "work", "tmp"] {
            std::fs::create_dir(folder.path().join(sub)).expect("a folder");
        }
        let mut cli = Self { folder, env: Vec::new() };
        let home = cli.home().display().to_string();
        for (variable, value) in [
            ("HOME", home.clone()),
            ("XDG_CONFIG_HOME", format!("{home}/.config")),
            ("TMPDIR", cli.folder.path().join("tmp").display().to_string()),
            ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
            ("GIT_CEILING_DIRECTORIES", cli.folder.path().display().to_string()),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ] {
            cli.env.push((variable.to_owned(), value));
        }
        cli
    }

    /// One whose `STEPS_SERVER` is this server.
    #[must_use]
    pub fn of(server: &Server) -> Self {
        Self::at(server.url())
    }

    /// One whose `STEPS_SERVER` is this, with a time-out that a busy machine does not miss; `--timeout` sets a shorter
    /// one.
    #[must_use]
    pub fn at(server: &str) -> Self {
        Self::new().env("STEPS_SERVER", server).env("STEPS_TIMEOUT", "60s")
    }

    /// One more variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The folder that the command is run in.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// The home of the command's user.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A file of the one spool that the command has in its home.
    #[must_use]
    pub fn spool_file(&self, name: &str) -> PathBuf {
        let folder = self.home().join(".local/state/steps/spool");
        let mut of_servers = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        of_servers.next().expect("a spool").expect("a folder").path().join(name)
    }

    /// A server that failed counts as away for half a minute; this is the half minute later.
    pub fn let_half_a_minute_pass(&self) {
        let away = File::options().write(true).open(self.spool_file("away")).expect("the mark");
        away.set_modified(SystemTime::now() - Duration::from_secs(31)).expect("its time");
    }

    /// Writes a file into the working folder; its path.
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.work().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("a folder");
        std::fs::write(&path, content).expect("a file");
        path.display().to_string()
    }

    /// Writes the settings file of the command's user.
    pub fn user_settings(&self, content: &str) {
        let folder = self.home().join(".config/steps");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("config.toml"), content).expect("a file");
    }

    /// The command with these arguments, not yet run.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        self.program(&binary("steps"), args)
    }

    /// Another program in the same surroundings.
    #[must_use]
    pub fn program(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).env_clear().envs(self.env.iter().cloned()).current_dir(self.work()).stdin(Stdio::null());
        command
    }

    /// Runs the command.
    #[must_use]
    pub fn run(&self, args: &[&str]) -> Run {
        Run::of(&mut self.command(args))
    }

    /// Runs the command in a folder below its working folder.
    #[must_use]
    pub fn run_in(&self, folder: &str, args: &[&str]) -> Run {
        let folder = self.work().join(folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        Run::of(self.command(args).current_dir(folder))
    }

    /// Runs the command with this on its standard input.
    #[must_use]
    pub fn run_with_input(&self, args: &[&str], input: &str) -> Run {
        let mut command = self.command(args);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap_or_else(|error| panic!("steps does not start: {error}"));
        child.stdin.take().expect("stdin is piped").write_all(input.as_bytes()).expect("steps reads its input");
        Run::from(child.wait_with_output().expect("steps ends"))
    }
}

impl Run {
    /// Runs a command to its end.
    #[must_use]
    pub fn of(command: &mut Command) -> Self {
        command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}")).into()
    }

    /// What it printed, which it did with exit code 0.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self.stdout
    }

    /// What it said when it failed, which it did with this exit code.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self.stderr
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("steps writes UTF-8");
        Self { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}
