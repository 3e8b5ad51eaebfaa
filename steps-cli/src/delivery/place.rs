//! The steps that wait for one server in one place: a file of lines, in a folder that is private to the user.
//!
//! A step is kept when its line is flushed. Lines are added at the end, and removed from the front after the server has
//! answered for them. A writer that is killed leaves a line without end or checksum, which is never sent.
//!
//! The processes of a user share the folder. `lock` is locked while `waiting` is read or changed; `delivering` by the one
//! process that sends and removes steps; `trying` by the one that asks a server again that was `away`.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use reqwest::Url;
use rustix::fs::{Access, OFlags};
use tokio::time::Instant;

use super::SpooledStep;
use super::beside;
use super::entries::Entries;
use crate::clock::Now;
use crate::error::Error;
use crate::files::PrivateFolder;

/// After a failure the server is not asked again for this long.
const AWAY_PERIOD: Duration = Duration::from_secs(30);

/// How long a question about the spool waits for another process that writes.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// How long to wait before trying again whether a lock is free.
const POLL: Duration = Duration::from_millis(5);

/// The files of a spool.
const WAITING: &str = "waiting";
const LOCK: &str = "lock";
const AWAY: &str = "away";
const SERVER: &str = "server";

/// The steps that wait for one server in one place.
#[derive(Debug, Clone)]
pub struct Place {
    pub(super) folder: PathBuf,
    /// The server's address, without a password.
    pub(super) server: String,
    /// In bytes.
    pub(super) limit: u64,
}

/// The right to ask a server that may be away. Others may ask when it is dropped.
#[derive(Debug, Default)]
pub struct Attempt {
    _lock: Option<File>,
}

/// Whether a server may be asked.
#[derive(Debug)]
pub enum Asking {
    /// It is not known to be away.
    Unmarked,
    /// It was away a moment ago, or another process is asking it.
    Away,
    /// It was away, and may be back: others wait meanwhile.
    Again(Attempt),
}

/// What a spool holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpoolStatus {
    /// Steps that wait.
    pub steps: u64,
    /// The size of the file.
    pub bytes: u64,
    /// How long the oldest has waited.
    pub oldest: Option<Duration>,
    /// Steps that the server has refused.
    pub rejected: u64,
    /// Lines that were not whole.
    pub torn: u64,
}

