//! `steps doctor`.

mod completions;

use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::Serialize;
use serde_json::json;
use steps_shared::view::{Meaning, Text};
use steps_shared::{CallerKind, CurrentCaller, ListFormat, Scope, Timestamp};

use super::setup;
use crate::client::{Client, Readiness, RequestError, block_on, shown};
use crate::clock;
use crate::error::{Error, NEXT_SENTENCE};
use crate::exit;
use crate::flags::ConnectionFlags;
use crate::settings::{FileKind, Key, Settings, Source};
use crate::terminal::canvas::Canvas;
use crate::terminal::painted::Painted;
use crate::terminal::{self, text};

/// A clock that differs by more from the server's, whose date has whole seconds, is told.
const MAX_CLOCK_DIFFERENCE_MICROS: u64 = 2_000_000;

/// A token that expires so soon is told.
const SOON_MICROS: i64 = 14 * 86_400_000_000;

/// The flags of `steps doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  steps doctor
  steps doctor --format json

It changes nothing and records nothing. Each line is good (a tick), worth a look (!), or wrong (a cross), with what to do below it.

Exit codes: 0 nothing is wrong, 1 something is.")]
pub struct Args {
    /// How it is printed [default: a table on a terminal, else json]
    #[arg(long, value_name = "FORMAT")]
    format: Option<DoctorFormat>,
    /// Draw with ASCII characters only, as where the locale is not UTF-8
    #[arg(long)]
    ascii: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DoctorFormat {
    /// Lines to read
    Table,
    /// An array, with an object for each line
    Json,
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Good,
    Warning,
    Wrong,
}

/// What was found out.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    /// Several things have a line each.
    found: String,
    /// What to do; empty where nothing is.
    advice: String,
}

impl Finding {
    fn good(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, state: State::Good, found: found.into(), advice: String::new() }
    }

    fn warning(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, state: State::Warning, found: found.into(), advice: advice.into() }
    }

    fn wrong(check: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, state: State::Wrong, found: found.into(), advice: advice.into() }
    }

    /// An error, whose text says what to do.
    fn error(check: &'static str, error: &Error) -> Self {
        Self::wrong(check, error.to_string().replace(NEXT_SENTENCE, "; "), "")
    }
}

/// Looks at everything that recording and asking need; returns the exit code.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<u8, Error> {
    let default = if terminal::is_terminal() { DoctorFormat::Table } else { DoctorFormat::Json };
    let mut problems = Vec::new();
    let settings = setup::all_settings(connection, &mut problems);
    let mut findings = files(&settings, &problems);
    findings.extend(server(&settings));
    findings.extend(spool(&settings));
    findings.push(recorded(&settings));
    findings.push(completions::installed(std::env::var("SHELL").ok().as_deref()));
    match args.format.unwrap_or(default) {
        DoctorFormat::Table => terminal::show(report(&findings, Canvas::of_output(args.ascii)))?,
        DoctorFormat::Json => terminal::print_data(format!("{:#}\n", json!(findings)).as_bytes(), ListFormat::Json)?,
    }
    let is_wrong = findings.iter().any(|finding| finding.state == State::Wrong);
    Ok(if is_wrong { exit::FAILED } else { exit::DONE })
}

/// The settings files, and what does not come from defaults.
fn files(settings: &Settings, problems: &[Error]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = problems.iter().map(|problem| Finding::error("settings", problem)).collect();
    let found = settings.files.iter().filter(|file| file.exists).map(|file| {
        let kind = if file.kind == FileKind::Project { "of the project" } else { "of the user" };
        format!("{} ({kind})", file.path.display())
    });
    let found: Vec<String> = found.collect();
    findings
        .push(Finding::good("files", if found.is_empty() { "no settings file".to_owned() } else { found.join(", ") }));
    let named = Key::ALL.into_iter().filter(|key| !key.is_of_stream()).filter_map(|key| {
        let setting = settings.find(key)?;
        // An address may hold a password.
        let value = match key {
            Key::Server => settings.server().map_or(setting.value, |server| shown(&server)),
            _ => setting.value,
        };
        (setting.source != Source::Default).then(|| format!("{} = {value} (from {})", key.name(), setting.source))
    });
    let named: Vec<String> = named.collect();
    findings
        .push(Finding::good("settings", if named.is_empty() { "all by default".to_owned() } else { named.join("\n") }));
    findings
}

