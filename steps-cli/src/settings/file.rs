//! Settings files: `.steps.toml` of a project, and the user's own.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use steps_shared::nearest;
use toml::de::{DeTable, DeValue};

use super::rules::{self, Rule};
use super::{Key, line_of};
use crate::error::Error;
use crate::files::{Links, Opened, stranger_of};

/// A larger file is not read: finding what is wrong in it would take too long.
const MAX_BYTES: u64 = 64 * 1024;

/// Whose text a settings file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// `.steps.toml`: that of whoever wrote the project. It names things, and does nothing else.
    Project,
    /// `config.toml`: the user's own.
    User,
}

/// A settings file that was searched for.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingsFile {
    pub kind: FileKind,
    /// Where it is, or would be.
    pub path: PathBuf,
    pub exists: bool,
    pub values: HashMap<Key, String>,
    /// The rules of `steps check`, or what is wrong with them. Only `check` and `config` report that: a wrong budget must
    /// not stop a deploy hook from recording.
    pub rules: Result<Vec<Rule>, Vec<String>>,
}

/// What is wrong with a settings file.
#[derive(Debug)]
pub enum Problem {
    /// It is another user's, and is left aside.
    Ignored(String),
    /// It is no regular file, or too large, or a project's file sets what it may not. The rest is used.
    Refused(Error),
    /// It cannot be read or understood, and counts as absent.
    Wrong(Error),
}

/// Reads the nearest `.steps.toml` upwards and the user's file: the stronger first. `on_problem` is told what is wrong.
///
/// # Errors
/// That of `on_problem`.
pub fn load(mut on_problem: impl FnMut(Problem) -> Result<(), Error>) -> Result<Vec<SettingsFile>, Error> {
    let mut files = Vec::new();
    if let Ok(directory) = std::env::current_dir() {
        let mut nearest = None;
        for directory in directory.ancestors() {
            nearest = read(directory.join(".steps.toml"), FileKind::Project, &mut on_problem)?;
            if nearest.is_some() {
                break;
            }
        }
        files.push(nearest.unwrap_or_else(|| absent(directory.join(".steps.toml"), FileKind::Project)));
    }
    if let Some(directory) = dirs::config_dir() {
        let path = directory.join("steps").join("config.toml");
        let file = read(path.clone(), FileKind::User, &mut on_problem)?;
        files.push(file.unwrap_or_else(|| absent(path, FileKind::User)));
    }
    Ok(files)
}

fn absent(path: PathBuf, kind: FileKind) -> SettingsFile {
    SettingsFile { kind, path, exists: false, values: HashMap::new(), rules: Ok(Vec::new()) }
}

/// Reads a file; `None` where there is none that may be used, so that the next one is looked for. One that is wrong counts
/// as empty.
fn read(
    path: PathBuf,
    kind: FileKind,
    on_problem: &mut impl FnMut(Problem) -> Result<(), Error>,
) -> Result<Option<SettingsFile>, Error> {
    let links = match kind {
        FileKind::Project => Links::Refused,
        // People keep their settings elsewhere, and link them.
        FileKind::User => Links::Followed,
    };
    let unread =
        |error: std::io::Error| Error::Usage(format!("cannot read the settings file {}: {error}", path.display()));
    let ignored = |owner: u32| {
        let path = path.display();
        Problem::Ignored(format!("the settings file {path} is ignored: it belongs to another user, uid {owner}"))
    };
    // Before it is opened: another user's may be anything.
    if let Some(owner) = stranger_of(&path) {
        on_problem(ignored(owner))?;
        return Ok(None);
    }
    let file = match Opened::open(&path, links) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => {
            let is_refused = error.kind() == ErrorKind::Other;
            let error = unread(error);
            on_problem(if is_refused { Problem::Refused(error) } else { Problem::Wrong(error) })?;
            return Ok(Some(absent(path, kind)));
        }
    };
    if let Some(owner) = file.stranger() {
        on_problem(ignored(owner))?;
        return Ok(None);
    }
    let text = match file.read(MAX_BYTES) {
        Ok(text) => text,
        Err(error) => {
            on_problem(Problem::Refused(unread(error)))?;
            return Ok(Some(absent(path, kind)));
        }
    };
    match SettingsFile::parse(path.clone(), kind, &text) {
        Ok((file, refused)) => {
            refused.into_iter().try_for_each(|error| on_problem(Problem::Refused(error)))?;
            Ok(Some(file))
        }
        Err(error) => {
            on_problem(Problem::Wrong(error))?;
            Ok(Some(absent(path, kind)))
        }
    }
}

