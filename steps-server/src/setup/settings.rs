//! The settings in force: flags, `STEPS_*` variables, a TOML file, defaults; the strongest first.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::ValueEnum;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use steps_shared::{Duration, Glob, Timestamp, TokenSecret, nearest};

use super::access::bootstrap_token;
use super::flags::Args;
use super::otlp;
use crate::app::IssuerSettings;
use crate::http::Network;
use crate::projection::config::{EventRules, FoldConfig};
use crate::projection::fold::FoldRules;
use crate::projection::statuses::{StatusWords, Statuses};
use crate::store::DatabaseUrl;

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// One readable line an event.
    Text,
    /// One JSON object an event.
    Json,
}

/// Every setting with its value.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to listen.
    #[serde(deserialize_with = "deserialize_listen")]
    pub listen: SocketAddr,
    /// The file of the certificate; `None`: without TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,
    /// The file of its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// The proxies that are believed.
    pub trusted_proxy: Vec<Network>,
    /// Which database.
    pub database_url: DatabaseUrl,
    /// Its replica that is read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_read_url: Option<DatabaseUrl>,
    /// How long to wait for it at start.
    pub database_wait: Duration,
    /// The most connections for reading from it.
    pub database_connections: u32,
    /// The most steps that wait to be committed.
    pub queue: u32,
    /// How long a request may wait for the database.
    pub deadline: Duration,
    /// How long a client may stall.
    pub stall_timeout: Duration,
    /// How long to go on serving after SIGTERM.
    pub shutdown_delay: Duration,
    /// The most connections from clients.
    pub connections: u32,
    /// The token that is stored at the start; no key of the file.
    #[serde(skip)]
    pub bootstrap_token: Option<TokenSecret>,
    /// Whether who sends no token may do everything.
    pub allow_anonymous: bool,
    /// The most requests a second of one token, on average; 0 is any number.
    pub requests_per_second: u32,
    /// The issuers whose tokens are accepted beside the server's own; only of the file.
    pub oidc: Vec<IssuerSettings>,
    /// Statuses that end a deployment well.
    pub success_statuses: Vec<String>,
    /// Statuses that end a deployment badly.
    pub failure_statuses: Vec<String>,
    /// Statuses that begin a deployment.
    pub start_statuses: Vec<String>,
    /// Statuses that end a deployment without saying whether it works.
    pub cancelled_statuses: Vec<String>,
    /// Statuses of phases in which nobody works.
    pub waiting_statuses: Vec<String>,
    /// Statuses that are part of no deployment.
    pub ignored_statuses: Vec<String>,
    /// How long nothing may be recorded of a deployment until it is abandoned.
    pub abandon_after: Duration,
    /// How long no span may be open until a deployment of spans alone has ended.
    pub settle_after: Duration,
    /// How long events are kept, for who resumes.
    pub keep_events: Duration,
    /// The most readers of events at the same time.
    pub event_readers: u32,
    /// Of which components everybody may see a badge.
    pub badges: Vec<Glob>,
    /// The collector that traces are sent to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<String>,
    /// What to log.
    pub log: String,
    /// How to log.
    pub log_format: LogFormat,
}

impl Settings {
    /// The settings in force. For a command that opens no database, no file with a secret is read.
    ///
    /// # Errors
    /// A file cannot be read, has an unknown key or a wrong value, or there is no data folder for the default database.
    pub fn load(args: Args) -> anyhow::Result<Self> {
        let Args { config, database_url_file, bootstrap_token_file, settings: mut given, command } = args;
        let serves = command.is_none();
        let opens_database = command.is_none_or(|command| command.opens_database());
        let usual = dirs::config_dir().map(|folder| folder.join("steps/server.toml")).filter(|path| path.is_file());
        let mut table = toml::Table::try_from(Self::default())?;
        if let Some(path) = config.or(usual) {
            let wrong = |error: String| anyhow::anyhow!("{}: {}", path.display(), error.trim_end());
            let text = std::fs::read_to_string(&path);
            let text =
                text.map_err(|error| anyhow::anyhow!("cannot read the settings file {}: {error}", path.display()))?;
            table.extend(text.parse::<toml::Table>().map_err(|error| wrong(error.to_string()))?);
            table
                .clone()
                .try_into::<Self>()
                .map_err(|error| wrong(unknown_setting(&error).unwrap_or_else(|| error.to_string())))?;
        }
        // A variable that is set but empty counts as not set.
        given.tls_cert = given.tls_cert.filter(|path| !path.as_os_str().is_empty());
        given.tls_key = given.tls_key.filter(|path| !path.as_os_str().is_empty());
        given.database_url = given.database_url.filter(|url| !url.expose().is_empty());
        given.otlp_endpoint = given.otlp_endpoint.filter(|url| !url.is_empty());
        given.database_read_url = given.database_read_url.filter(|url| !url.expose().is_empty());
        if let (None, Some(path), true) = (&given.database_url, database_url_file, opens_database) {
            given.database_url = Some(DatabaseUrl::read(&path)?);
        }
        table.extend(toml::Table::try_from(given)?);
        let mut settings: Self = table.try_into()?;
        if opens_database {
            settings.bootstrap_token = bootstrap_token(bootstrap_token_file.as_deref())?;
            anyhow::ensure!(
                !settings.database_url.expose().is_empty(),
                "there is no folder for user data here; give --database-url sqlite:PATH or mysql://…"
            );
        }
        anyhow::ensure!(
            settings.tls_cert.is_some() == settings.tls_key.is_some(),
            "--tls-cert and --tls-key belong together; give both, or neither"
        );
        if serves {
            otlp::check(settings.otlp_endpoint.as_deref())?;
        }
        Ok(settings)
    }

