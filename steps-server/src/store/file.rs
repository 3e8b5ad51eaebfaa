//! The SQLite file that is open, and whether it is still what stands at its path.
//!
//! SQLite keeps writing to a file that has been deleted or replaced, and says nothing: what is committed then is gone with the
//! process. So every commit looks before and after it, before anybody is told that something is recorded.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::sqlite::SqliteConnection;

/// Why the file that is open must not be written any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileProblem {
    /// Nothing stands at its path.
    #[error("the database file was deleted or moved while the server runs")]
    Gone,
    /// Another file stands at its path.
    #[error("the database file was replaced by another one while the server runs")]
    Replaced,
    /// It is the same file with other content, or cut off.
    #[error("the database file was overwritten or cut off while the server runs")]
    Overwritten,
    /// The write-ahead log or its index was deleted or replaced.
    #[error("the database's {0} file was deleted or replaced while the server runs")]
    SideFile(&'static str),
    /// The write-ahead log was cut off.
    #[error("the database's -wal file was cut off while the server runs")]
    WalCutOff,
    /// The system does not let it be looked at.
    #[error("the database file cannot be looked at: {0}")]
    Unreadable(String),
    /// What stands at the path now cannot be served.
    #[error("what stands at the database's path cannot be served: {0}")]
    NotServed(String),
}

/// The write-ahead log, beside the file.
pub const WAL: &str = "-wal";
/// The index of the write-ahead log, which its connections share.
pub const SHM: &str = "-shm";

/// Which file it is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    fn of(file: &Metadata) -> Self {
        Self { device: file.dev(), inode: file.ino() }
    }

    /// That of what stands at a path; `None` where nothing can be found.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        path.metadata().ok().map(|file| Self::of(&file))
    }
}

/// An open file of a database in WAL mode.
#[derive(Debug)]
pub struct OpenFile {
    /// As it was given.
    path: PathBuf,
    /// Without links: its other files are beside it.
    pub real: PathBuf,
    pub id: FileId,
    /// Open for as long as SQLite has it open: closing it releases SQLite's own locks.
    main: File,
    wal: FileId,
    shm_id: FileId,
    /// The same holds for this one.
    shm: File,
    seen: Mutex<Seen>,
    /// A connection that is never used for queries. While it is open, the other files are not made anew, and what was committed
    /// can be saved, wherever the file is.
    pub anchor: tokio::sync::Mutex<Option<SqliteConnection>>,
    /// Says to `restore` that a server has the database, also while the file is lost.
    pub lock: Arc<File>,
}

/// What the file's header said last.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// Grows with every change of the first page.
    change_counter: u32,
    /// Changes with the schema; a copy by `VACUUM INTO` has another one.
    schema_cookie: u32,
    bytes: u64,
}

/// What every SQLite file begins with.
pub const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// A file of the database beside the file itself.
#[must_use]
pub fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

impl OpenFile {
    /// Looks at the files which `anchor`, that has read from them, has open.
    ///
    /// # Errors
    /// They are not there.
    pub fn new(path: PathBuf, anchor: SqliteConnection, lock: File) -> io::Result<Self> {
        let real = path.canonicalize()?;
        let main = File::open(&real)?;
        let shm = File::open(beside(&real, SHM))?;
        let wal = FileId::of(&beside(&real, WAL).metadata()?);
        let (id, shm_id) = (FileId::of(&main.metadata()?), FileId::of(&shm.metadata()?));
        let seen = Mutex::default();
        let anchor = tokio::sync::Mutex::new(Some(anchor));
        Ok(Self { path, real, id, main, wal, shm_id, shm, seen, anchor, lock: Arc::new(lock) })
    }

