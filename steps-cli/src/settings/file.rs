//! Settings files: `.steps.toml` of a project, and the user's own.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use steps_shared::nearest;
use toml::de::{DeTable, DeValue};

use super::rules::{self, Rule};
use super::{Key, line_of};
use crate::error::Error;

/// A settings file that was searched for.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingsFile {
    /// Where it is, or would be.
    pub path: PathBuf,
    pub exists: bool,
    pub values: HashMap<Key, String>,
    /// The rules of `steps check`, or what is wrong with them. Only `check` and `config` report that: a wrong budget must
    /// not stop a deploy hook from recording.
    pub rules: Result<Vec<Rule>, Vec<String>>,
}

/// Reads the nearest `.steps.toml` upwards and the user's file: the stronger first.
///
/// `on_error` is told of a file that is wrong or cannot be read, which then counts as absent.
///
/// # Errors
/// That of `on_error`.
pub fn load(mut on_error: impl FnMut(Error) -> Result<(), Error>) -> Result<Vec<SettingsFile>, Error> {
    let mut files = Vec::new();
    if let Ok(directory) = std::env::current_dir() {
        let candidates = directory.ancestors().map(|directory| directory.join(".steps.toml"));
        let nearest = candidates.map(read).find(|file| !matches!(file, Ok(None)));
        let nearest = nearest.unwrap_or(Ok(None)).or_else(|error| on_error(error).map(|()| None))?;
        files.push(nearest.unwrap_or_else(|| absent(directory.join(".steps.toml"))));
    }
    if let Some(directory) = dirs::config_dir() {
        let path = directory.join("steps").join("config.toml");
        let file = read(path.clone()).or_else(|error| on_error(error).map(|()| None))?;
        files.push(file.unwrap_or_else(|| absent(path)));
    }
    Ok(files)
}

fn absent(path: PathBuf) -> SettingsFile {
    SettingsFile { path, exists: false, values: HashMap::new(), rules: Ok(Vec::new()) }
}

fn read(path: PathBuf) -> Result<Option<SettingsFile>, Error> {
    match fs::read_to_string(&path) {
        Ok(text) => SettingsFile::parse(path, &text).map(Some),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(Error::Usage(format!("cannot read the settings file {}: {error}", path.display()))),
    }
}

impl SettingsFile {
    /// Reads the text of a settings file.
    ///
    /// # Errors
    /// What is not TOML, an unknown key, a value that is not a text; each with the file and the line.
    pub fn parse(path: PathBuf, text: &str) -> Result<Self, Error> {
        let document = DeTable::parse(text)
            .map_err(|error| wrong(&path, text, error.span().map(|span| span.start), error.message()))?;
        let mut values = HashMap::new();
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
        Ok(Self { path, exists: true, values, rules })
    }
}

fn unknown(name: &str) -> String {
    let known: Vec<_> = Key::ALL.into_iter().map(Key::name).chain([rules::TABLE]).collect();
    match nearest(name, &known) {
        Some(near) => format!("unknown key {name:?}; did you mean {near:?}?"),
        None => format!("unknown key {name:?}; known are {}", known.join(", ")),
    }
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
        SettingsFile::parse("/p/.steps.toml".into(), text).map(|file| file.values).map_err(|error| error.to_string())
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
            "settings file /p/.steps.toml, line 2: unknown key \"onwer\"; did you mean \"owner\"?"
        );
        assert_eq!(
            error("version = 1.10"),
            "settings file /p/.steps.toml, line 1: version must be a text; put quotes around it: version = \"1.10\""
        );
        assert!(error("[record]\nowner = \"x\"").contains("line 1: unknown key \"record\""));
        assert!(error("owner = true").contains("owner must be a text in quotes, not of type boolean"));
        assert!(error("owner = \"a\"\n\nowner = \"b\"").contains("line 3: duplicate key"));
        assert!(error("owner = \n").contains("line 1: "));
    }
}
