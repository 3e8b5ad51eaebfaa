//! Opening files that somebody else may have put there: no link is followed where it matters, nothing but regular files is
//! read, and a file of a private folder belongs to the user alone.

use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

/// Whether the last part of a path may be a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    Followed,
    Refused,
}

/// Whether others may see what a folder holds. They may never put anything into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    Nobody,
    Others,
}

/// A regular file, whose it is, and what others may do with it.
#[derive(Debug)]
pub struct Opened {
    file: File,
    owner: u32,
    mode: u32,
}

impl Opened {
    /// Opens a regular file to read, without waiting for anything.
    ///
    /// # Errors
    /// Anything but a regular file is refused; so is a link where `links` says so.
    pub fn open(path: &Path, links: Links) -> io::Result<Self> {
        let (at, no_follow) = match links {
            Links::Followed => (AtFlags::empty(), OFlags::empty()),
            Links::Refused => (AtFlags::SYMLINK_NOFOLLOW, OFlags::NOFOLLOW),
        };
        // Looked at first, because opening a device may do something.
        regular(&statat(CWD, path, at)?)?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | no_follow;
        let file = openat(CWD, path, flags, Mode::empty())?;
        let stat = fstat(&file)?;
        regular(&stat)?;
        Ok(Self { file: file.into(), owner: stat.st_uid, mode: stat.st_mode })
    }

    /// Its owner, where that is neither this user nor root.
    pub fn stranger(&self) -> Option<u32> {
        stranger(self.owner)
    }

    /// Whether others than its owner may write it.
    pub fn is_writable_by_others(&self) -> bool {
        self.mode & 0o022 != 0
    }

    /// Whether others than its owner may read it.
    pub fn is_readable_by_others(&self) -> bool {
        self.mode & 0o044 != 0
    }

    /// Its text.
    ///
    /// # Errors
    /// It is larger than `limit` bytes, or not UTF-8.
    pub fn read(self, limit: u64) -> io::Result<String> {
        let mut bytes = Vec::new();
        self.file.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(io::Error::other(format!("it is larger than {limit} bytes")));
        }
        String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
    }
}

/// A folder that is the user's alone, and whose files are. Each is opened relative to the open folder.
#[derive(Debug)]
pub struct PrivateFolder {
    folder: OwnedFd,
    path: PathBuf,
}

impl PrivateFolder {
    /// Opens a folder.
    ///
    /// # Errors
    /// `NotFound` where it is not there. A link, a folder of another user or one that others may use is refused; so is a
    /// folder around it in which others may put things.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::open_as(path, Readers::Nobody)
    }

    /// The same of a folder that others may see, such as that of the user's settings; its files are private all the same.
    pub fn open_as(path: &Path, readers: Readers) -> io::Result<Self> {
        let parent = path.parent().unwrap_or(Path::new("/"));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let around = openat(CWD, parent, flags, Mode::empty()).map_err(|error| no_folder(parent, error))?;
        let stat = fstat(&around)?;
        let is_ours = stat.st_uid == geteuid().as_raw() || stat.st_uid == 0;
        // In a sticky folder nobody can replace what is ours.
        let is_safe = stat.st_mode & 0o022 == 0 || stat.st_mode & 0o1000 != 0;
        if !is_ours || !is_safe {
            return Err(refused(parent, "others may put files there; make it yours, or run chmod go-w"));
        }
        let name = path.file_name().unwrap_or_default();
        let folder = openat(&around, name, flags, Mode::empty()).map_err(|error| no_folder(path, error))?;
        match readers {
            Readers::Nobody => private(path, &fstat(&folder)?, 0o077, "others may read or write it", "chmod 700")?,
            Readers::Others => private(path, &fstat(&folder)?, 0o022, "others may write it", "chmod go-w")?,
        }
        Ok(Self { folder, path: path.to_owned() })
    }

    /// Opens a folder, and makes it where it is not there.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::create_as(path, Readers::Nobody)
    }

    /// The same of a folder that others may see.
    pub fn create_as(path: &Path, readers: Readers) -> io::Result<Self> {
        match Self::open_as(path, readers) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(path)?;
                Self::open_as(path, readers)
            }
            opened => opened,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a file of the folder; with `CREATE` among the flags it is made where it is not there.
    ///
    /// # Errors
    /// Anything but a regular file of the user alone is refused.
    pub fn file(&self, name: &str, flags: OFlags) -> io::Result<File> {
        let path = self.path.join(name);
        match statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => regular(&stat).map_err(|error| refused(&path, &error.to_string()))?,
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = openat(&self.folder, name, flags, Mode::RUSR | Mode::WUSR)?;
        let stat = fstat(&file)?;
        regular(&stat).map_err(|error| refused(&path, &error.to_string()))?;
        private(&path, &stat, 0o077, "others may read or write it", "chmod 600")?;
        Ok(file.into())
    }

    /// When a file was changed, whatever it is.
    pub fn modified(&self, name: &str) -> io::Result<SystemTime> {
        let stat = statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let seconds = u64::try_from(stat.st_mtime).unwrap_or_default();
        UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Writes a file anew, in place of whatever has that name.
    pub fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let new = self.new_file(name)?;
        (&new.file).write_all(content)?;
        self.rename(&new.name, name)
    }

    /// A new and empty file that is to take the place of `name`.
    pub fn new_file(&self, name: &str) -> io::Result<NewFile> {
        let new = format!("{name}.{}.new", std::process::id());
        self.remove(&new)?;
        let file = self.file(&new, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)?;
        Ok(NewFile { file, name: new })
    }

    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(renameat(&self.folder, from, &self.folder, to)?)
    }

    /// Removes a file, where it is there.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of what is in it, in any order; those that are not UTF-8 are left out.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let entries = Dir::read_from(&self.folder)?;
        entries.map(|entry| Ok(entry?.file_name().to_str().map(str::to_owned).unwrap_or_default())).collect()
    }

    /// Writes the names of the files to the disk.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(self.folder.as_fd())?)
    }
}