impl SettingsFile {
    /// Reads the text of a settings file; with it, an error for each key that a project may not set, which is left out.
    ///
    /// # Errors
    /// What is not TOML, an unknown key, a value that is not a text; each with the file and the line.
    pub fn parse(path: PathBuf, kind: FileKind, text: &str) -> Result<(Self, Vec<Error>), Error> {
        let document = DeTable::parse(text)
            .map_err(|error| wrong(&path, text, error.span().map(|span| span.start), error.message()))?;
        let mut values = HashMap::new();
        let mut refused = Vec::new();
        let mut rules = Ok(Vec::new());
        for (name, value) in document.get_ref() {
            let wrong = |reason: &str| wrong(&path, text, Some(name.span().start), reason);
            if name.get_ref() == rules::TABLE {
                rules = rules::read(text, name.span().start, value);
                continue;
            }
            let name = name.get_ref().as_ref();
            let Some(key) = Key::ALL.into_iter().find(|key| key.name() == name) else {
                return Err(wrong(&unknown(name)));
            };
            if kind == FileKind::Project && !key.is_for_projects() {
                refused.push(wrong(&not_for_projects(key)));
                continue;
            }
            let value = match value.get_ref() {
                DeValue::String(value) => value.to_string(),
                DeValue::Integer(number) if matches!(key, Key::Timeout | Key::SpoolLimit | Key::Attempt) => {
                    number.to_string()
                }
                DeValue::Integer(number) if key == Key::MinChange => number.to_string(),
                DeValue::Float(number) if key == Key::MinChange => number.to_string(),
                DeValue::Datetime(date) if key == Key::SprintStart => date.to_string(),
                DeValue::Boolean(truth) if key == Key::NoSpool => truth.to_string(),
                // A bare number is of seconds elsewhere.
                DeValue::Integer(days) if key == Key::SprintLength => {
                    return Err(wrong(&format!("{name} must be a text with a unit: {name} = \"{days}d\"")));
                }
                DeValue::Integer(_) | DeValue::Float(_) => {
                    let written = text.get(value.span()).unwrap_or("…");
                    return Err(wrong(&format!("{name} must be a text; put quotes around it: {name} = \"{written}\"")));
                }
                other => {
                    return Err(wrong(&format!("{name} must be a text in quotes, not of type {}", other.type_str())));
                }
            };
            values.insert(key, value);
        }
        Ok((Self { kind, path, exists: true, values, rules }, refused))
    }
}

fn unknown(name: &str) -> String {
    let known: Vec<_> = Key::ALL.into_iter().map(Key::name).chain([rules::TABLE]).collect();
    match nearest(name, &known) {
        Some(near) => format!("unknown key {name:?}; did you mean {near:?}?"),
        None => format!("unknown key {name:?}; known are {}", known.join(", ")),
    }
}

fn not_for_projects(key: Key) -> String {
    let (name, variable) = (key.name(), key.variable());
    let allowed: Vec<_> = Key::ALL.into_iter().filter(|key| key.is_for_projects()).map(Key::name).collect();
    let own = dirs::config_dir()
        .map_or_else(String::new, |folder| format!(", {}", folder.join("steps").join("config.toml").display()));
    format!(
        "a project's file may not set {name}, only {}; set it with {variable}, or in your own settings file{own}",
        allowed.join(", ")
    )
}

fn wrong(path: &Path, text: &str, at: Option<usize>, reason: &str) -> Error {
    let line = line_of(text, at.unwrap_or_default());
    let reason = reason.lines().collect::<Vec<_>>().join(", ");
    Error::Usage(format!("settings file {}, line {line}: {reason}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<HashMap<Key, String>, String> {
        let parsed = SettingsFile::parse("/p/config.toml".into(), FileKind::User, text);
        parsed.map(|(file, _)| file.values).map_err(|error| error.to_string())
    }

    #[test]
    fn a_project_names_things_and_does_nothing_else() {
        let text: String = Key::ALL.into_iter().map(|key| format!("{} = \"true\"\n", key.name())).collect();
        let parse = |kind| SettingsFile::parse("/p/.steps.toml".into(), kind, &text).unwrap();
        let (user, refused) = parse(FileKind::User);
        assert_eq!((user.values.len(), refused.len()), (Key::ALL.len(), 0));
        let (project, refused) = parse(FileKind::Project);
        let mut names: Vec<_> = project.values.keys().map(|key| key.name()).collect();
        names.sort_unstable();
        assert_eq!(names, ["component", "environment", "owner", "run", "server", "version"]);
        assert_eq!(refused.len(), Key::ALL.len() - 6);
        let sentence = refused.iter().map(ToString::to_string).find(|error| error.contains("spool_dir")).unwrap();
        let parts =
            ["/p/.steps.toml, line 10: a project's file may not set spool_dir, only server, ", "STEPS_SPOOL_DIR"];
        assert!(parts.iter().all(|part| sentence.contains(part)), "{sentence}");
    }

    #[test]
    fn reads_texts_and_a_timeout_in_seconds() {
        let values = parse("# ours\ncomponent = \"checkout\"\ntimeout = 2\nversion = '1.10'\n").unwrap();
        assert_eq!(values[&Key::Component], "checkout");
        assert_eq!(values[&Key::Timeout], "2");
        assert_eq!(values[&Key::Version], "1.10");
    }

    #[test]
    fn reads_dates_and_numbers_where_they_mean_one_thing() {
        let values = parse("sprint_start = 2026-01-07\nmin_change = 0.5\nsprint_length = \"2w\"\n").unwrap();
        assert_eq!(values[&Key::SprintStart], "2026-01-07");
        assert_eq!(values[&Key::MinChange], "0.5");
        assert_eq!(parse("min_change = 2").unwrap()[&Key::MinChange], "2");
        assert!(parse("sprint_length = 14").unwrap_err().ends_with("sprint_length = \"14d\""));
        assert!(parse("owner = 2026-01-07").unwrap_err().contains("not of type datetime"));
    }

    #[test]
    fn names_the_file_the_line_and_the_key() {
        let error = |text| parse(text).unwrap_err();
        assert_eq!(
            error("component = \"c\"\nonwer = \"ann\"\n"),
            "settings file /p/config.toml, line 2: unknown key \"onwer\"; did you mean \"owner\"?"
        );
        assert_eq!(
            error("version = 1.10"),
            "settings file /p/config.toml, line 1: version must be a text; put quotes around it: version = \"1.10\""
        );
        assert!(error("[record]\nowner = \"x\"").contains("line 1: unknown key \"record\""));
        assert!(error("owner = true").contains("owner must be a text in quotes, not of type boolean"));
        assert!(error("owner = \"a\"\n\nowner = \"b\"").contains("line 3: duplicate key"));
        assert!(error("owner = \n").contains("line 1: "));
    }
}