impl Place {
    /// The place of `server` within `folder`, for at most `limit` bytes. Nothing is created or read yet.
    pub fn new(folder: &Path, server: &Url, limit: u64) -> Self {
        let server = format!("{}{}", server.origin().ascii_serialization(), server.path().trim_end_matches('/'));
        // Readable, and different for each address.
        let readable: String =
            server.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).collect();
        let name = format!("{readable:.80}-{:08x}", crc32fast::hash(server.as_bytes()));
        Self { folder: folder.join(name), server, limit }
    }

    /// Whether steps could be kept here, as far as that can be seen without writing.
    pub fn is_writable(&self) -> bool {
        match PrivateFolder::open(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return false,
            _ => {}
        }
        let there = self.folder.ancestors().find(|folder| folder.exists());
        there.is_some_and(|folder| rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok())
    }

    /// Whether something waits.
    ///
    /// # Errors
    /// The folder may not be used.
    pub fn has_steps(&self) -> io::Result<bool> {
        let has_steps = |folder: &PrivateFolder| -> io::Result<bool> {
            let has_lines = match folder.file(WAITING, OFlags::RDONLY) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                file => file?.metadata()?.len() > 0,
            };
            Ok(has_lines || !beside::names(folder)?.is_empty())
        };
        match PrivateFolder::open(&self.folder).and_then(|folder| has_steps(&folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            found => found,
        }
    }

    /// Adds lines, and waits until `deadline` for other processes. They are on the disk when this returns.
    ///
    /// # Errors
    /// The place is full or may not be used, or the disk fails; then none of them is kept.
    pub fn append(&self, lines: &[u8], deadline: Instant) -> io::Result<()> {
        let folder = PrivateFolder::create(&self.folder)?;
        match self.add(&folder, lines, Some(deadline), self.limit) {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => beside::write(&folder, lines),
            added => added,
        }
    }

    /// Adds the steps that another process's lock has kept out.
    pub(super) fn take_in(&self, deadline: Option<Instant>) -> io::Result<()> {
        let folder = PrivateFolder::open(&self.folder)?;
        for name in beside::names(&folder)? {
            let mut lines = Vec::new();
            beside::open(&folder, &name)?.take(self.limit).read_to_end(&mut lines)?;
            self.add(&folder, &lines, deadline, u64::MAX)?;
            folder.remove(&name)?;
        }
        Ok(())
    }

    /// Adds steps again, which are removed from the front afterwards.
    pub(super) fn keep_again(&self, steps: &[SpooledStep], deadline: Option<Instant>) -> io::Result<()> {
        if steps.is_empty() {
            return Ok(());
        }
        let lines: Result<String, Error> = steps.iter().map(SpooledStep::to_line).collect();
        let lines = lines.map_err(|error| io::Error::other(error.to_string()))?;
        self.add(&PrivateFolder::open(&self.folder)?, lines.as_bytes(), deadline, u64::MAX)
    }

    fn add(&self, folder: &PrivateFolder, lines: &[u8], deadline: Option<Instant>, limit: u64) -> io::Result<()> {
        let _lock = lock(folder, deadline)?;
        let mut file = folder.file(WAITING, OFlags::RDWR | OFlags::APPEND | OFlags::CREATE)?;
        let length = file.metadata()?.len();
        if length + lines.len() as u64 > limit {
            let reason = format!("{length} bytes wait already, and --spool-limit allows {limit}");
            return Err(io::Error::new(io::ErrorKind::StorageFull, reason));
        }
        // Stays a line end in an empty file.
        let mut last = *b"\n";
        file.read_at(&mut last, length.saturating_sub(1))?;
        // The last writer was killed: what it has left stays a line of its own.
        let end: &[u8] = if last == *b"\n" { b"" } else { b"\n" };
        if let Err(error) = file.write_all(&[end, lines].concat()).and_then(|()| file.sync_data()) {
            // Where this fails too, what is left is not whole.
            let _: io::Result<()> = file.set_len(length);
            return Err(error);
        }
        if length == 0 {
            // Where this fails, the folder's name is shown instead of the address.
            let _: io::Result<()> = folder.replace(SERVER, self.server.as_bytes());
            return folder.sync();
        }
        Ok(())
    }

    /// All that waits now. What other processes add meanwhile comes after it.
    pub(super) fn entries(&self, deadline: Option<Instant>) -> io::Result<Entries> {
        let (folder, _) = self.open_waiting(OFlags::RDONLY)?;
        // No process writes at this moment: a line without an end is torn.
        let _lock = lock(&folder, deadline)?;
        let file = folder.file(WAITING, OFlags::RDONLY)?;
        let length = file.metadata()?.len();
        Ok(Entries::new(file, length))
    }

    /// Removes the first bytes of what waits. A process that is killed meanwhile has removed all of them, or none.
    pub(super) fn remove_front(&self, bytes: u64, deadline: Option<Instant>) -> io::Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        let folder = PrivateFolder::open(&self.folder)?;
        let _lock = lock(&folder, deadline)?;
        let mut file = folder.file(WAITING, OFlags::RDWR)?;
        if file.metadata()?.len() <= bytes {
            return file.set_len(0).and_then(|()| file.sync_data());
        }
        file.seek(SeekFrom::Start(bytes))?;
        let mut rest = folder.new_file(WAITING)?;
        io::copy(&mut file, &mut rest.file)?;
        rest.file.sync_data()?;
        folder.rename(&rest.name, WAITING)?;
        folder.sync()
    }

    pub fn status(&self) -> io::Result<SpoolStatus> {
        let mut status = SpoolStatus {
            rejected: self.count_lines("rejected")?,
            torn: self.count_lines("torn")?,
            ..SpoolStatus::default()
        };
        let now = Now::read();
        status.bytes = self.each(|step| {
            status.steps += 1;
            status.oldest.get_or_insert_with(|| step.waited(&now));
        })?;
        Ok(status)
    }

    /// Looks at each step that waits, and returns the size of the file.
    fn each(&self, mut look: impl FnMut(&SpooledStep)) -> io::Result<u64> {
        let folder = match PrivateFolder::open(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            folder => folder?,
        };
        let mut all = Vec::new();
        match self.entries(Some(Instant::now() + MAX_WAIT)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            entries => all.push(entries?),
        }
        for name in beside::names(&folder)? {
            all.push(Entries::new(beside::open(&folder, &name)?, u64::MAX));
        }
        let mut bytes = 0;
        for mut entries in all {
            while let Some(entry) = entries.next_entry()? {
                if let Some(step) = SpooledStep::from_line(&entry.bytes) {
                    look(&step);
                }
            }
            bytes += entries.at();
        }
        Ok(bytes)
    }

    fn count_lines(&self, name: &str) -> io::Result<u64> {
        let file = PrivateFolder::open(&self.folder).and_then(|folder| folder.file(name, OFlags::RDONLY));
        let mut entries = match file {
            Ok(file) => Entries::new(file, u64::MAX),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut count = 0;
        while entries.next_entry()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// The other servers for which steps wait beside this place, and how many. A server is named by its address, or by its
    /// folder where an older version has made that. What may not be used is not looked at.
    pub fn others(&self) -> Vec<(String, u64)> {
        let folders = self.folder.parent().and_then(|spools| fs::read_dir(spools).ok()).into_iter().flatten().flatten();
        let other = |folder: PathBuf| {
            let name = folder.file_name()?.to_string_lossy().into_owned();
            let mut server = String::new();
            let file = PrivateFolder::open(&folder).and_then(|folder| folder.file(SERVER, OFlags::RDONLY)).ok();
            let read = file.and_then(|file| file.take(4096).read_to_string(&mut server).ok()).is_some();
            let steps = Self { folder, server: String::new(), limit: 0 }.status().ok()?.steps;
            (steps > 0).then_some((if read { server } else { name }, steps))
        };
        let folders = folders.map(|entry| entry.path()).filter(|folder| *folder != self.folder);
        folders.filter_map(other).collect()
    }

    /// How many of the steps that wait are of such a component and environment.
    pub fn count_of(&self, is_wanted: impl Fn(&str, &str) -> bool) -> io::Result<u64> {
        let mut count = 0;
        self.each(|step| count += u64::from(is_wanted(step.text("component"), step.text("environment"))))?;
        Ok(count)
    }

    /// Whether the server may be asked, as far as this place knows.
    pub fn attempt(&self) -> Asking {
        let folder = PrivateFolder::open(&self.folder).ok();
        let away_since = folder.as_ref().and_then(|folder| folder.modified(AWAY).ok());
        // Without the file, the server answered the last time.
        let (Some(folder), Some(away_since)) = (folder, away_since) else { return Asking::Unmarked };
        if SystemTime::now().duration_since(away_since).is_ok_and(|passed| passed < AWAY_PERIOD) {
            return Asking::Away;
        }
        // Where there can be no lock (on a full disk), everybody asks: nothing could be kept there either.
        let trying = lock_file(&folder, "trying").ok();
        match trying.as_ref().map(File::try_lock) {
            Some(Err(TryLockError::WouldBlock)) => Asking::Away,
            _ => Asking::Again(Attempt { _lock: trying }),
        }
    }

    /// Notes that the server does not answer.
    pub fn mark_away(&self) -> io::Result<()> {
        PrivateFolder::create(&self.folder).and_then(|folder| folder.replace(AWAY, b""))
    }

    /// Notes that the server answers.
    pub fn clear_away(&self) {
        // Usually there is no such file.
        let _: io::Result<()> = PrivateFolder::open(&self.folder).and_then(|folder| folder.remove(AWAY));
    }

    /// Locks the right to send and remove what waits. Where another process has it, waits for that with `wait`, and else
    /// returns `None`.
    pub(super) fn lock_delivery(&self, wait: bool) -> io::Result<Option<File>> {
        let file = lock_file(&PrivateFolder::open(&self.folder)?, "delivering")?;
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

    pub(super) fn open_waiting(&self, flags: OFlags) -> io::Result<(PrivateFolder, File)> {
        let folder = PrivateFolder::open(&self.folder)?;
        let file = folder.file(WAITING, flags)?;
        Ok((folder, file))
    }
}

/// Keeps other processes from reading and changing what waits. Waits for them until `deadline`.
fn lock(folder: &PrivateFolder, deadline: Option<Instant>) -> io::Result<File> {
    let file = lock_file(folder, LOCK)?;
    let Some(deadline) = deadline else {
        file.lock()?;
        return Ok(file);
    };
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::park_timeout(POLL),
            Err(TryLockError::WouldBlock) => {
                let reason = format!("another process has locked {} for too long", folder.path().join(LOCK).display());
                return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

fn lock_file(folder: &PrivateFolder, name: &str) -> io::Result<File> {
    folder.file(name, OFlags::WRONLY | OFlags::CREATE)
}

#[cfg(test)]
mod tests {
    use steps_shared::NewStep;

    use super::*;

    #[test]
    fn a_line_that_follows_a_torn_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Place::new(folder.path(), &"http://h".parse().unwrap(), 1 << 20);
        let fields = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", "s")];
        let step = NewStep::from_fields(fields).unwrap();
        let line = SpooledStep::new(&step, &Now::read()).unwrap().to_line().unwrap();
        let deadline = Instant::now() + MAX_WAIT;
        spool.append(line.as_bytes(), deadline).unwrap();
        let mut file = spool.open_waiting(OFlags::WRONLY | OFlags::APPEND).unwrap().1;
        file.write_all(b"0123abcd {\"queued").unwrap();
        spool.append(line.as_bytes(), deadline).unwrap();
        let mut entries = spool.entries(None).unwrap();
        let lines = std::iter::from_fn(|| entries.next_entry().unwrap());
        let whole = lines.map(|entry| SpooledStep::from_line(&entry.bytes).is_some());
        assert_eq!(whole.collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(spool.status().unwrap().steps, 2);
    }
}
