//! The value of each setting, and where it came from.
//!
//! Strongest first: flag, `STEPS_*` variable, nearest `.steps.toml` upwards, the user's file, built-in default.

mod ci;
#[cfg(test)]
mod ci_tests;
mod command;
mod derive;
mod file;
mod git;
mod key;
mod rules;
#[cfg(test)]
mod settings_tests;
mod stream;
mod values;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use chrono_tz::Tz;
use reqwest::Url;
use steps_shared::{DEFAULT_ADDRESS, SmallestChange, SprintLength, SprintStart, Sprints};

pub use file::{FileKind, SettingsFile};
pub use key::Key;
pub use rules::Rule;
pub use stream::{DEPLOYMENT_VARIABLE, Stream};

use crate::error::{Error, NEXT_SENTENCE};
use ci::{CiVariable, Take};
use file::Problem;
use values::{parse_size, parse_switch, parse_timeout};

/// How long the server is waited for where nothing says it.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// The variable by which `steps run` tells what it runs that the server's address is from a project's file.
pub const PROJECT_SERVER_VARIABLE: &str = "STEPS_PROJECT_SERVER";

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Flag(Key),
    Variable(&'static str),
    File(PathBuf),
    /// A project's file, which a `steps run` around this has read.
    OuterProject,
    /// The output of a command.
    Command(&'static str),
    /// What a CI system's variable says of the repository. It is a guess.
    Repository(&'static str),
    /// The user's login name.
    Login,
    /// The number of a user without a name.
    UserId,
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(key) => write!(f, "--{}", key.name().replace('_', "-")),
            Self::Variable(name) => f.write_str(name),
            Self::File(path) => path.display().fmt(f),
            Self::OuterProject => f.write_str("a project's file, by 'steps run'"),
            Self::Command(command) => f.write_str(command),
            Self::Repository(name) => write!(f, "the repository's name in {name}"),
            Self::Login => f.write_str("login name"),
            Self::UserId => f.write_str("user id"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value, as it was written, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub value: String,
    pub source: Source,
}

/// The values that flags, variables and settings files give.
#[derive(Debug, Default)]
pub struct Settings {
    flags: HashMap<Key, String>,
    variables: HashMap<&'static str, String>,
    /// The settings files that were searched for, the strongest first.
    pub files: Vec<SettingsFile>,
    /// What the user should know of files that were left aside.
    pub notes: Vec<String>,
    /// The file that `--token-file` names. Of a token there is no setting in a file: it belongs to one server.
    pub token_file: Option<PathBuf>,
    /// Whether `--no-wait` is given: a busy server is an error at once.
    pub no_wait: bool,
    /// Until when git is waited for; set when it is asked first.
    git_deadline: OnceCell<Instant>,
}

impl Settings {
    /// Reads the environment and the settings files.
    ///
    /// # Errors
    /// A settings file that is wrong, cannot be read or sets what it may not, and a `STEPS_*` variable that is not text.
    pub fn load() -> Result<Self, Error> {
        Self::load_with(Err, Err)
    }

    /// The same for recording: what a settings file may not be or set is left aside, with a note.
    pub fn load_to_record() -> Result<Self, Error> {
        let mut refused = Vec::new();
        let settings = Self::load_with(Err, |error| {
            refused.push(format!("warning: {error}"));
            Ok(())
        })?;
        Ok(settings.with_notes(refused))
    }

    /// The same, of whatever can be read; what is wrong otherwise is added to `problems`.
    pub fn load_all(problems: &mut Vec<Error>) -> Self {
        let mut refused = Vec::new();
        let wrong = |error| {
            problems.push(error);
            Ok(())
        };
        let settings = Self::load_with(wrong, |error| {
            refused.push(format!("warning: {error}"));
            Ok(())
        });
        settings.unwrap_or_default().with_notes(refused)
    }

    fn with_notes(mut self, notes: Vec<String>) -> Self {
        self.notes.extend(notes);
        self
    }

    fn load_with(
        mut on_wrong: impl FnMut(Error) -> Result<(), Error>,
        mut on_refused: impl FnMut(Error) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let mut variables = HashMap::new();
        for name in Key::ALL.into_iter().map(Key::variable).chain([PROJECT_SERVER_VARIABLE]) {
            match std::env::var_os(name).map(OsString::into_string) {
                None => {}
                Some(Ok(value)) => drop(variables.insert(name, value)),
                Some(Err(_)) => on_wrong(Error::Usage(format!("the variable {name} is not UTF-8")))?,
            }
        }
        variables.extend(ci::names().filter_map(|name| Some((name, std::env::var(name).ok()?))));
        let mut notes = Vec::new();
        let files = file::load(|problem| match problem {
            Problem::Ignored(note) => {
                notes.push(format!("steps: {note}"));
                Ok(())
            }
            Problem::Refused(error) => on_refused(error),
            Problem::Wrong(error) => on_wrong(error),
        })?;
        Ok(Self { variables, files, notes, ..Self::default() })
    }

    /// Adds the values of flags; `None` is a flag that was not given.
    #[must_use]
    pub fn with_flags(mut self, flags: impl IntoIterator<Item = (Key, Option<String>)>) -> Self {
        self.flags.extend(flags.into_iter().filter_map(|(key, value)| Some((key, value?))));
        self
    }

    /// The value of a setting. Git and the system are asked only when nothing else gives one.
    pub fn find(&self, key: Key) -> Option<Setting> {
        self.detect(key).ok().flatten()
    }

    /// As [`Self::find`].
    ///
    /// # Errors
    /// Why git gives no value.
    fn detect(&self, key: Key) -> Result<Option<Setting>, String> {
        self.given(key).map_or_else(|| derive::detect(key, self.git_deadline()), |setting| Ok(Some(setting)))
    }

    /// Git has half of the time-out, so that the server has the rest.
    fn git_deadline(&self) -> Instant {
        let timeout = self.timeout().unwrap_or(DEFAULT_TIMEOUT);
        *self.git_deadline.get_or_init(|| Instant::now() + timeout / 2)
    }

    /// Where the server's address is from, where only a project names it.
    pub fn server_of_project(&self) -> Option<Source> {
        let Setting { value, source } = self.given(Key::Server)?;
        let is_users =
            |file: &SettingsFile| file.kind == FileKind::User && file.values.get(&Key::Server) == Some(&value);
        (self.is_of_project(&source) && !self.files.iter().any(is_users)).then_some(source)
    }

    /// Whether a value is from the text of a project.
    pub fn is_of_project(&self, source: &Source) -> bool {
        let is_project = |file: &SettingsFile| file.kind == FileKind::Project;
        match source {
            Source::File(path) => self.files.iter().any(|file| is_project(file) && file.path == *path),
            Source::OuterProject => true,
            _ => false,
        }
    }

    /// The value that is given somewhere. Runs no command, unlike [`Self::find`].
    fn given(&self, key: Key) -> Option<Setting> {
        let setting = |value: &str, source| Setting { value: value.to_owned(), source };
        if let Some(value) = self.flags.get(&key) {
            return Some(setting(value, Source::Flag(key)));
        }
        if let Some(value) = self.variable(key.variable()) {
            if key == Key::Server && self.variable(PROJECT_SERVER_VARIABLE) == Some(value) {
                return Some(setting(value, Source::OuterProject));
            }
            return Some(setting(value, Source::Variable(key.variable())));
        }
        if let Some((file, value)) = self.files.iter().find_map(|file| Some((file, file.values.get(&key)?))) {
            return Some(setting(value, Source::File(file.path.clone())));
        }
        if let Some((value, CiVariable { name, take, .. })) = ci::take(key, |name| self.variable(name)) {
            let source = if take == Take::RepositoryName { Source::Repository(name) } else { Source::Variable(name) };
            return Some(Setting { value, source });
        }
        let default = match key {
            Key::Server => format!("http://{DEFAULT_ADDRESS}"),
            Key::Timeout => format!("{}s", DEFAULT_TIMEOUT.as_secs()),
            Key::Environment => "production".to_owned(),
            Key::SpoolDir => default_spool()?.display().to_string(),
            Key::SpoolLimit => "64MiB".to_owned(),
            Key::NoSpool => "false".to_owned(),
            Key::SprintStart => SprintStart::default().to_string(),
            Key::SprintLength => SprintLength::default().to_string(),
            Key::MinChange => SmallestChange::default().to_string(),
            Key::Tz => "UTC".to_owned(),
            Key::CaFile | Key::Component | Key::Version | Key::Owner | Key::Run | Key::Attempt => return None,
        };
        Some(setting(&default, Source::Default))
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The server's address.
    pub fn server(&self) -> Result<Url, Error> {
        self.parse(Key::Server, parse_server)
    }

    pub fn timeout(&self) -> Result<Duration, Error> {
        self.parse(Key::Timeout, parse_timeout)
    }

    /// The file with the certificates of a private authority.
    pub fn ca_file(&self) -> Option<Setting> {
        self.given(Key::CaFile)
    }

    /// The folders of the spools, the best first, and the limit of each in bytes; `None` where `no_spool` is set. Where the first
    /// cannot be written, the user's state folder has what is kept, and then the temporary folder.
    pub fn spool(&self) -> Result<Option<(Vec<PathBuf>, u64)>, Error> {
        if self.parse(Key::NoSpool, parse_switch)? {
            return Ok(None);
        }
        let limit = self.parse(Key::SpoolLimit, parse_size)?;
        let read =
            |text: &str| std::path::absolute(text).map_err(|error| format!("is not a folder: {text:?}: {error}"));
        let chosen = self.given(Key::SpoolDir).map(|_| self.parse(Key::SpoolDir, read)).transpose()?;
        let mut folders: Vec<PathBuf> = Vec::new();
        for folder in chosen.into_iter().chain(default_spool()).chain([temporary_spool()]) {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        Ok(Some((folders, limit)))
    }

    /// Reads a setting of the connection or the spool, to learn whether it is right.
    pub fn check(&self, key: Key) -> Result<(), Error> {
        match key {
            Key::Server => self.server().map(drop),
            Key::Timeout => self.timeout().map(drop),
            Key::NoSpool => self.parse(key, parse_switch).map(drop),
            Key::SpoolLimit => self.parse(key, parse_size).map(drop),
            _ => Ok(()),
        }
    }

    pub fn sprints(&self) -> Result<Sprints, Error> {
        let start = self.parse(Key::SprintStart, str::parse)?;
        let length = self.parse(Key::SprintLength, str::parse)?;
        Ok(Sprints { start, length })
    }

    pub fn min_change(&self) -> Result<SmallestChange, Error> {
        self.parse(Key::MinChange, str::parse)
    }

    /// The zone of dates.
    pub fn zone(&self) -> Result<Tz, Error> {
        self.parse(Key::Tz, |text| {
            let wrong = || format!("names no time zone that is known here: {text:?}; write UTC or Europe/Berlin");
            text.trim().parse().map_err(|_| wrong())
        })
    }

    /// A setting that is a name; `None` where nothing gives it.
    pub fn name<T: FromStr<Err: fmt::Display>>(&self, key: Key) -> Result<Option<T>, Error> {
        let read = |text: &str| text.parse().map_err(|error: T::Err| error.to_string());
        self.given(key).map(|_| self.parse(key, read)).transpose()
    }

    /// The rules of the first settings file that has any, and its path.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn rules(&self) -> Result<Option<(&Path, &[Rule])>, Error> {
        let Some(file) = self.rules_file() else { return Ok(None) };
        match &file.rules {
            Ok(rules) => Ok(Some((&file.path, rules))),
            Err(errors) => {
                let path = file.path.display();
                let lines: Vec<_> = errors.iter().map(|error| format!("settings file {path}, {error}")).collect();
                Err(Error::Usage(lines.join(NEXT_SENTENCE)))
            }
        }
    }

    /// The first settings file that has rules.
    pub fn rules_file(&self) -> Option<&SettingsFile> {
        self.files.iter().find(|file| file.rules.as_ref().map_or(true, |rules| !rules.is_empty()))
    }

    /// The settings that say which deployment a step belongs to.
    pub fn stream(&self) -> Stream {
        Stream::new(|key| self.detect(key))
    }

    /// Whether a flag gives this setting, which then is the user's own mistake where it is wrong.
    pub fn is_flag(&self, key: Key) -> bool {
        self.flags.contains_key(&key)
    }

    /// Leaves everything that gives this setting aside, so that its default is used.
    pub fn forget(&mut self, key: Key) {
        self.flags.remove(&key);
        self.variables.remove(key.variable());
        for file in &mut self.files {
            file.values.remove(&key);
        }
    }

    fn parse<T>(&self, key: Key, read: impl Fn(&str) -> Result<T, String>) -> Result<T, Error> {
        let Some(Setting { value, source }) = self.given(key) else {
            return Err(Error::Usage(format!("{} is not set", key.name())));
        };
        read(&value).map_err(|reason| Error::Usage(format!("{} {reason} (from {source})", key.name())))
    }
}

/// The line number of a byte of a text.
fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count() + 1
}

/// `steps/spool` in the user's state folder.
fn default_spool() -> Option<PathBuf> {
    Some(dirs::state_dir().or_else(dirs::data_local_dir)?.join("steps").join("spool"))
}

/// A folder of the user's in the temporary folder, which others have, too.
fn temporary_spool() -> PathBuf {
    std::env::temp_dir().join(format!("steps-spool-{}", rustix::process::geteuid().as_raw()))
}

/// Reads a server's address. No error repeats a password in it.
pub fn parse_server(text: &str) -> Result<Url, String> {
    let text = text.trim().trim_end_matches('/');
    let wrong = || match text.contains("://") || text.is_empty() || text.contains('@') {
        true => "is not a URL; write one like http://127.0.0.1:7878 or https://steps.example.com".to_owned(),
        false => format!("is not a URL: {text:?}; did you mean http://{text}?"),
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") && text.contains("://") {
        return Err(format!("must begin with http:// or https://, not with {}://", url.scheme()));
    }
    let plain = url.query().is_none() && url.fragment().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && plain { Ok(url) } else { Err(wrong()) }
}
