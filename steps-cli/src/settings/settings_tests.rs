//! The settings: which source wins, and what is said of wrong values.

use super::*;

fn file(path: &str, text: &str) -> SettingsFile {
    SettingsFile::parse(PathBuf::from(path), FileKind::User, text).unwrap().0
}

fn settings(variables: &[(&'static str, &str)], files: &[(&str, &str)]) -> Settings {
    Settings {
        flags: HashMap::new(),
        variables: variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        files: files.iter().map(|(path, text)| file(path, text)).collect(),
        ..Settings::default()
    }
}

#[test]
fn the_stronger_source_wins() {
    let files = [("/p/.steps.toml", "owner = \"project\""), ("/u/config.toml", "owner = \"user\"\nrun = \"7\"")];
    let all = [("STEPS_OWNER", "variable"), ("GITHUB_ACTOR", "ci")];
    let owner =
        |settings: Settings| settings.given(Key::Owner).map(|setting| (setting.value, setting.source.to_string()));
    let found = |value: &str, source: &str| Some((value.to_owned(), source.to_owned()));
    assert_eq!(
        owner(settings(&all, &files).with_flags([(Key::Owner, Some("flag".to_owned()))])),
        found("flag", "--owner")
    );
    assert_eq!(owner(settings(&all, &files).with_flags([(Key::Owner, None)])), found("variable", "STEPS_OWNER"));
    assert_eq!(owner(settings(&[], &files)), found("project", "/p/.steps.toml"));
    assert_eq!(owner(settings(&[("STEPS_OWNER", "")], &files[1..])), found("user", "/u/config.toml"));
    assert_eq!(owner(settings(&all[1..], &[])), found("ci", "GITHUB_ACTOR"));
    assert_eq!(owner(settings(&[], &[])), None);
    assert_eq!(settings(&[], &files).given(Key::Run).unwrap().value, "7");
    assert_eq!(settings(&[], &files).given(Key::Environment).unwrap().source, Source::Default);
}

#[test]
fn a_wrong_value_is_told_with_its_source() {
    let settings = settings(&[("STEPS_TIMEOUT", "soon"), ("STEPS_SERVER", "localhost:7878")], &[]);
    let message = settings.timeout().unwrap_err().to_string();
    assert!(message.starts_with("timeout is not a duration") && message.ends_with("(from STEPS_TIMEOUT)"));
    let message = settings.server().unwrap_err().to_string();
    assert!(message.contains("did you mean http://localhost:7878?"), "{message}");
}

#[test]
fn sprints_and_changes_have_defaults_and_name_what_is_wrong() {
    let none = Settings::default();
    assert_eq!(none.sprints().unwrap(), Sprints::default());
    assert_eq!(none.min_change().unwrap(), SmallestChange::default());
    let found = settings(&[("STEPS_SPRINT_LENGTH", "3w")], &[("/p/.steps.toml", "sprint_start = 2026-01-07")]);
    let Sprints { start, length } = found.sprints().unwrap();
    assert_eq!((start.to_string(), length.to_string()), ("2026-01-07".to_owned(), "21d".to_owned()));
    let found = found.with_flags([(Key::SprintLength, Some("36h".to_owned()))]);
    let message = found.sprints().unwrap_err().to_string();
    assert!(message.starts_with("sprint_length must be whole days") && message.ends_with("(from --sprint-length)"));
    let wrong = settings(&[], &[("/p/.steps.toml", "min_change = \"much\"\nsprint_start = 2026-01-07T09:00:00Z")]);
    let message = wrong.min_change().unwrap_err().to_string();
    assert!(message.starts_with("min_change is not a share") && message.ends_with("(from /p/.steps.toml)"));
    let message = wrong.sprints().unwrap_err().to_string();
    assert!(message.starts_with("sprint_start is not a date") && message.contains(".steps.toml"), "{message}");
}

#[test]
fn a_zone_is_one_that_is_known() {
    assert_eq!(Settings::default().zone().unwrap(), Tz::UTC);
    let found = settings(&[("STEPS_TZ", "Europe/Berlin")], &[("/p/.steps.toml", "tz = \"Asia/Tokyo\"")]);
    assert_eq!(found.zone().unwrap(), Tz::Europe__Berlin);
    let message = found.with_flags([(Key::Tz, Some("Mars".to_owned()))]).zone().unwrap_err().to_string();
    assert!(message.starts_with("tz names no time zone") && message.ends_with("(from --tz)"), "{message}");
}

#[test]
fn servers() {
    assert_eq!(parse_server("http://h:1/steps/").unwrap().as_str(), "http://h:1/steps");
    for text in ["", "ftp://h", "http://", "h", "http://h/?a=b", "127.0.0.1:7878"] {
        assert!(parse_server(text).is_err(), "{text}");
    }
}
