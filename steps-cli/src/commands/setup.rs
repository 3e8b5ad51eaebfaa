//! From flags to settings, and from settings to a client and a spool.

use reqwest::Url;

use crate::client::{Client, Connection, shown};
use crate::credentials::{self, Chosen, Token};
use crate::delivery::Spool;
use crate::error::Error;
use crate::flags::{ConnectionFlags, SpoolFlags, StreamFlags};
use crate::settings::{Key, Settings};
use crate::terminal;
use crate::terminal::waiting::WaitingLine;

/// Reads the settings; the connection's flags are the strongest source of theirs.
pub fn settings(connection: &ConnectionFlags) -> Result<Settings, Error> {
    Settings::load().map(|settings| with_connection(settings, connection))
}

/// The same for recording, which goes on where a project's file may not be used, or sets what it may not.
pub fn settings_to_record(connection: &ConnectionFlags) -> Result<Settings, Error> {
    Settings::load_to_record().map(|settings| with_connection(settings, connection))
}

/// The same, of whatever can be read; what is wrong otherwise is added to `problems`.
pub fn all_settings(connection: &ConnectionFlags, problems: &mut Vec<Error>) -> Settings {
    with_connection(Settings::load_all(problems), connection)
}

/// Adds the flags, and tells what the user should know of the files.
fn with_connection(settings: Settings, connection: &ConnectionFlags) -> Settings {
    let ConnectionFlags { server, timeout, ca_file, token_file, no_wait } = connection;
    settings.notes.iter().for_each(terminal::note);
    let flags = [(Key::Server, server.clone()), (Key::Timeout, timeout.clone()), (Key::CaFile, ca_file.clone())];
    let mut settings = settings.with_flags(flags);
    settings.token_file.clone_from(token_file);
    settings.no_wait = *no_wait;
    settings
}

/// A client for the server of the settings. Nothing is sent yet. On a terminal it waits for a busy server.
pub fn client(settings: &Settings) -> Result<Client, Error> {
    let server = settings.server()?;
    tell_server_of_project(settings, &server);
    let token = token(settings, &server)?;
    let client = Client::new(&connection(settings, server, token)?)?;
    Ok(match WaitingLine::on_terminal() {
        Some(line) if !settings.no_wait => client.with_patience(Box::new(line)),
        _ => client,
    })
}

/// How the server is reached to record. A token that cannot be used is left aside, with a warning: the server says whether it
/// wants one.
pub fn connection_to_record(settings: &Settings) -> Result<Connection, Error> {
    let server = settings.server()?;
    tell_server_of_project(settings, &server);
    let token = token(settings, &server).unwrap_or_else(|error| {
        terminal::note(format!("warning: {error}"));
        None
    });
    connection(settings, server, token)
}

/// How a server is reached.
pub fn connection(settings: &Settings, server: Url, token: Option<Token>) -> Result<Connection, Error> {
    let ca_file = settings.ca_file().map(|setting| setting.value.into());
    Ok(Connection { server, timeout: settings.timeout()?, token, ca_file })
}

/// The token for a server; tells what the user should know of it.
pub fn token(settings: &Settings, server: &Url) -> Result<Option<Token>, Error> {
    let Chosen { token, notes } = credentials::choose(settings, server)?;
    notes.iter().for_each(terminal::note);
    Ok(token)
}

/// Tells which server is used where only a project's file names it: that text is somebody else's.
pub fn tell_server_of_project(settings: &Settings, server: &Url) {
    if let Some(source) = settings.server_of_project() {
        let server = shown(server);
        terminal::note(format!("steps: the server is {server}, from {source}; --server or STEPS_SERVER name another"));
    }
}

/// The spool of the settings; `None` where `no_spool` is set.
pub fn spool(settings: &Settings) -> Result<Option<Spool>, Error> {
    spool_of(settings, &settings.server()?)
}

/// The spool of another server.
pub fn spool_of(settings: &Settings, server: &Url) -> Result<Option<Spool>, Error> {
    Ok(settings.spool()?.and_then(|(folders, limit)| Spool::new(&folders, server, limit)))
}

impl SpoolFlags {
    /// The settings that the flags give.
    pub fn values(self) -> [(Key, Option<String>); 3] {
        let Self { spool_dir, spool_limit, no_spool } = self;
        let no_spool = no_spool.then(|| "true".to_owned());
        [(Key::SpoolDir, spool_dir), (Key::SpoolLimit, spool_limit), (Key::NoSpool, no_spool)]
    }
}

impl StreamFlags {
    /// The settings that the flags give.
    pub fn values(self) -> [(Key, Option<String>); 6] {
        let Self { component, version, owner, environment, run, attempt } = self;
        [
            (Key::Component, component),
            (Key::Version, version),
            (Key::Owner, owner),
            (Key::Environment, environment),
            (Key::Run, run),
            (Key::Attempt, attempt),
        ]
    }
}
