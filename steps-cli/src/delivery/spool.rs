//! Where steps wait while the server is away: a file for each server, in a folder that is private to the user.
//!
//! Processes of one user share it without knowing of each other. `lock` is held for the moments in which the file
//! changes; `delivering` by the one process that sends what waits, so that only it takes something away; `trying` by the
//! one that finds out whether the server is back.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use reqwest::Url;
use steps_shared::{NewStep, Timestamp};

use crate::error::Error;
use crate::{clock, output};

use super::Entry;

/// For so long after a failure the server counts as away, and nobody asks it.
const AWAY: Duration = Duration::from_secs(30);

/// The steps that wait for one server.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: PathBuf,
    /// The server's address, without a password.
    server: String,
    /// The most bytes that may wait.
    limit: u64,
}

/// The right to ask the server; given back when it is dropped.
#[derive(Debug)]
pub struct Attempt {
    _lock: Option<File>,
}

/// How much waits, for `steps status`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Steps.
    pub steps: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// When the oldest was kept, in microseconds since 1970.
    pub oldest: Option<i64>,
    /// Steps that the server has refused.
    pub rejected: u64,
    /// Lines that were not whole.
    pub torn: u64,
}

impl Spool {
    /// The spool for a server within the folder of all of them; nothing is made or read yet.
    pub fn new(folder: &Path, server: &Url, limit: u64) -> Self {
        let server = format!("{}{}", server.origin().ascii_serialization(), server.path().trim_end_matches('/'));
        // A folder's name that a person recognizes, and that no other address has.
        let readable: String =
            server.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).collect();
        let name = format!("{readable:.80}-{:08x}", crc32fast::hash(server.as_bytes()));
        Self { folder: folder.join(name), server, limit }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whom the steps wait for.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        fs::metadata(self.waiting()).map_or(true, |file| file.len() == 0)
    }

    /// Keeps steps: they are on the disk, all of them, or none is.
    pub fn keep(&self, steps: &[NewStep]) -> Result<(), Error> {
        let now = clock()?;
        let lines: Result<String, Error> = steps.iter().map(|step| Entry::new(step, now)?.line()).collect();
        let lines = lines?;
        self.append(lines.as_bytes())
            .map_err(|error| Error::Failed(format!("it cannot be kept in {}: {error}", self.folder.display())))
    }

    fn append(&self, lines: &[u8]) -> io::Result<()> {
        self.make_folder()?;
        let _lock = self.lock()?;
        let mut file = private().read(true).append(true).create(true).open(self.waiting())?;
        let length = self.set_torn_end_aside(&mut file)?;
        if length + lines.len() as u64 > self.limit {
            let reason = format!("{length} bytes wait already, and --spool-limit allows {}", self.limit);
            return Err(io::Error::new(io::ErrorKind::StorageFull, reason));
        }
        if let Err(error) = file.write_all(lines).and_then(|()| file.sync_data()) {
            // Should this fail too, what is left has no end or no checksum, and is set aside.
            let _: io::Result<()> = file.set_len(length);
            return Err(error);
        }
        if length == 0 { self.sync_folder() } else { Ok(()) }
    }

    /// What follows the last line end was being written when its writer was killed. Returns the length without it.
    fn set_torn_end_aside(&self, file: &mut File) -> io::Result<u64> {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(1)))?;
        let mut last = Vec::new();
        file.read_to_end(&mut last)?;
        if last.is_empty() || last == b"\n" {
            return Ok(length);
        }
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let (_, torn) = bytes.split_at(whole);
        self.set_aside(torn)?;
        file.set_len(whole as u64)?;
        Ok(whole as u64)
    }

    /// Notes a line that is not whole: its writer was killed before it had said that the step is kept.
    pub(super) fn set_aside(&self, torn: &[u8]) -> io::Result<()> {
        let path = self.folder.join("torn");
        output::note(format!("warning: an unfinished line of the spool is set aside in {}", path.display()));
        let line = [torn.strip_suffix(b"\n").unwrap_or(torn), b"\n"].concat();
        let mut file = private().append(true).create(true).open(path)?;
        file.write_all(&line).and_then(|()| file.sync_data())
    }

    /// Notes a step that the server refused.
    pub(super) fn reject(&self, entry: &Entry, reason: &str) -> io::Result<()> {
        let path = self.folder.join("rejected");
        output::note(format!(
            "warning: the server refused a kept step: {reason}; it is set aside in {}",
            path.display()
        ));
        let rejected_at = clock::now().map(|now| now.to_string()).unwrap_or_default();
        let line =
            serde_json::json!({"rejected_at": rejected_at, "reason": reason, "step": entry.step}).to_string() + "\n";
        let mut file = private().append(true).create(true).open(path)?;
        file.write_all(line.as_bytes()).and_then(|()| file.sync_data())
    }

    /// Everything that waits, without a torn end. It is read while nobody writes.
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if self.is_empty() {
            return Ok(bytes);
        }
        let _lock = self.lock()?;
        let mut file = private().read(true).append(true).open(self.waiting())?;
        self.set_torn_end_aside(&mut file)?;
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Takes the first bytes away. Killed at any moment, it has done so or not.
    pub(super) fn remove_front(&self, bytes: u64) -> io::Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        let _lock = self.lock()?;
        let mut file = private().read(true).write(true).open(self.waiting())?;
        if file.metadata()?.len() <= bytes {
            return file.set_len(0).and_then(|()| file.sync_data());
        }
        file.seek(SeekFrom::Start(bytes))?;
        let mut rest = tempfile::NamedTempFile::new_in(&self.folder)?;
        io::copy(&mut file, &mut rest)?;
        rest.as_file().sync_data()?;
        rest.persist(self.waiting()).map_err(|error| error.error)?;
        self.sync_folder()
    }

    /// Counts.
    pub fn count(&self) -> io::Result<Waiting> {
        let bytes = self.read()?;
        let lines = |name: &str| match fs::read(self.folder.join(name)) {
            Ok(text) => Ok(text.split_inclusive(|byte| *byte == b'\n').count() as u64),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        };
        let entries = || bytes.split_inclusive(|byte| *byte == b'\n').filter_map(Entry::read);
        Ok(Waiting {
            steps: entries().count() as u64,
            bytes: bytes.len() as u64,
            oldest: entries().next().map(|entry| entry.queued_at),
            rejected: lines("rejected")?,
            torn: lines("torn")?,
        })
    }

    /// Whether to ask the server; `None` while it is known to be away, or another process is finding out.
    pub fn attempt(&self) -> Option<Attempt> {
        let since = fs::metadata(self.away()).and_then(|file| file.modified());
        // Where there is no such file, the server was there the last time.
        let Ok(since) = since else { return Some(Attempt { _lock: None }) };
        if SystemTime::now().duration_since(since).is_ok_and(|passed| passed < AWAY) {
            return None;
        }
        // Where nobody can be kept out (a full disk), everybody tries: nothing could be kept there either.
        let trying = private().write(true).create(true).open(self.folder.join("trying")).ok();
        match trying.as_ref().map(File::try_lock) {
            Some(Err(fs::TryLockError::WouldBlock)) => None,
            _ => Some(Attempt { _lock: trying }),
        }
    }

    /// The server did not answer as it should.
    pub fn is_away(&self) {
        // Without the mark the next process tries by itself.
        let _: io::Result<()> = self.make_folder().and_then(|()| fs::write(self.away(), b""));
    }

    /// The server answered.
    pub fn is_back(&self) {
        // Most often there is no such file.
        let _: io::Result<()> = fs::remove_file(self.away());
    }

    /// The right to send what waits, when nobody else has it or else, with `wait`, when the other one is done.
    pub(super) fn delivering(&self, wait: bool) -> io::Result<Option<File>> {
        let file = private().write(true).create(true).open(self.folder.join("delivering"))?;
        if wait {
            file.lock()?;
            return Ok(Some(file));
        }
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn lock(&self) -> io::Result<File> {
        let file = private().write(true).create(true).open(self.folder.join("lock"))?;
        file.lock()?;
        Ok(file)
    }

    fn make_folder(&self) -> io::Result<()> {
        match fs::metadata(&self.folder) {
            Ok(folder) if folder.permissions().mode() & 0o077 == 0 => Ok(()),
            Ok(_) => fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o700)),
            Err(_) => DirBuilder::new().recursive(true).mode(0o700).create(&self.folder),
        }
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn waiting(&self) -> PathBuf {
        self.folder.join("waiting")
    }

    fn away(&self) -> PathBuf {
        self.folder.join("away")
    }
}

/// What this machine's clock shows, from which ages are counted.
pub(super) fn clock() -> Result<Timestamp, Error> {
    clock::now().map_err(|error| Error::Failed(format!("this machine's clock {error}")))
}

/// Files that only the user may read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}
