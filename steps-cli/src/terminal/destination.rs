//! Where an export goes: the standard output, or a file that appears only when it is complete.

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, StdoutLock, Write};
use std::mem;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::fs::FileType;
use tempfile::NamedTempFile;

use crate::error::Error;
use crate::files::is_gzip;

/// What the bytes of an export are written to.
#[derive(Debug)]
pub enum Destination {
    /// The standard output.
    Stdout(StdoutLock<'static>),
    /// A temporary file in the directory of the file that it will become.
    File(NamedTempFile, PathBuf),
    /// A device or a pipe, which is written directly.
    Special(File, PathBuf),
    /// Compressed on its way to another one.
    Gzip(Box<GzEncoder<Vec<u8>>>, Box<Self>),
}

impl Destination {
    /// Opens the standard output, for no path or `-`, or a file. The file appears under its name in [`Self::finish`]; one whose
    /// name ends in `.gz` is compressed.
    ///
    /// # Errors
    /// [`Error::Usage`] for a path that cannot be written. It is found before any request is sent.
    pub fn open(path: Option<&Path>) -> Result<Self, Error> {
        let place = Self::open_plain(path)?;
        let is_compressed = path.is_some_and(is_gzip);
        Ok(if is_compressed {
            Self::Gzip(Box::new(GzEncoder::new(Vec::new(), Compression::default())), place.into())
        } else {
            place
        })
    }

    fn open_plain(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Self::Stdout(io::stdout().lock()));
        };
        // tempfile's own message names the temporary file, which says nothing to the user.
        let wrong = |error: io::Error| {
            let reason = match error.kind() {
                io::ErrorKind::NotFound => "its directory does not exist".to_owned(),
                kind => kind.to_string(),
            };
            Error::Usage(format!("cannot write to {}: {reason}", path.display()))
        };
        // Of a symbolic link, its target is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match fs::metadata(&target) {
            Ok(metadata) if metadata.is_dir() => {
                Err(Error::Usage(format!("cannot write to {}: it is a directory", path.display())))
            }
            Ok(metadata) if !metadata.is_file() => {
                let file = File::options().write(true).open(&target).map_err(wrong)?;
                Ok(Self::Special(file, target))
            }
            _ => Ok(Self::File(beside(&target).map_err(wrong)?, target)),
        }
    }

    /// Whether a person reads what is written.
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Stdout(stdout) => stdout.is_terminal(),
            Self::File(..) => false,
            Self::Special(file, _) => file.is_terminal(),
            Self::Gzip(..) => false,
        }
    }

    /// Whether a file is written, the standard output's too.
    pub fn is_file(&self) -> bool {
        match self {
            Self::Stdout(stdout) => rustix::fs::fstat(stdout)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile),
            Self::File(..) => true,
            Self::Special(..) => false,
            Self::Gzip(_, place) => place.is_file(),
        }
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// They cannot be written, or the reader of the standard output is gone.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::Stdout(stdout) => stdout.write_all(bytes).map_err(Error::output),
            Self::File(file, path) => file.write_all(bytes).map_err(|error| failed(path, &error)),
            Self::Special(file, path) => file.write_all(bytes).map_err(|error| failed(path, &error)),
            Self::Gzip(encoder, place) => {
                encoder.write_all(bytes).map_err(Error::output)?;
                place.write(&mem::take(encoder.get_mut()))
            }
        }
    }

    /// Ends the export: a file gets its name, and replaces the one that had it.
    ///
    /// # Errors
    /// The last bytes cannot be written, or the file cannot be renamed.
    pub fn finish(self) -> Result<(), Error> {
        match self {
            Self::Stdout(mut stdout) => stdout.flush().map_err(Error::output),
            Self::File(file, path) => match file.persist(&path) {
                Ok(_) => Ok(()),
                Err(error) => Err(failed(&path, &error.error)),
            },
            Self::Special(..) => Ok(()),
            Self::Gzip(encoder, mut place) => {
                place.write(&encoder.finish().map_err(Error::output)?)?;
                place.finish()
            }
        }
    }
}

fn failed(path: &Path, error: &io::Error) -> Error {
    Error::Failed(format!("cannot write to {}: {error}", path.display()))
}

/// A temporary file in the same directory, with the permissions that a new file has.
fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".steps-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_only_when_it_is_complete() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("steps.csv");
        let files = || fs::read_dir(directory.path()).unwrap().count();

        let mut incomplete = Destination::open(Some(&path)).unwrap();
        incomplete.write(b"half").unwrap();
        assert!(!path.exists());
        drop(incomplete);
        assert_eq!(files(), 0);

        let mut complete = Destination::open(Some(&path)).unwrap();
        complete.write(b"whole").unwrap();
        complete.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(files(), 1);
    }

    #[test]
    fn a_file_that_is_named_so_is_compressed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("steps.csv.GZ");
        let mut file = Destination::open(Some(&path)).unwrap();
        file.write(b"a,b\n").unwrap();
        file.write(&b"1,2\n".repeat(10_000)).unwrap();
        file.finish().unwrap();
        let compressed = fs::read(&path).unwrap();
        let mut text = String::new();
        io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*compressed), &mut text).unwrap();
        assert_eq!((text.len(), &text[..8]), (40_004, "a,b\n1,2\n"));
        assert!(compressed.len() < 1000);
    }

    #[test]
    fn a_path_that_cannot_be_written_is_a_usage_error() {
        let directory = tempfile::tempdir().unwrap();
        for path in [directory.path().to_owned(), directory.path().join("no/such/steps.csv")] {
            let error = Destination::open(Some(&path)).unwrap_err();
            assert_eq!(error.exit_code(), crate::exit::USAGE, "{error}");
        }
        assert!(matches!(Destination::open(Some(Path::new("/dev/null"))), Ok(Destination::Special(..))));
    }
}