    /// Whether what is sent may be read by others on the way: without TLS, on an address that other machines reach, and without a
    /// proxy that speaks TLS with clients.
    #[must_use]
    pub fn is_readable_on_the_way(&self) -> bool {
        self.tls_cert.is_none() && self.trusted_proxy.is_empty() && !self.listen.ip().to_canonical().is_loopback()
    }

    /// What each status means, and how long is long.
    #[must_use]
    pub fn fold_config(&self, now: fn() -> Timestamp) -> FoldConfig {
        let words = StatusWords {
            success: self.success_statuses.clone(),
            failure: self.failure_statuses.clone(),
            cancelled: self.cancelled_statuses.clone(),
            start: self.start_statuses.clone(),
            waiting: self.waiting_statuses.clone(),
            ignored: self.ignored_statuses.clone(),
        };
        let rules = FoldRules { abandon_after: self.abandon_after, settle_after: self.settle_after };
        let events = EventRules { keep: self.keep_events, now };
        FoldConfig { statuses: Statuses::new(&words), rules, events }
    }
}

/// Reads an address to listen on: `127.0.0.1:7878`, `[::1]:7878`, `localhost:7878` (IPv4), or `:7878` (every IPv4 address).
///
/// # Errors
/// Anything else: a name may have several addresses.
pub(super) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let named = text.rsplit_once(':').and_then(|(host, port)| {
        let port = port.parse().ok()?;
        match host.to_ascii_lowercase().as_str() {
            "" => Some(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))),
            "localhost" => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            _ => None,
        }
    });
    named.or_else(|| text.parse().ok()).ok_or_else(|| {
        format!(
            "{text:?} is not an address to listen on; write 127.0.0.1:7878, localhost:7878, [::1]:7878, or :7878 for every \
             address of this machine"
        )
    })
}

/// A sentence about a setting that there is not, with the nearest that there is.
fn unknown_setting(error: &toml::de::Error) -> Option<String> {
    let message = error.message();
    let mut names = message.split('`').skip(1).step_by(2).take_while(|_| message.starts_with("unknown field"));
    let unknown = names.next()?;
    let nearest = nearest(unknown, &names.collect::<Vec<_>>()).map(|name| format!("; did you mean {name}?"));
    Some(format!("there is no setting {unknown}{}", nearest.unwrap_or_default()))
}

