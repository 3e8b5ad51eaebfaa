//! The settings that say which deployment a step belongs to.

use steps_shared::{FieldError, NewStep};

use super::{Key, Setting, Source};
use crate::error::Error;

/// What each of these settings is, where something gives it.
#[derive(Debug)]
pub struct Stream(pub(super) [(Key, Option<Setting>); 5]);

impl Stream {
    /// The step that these settings and `given` fields describe.
    ///
    /// # Errors
    /// All that is missing or wrong, at once.
    pub fn new_step<const N: usize>(&self, given: [(&'static str, Option<String>); N]) -> Result<NewStep, Error> {
        let Self(found) = self;
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
            let sentences: Vec<_> = errors.0.iter().map(|error| self.sentence(error)).collect();
            Error::Usage(sentences.join("\n       "))
        })
    }

    /// Variables that give the same settings to another `steps`.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().filter_map(|(key, setting)| Some((key.variable(), setting.as_ref()?.value.as_str())))
    }

    /// The message with the field's flag in place of its name, and with the value's source where that is not the flag.
    fn sentence(&self, error: &FieldError) -> String {
        let FieldError { field, message, .. } = error;
        let sentence = match message.strip_prefix(field) {
            Some(reason) => format!("--{field}{reason}"),
            None => message.clone(),
        };
        let setting = self.0.iter().find(|(key, _)| key.name() == field).and_then(|(_, setting)| setting.as_ref());
        match setting.map(|setting| &setting.source) {
            None | Some(Source::Flag(_)) => sentence,
            Some(source) => format!("{sentence} (from {source})"),
        }
    }
}

fn missing(key: Key) -> String {
    format!("the {} is missing: {}", key.name(), key.ways())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(values: [Option<(&str, Source)>; 5]) -> Stream {
        let keys = [Key::Component, Key::Version, Key::Owner, Key::Environment, Key::Run];
        let mut values = values.map(|value| value.map(|(value, source)| Setting { value: value.to_owned(), source }));
        let mut places = values.iter_mut();
        Stream(keys.map(|key| (key, places.next().and_then(Option::take))))
    }

    fn given(status: &str, ts: Option<&str>) -> [(&'static str, Option<String>); 3] {
        [("status", Some(status.to_owned())), ("ts", ts.map(str::to_owned)), ("id", None)]
    }

    #[test]
    fn all_that_is_missing_is_named() {
        let error = found([None, None, None, None, None]).new_step(given("building", None)).unwrap_err();
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
        let message = found.new_step(given("building", Some("soon"))).unwrap_err().to_string();
        assert!(message.contains("--component must not be empty\n"), "{message}");
        assert!(message.contains("--version has a control character"), "{message}");
        assert!(message.contains("(from GITHUB_SHA)"), "{message}");
        assert!(message.contains("--ts is not a time"), "{message}");
    }

    #[test]
    fn a_command_is_given_what_was_found_and_no_more() {
        let found = found([
            Some(("checkout", Source::Flag(Key::Component))),
            Some(("4.2.0", Source::Variable("GITHUB_SHA"))),
            Some(("ann", Source::Login)),
            Some(("production", Source::Default)),
            None,
        ]);
        let variables: Vec<_> = found.variables().collect();
        let names = ["STEPS_COMPONENT", "STEPS_VERSION", "STEPS_OWNER", "STEPS_ENVIRONMENT"];
        let values = ["checkout", "4.2.0", "ann", "production"];
        assert_eq!(variables, names.into_iter().zip(values).collect::<Vec<_>>());
    }
}