/// The server, its clock, and what the token may.
fn server(settings: &Settings) -> Vec<Finding> {
    let client = match setup::client(settings) {
        Ok(client) => client,
        Err(error) => return vec![Finding::error("server", &error)],
    };
    let asked = block_on(async {
        let begun = Instant::now();
        let ready = client.readiness().await;
        let took = begun.elapsed();
        let caller = if ready.is_ok() { Some(client.current_caller().await) } else { None };
        Ok((ready, took, caller))
    });
    match asked {
        Err(error) => vec![Finding::error("server", &error)],
        Ok((Err(error), ..)) => vec![Finding::error("server", &error)],
        Ok((Ok(ready), took, caller)) => {
            let database =
                caller.as_ref().and_then(|caller| caller.as_ref().ok()).map(|caller| caller.database.as_str());
            let mut findings = vec![reached(&client, &ready, database.unwrap_or_default(), took)];
            findings.extend(ready.date.map(|date| time(date, clock::now())));
            findings.extend(caller.map(|caller| token(&client, caller)));
            findings
        }
    }
}

fn reached(client: &Client, ready: &Readiness, database: &str, took: Duration) -> Finding {
    let shown = client.shown();
    let took = took.as_secs_f64() * 1e3;
    let Some(version) = &ready.version else {
        let found = format!("what answers at {shown} does not say that it is a steps-server");
        return Finding::warning(
            "server",
            found,
            "where a proxy is before it, all is well; else give another address with --server",
        );
    };
    let database = if database.is_empty() { String::new() } else { format!(" on {database}") };
    let found = format!("{shown} can record: steps-server {version}{database}, in {took:.1} ms");
    let ours = env!("CARGO_PKG_VERSION");
    if version.split(' ').next() == Some(ours) {
        return Finding::good("server", found);
    }
    Finding::warning("server", found, format!("this command is of version {ours}; take both of the same version"))
}

fn time(server: Timestamp, ours: Timestamp) -> Finding {
    let difference = ours.micros().abs_diff(server.micros());
    if difference <= MAX_CLOCK_DIFFERENCE_MICROS {
        return Finding::good("clock", "that of the server and this one agree");
    }
    let which = if ours > server { "ahead of" } else { "behind" };
    let found = format!("this machine's is {} s {which} the server's", difference / 1_000_000);
    Finding::warning(
        "clock",
        found,
        "a time that is given by --ts is by this clock; set it by NTP, as with timedatectl set-ntp true",
    )
}

/// Which token is sent, and what it may.
fn token(client: &Client, caller: Result<CurrentCaller, RequestError>) -> Finding {
    let sent = client.token().map_or_else(|| "no token".to_owned(), ToString::to_string);
    let caller = match caller {
        Ok(caller) => caller,
        Err(error) => return Finding::error("token", &error.error),
    };
    let CurrentCaller { kind, name, scopes, expires_at, .. } = caller;
    let found = match kind {
        CallerKind::Anonymous => format!("{sent}; the server lets everybody {scopes}"),
        _ => format!("{sent}: {name} ({scopes})"),
    };
    if let Some(expires) = expires_at.filter(|expires| expires.micros() - clock::now().micros() < SOON_MICROS) {
        let found = format!("{found}, until {} UTC", expires.to_seconds_text());
        return Finding::warning("token", found, "it expires soon; steps login stores another");
    }
    let missing: Vec<&str> = [(Scope::Record, "record"), (Scope::Read, "read")]
        .into_iter()
        .filter_map(|(scope, name)| (!scopes.permit(scope)).then_some(name))
        .collect();
    match missing.as_slice() {
        [] => Finding::good("token", found),
        missing => Finding::warning(
            "token",
            found,
            format!("it may not {}; steps login stores another", missing.join(" nor ")),
        ),
    }
}

