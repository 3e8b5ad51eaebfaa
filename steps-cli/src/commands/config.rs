//! `steps config`.

use serde::Serialize;
use steps_shared::ListFormat;

use super::setup;
use crate::client::shown;
use crate::credentials::{self, Chosen, Store, Token, TokenSource};
use crate::error::Error;
use crate::flags::ConnectionFlags;
use crate::settings::{FileKind, Key, Setting, Settings, SettingsFile};
use crate::terminal::csv_text::csv_text;
use crate::terminal::pairs::{PairsFlags, PairsFormat};
use crate::terminal::{self, table};

/// The flags of `steps config`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  steps config
  steps config --format json

A settings file holds lines such as
  server = \"https://steps.example.com\"
  component = \"checkout\"
and then rules for 'steps check', such as
  [[check]]
  max = \"10m\"

A project's .steps.toml may set server, component, environment, version, owner and run, and rules; all else stands in your \
own file, or in variables. A server that only the project names is marked, and told by every command that uses it; it gets \
no token but one that 'steps login' stored for it. Of a token its name is shown, never its text.")]
pub struct Args {
    #[command(flatten)]
    output: PairsFlags,
}

/// A setting, or a file that settings are read from.
#[derive(Debug, Serialize)]
struct Row {
    setting: &'static str,
    value: String,
    source: String,
}

/// Shows each setting, then the files that were looked for and the rules in them.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let format = args.output.choose()?;
    let found = setup::settings(connection)?;
    let settings = Key::ALL.into_iter().map(|key| setting(key, &found));
    let files = found.files.iter().map(|file| Row {
        setting: match file.kind {
            FileKind::Project => "project file",
            FileKind::User => "user file",
        },
        value: file.path.display().to_string(),
        source: if file.exists { "read" } else { "not there" }.to_owned(),
    });
    let rows: Vec<_> = settings.chain(token(&found)).chain(files).chain(rules(&found)).collect();
    let unwritable = |error: &dyn std::fmt::Display| Error::Failed(format!("cannot write the settings: {error}"));
    match format {
        PairsFormat::Table | PairsFormat::Markdown => {
            let rows = rows.into_iter().map(|row| vec![row.setting.to_owned(), row.value, row.source]);
            terminal::show(table::render(&["setting", "value", "from"], rows, format == PairsFormat::Markdown))
        }
        PairsFormat::Csv => {
            let cells = rows.iter().map(|Row { setting, value, source }| [*setting, value, source]);
            let text = csv_text(std::iter::once(["setting", "value", "source"]).chain(cells), args.output.safe);
            terminal::print_data(&text.map_err(|error| unwritable(&error))?, ListFormat::Csv)
        }
        PairsFormat::Json => terminal::print_data(&json(&rows).map_err(|error| unwritable(&error))?, ListFormat::Json),
    }
}

/// The token that the server gets, by name, and where tokens are stored.
fn token(settings: &Settings) -> Vec<Row> {
    let token = |value: String, source: String| Row { setting: "token", value, source };
    let chosen = match settings.server().and_then(|server| credentials::choose(settings, &server)) {
        // The notes say why, where one is left aside.
        Ok(Chosen { token: None, notes }) if notes.is_empty() => token(String::new(), "not set".to_owned()),
        Ok(Chosen { token: None, notes }) => token(String::new(), format!("not sent: {}", notes.join("; "))),
        Ok(Chosen { token: Some(Token { source, .. }), .. }) => match source {
            TokenSource::Stored { name } => token(name, "steps login".to_owned()),
            TokenSource::Flag(path) => token("in a file".to_owned(), format!("--token-file {}", path.display())),
            TokenSource::Variable(name) => token("set".to_owned(), name.to_owned()),
            TokenSource::Entered => token("set".to_owned(), "entered".to_owned()),
        },
        Err(error) => token(String::new(), format!("wrong: {error}")),
    };
    let path = Store::path().map(|path| Row {
        setting: "stored tokens",
        source: if path.exists() { "there" } else { "not there" }.to_owned(),
        value: path.display().to_string(),
    });
    std::iter::once(chosen).chain(path).collect()
}

/// The rules that `steps check` judges, or what is wrong with them.
fn rules(settings: &Settings) -> Vec<Row> {
    let Some(SettingsFile { path, rules, .. }) = settings.rules_file() else { return Vec::new() };
    let path = path.display();
    let row = |value, source| Row { setting: "check", value, source };
    match rules {
        Ok(rules) => rules.iter().map(|rule| row(rule.to_string(), format!("{path}, line {}", rule.line))).collect(),
        Err(errors) => errors.iter().map(|error| row(format!("wrong: {error}"), path.to_string())).collect(),
    }
}

fn setting(key: Key, settings: &Settings) -> Row {
    let (value, source) = match settings.find(key) {
        Some(Setting { value, source }) if key == Key::Server && settings.is_of_project(&source) => {
            (value, format!("{source} (named by the project only)"))
        }
        Some(Setting { value, source }) => (value, source.to_string()),
        None => (String::new(), "not set".to_owned()),
    };
    // Without a password. An address that cannot be read is reported by the commands that use it.
    let value = match key {
        Key::Server => settings.server().map_or(value, |server| shown(&server)),
        _ => value,
    };
    Row { setting: key.name(), value, source }
}

fn json(rows: &[Row]) -> Result<Vec<u8>, serde_json::Error> {
    let mut text = serde_json::to_vec_pretty(rows)?;
    text.push(b'\n');
    Ok(text)
}
