//! The URL of the database, which may hold a password.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteConnectOptions;
use url::Url;

/// Where the database is. It may hold a password, so `Debug` and `Display` show none.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The URL with its password, for the database's driver alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Reads it from a file; white space around it does not count.
    ///
    /// # Errors
    /// There is no such file, or nothing in it.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) if !text.trim().is_empty() => Ok(Self(text.trim().to_owned())),
            Ok(_) => anyhow::bail!("{}: the file with the database URL is empty", path.display()),
            Err(error) => anyhow::bail!("{}: the file with the database URL cannot be read: {error}", path.display()),
        }
    }

    /// The SQLite file that it names, there or not.
    #[must_use]
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        let url = Some(self.expose()).filter(|url| url.starts_with("sqlite:"))?;
        Some(SqliteConnectOptions::from_str(url).ok()?.get_filename().to_owned())
    }

    /// Whether it holds a password.
    #[must_use]
    pub fn has_password(&self) -> bool {
        Url::parse(&self.0)
            .map_or_else(|_| self.0.contains('@'), |url| url.password().is_some() || url.query().is_some())
    }
}

impl From<String> for DatabaseUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(mut url) = Url::parse(&self.0) else { return f.write_str("(not a URL)") };
        if url.password().is_some() {
            // It has a password, so it can have another.
            let _: Result<(), ()> = url.set_password(Some("…"));
        }
        url.set_query(None);
        f.write_str(url.as_str())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_output_shows_a_password() {
        let url = DatabaseUrl::from("mysql://ann:s3cret@db:3306/steps?ssl-mode=required&x=s3cret".to_owned());
        assert!(url.has_password());
        assert_eq!(format!("{url} {url:?}"), "mysql://ann:%E2%80%A6@db:3306/steps mysql://ann:%E2%80%A6@db:3306/steps");
    }
}
