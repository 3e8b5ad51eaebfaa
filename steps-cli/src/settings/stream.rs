//! The settings that say which deployment a step belongs to.

use steps_shared::{FieldError, FieldErrors, NewStep, StepId};

use super::{Key, Setting, Source};
use crate::error::{Error, NEXT_SENTENCE};

/// The variable by which `steps run --deployment` tells what it runs which deployment that is.
pub const DEPLOYMENT_VARIABLE: &str = "STEPS_DEPLOYMENT";

/// What each of these settings is, where something gives it.
#[derive(Debug)]
pub struct Stream {
    found: [(Key, Option<Setting>); 6],
    /// Why git gives no version.
    no_version: Option<String>,
}

impl Stream {
    const KEYS: [Key; 6] = [Key::Component, Key::Version, Key::Owner, Key::Environment, Key::Run, Key::Attempt];

    /// Asks for each of the settings; an error is why git gives none.
    pub(super) fn new(find: impl Fn(Key) -> Result<Option<Setting>, String>) -> Self {
        let mut no_version = None;
        let found = Self::KEYS.map(|key| {
            (
                key,
                find(key).unwrap_or_else(|error| {
                    no_version = Some(error);
                    None
                }),
            )
        });
        Self { found, no_version }
    }

    /// The step that these settings and `given` fields describe.
    ///
    /// # Errors
    /// All that is missing or wrong, at once.
    pub fn new_step<const N: usize>(&self, given: [(&'static str, Option<String>); N]) -> Result<NewStep, Error> {
        let missing: Vec<_> = self
            .found
            .iter()
            .filter(|(key, setting)| setting.is_none() && matches!(key, Key::Component | Key::Version | Key::Owner))
            .map(|(key, _)| self.missing(*key))
            .collect();
        if !missing.is_empty() {
            return Err(Error::Usage(missing.join(NEXT_SENTENCE)));
        }
        NewStep::from_fields(self.fields(|_| true).chain(some(given))).map_err(|errors| self.usage(&errors))
    }

    /// Checks what flags give, and `given` fields.
    ///
    /// # Errors
    /// All of that which is wrong. What other sources give is not looked at.
    pub fn check_flags<const N: usize>(&self, given: [(&'static str, Option<String>); N]) -> Result<(), Error> {
        let is_flag = |setting: &Setting| matches!(setting.source, Source::Flag(_));
        let needed = ["component", "version", "owner"].into_iter();
        let others = needed.filter(|name| self.fields(is_flag).all(|(field, _)| field != *name));
        let fields = self.fields(is_flag).chain(others.map(|name| (name, "unknown".to_owned()))).chain(some(given));
        NewStep::from_fields(fields).map(drop).map_err(|errors| self.usage(&errors))
    }

    /// The same with a run of its own where none is given or found.
    #[must_use]
    pub fn with_run(mut self) -> Self {
        for (key, setting) in &mut self.found {
            if *key == Key::Run && setting.is_none() {
                *setting = Some(Setting { value: format!("run-{}", StepId::generate()), source: Source::Default });
            }
        }
        self
    }

    /// Each that is given or found.
    pub fn found(&self) -> impl Iterator<Item = (Key, &Setting)> {
        self.found.iter().filter_map(|(key, setting)| Some((*key, setting.as_ref()?)))
    }

    /// Variables that give the same settings to another `steps`.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.found.iter().filter_map(|(key, setting)| Some((key.variable(), setting.as_ref()?.value.as_str())))
    }

    /// The value of [`DEPLOYMENT_VARIABLE`] for a deployment of this stream.
    pub fn deployment(&self) -> String {
        let of = |(key, _): &&(Key, Option<Setting>)| !matches!(key, Key::Owner | Key::Attempt);
        let values = self.found.iter().filter(of).filter_map(|(_, setting)| Some(setting.as_ref()?.value.trim()));
        values.collect::<Vec<_>>().join(" ")
    }

    /// Whether this process runs within a deployment of this stream that `steps run` bounds.
    pub fn is_within_deployment(&self) -> bool {
        std::env::var(DEPLOYMENT_VARIABLE).is_ok_and(|outer| outer == self.deployment())
    }

    /// What the user should know of a value that is a guess.
    pub fn guess(&self) -> Option<String> {
        self.found.iter().find_map(|(key, setting)| match setting.as_ref()? {
            Setting { value, source: source @ Source::Repository(_) } => {
                let (name, variable) = (key.name(), key.variable());
                Some(format!("the {name} is {value}, {source}; --{name} or {variable} name another"))
            }
            _ => None,
        })
    }

    fn fields(&self, which: impl Fn(&Setting) -> bool) -> impl Iterator<Item = (&'static str, String)> {
        let field = move |(key, setting): &(Key, Option<Setting>)| {
            let setting = setting.as_ref().filter(|setting| which(setting))?;
            Some((key.name(), setting.value.clone()))
        };
        self.found.iter().filter_map(field)
    }

    fn usage(&self, FieldErrors(errors): &FieldErrors) -> Error {
        let sentences: Vec<_> = errors.iter().map(|error| self.sentence(error)).collect();
        Error::Usage(sentences.join(NEXT_SENTENCE))
    }

    /// The message with the field's flag in place of its name, and with the value's source where that is not the flag.
    fn sentence(&self, error: &FieldError) -> String {
        let FieldError { field, message, .. } = error;
        let sentence = match message.strip_prefix(field) {
            Some(reason) => format!("--{field}{reason}"),
            None => message.clone(),
        };
        let setting = self.found.iter().find(|(key, _)| key.name() == field).and_then(|(_, setting)| setting.as_ref());
        match setting.map(|setting| &setting.source) {
            None | Some(Source::Flag(_)) => sentence,
            Some(source) => format!("{sentence} (from {source})"),
        }
    }

    fn missing(&self, key: Key) -> String {
        let mut sentence = format!("the {} is missing: {}", key.name(), key.ways());
        if key == Key::Version {
            sentence += "; else it is the commit that the CI names (GITHUB_SHA, CI_COMMIT_SHA and the like), or that of git describe";
            if let Some(reason) = &self.no_version {
                sentence += &format!(", but {reason}");
            }
        }
        sentence
    }
}

fn some<const N: usize>(given: [(&'static str, Option<String>); N]) -> impl Iterator<Item = (&'static str, String)> {
    given.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(values: [Option<(&str, Source)>; 5]) -> Stream {
        let given = |key| {
            let at = Stream::KEYS.iter().position(|of| *of == key).unwrap();
            let (value, source) = values.get(at)?.as_ref()?;
            Some(Setting { value: (*value).to_owned(), source: source.clone() })
        };
        Stream::new(|key| match given(key) {
            None if key == Key::Version => Err("git says: not a git repository".to_owned()),
            setting => Ok(setting),
        })
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
        assert!(
            message.contains("GITHUB_SHA, ") && message.contains("but git says: not a git repository"),
            "{message}"
        );
    }

    #[test]
    fn only_what_flags_give_is_their_mistake() {
        let wrong = |source| found([Some(("a\nb", source)), None, None, None, None]);
        assert!(wrong(Source::Variable("STEPS_COMPONENT")).check_flags(given("building", None)).is_ok());
        let error = wrong(Source::Flag(Key::Component)).check_flags(given("building", None)).unwrap_err();
        assert!(error.to_string().contains("--component has a control character"), "{error}");
        assert!(found([None, None, None, None, None]).check_flags(given(" ", None)).is_err());
    }

    #[test]
    fn a_deployment_has_a_run() {
        let of = |run: Option<&str>| {
            let run = run.map(|run| (run, Source::Variable("GITHUB_RUN_ID")));
            found([Some(("shop", Source::Default)), Some(("1", Source::Default)), None, None, run]).with_run()
        };
        assert_eq!(of(Some("7")).deployment(), "shop 1 7");
        let made = [of(None).deployment(), of(None).deployment()];
        assert!(made[0].starts_with("shop 1 run-0") && made[0] != made[1], "{made:?}");
    }

    #[test]
    fn a_guess_is_told_as_one() {
        let guessed = found([Some(("shop", Source::Repository("GITHUB_REPOSITORY"))), None, None, None, None]);
        let said = guessed.guess().unwrap();
        assert!(said.starts_with("the component is shop, the repository's name in GITHUB_REPOSITORY; --component"));
        assert_eq!(found([Some(("shop", Source::Variable("KAMAL_SERVICE"))), None, None, None, None]).guess(), None);
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