/// A file that is to take another's place.
#[derive(Debug)]
pub struct NewFile {
    pub file: File,
    pub name: String,
}

/// The owner of whatever is there, where that is neither this user nor root. A link is not followed.
pub fn stranger_of(path: &Path) -> Option<u32> {
    stranger(statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).ok()?.st_uid)
}

fn stranger(owner: u32) -> Option<u32> {
    (owner != geteuid().as_raw() && owner != 0).then_some(owner)
}

fn regular(stat: &Stat) -> io::Result<()> {
    let what = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => return Ok(()),
        FileType::Symlink => "a symbolic link, which is not followed",
        FileType::Directory => "a folder",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "no file",
    };
    Err(io::Error::other(format!("it is {what}, where a file is wanted")))
}

/// Whether something is this user's, and nobody else may do with it what the bits of `mode` stand for.
fn private(path: &Path, stat: &Stat, mode: u32, wrong: &str, remedy: &str) -> io::Result<()> {
    if stat.st_uid != geteuid().as_raw() {
        return Err(refused(path, &format!("it belongs to another user, uid {}", stat.st_uid)));
    }
    match stat.st_mode & mode {
        0 => Ok(()),
        _ => Err(refused(path, &format!("{wrong}; if all in it is yours, run {remedy}"))),
    }
}

fn refused(path: &Path, reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("{} is not used: {reason}", path.display()))
}

fn no_folder(path: &Path, error: Errno) -> io::Error {
    match error {
        Errno::NOTDIR | Errno::LOOP => refused(path, "it is a symbolic link or a file, where a folder is wanted"),
        error => error.into(),
    }
}

/// Whether the name of a file says that it is compressed.
pub fn is_gzip(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use rustix::fs::mkfifoat;

    use super::*;

    fn refusal<T: std::fmt::Debug>(result: io::Result<T>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn only_regular_files_are_read_and_no_more_than_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "text").unwrap();
        symlink("file", path("link")).unwrap();
        symlink("/dev/zero", path("zero")).unwrap();
        mkfifoat(CWD, path("fifo"), Mode::RUSR | Mode::WUSR).unwrap();
        let read = |name: &str, links, limit| Opened::open(&path(name), links)?.read(limit);
        assert_eq!(read("file", Links::Refused, 4).unwrap(), "text");
        assert_eq!(read("link", Links::Followed, 4).unwrap(), "text");
        assert!(refusal(read("file", Links::Refused, 3)).contains("larger than 3 bytes"));
        assert!(refusal(read("link", Links::Refused, 4)).contains("symbolic link"));
        assert!(refusal(read("zero", Links::Followed, 4)).contains("a device"));
        assert!(refusal(read("fifo", Links::Refused, 4)).contains("a FIFO"));
        assert_eq!(read("none", Links::Refused, 4).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_private_folder_and_its_files_are_the_users_alone() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("a/b");
        let folder = PrivateFolder::create(&path).unwrap();
        folder.file("f", OFlags::WRONLY | OFlags::CREATE).unwrap();
        assert!(folder.file("f", OFlags::RDONLY).is_ok());
        let victim = outer.path().join("victim");
        fs::write(&victim, "whole").unwrap();
        symlink(&victim, path.join("link")).unwrap();
        assert!(refusal(folder.file("link", OFlags::WRONLY | OFlags::CREATE)).contains("symbolic link"));
        folder.replace("link", b"new").unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "whole");
        let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        chmod(&path.join("f"), 0o644);
        assert!(refusal(folder.file("f", OFlags::RDONLY)).contains("chmod 600"));
        chmod(&path, 0o750);
        assert!(refusal(PrivateFolder::open(&path)).contains("chmod 700"));
        chmod(&path, 0o700);
        chmod(&outer.path().join("a"), 0o777);
        assert!(refusal(PrivateFolder::open(&path)).contains("chmod go-w"));
        chmod(&outer.path().join("a"), 0o755);
        symlink("b", outer.path().join("a/c")).unwrap();
        assert!(refusal(PrivateFolder::open(&outer.path().join("a/c"))).contains("symbolic link"));
        assert_eq!(PrivateFolder::open(&outer.path().join("none/b")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
