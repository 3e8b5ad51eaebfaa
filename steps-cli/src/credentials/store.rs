//! What `steps login` stores: `credentials.toml` beside the user's settings, one entry for each server.

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::{Origin, Secret};
use crate::error::Error;
use crate::files::{PrivateFolder, Readers};

const FILE: &str = "credentials.toml";

/// Held while the file is read and written again.
const LOCK: &str = "credentials.lock";

/// A larger file is not read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// The tokens of the user.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    #[serde(default, rename = "server")]
    entries: Vec<Entry>,
}

/// The token for one server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Scheme, host and port.
    pub url: String,
    /// What the server calls the token.
    pub name: String,
    pub token: Secret,
}

impl Store {
    /// Where it is, or would be; `None` where the user has no folder for settings.
    pub fn path() -> Option<PathBuf> {
        Some(folder()?.join(FILE))
    }

    /// Reads it; `None` where nothing is stored.
    ///
    /// # Errors
    /// It cannot be read or understood, or is not the user's alone.
    pub fn read() -> Result<Option<Self>, Error> {
        let Some(path) = folder() else { return Ok(None) };
        let folder = match PrivateFolder::open_as(&path, Readers::Others) {
            Err(error) if is_absent(&error) => return Ok(None),
            folder => folder.map_err(unreadable)?,
        };
        Self::read_in(&folder)
    }

    fn read_in(folder: &PrivateFolder) -> Result<Option<Self>, Error> {
        let file = match folder.file(FILE, OFlags::RDONLY) {
            Err(error) if is_absent(&error) => return Ok(None),
            file => file.map_err(unreadable)?,
        };
        let mut text = String::new();
        file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
        if text.len() as u64 > MAX_BYTES {
            return Err(unreadable(io::Error::other(format!("it is larger than {MAX_BYTES} bytes"))));
        }
        // The error of the parser quotes the line, and with it a token.
        let place = |error: toml::de::Error| {
            let line = text.get(..error.span().unwrap_or_default().start).unwrap_or_default().matches('\n').count() + 1;
            unreadable(io::Error::other(format!("line {line} cannot be understood")))
        };
        toml::from_str(&text).map(Some).map_err(place)
    }

    /// The entry for a server.
    pub fn get(&self, origin: &Origin) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.url == origin.as_str())
    }

    /// Stores a token, in place of the one that the server had. It is on the disk, and nobody else could ever read it.
    ///
    /// # Errors
    /// The file cannot be read or written, or is not the user's alone.
    pub fn put(entry: Entry) -> Result<(), Error> {
        Self::change(|entries| {
            entries.retain(|other| other.url != entry.url);
            entries.push(entry);
        })
    }

    /// Removes the tokens that `is_wanted` chooses; which those were.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn remove(is_wanted: impl Fn(&Entry) -> bool) -> Result<Vec<Entry>, Error> {
        let mut removed = Vec::new();
        if Self::read()?.is_none_or(|store| !store.entries.iter().any(&is_wanted)) {
            return Ok(removed);
        }
        Self::change(|entries| removed.extend(entries.extract_if(.., |entry| is_wanted(entry))))?;
        Ok(removed)
    }

    fn change(change: impl FnOnce(&mut Vec<Entry>)) -> Result<(), Error> {
        let nowhere = || Error::Failed("the user has no folder for settings; set HOME or XDG_CONFIG_HOME".to_owned());
        let path = folder().ok_or_else(nowhere)?;
        let folder = PrivateFolder::create_as(&path, Readers::Others).map_err(unwritable)?;
        let lock = folder.file(LOCK, OFlags::RDWR | OFlags::CREATE).map_err(unwritable)?;
        lock.lock().map_err(unwritable)?;
        let mut store = Self::read_in(&folder)?.unwrap_or_default();
        change(&mut store.entries);
        let text = toml::to_string(&store).map_err(|error| unwritable(io::Error::other(error)))?;
        let new = folder.new_file(FILE).map_err(unwritable)?;
        let written = (&new.file).write_all(text.as_bytes()).and_then(|()| new.file.sync_all());
        written.and_then(|()| folder.rename(&new.name, FILE)).and_then(|()| folder.sync()).map_err(unwritable)
    }
}

fn folder() -> Option<PathBuf> {
    Some(dirs::config_dir()?.join("steps"))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn unreadable(error: io::Error) -> Error {
    let path = Store::path().unwrap_or_default();
    Error::Usage(format!("the stored tokens in {} cannot be used: {error}", path.display()))
}

fn unwritable(error: io::Error) -> Error {
    let path = Store::path().unwrap_or_default();
    Error::Failed(format!("cannot store tokens in {}: {error}", path.display()))
}
