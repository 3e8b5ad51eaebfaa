//! Where an export goes: the standard output, or a file that appears only when it is complete.

use std::fs::{self, File};
use std::io::{self, StdoutLock, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::Error;

/// An open place for the bytes of an export.
#[derive(Debug)]
pub enum Destination {
    /// The standard output.
    Stdout(StdoutLock<'static>),
    /// A temporary file beside the one that it will become.
    File(NamedTempFile, PathBuf),
    /// A device or a pipe, which is written as it is.
    Special(File, PathBuf),
}

impl Destination {
    /// Opens it; nothing is seen under the file's name yet.
    ///
    /// # Errors
    /// A place that cannot be written, as an error of usage: it is found before anything is asked for.
    pub fn open(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Self::Stdout(io::stdout().lock()));
        };
        // tempfile's own words name the temporary file: the kind of error says enough.
        let wrong = |error: io::Error| {
            let reason = match error.kind() {
                io::ErrorKind::NotFound => "its directory does not exist".to_owned(),
                kind => kind.to_string(),
            };
            Error::Usage(format!("cannot write to {}: {reason}", path.display()))
        };
        // Behind a link, the file it leads to is the one to be replaced.
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

    /// Writes some bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::Stdout(stdout) => stdout.write_all(bytes).map_err(Error::output),
            Self::File(file, path) => file.write_all(bytes).map_err(|error| failed(path, &error)),
            Self::Special(file, path) => file.write_all(bytes).map_err(|error| failed(path, &error)),
        }
    }

    /// All is written: now the file gets its name.
    pub fn finish(self) -> Result<(), Error> {
        match self {
            Self::Stdout(mut stdout) => stdout.flush().map_err(Error::output),
            Self::File(file, path) => match file.persist(&path) {
                Ok(_) => Ok(()),
                Err(error) => Err(failed(&path, &error.error)),
            },
            Self::Special(..) => Ok(()),
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

        let mut given_up = Destination::open(Some(&path)).unwrap();
        given_up.write(b"half").unwrap();
        assert!(!path.exists());
        drop(given_up);
        assert_eq!(files(), 0);

        let mut whole = Destination::open(Some(&path)).unwrap();
        whole.write(b"whole").unwrap();
        whole.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(files(), 1);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_an_error_of_usage() {
        let directory = tempfile::tempdir().unwrap();
        for path in [directory.path().to_owned(), directory.path().join("no/such/steps.csv")] {
            let error = Destination::open(Some(&path)).unwrap_err();
            assert_eq!(error.exit_code(), crate::exit::USAGE, "{error}");
        }
        assert!(matches!(Destination::open(Some(Path::new("/dev/null"))), Ok(Destination::Special(..))));
    }
}
