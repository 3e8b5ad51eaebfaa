//! `steps record`.

use clap::ValueEnum;
use steps_shared::{FieldError, NewStep, Step, StepId};

use crate::args::Connection;
use crate::client::{Client, block_on};
use crate::error::Error;
use crate::output;
use crate::settings::{Key, Setting, Source, Sources};

/// The flags of `steps record`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  steps record --component checkout --version 4.2.0 --status building
  steps record --status succeeded              the rest from .steps.toml, the CI and git
  steps record --component checkout --version 4.1.9 --status failed --ts '2026-01-05 09:30:00'

Statuses such as succeeded, deployed and done, or failed, aborted and rolled_back, end a deployment."
)]
pub struct Args {
    /// What is deployed [env: STEPS_COMPONENT]
    #[arg(long, value_name = "NAME")]
    component: Option<String>,
    /// Which version of it [env: STEPS_VERSION] [default: the CI's commit, else git describe]
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// The phase that begins, such as building, or the end, such as succeeded
    #[arg(long, value_name = "STATUS")]
    status: String,
    /// Who is responsible [env: STEPS_OWNER] [default: the CI's user, else git's user.name, else the login]
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// Where it is deployed to [env: STEPS_ENVIRONMENT] [default: production]
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// When it began, if not now: 2026-01-05T09:30:00Z, or '2026-01-05 09:30:00' in UTC
    #[arg(long, value_name = "TIME")]
    ts: Option<String>,
    /// The CI run it belongs to; steps of different runs are never of one deployment [env: STEPS_RUN]
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// The step's own identity, a UUID; recording the same one again changes nothing [default: a new one]
    #[arg(long, value_name = "UUID")]
    id: Option<String>,
    /// Print nothing when it is recorded
    #[arg(long, short)]
    quiet: bool,
    /// How the recorded step is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// One line to read
    Text,
    /// The step as JSON, on one line
    Json,
}

/// Records a step.
pub fn run(args: Args, connection: &Connection) -> Result<(), Error> {
    let Args { component, version, status, owner, environment, ts, run, id, quiet, format } = args;
    let sources = Sources::load()?;
    let client = Client::new(&sources, connection)?;
    let found = [
        (Key::Component, component),
        (Key::Version, version),
        (Key::Owner, owner),
        (Key::Environment, environment),
        (Key::Run, run),
    ]
    .map(|(key, flag)| (key, sources.find(key, flag.as_deref())));
    let given = [("status", Some(status)), ("ts", ts), ("id", id)];
    let mut step = new_step(&found, given)?;
    // The identity is made here, so that sending the step again could not record it twice.
    step.id.get_or_insert_with(StepId::generate);

    let (now, step) = block_on(client.record(&step))?;
    match format {
        _ if quiet => Ok(()),
        Format::Text => output::print(sentence(now, &step)),
        Format::Json => {
            let json = serde_json::to_string(&step).map_err(|error| Error::Failed(error.to_string()))?;
            output::print(json + "\n")
        }
    }
}

/// The step that the settings and the other flags describe; what is missing or wrong is told all at once.
fn new_step(found: &[(Key, Option<Setting>)], given: [(&'static str, Option<String>); 3]) -> Result<NewStep, Error> {
    let missing: Vec<_> = found
        .iter()
        .filter(|(key, setting)| setting.is_none() && !matches!(key, Key::Environment | Key::Run))
        .map(|(key, _)| missing(*key))
        .collect();
    if !missing.is_empty() {
        return Err(Error::Usage(missing.join("\n       ")));
    }
    let settings = found.iter().filter_map(|(key, setting)| Some((key.name(), setting.as_ref()?.value.clone())));
    let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
    NewStep::from_fields(settings.chain(given)).map_err(|errors| {
        let sentences: Vec<_> = errors.0.iter().map(|error| sentence_with_flag(error, found)).collect();
        Error::Usage(sentences.join("\n       "))
    })
}

fn missing(key: Key) -> String {
    let (name, variable) = (key.name(), key.variable());
    format!("the {name} is missing: give --{name}, set {variable}, or write {name} = \"…\" in .steps.toml")
}

/// The message with the field's flag for its name, and the value's source where that is not the flag.
fn sentence_with_flag(error: &FieldError, found: &[(Key, Option<Setting>)]) -> String {
    let FieldError { field, message, .. } = error;
    let sentence = match message.strip_prefix(field) {
        Some(reason) => format!("--{field}{reason}"),
        None => message.clone(),
    };
    let setting = found.iter().find(|(key, _)| key.name() == field).and_then(|(_, setting)| setting.as_ref());
    match setting.map(|setting| &setting.source) {
        None | Some(Source::Flag(_)) => sentence,
        Some(source) => format!("{sentence} (from {source})"),
    }
}

fn sentence(now: bool, step: &Step) -> String {
    let Step { id, component, environment, version, owner, status, ts, run } = step;
    let done = if now { "recorded" } else { "already recorded" };
    let run = run.as_ref().map_or_else(String::new, |run| format!(" run {run}"));
    format!("{done} {component} {version} {status} in {environment} by {owner}{run} at {ts} (id {id})\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(values: [Option<(&str, Source)>; 5]) -> Vec<(Key, Option<Setting>)> {
        let keys = [Key::Component, Key::Version, Key::Owner, Key::Environment, Key::Run];
        let setting = |(value, source): (&str, Source)| Setting { value: value.to_owned(), source };
        keys.into_iter().zip(values.map(|value| value.map(setting))).collect()
    }

    fn given(status: &str, ts: Option<&str>) -> [(&'static str, Option<String>); 3] {
        [("status", Some(status.to_owned())), ("ts", ts.map(str::to_owned)), ("id", None)]
    }

    #[test]
    fn all_that_is_missing_is_named() {
        let error = new_step(&found([None, None, None, None, None]), given("building", None)).unwrap_err();
        assert_eq!(error.exit_code(), crate::exit::USAGE);
        let message = error.to_string();
        for part in ["--component", "STEPS_COMPONENT", "component = ", "--version", "STEPS_VERSION", "STEPS_OWNER"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert!(!message.contains("environment"));
    }

    #[test]
    fn wrong_fields_are_named_by_flag_and_source() {
        let found = found([
            Some(("", Source::Flag(Key::Component))),
            Some(("a\nb", Source::Variable("GITHUB_SHA"))),
            Some(("ann", Source::Login)),
            None,
            None,
        ]);
        let message = new_step(&found, given("building", Some("soon"))).unwrap_err().to_string();
        assert!(message.contains("--component must not be empty\n"), "{message}");
        assert!(message.contains("--version has a control character"), "{message}");
        assert!(message.contains("(from GITHUB_SHA)"), "{message}");
        assert!(message.contains("--ts is not a time"), "{message}");
    }
}