/// What waits on this machine, and for whom.
fn spool(settings: &Settings) -> Vec<Finding> {
    let spool = match setup::spool(settings) {
        Ok(Some(spool)) => spool,
        Ok(None) => {
            let advice = "unset no_spool, or name a folder with STEPS_SPOOL_DIR";
            return vec![Finding::warning("spool", "none: a step that does not reach the server is lost", advice)];
        }
        Err(error) => return vec![Finding::error("spool", &error)],
    };
    let folder = spool.folder().display();
    let (status, broken) = spool.survey();
    let mut findings = Vec::new();
    let is_broken = broken.is_some() || spool.keeps_in() != Some(spool.folder());
    if is_broken {
        let found = broken.map_or_else(|| format!("{folder} cannot be written"), |error| format!("{folder}: {error}"));
        let advice = "put that right, or name another folder with STEPS_SPOOL_DIR";
        findings.push(match spool.keeps_in() {
            None => Finding::wrong("spool", found, advice),
            Some(next) => {
                let advice = format!("what does not reach the server waits in {} meanwhile; {advice}", next.display());
                Finding::warning("spool", found, advice)
            }
        });
    }
    if status.steps == 0 && is_broken {
        // Said above.
    } else if status.steps == 0 {
        findings.push(Finding::good("spool", format!("nothing waits in {folder}")));
    } else {
        let since = status.oldest.map_or_else(String::new, |waited| {
            let waited = steps_shared::Duration::from_micros(i64::try_from(waited.as_micros()).unwrap_or_default());
            waited.map_or_else(String::new, |waited| format!(", the oldest for {waited}"))
        });
        let steps = if status.steps == 1 { "step waits" } else { "steps wait" };
        let mut found = format!("{} {steps} for {}{since}", status.steps, spool.server());
        for folder in spool.elsewhere() {
            found += &format!(", in {} too", folder.display());
        }
        findings.push(Finding::warning("spool", found, "steps flush delivers them"));
    }
    for (name, count, why) in [
        ("rejected", status.rejected, "the server refused them; the reasons stand in it, and it may be removed"),
        ("torn", status.torn, "their writer was killed, and they were never acknowledged; it may be removed"),
    ] {
        if count > 0 {
            let lines = if count == 1 { "line is" } else { "lines are" };
            findings.push(Finding::warning("spool", format!("{count} {lines} in {name} of {folder}"), why));
        }
    }
    findings.extend(spool.others().into_iter().map(|(server, count)| {
        let steps = if count == 1 { "step waits" } else { "steps wait" };
        let advice = format!("steps flush --from {server} delivers them to the present server");
        Finding::warning("spool", format!("{count} {steps} for {server}"), advice)
    }));
    findings
}

/// What `steps record` would send here.
fn recorded(settings: &Settings) -> Finding {
    let stream = settings.stream();
    let found: Vec<String> = stream
        .found()
        .map(|(key, value)| format!("{} = {} (from {})", key.name(), value.value, value.source))
        .collect();
    let found = format!("here it would send\n{}", found.join("\n"));
    match stream.new_step([("status", Some("started".to_owned()))]) {
        Ok(_) => match stream.guess() {
            Some(guess) => Finding::warning("record", found, guess),
            None => Finding::good("record", found),
        },
        Err(error) => Finding::warning("record", found, error.to_string().replace(NEXT_SENTENCE, "; ")),
    }
}

/// A line for each finding, with what to do below it.
fn report(findings: &[Finding], canvas: Canvas) -> Painted {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
    let indent = " ".repeat(width + 4);
    let inner = Canvas { fit: Some(canvas.width().saturating_sub(indent.len()).max(20) as u16), ..canvas };
    let mut lines = Vec::new();
    for Finding { check, state, found, advice } in findings {
        let (mark, meaning) = match state {
            State::Good => (canvas.glyphs.pick("✓", "."), Meaning::Good),
            State::Warning => ("!", Meaning::Warning),
            State::Wrong => (canvas.glyphs.pick("✗", "X"), Meaning::Bad),
        };
        let head = text::paint(mark, meaning) + &format!(" {check:width$}  ");
        let found = found.split('\n').flat_map(|line| text::lines(&Text::new(line, Meaning::Plain), inner));
        let advice = text::lines(&Text::new(advice.as_str(), Meaning::Faint), inner);
        let said = found.chain(advice.into_iter().filter(|line| !line.is_empty()));
        for (at, line) in said.enumerate() {
            lines.push(if at == 0 { head.clone() + line } else { Painted::plain(&indent) + line });
        }
    }
    Painted::lines(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::canvas::Glyphs;
    use crate::terminal::text::unstyled;

    #[test]
    fn a_line_for_each_finding_with_what_to_do_below() {
        let findings = [
            Finding::good("server", "http://127.0.0.1:7878 can record"),
            Finding::warning("clock", "this machine's is 12 s ahead of the server's", "set it by NTP"),
            Finding::wrong("spool", "it is full, and nothing more can be kept while the server is away", ""),
        ];
        let canvas = |glyphs| Canvas { fit: Some(50), glyphs };
        assert_eq!(
            unstyled(&report(&findings, canvas(Glyphs::Unicode))),
            "\
✓ server  http://127.0.0.1:7878 can record
! clock   this machine's is 12 s ahead of the
          server's
          set it by NTP
✗ spool   it is full, and nothing more can be kept
          while the server is away
"
        );
        assert!(unstyled(&report(&findings, canvas(Glyphs::Ascii))).is_ascii());
    }

    #[test]
    fn clocks_that_differ_are_told() {
        let time_of = |text: &str| text.parse::<Timestamp>().unwrap();
        let server = time_of("2026-01-05 09:30:00");
        assert_eq!(time(server, time_of("2026-01-05 09:30:01.9")).state, State::Good);
        let behind = time(server, time_of("2026-01-05 09:29:00"));
        assert_eq!(
            (behind.state, behind.found.as_str()),
            (State::Warning, "this machine's is 60 s behind the server's")
        );
    }
}
