//! Connecting to MySQL and MariaDB: what is set, which errors waiting does not help, and what to do about them.

use std::io::ErrorKind;
use std::str::FromStr;
use std::time::Duration;

use rustls::CertificateError;
use sqlx::migrate::MigrateError;
use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, MySqlConnection, Row as _};
use tokio::time::Instant;

use super::OpenError;

/// Where the database is, and how it is connected to.
#[derive(Debug, Clone)]
pub(super) struct MySqlServer {
    pub(super) options: MySqlConnectOptions,
    /// Host and port, or the socket; never the password.
    place: String,
    has_password: bool,
}

/// What the user must be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rights {
    /// To read and write rows.
    Serve,
    /// To make and change tables, too.
    Migrate,
}

/// The errors of a user who may not: the database, a command, a column, something else than tables.
const DENIED: [u16; 4] = [1044, 1142, 1143, 1227];

/// How long one try to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_secs(1);

const NEEDS_TLS: &str = "caching_sha2_password and sha256_password take a password over TLS only; turn TLS on in the database \
     and leave ssl-mode as it is or give ssl-mode=REQUIRED, over the socket too, or use a user with another plugin";

const CHECK_TLS: &str =
    "check ssl-mode, ssl-ca, ssl-cert and ssl-key in the URL, and whether TLS is on in the database";