    /// Says whether what is open is what stands at its path, whole: some looks at the file system, without reading its content
    /// but for the header.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), FileProblem> {
        // Whoever deletes them all may have begun in between.
        self.check_content().map_err(|problem| self.check_path().err().unwrap_or(problem))
    }

    /// Whether the file is the one at its path; how long it is.
    fn check_path(&self) -> Result<u64, FileProblem> {
        let at_path = self.path.metadata().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FileProblem::Gone,
            _ => FileProblem::Unreadable(error.to_string()),
        })?;
        if FileId::of(&at_path) != self.id {
            return Err(FileProblem::Replaced);
        }
        Ok(at_path.len())
    }

    fn check_content(&self) -> Result<(), FileProblem> {
        self.check_header()?;
        let id = |suffix| FileId::at(&beside(&self.real, suffix));
        if id(SHM) != Some(self.shm_id) {
            return Err(FileProblem::SideFile(SHM));
        }
        if id(WAL) != Some(self.wal) {
            return Err(FileProblem::SideFile(WAL));
        }
        self.check_wal()
    }

    /// Whether the file is the one at its path, and its header has not gone back in time.
    fn check_header(&self) -> Result<(), FileProblem> {
        // One at a time: what one has read is older than what another one reads next, and must be seen first.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // A file that becomes shorter has its header written first.
        let bytes = self.check_path()?;
        let mut header = [0; 100];
        self.main.read_exact_at(&mut header, 0).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => FileProblem::Overwritten,
            _ => FileProblem::Unreadable(error.to_string()),
        })?;
        let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let now = Seen { change_counter: number(24), schema_cookie: number(40), bytes };
        let is_older = now.change_counter < seen.change_counter;
        let is_unchanged = now.change_counter == seen.change_counter;
        let differs = seen.bytes > 0 && (now.bytes < seen.bytes || now.schema_cookie != seen.schema_cookie);
        if !header.starts_with(MAGIC) || is_older || (is_unchanged && differs) {
            return Err(FileProblem::Overwritten);
        }
        *seen = now;
        Ok(())
    }

    /// Whether the log is as long as its index says.
    fn check_wal(&self) -> Result<(), FileProblem> {
        let unreadable = |error: io::Error| FileProblem::Unreadable(error.to_string());
        let mut frames = self.frames().map_err(unreadable)?;
        loop {
            let Some(wal) = beside(&self.real, WAL).metadata().ok().filter(|wal| FileId::of(wal) == self.wal) else {
                return Err(FileProblem::SideFile(WAL));
            };
            if wal.len() >= frames {
                return Ok(());
            }
            // A checkpoint of somebody else may have emptied the log meanwhile; it writes the index first.
            let again = self.frames().map_err(unreadable)?;
            if again == frames {
                return Err(FileProblem::WalCutOff);
            }
            frames = again;
        }
    }

    /// How long the log must be at least, in bytes: its header, and its valid frames ("WAL-Index Format" in SQLite's
    /// documentation: the page size is at 14, the last frame at 16, in the machine's byte order).
    fn frames(&self) -> io::Result<u64> {
        let mut index = [0; 20];
        self.shm.read_exact_at(&mut index, 0)?;
        let page = match u16::from_ne_bytes([index[14], index[15]]) {
            1 => 65_536,
            bytes => u64::from(bytes),
        };
        let frames = u64::from(u32::from_ne_bytes([index[16], index[17], index[18], index[19]]));
        Ok(if frames == 0 { 0 } else { 32 + frames * (24 + page) })
    }

    /// Whether the file has a name somewhere.
    #[must_use]
    pub fn has_a_name(&self) -> bool {
        self.main.metadata().is_ok_and(|file| file.nlink() > 0)
    }

    /// Whether it has its name still.
    #[must_use]
    pub fn is_at_path(&self) -> bool {
        FileId::at(&self.real) == Some(self.id) && FileId::at(&self.path) == Some(self.id)
    }

    /// Whether what stands beside the path is the log or index that is open.
    #[must_use]
    pub fn owns(&self, suffix: &str) -> bool {
        let own = if suffix == WAL { self.wal } else { self.shm_id };
        FileId::at(&beside(&self.real, suffix)) == Some(own)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
    use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

    use super::*;

    #[test]
    fn who_looks_while_others_do_finds_nothing_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("steps.db");
        let options =
            SqliteConnectOptions::new().filename(&path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (mut writer, anchor) = runtime.block_on(async {
            let (mut writer, mut anchor) = (options.connect().await.unwrap(), options.connect().await.unwrap());
            writer.execute("CREATE TABLE t (x)").await.unwrap();
            anchor.execute("SELECT * FROM t").await.unwrap();
            (writer, anchor)
        });
        let file = OpenFile::new(path, anchor, File::open(folder.path()).unwrap()).unwrap();
        let is_done = AtomicBool::new(false);
        let look = || {
            while !is_done.load(Ordering::Relaxed) {
                file.check()?;
            }
            Ok::<_, FileProblem>(())
        };
        std::thread::scope(|scope| {
            let looking: Vec<_> = (0..4).map(|_| scope.spawn(look)).collect();
            runtime.block_on(async {
                for _ in 0..500 {
                    writer.execute("INSERT INTO t VALUES (zeroblob(3000))").await.unwrap();
                    writer.execute("PRAGMA wal_checkpoint(PASSIVE)").await.unwrap();
                }
            });
            is_done.store(true, Ordering::Relaxed);
            for looking in looking {
                assert_eq!(looking.join().unwrap(), Ok(()));
            }
        });
        runtime.block_on(writer.close()).unwrap();
    }
}
