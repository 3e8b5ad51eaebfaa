//! `steps config`.

use serde::Serialize;
use steps_shared::ListFormat;

use super::setup;
use crate::client::shown;
use crate::error::Error;
use crate::flags::ConnectionFlags;
use crate::settings::{FileKind, Key, Setting, Settings, SettingsFile};
use crate::terminal::pairs::PairsFormat;
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
own file, or in variables. A server that only the project names is marked, and told by every command that uses it.")]
pub struct Args {
    /// How the settings are printed [default: a table on a terminal, else csv]
    #[arg(long, value_name = "FORMAT")]
    format: Option<PairsFormat>,
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
    let rows: Vec<_> = settings.chain(files).chain(rules(&found)).collect();
    let default = if terminal::is_terminal() { PairsFormat::Table } else { PairsFormat::Csv };
    let unwritable = |error: &dyn std::fmt::Display| Error::Failed(format!("cannot write the settings: {error}"));
    match args.format.unwrap_or(default) {
        PairsFormat::Table => {
            let rows = rows.into_iter().map(|row| vec![row.setting.to_owned(), row.value, row.source]);
            terminal::show(table::render(&["setting", "value", "from"], rows))
        }
        PairsFormat::Csv => terminal::print_data(&csv(&rows).map_err(|error| unwritable(&error))?, ListFormat::Csv),
        PairsFormat::Json => terminal::print_data(&json(&rows).map_err(|error| unwritable(&error))?, ListFormat::Json),
    }
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

fn csv(rows: &[Row]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

fn json(rows: &[Row]) -> Result<Vec<u8>, serde_json::Error> {
    let mut text = serde_json::to_vec_pretty(rows)?;
    text.push(b'\n');
    Ok(text)
}
