//! What is kept on this machine: the token, the certificate, and the header for curl, for their owner alone.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use steps_shared::TokenSecret;
use tempfile::NamedTempFile;

use crate::advice::Failure;

/// All of the files.
const NAMES: [&str; 3] = ["token", "ca.pem", "authorization"];

/// The folder of one stack.
pub struct Files(PathBuf);

impl Files {
    /// Those of this stack, below a folder.
    pub fn of(folder: &Path, account: &str, region: &str, name: &str) -> Self {
        Self(folder.join(format!("{account}-{region}-{name}")))
    }

    /// The token, for `steps`.
    pub fn token(&self) -> PathBuf {
        self.0.join(NAMES[0])
    }

    /// The machine's certificate, for `steps` and curl.
    pub fn certificate(&self) -> PathBuf {
        self.0.join(NAMES[1])
    }

    /// The header with the token, for curl: an argument could be read by every user of this machine.
    pub fn authorization(&self) -> PathBuf {
        self.0.join(NAMES[2])
    }

    /// The token that is kept; none where there is none.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub fn read_token(&self) -> Result<Option<TokenSecret>, Failure> {
        let path = self.token();
        let advice = "move the file away; while the stack is there its token is read from the secret again";
        match fs::read_to_string(&path) {
            Ok(text) => text
                .trim()
                .parse()
                .map(Some)
                .map_err(|error| Failure::new(format!("{} {error}", path.display()), advice).usage()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::new(format!("{}: {error}", path.display()), advice).usage()),
        }
    }

    /// Keeps the token.
    pub fn write_token(&self, token: &TokenSecret) -> Result<(), Failure> {
        self.write(&self.token(), &format!("{}\n", token.expose()))?;
        self.write(&self.authorization(), &format!("Authorization: Bearer {}\n", token.expose()))
    }

    /// Keeps the certificate.
    pub fn write_certificate(&self, pem: &str) -> Result<(), Failure> {
        self.write(&self.certificate(), pem)
    }

    /// Removes all of it, and says what there was.
    pub fn remove(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut removed = Vec::new();
        for path in NAMES.map(|name| self.0.join(name)) {
            match fs::remove_file(&path) {
                Ok(()) => removed.push(path),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(Failure::new(format!("{}: {error}", path.display()), "remove it by hand")),
            }
        }
        // Where somebody else has put something it stays.
        let _ = fs::remove_dir(&self.0);
        Ok(removed)
    }

    /// Written whole or not at all; a temporary file has mode 0600 from its beginning.
    fn write(&self, path: &Path, text: &str) -> Result<(), Failure> {
        let written = || -> std::io::Result<()> {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
            fs::set_permissions(&self.0, fs::Permissions::from_mode(0o700))?;
            let mut file = NamedTempFile::new_in(&self.0)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            Ok(())
        };
        written().map_err(|error| {
            let advice = "give a folder that can be written to with --directory; in a container, mount one there";
            Failure::new(format!("{}: {error}", path.display()), advice).usage()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_for_their_owner_alone_and_leave_nothing() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let files = Files::of(folder.path(), "1", "eu-central-1", "steps");
        let token = TokenSecret::from_bits([7; 32]);
        assert!(files.read_token().is_ok_and(|read| read.is_none()));
        files.write_token(&token).map_err(|failure| failure.what)?;
        files.write_certificate("pem").map_err(|failure| failure.what)?;
        assert!(files.read_token().is_ok_and(|read| read == Some(token)));
        for path in [files.token(), files.certificate(), files.authorization()] {
            assert_eq!(fs::metadata(path)?.permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::metadata(&files.0)?.permissions().mode() & 0o777, 0o700);
        assert!(files.remove().is_ok_and(|removed| removed.len() == 3));
        assert_eq!(fs::read_dir(folder.path())?.count(), 0);
        Ok(())
    }

    #[test]
    fn what_is_no_token_is_told_and_not_shown() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let files = Files::of(folder.path(), "1", "r", "s");
        fs::create_dir(&files.0)?;
        fs::write(files.token(), "secret")?;
        assert!(files.read_token().is_err_and(|failure| !failure.what.contains("secret")));
        Ok(())
    }
}
