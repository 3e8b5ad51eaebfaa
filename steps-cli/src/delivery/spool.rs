//! The steps that wait for one server: a file of lines, in a folder that is private to the user.
//!
//! A step is kept when its line is flushed. Lines are added at the end, and removed from the front after the server has
//! answered for them. A writer that is killed leaves a line without end or checksum, which is never sent.
//!
//! The processes of a user share the folder. `lock` is locked while `waiting` is read or changed; `delivering` by the one
//! process that sends and removes steps; `trying` by the one that asks a server again that was `away`.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use reqwest::Url;
use steps_shared::{NewStep, Timestamp};

use super::SpooledStep;
use crate::clock;
use crate::error::Error;

/// After a failure the server is not asked again for this long.
const AWAY_PERIOD: Duration = Duration::from_secs(30);

/// The file with the server's address.
const SERVER: &str = "server";

/// The steps that wait for one server.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: PathBuf,
    /// The server's address, without a password.
    server: String,
    /// In bytes.
    limit: u64,
}

/// The right to ask a server that may be away. Others may ask when it is dropped.
#[derive(Debug)]
pub struct Attempt {
    _lock: Option<File>,
}

/// What a spool holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpoolStatus {
    /// Steps that wait.
    pub steps: u64,
    /// The size of the file.
    pub bytes: u64,
    /// When the oldest was kept, in microseconds since 1970.
    pub oldest: Option<i64>,
    /// Steps that the server has refused.
    pub rejected: u64,
    /// Lines that were not whole.
    pub torn: u64,
}

impl Spool {
    /// The spool of `server` within `folder`, for at most `limit` bytes. Nothing is created or read yet.
    pub fn new(folder: &Path, server: &Url, limit: u64) -> Self {
        let server = format!("{}{}", server.origin().ascii_serialization(), server.path().trim_end_matches('/'));
        // Readable, and different for each address.
        let readable: String =
            server.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).collect();
        let name = format!("{readable:.80}-{:08x}", crc32fast::hash(server.as_bytes()));
        Self { folder: folder.join(name), server, limit }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn server(&self) -> &str {
        &self.server
    }

    pub fn is_empty(&self) -> bool {
        fs::metadata(self.waiting()).map_or(true, |file| file.len() == 0)
    }

    /// Keeps steps. They are on the disk when this returns.
    ///
    /// # Errors
    /// The spool is full, or the disk fails; then none of them is kept.
    pub fn keep(&self, steps: &[NewStep]) -> Result<(), Error> {
        let now = now()?;
        let lines: Result<String, Error> = steps.iter().map(|step| SpooledStep::new(step, now)?.to_line()).collect();
        self.append(lines?)
            .map_err(|error| Error::Failed(format!("it cannot be kept in {}: {error}", self.folder.display())))
    }

    fn append(&self, mut lines: String) -> io::Result<()> {
        self.make_folder()?;
        let _lock = self.lock()?;
        let mut file = private().read(true).append(true).create(true).open(self.waiting())?;
        let length = file.metadata()?.len();
        if length + lines.len() as u64 > self.limit {
            let reason = format!("{length} bytes wait already, and --spool-limit allows {}", self.limit);
            return Err(io::Error::new(io::ErrorKind::StorageFull, reason));
        }
        // Stays a line end in an empty file.
        let mut last = *b"\n";
        file.read_at(&mut last, length.saturating_sub(1))?;
        if last != *b"\n" {
            // The last writer was killed. What it has left stays a line of its own.
            lines.insert(0, '\n');
        }
        if let Err(error) = file.write_all(lines.as_bytes()).and_then(|()| file.sync_data()) {
            // Where this fails too, what is left is not whole.
            let _: io::Result<()> = file.set_len(length);
            return Err(error);
        }
        if length == 0 {
            // Where this fails, the folder's name is shown instead of the address.
            let _: io::Result<()> = fs::write(self.folder.join(SERVER), &self.server);
            return self.sync_folder();
        }
        Ok(())
    }