fn deserialize_listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    listen_address(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

impl Default for Settings {
    fn default() -> Self {
        let StatusWords { success, failure, cancelled, start, waiting, ignored } = StatusWords::default();
        let data = dirs::data_dir().map(|folder| format!("sqlite:{}", folder.join("steps/steps.db").display()));
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7878)),
            tls_cert: None,
            tls_key: None,
            trusted_proxy: Vec::new(),
            database_url: DatabaseUrl::from(data.unwrap_or_default()),
            database_read_url: None,
            database_wait: Duration::from_secs(60),
            database_connections: 8,
            queue: 20_000,
            deadline: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(30),
            shutdown_delay: Duration::default(),
            connections: 4096,
            bootstrap_token: None,
            allow_anonymous: false,
            requests_per_second: 1000,
            oidc: Vec::new(),
            success_statuses: success,
            failure_statuses: failure,
            start_statuses: start,
            cancelled_statuses: cancelled,
            waiting_statuses: waiting,
            ignored_statuses: ignored,
            abandon_after: Duration::from_secs(86_400),
            settle_after: Duration::from_secs(60),
            keep_events: Duration::from_secs(86_400),
            event_readers: 1000,
            badges: Vec::new(),
            otlp_endpoint: None,
            log: "info".to_owned(),
            log_format: LogFormat::Auto,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn settings(args: &[&str]) -> anyhow::Result<Settings> {
        Settings::load(Args::try_parse_from(["steps-server"].iter().chain(args))?)
    }

    #[test]
    fn addresses_to_listen_on() {
        for (text, expected) in [
            ("127.0.0.1:7878", "127.0.0.1:7878"),
            ("localhost:7878", "127.0.0.1:7878"),
            ("LOCALHOST:0", "127.0.0.1:0"),
            (":7878", "0.0.0.0:7878"),
            ("[::1]:7878", "[::1]:7878"),
        ] {
            assert_eq!(listen_address(text).map(|address| address.to_string()).as_deref(), Ok(expected), "{text}");
        }
        for text in ["", "7878", "127.0.0.1", "example.com:7878", "localhost", ":", ":70000", "http://localhost:1"] {
            assert!(listen_address(text).unwrap_err().contains("localhost:7878"), "{text}");
        }
    }

    #[test]
    fn a_flag_beats_the_file_and_the_file_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server.toml");
        std::fs::write(&file, "queue = 30000\ndeadline = '2s'\n").unwrap();
        let loaded = settings(&["--config", file.to_str().unwrap(), "--deadline", "3s"]).unwrap();
        assert_eq!((loaded.queue, loaded.deadline, loaded.connections), (30_000, Duration::from_secs(3), 4096));
    }

    #[test]
    fn an_unknown_key_and_a_missing_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server.toml");
        std::fs::write(&file, "qeue = 30000\n").unwrap();
        let error = settings(&["--config", file.to_str().unwrap()]).unwrap_err().to_string();
        assert!(error.contains("qeue") && error.contains("queue"), "{error}");
        assert!(settings(&["--config", "/nowhere.toml"]).is_err());
    }

    #[test]
    fn a_certificate_and_its_key_belong_together() {
        for alone in ["--tls-cert", "--tls-key"] {
            let error = settings(&[alone, "x.pem"]).unwrap_err().to_string();
            assert!(error.contains("--tls-cert and --tls-key"), "{error}");
        }
        let both = settings(&["--tls-cert", "a.pem", "--tls-key", "b.pem"]).unwrap();
        assert_eq!((both.tls_cert, both.tls_key), (Some("a.pem".into()), Some("b.pem".into())));
        assert!(settings(&["--tls-cert", "", "--tls-key", ""]).unwrap().tls_cert.is_none());
    }

    #[test]
    fn proxies_are_read_from_flags_and_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("server.toml");
        std::fs::write(&file, "trusted_proxy = ['10.0.0.0/8', 'fd00::1']\n").unwrap();
        let file = file.to_str().unwrap();
        assert_eq!(settings(&["--config", file]).unwrap().trusted_proxy.len(), 2);
        let given = settings(&["--config", file, "--trusted-proxy", "10.0.0.7"]).unwrap().trusted_proxy;
        assert_eq!(given, ["10.0.0.7".parse().unwrap()]);
        assert!(settings(&["--trusted-proxy", "proxy.example.com"]).is_err());
    }

    #[test]
    fn badges_are_of_patterns() {
        assert!(settings(&[]).unwrap().badges.is_empty());
        let given = settings(&["--badges", "acme/*,shop"]).unwrap().badges;
        assert_eq!(given, ["acme/*", "shop"].map(|text| text.parse().unwrap()));
    }

    #[test]
    fn what_is_readable_on_the_way() {
        let readable = |args: &[&str]| settings(args).unwrap().is_readable_on_the_way();
        assert!(!readable(&[]) && !readable(&["--listen", "[::1]:1"]) && readable(&["--listen", "0.0.0.0:1"]));
        assert!(!readable(&["--listen", "0.0.0.0:1", "--trusted-proxy", "10.0.0.7"]));
        assert!(!readable(&["--listen", "0.0.0.0:1", "--tls-cert", "a", "--tls-key", "b"]));
    }

    #[test]
    fn help_tells_every_default() {
        use clap::CommandFactory as _;
        let help = Args::command().render_long_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let default = Settings::default();
        let texts = [
            default.listen.to_string(),
            default.database_wait.to_exact_text().replace("1m", "60s"),
            default.database_connections.to_string(),
            default.queue.to_string(),
            default.deadline.to_exact_text(),
            default.stall_timeout.to_exact_text(),
            default.connections.to_string(),
            default.requests_per_second.to_string(),
            default.event_readers.to_string(),
            default.log,
            "auto".to_owned(),
        ];
        for text in texts {
            assert!(help.contains(&format!("[default: {text}]")), "{text} is not in\n{help}");
        }
    }
}