impl MySqlServer {
    /// Reads a URL.
    pub(super) fn read(url: &str, statements: usize) -> Result<Self, OpenError> {
        let invalid = |error: String| OpenError::Url(error);
        // Another set of characters would garble names. Modes of SQL and the time zone of the session change nothing here;
        // relatives of MySQL refuse to set them.
        let options = MySqlConnectOptions::from_str(url)
            .map_err(|error| invalid(error.to_string()))?
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None)
            .charset("utf8mb4")
            .statement_cache_capacity(statements)
            .disable_statement_logging();
        if options.get_database().is_none_or(str::is_empty) {
            return Err(invalid("it names no database".to_owned()));
        }
        let place = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        let has_password = url::Url::parse(url).is_ok_and(|url| url.password().is_some_and(|word| !word.is_empty()));
        Ok(Self { options, place, has_password })
    }

    /// Connects until it works or `wait` is over; an error that waiting does not help ends it at once.
    pub(super) async fn wait_for(&self, wait: Duration) -> Result<(), OpenError> {
        let deadline = Instant::now() + wait;
        loop {
            let error = match tokio::time::timeout(CONNECT_TIMEOUT, self.connect()).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => sqlx::Error::PoolTimedOut,
            };
            if let Some(remedy) = self.remedy(&error) {
                return Err(self.refused(error, remedy));
            }
            let (place, left) = (&self.place, deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Err(OpenError::Unreachable { place: place.clone(), wait, error });
            }
            let seconds_left = left.as_secs_f64().ceil();
            tracing::warn!(%place, %error, seconds_left, "the database does not answer yet; trying again");
            tokio::time::sleep(PAUSE.min(left)).await;
        }
    }

    async fn connect(&self) -> Result<(), sqlx::Error> {
        let mut connection = self.options.connect().await?;
        let needs_tls = self.has_password && needs_tls(&mut connection).await;
        close(connection).await;
        if needs_tls { Err(sqlx::Error::Configuration(NEEDS_TLS.into())) } else { Ok(()) }
    }

    /// What the failure of a migration means.
    pub(super) fn not_migrated(&self, error: MigrateError) -> OpenError {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)
                if self.remedy(&error).is_some() =>
            {
                let remedy = self.remedy(&error).unwrap_or_default();
                self.refused(error, remedy)
            }
            error => OpenError::Migrate(error),
        }
    }

    /// Fails where the user may not do these statements. Their other errors are ignored: a database that only reads for a while
    /// is no reason not to start.
    pub(super) async fn check_rights(
        &self,
        connection: &mut MySqlConnection,
        statements: &[&'static str],
        rights: Rights,
    ) -> Result<(), OpenError> {
        for statement in statements {
            let Err(error) = connection.execute(*statement).await else { continue };
            if let Some(remedy) = self.remedy(&error) {
                let remedy = if is_denied(&error) { self.grant(rights) } else { remedy };
                return Err(self.refused(error, remedy));
            }
        }
        Ok(())
    }

    /// How the user gets these rights.
    fn grant(&self, rights: Rights) -> String {
        let name = self.options.get_database().unwrap_or_default();
        let user = self.options.get_username();
        match rights {
            Rights::Serve => format!("GRANT SELECT, INSERT, UPDATE, DELETE ON `{name}`.* TO the user '{user}'"),
            Rights::Migrate => format!(
                "the schema has to be brought up to date, and the user '{user}' may not: run `steps-server migrate` with the URL of \
                 a user who may, or GRANT ALL ON `{name}`.* TO the user '{user}'"
            ),
        }
    }

    fn refused(&self, error: sqlx::Error, remedy: String) -> OpenError {
        OpenError::Refused { place: self.place.clone(), error, remedy: format!("; {remedy}") }
    }

    /// What to do about an error that does not go away by itself; `None` where it may.
    fn remedy(&self, error: &sqlx::Error) -> Option<String> {
        let text = match error {
            sqlx::Error::Database(error) => {
                return self.remedy_of(error.try_downcast_ref::<MySqlDatabaseError>()?.number());
            }
            sqlx::Error::Configuration(error) if error.to_string().contains("RSA") => NEEDS_TLS,
            sqlx::Error::Configuration(_) | sqlx::Error::Tls(_) => CHECK_TLS,
            // Not the socket, which is there as soon as the database has started.
            sqlx::Error::Io(error)
                if error.kind() == ErrorKind::NotFound
                    && self.options.get_socket().is_none_or(|file| file.exists()) =>
            {
                CHECK_TLS
            }
            sqlx::Error::Protocol(text) if text.contains("authentication plugin") => {
                "use a user with caching_sha2_password, or with mysql_native_password"
            }
            sqlx::Error::Io(error) => match rustls_error(error)? {
                rustls::Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                ) => {
                    "the database's certificate does not name this host; the one that MySQL makes for itself names none: use \
                     ssl-mode=VERIFY_CA with its ca.pem as ssl-ca, or give the database a certificate with its host name"
                }
                rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                    "give the certificate of the authority that signed the database's as ssl-ca; MySQL's own is the file \
                     ca.pem in its data folder"
                }
                rustls::Error::InvalidCertificate(_) => "give the database another certificate",
                _ => return None,
            },
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// What to do about an error that the database has answered with; `None` where it may go away by itself.
    fn remedy_of(&self, number: u16) -> Option<String> {
        let name = self.options.get_database().unwrap_or_default();
        let user = self.options.get_username();
        Some(match number {
            // Access denied: the password, or the way in which it is proved.
            1045 | 1698 => "check the user and the password in the URL, from which hosts that user may connect, and whether it has \
                 to show a certificate (ssl-cert and ssl-key)"
                .to_owned(),
            _ if DENIED.contains(&number) => format!("GRANT ALL ON `{name}`.* TO the user '{user}'; more is not needed"),
            // Unknown database.
            1049 => format!("CREATE DATABASE `{name}`, or name another one in the URL"),
            1115 | 1273 => "leave charset and collation out of the URL".to_owned(),
            1130 => format!("let the user '{user}' connect from this host"),
            // Insecure transport is prohibited.
            3159 => "give ssl-mode=REQUIRED in the URL".to_owned(),
            // The plugin of the user is not loaded, or is of an old protocol.
            1251 | 1524 => "give the user a plugin that the database has".to_owned(),
            // The password has expired.
            1820 | 1862 => format!("ALTER USER '{user}' with a new password"),
            // The account is locked, on MySQL and on MariaDB.
            3118 | 4151 => format!("ALTER USER '{user}' ACCOUNT UNLOCK"),
            _ => return None,
        })
    }
}

fn is_denied(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>());
    error.is_some_and(|error| DENIED.contains(&error.number()))
}

/// Closes a connection that has done its work. That the other side has hung up first is as good.
pub(super) async fn close(connection: MySqlConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a connection that was not needed any more");
    }
}

/// Whether this connection has no TLS and its user's plugin needs it. Such a user can connect as long as the database
/// remembers the password from an earlier connection with TLS, and no longer when it has been restarted.
async fn needs_tls(connection: &mut MySqlConnection) -> bool {
    let cipher = text(connection, "SHOW SESSION STATUS LIKE 'Ssl_cipher'", 1).await;
    if cipher.is_none_or(|cipher| !cipher.is_empty()) {
        return false;
    }
    let user = text(connection, "SHOW CREATE USER CURRENT_USER()", 0).await.unwrap_or_default();
    user.contains("caching_sha2_password") || user.contains("sha256_password")
}

/// A text in the first row of an answer; `None` where there is none, because relatives of MySQL do not know the question.
async fn text(connection: &mut MySqlConnection, question: &'static str, column: usize) -> Option<String> {
    let row = sqlx::raw_sql(question).fetch_optional(connection).await.ok()??;
    row.try_get_unchecked(column).ok()
}

fn rustls_error(error: &std::io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