    /// All that waits. No process writes meanwhile: a line without an end is torn.
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        let _lock = self.lock()?;
        fs::read(self.waiting())
    }

    /// Removes the first bytes of what waits. A process that is killed meanwhile has removed all of them, or none.
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

    /// Adds a line that is not whole to the file of those, and returns its path.
    pub(super) fn set_aside(&self, torn: &[u8]) -> io::Result<PathBuf> {
        self.append_to("torn", &[torn.strip_suffix(b"\n").unwrap_or(torn), b"\n"].concat())
    }

    /// Adds a step that the server refused to the file of those, and returns its path.
    pub(super) fn reject(&self, step: &SpooledStep, reason: &str) -> io::Result<PathBuf> {
        let rejected_at = clock::now().map(|now| now.to_string()).unwrap_or_default();
        let line = serde_json::json!({"rejected_at": rejected_at, "reason": reason, "step": step.step});
        self.append_to("rejected", format!("{line}\n").as_bytes())
    }

    fn append_to(&self, name: &str, line: &[u8]) -> io::Result<PathBuf> {
        let path = self.folder.join(name);
        let mut file = private().append(true).create(true).open(&path)?;
        file.write_all(line)?;
        file.sync_data()?;
        Ok(path)
    }

    pub fn status(&self) -> io::Result<SpoolStatus> {
        let bytes = self.read()?;
        let lines_of = |name: &str| match fs::read(self.folder.join(name)) {
            Ok(text) => Ok(text.split_inclusive(|byte| *byte == b'\n').count() as u64),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        };
        let steps = || bytes.split_inclusive(|byte| *byte == b'\n').filter_map(SpooledStep::from_line);
        Ok(SpoolStatus {
            steps: steps().count() as u64,
            bytes: bytes.len() as u64,
            oldest: steps().next().map(|step| step.queued_at),
            rejected: lines_of("rejected")?,
            torn: lines_of("torn")?,
        })
    }

    /// The other servers for which steps wait beside this spool, and how many. A server is named by its address, or by its
    /// folder where an older version has made that.
    pub fn others(&self) -> Vec<(String, u64)> {
        let folders = self.folder.parent().and_then(|spools| fs::read_dir(spools).ok()).into_iter().flatten().flatten();
        let other = |folder: PathBuf| {
            let name = folder.file_name()?.to_string_lossy().into_owned();
            let server = fs::read_to_string(folder.join(SERVER)).unwrap_or(name);
            let steps = Self { folder, server: String::new(), limit: 0 }.status().ok()?.steps;
            (steps > 0).then_some((server, steps))
        };
        let folders = folders.map(|entry| entry.path()).filter(|folder| *folder != self.folder);
        let mut others: Vec<_> = folders.filter_map(other).collect();
        others.sort();
        others
    }

    /// How many of the steps that wait are of such a component and environment.
    pub fn count_of(&self, is_wanted: impl Fn(&str, &str) -> bool) -> io::Result<u64> {
        let bytes = self.read()?;
        let steps = bytes.split_inclusive(|byte| *byte == b'\n').filter_map(SpooledStep::from_line);
        Ok(steps.filter(|step| is_wanted(step.text("component"), step.text("environment"))).count() as u64)
    }

    /// Whether to ask the server; `None` while it counts as away, or another process is asking it.
    pub fn attempt(&self) -> Option<Attempt> {
        let away_since = fs::metadata(self.away()).and_then(|file| file.modified());
        // Without the file, the server answered the last time.
        let Ok(away_since) = away_since else { return Some(Attempt { _lock: None }) };
        if SystemTime::now().duration_since(away_since).is_ok_and(|passed| passed < AWAY_PERIOD) {
            return None;
        }
        // Where there can be no lock (on a full disk), everybody asks: nothing could be kept there either.
        let trying = self.lock_file("trying").ok();
        match trying.as_ref().map(File::try_lock) {
            Some(Err(TryLockError::WouldBlock)) => None,
            _ => Some(Attempt { _lock: trying }),
        }
    }

    /// Notes that the server does not answer.
    pub fn mark_away(&self) {
        // Where this fails, the next process asks too.
        let _: io::Result<()> = self.make_folder().and_then(|()| fs::write(self.away(), b""));
    }

    /// Notes that the server answers.
    pub fn clear_away(&self) {
        // Usually there is no such file.
        let _: io::Result<()> = fs::remove_file(self.away());
    }

    /// Locks the right to send and remove what waits. Where another process has it, waits for that with `wait`, and else
    /// returns `None`.
    pub(super) fn lock_delivery(&self, wait: bool) -> io::Result<Option<File>> {
        let file = self.lock_file("delivering")?;
        if wait {
            file.lock()?;
            return Ok(Some(file));
        }
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn lock(&self) -> io::Result<File> {
        let file = self.lock_file("lock")?;
        file.lock()?;
        Ok(file)
    }

    fn lock_file(&self, name: &str) -> io::Result<File> {
        private().write(true).create(true).open(self.folder.join(name))
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

/// The time by this machine's clock, from which ages are counted.
pub(super) fn now() -> Result<Timestamp, Error> {
    clock::now().map_err(|error| Error::Failed(format!("this machine's clock {error}")))
}

/// Opens files for the user alone.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_follows_a_torn_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path(), &"http://h".parse().unwrap(), 1 << 20);
        let fields = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", "s")];
        let step = NewStep::from_fields(fields).unwrap();
        spool.keep(std::slice::from_ref(&step)).unwrap();
        let mut file = OpenOptions::new().append(true).open(spool.waiting()).unwrap();
        file.write_all(b"0123abcd {\"queued").unwrap();
        spool.keep(std::slice::from_ref(&step)).unwrap();
        let bytes = spool.read().unwrap();
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').map(|line| SpooledStep::from_line(line).is_some());
        assert_eq!(lines.collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(spool.status().unwrap().steps, 2);
    }
}
