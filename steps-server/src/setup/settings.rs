//! The settings in force: flags, `STEPS_*` variables, a TOML file, defaults; the strongest first.

use std::net::SocketAddr;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use steps_shared::Duration;

use super::flags::Args;
use crate::projection::fold::Statuses;
use crate::store::DatabaseUrl;

/// The statuses that end a deployment well, by default.
pub(super) const SUCCESS: [&str; 7] = ["succeeded", "success", "finished", "done", "completed", "deployed", "ok"];
/// The statuses that end a deployment badly, by default.
pub(super) const FAILURE: [&str; 8] =
    ["failed", "failure", "error", "aborted", "cancelled", "canceled", "timed_out", "rolled_back"];
/// The statuses that begin a deployment, by default.
pub(super) const START: [&str; 3] = ["started", "start", "begin"];

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
    pub listen: SocketAddr,
    /// Which database.
    pub database_url: DatabaseUrl,
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
    /// Statuses that end a deployment well.
    pub success_statuses: Vec<String>,
    /// Statuses that end a deployment badly.
    pub failure_statuses: Vec<String>,
    /// Statuses that begin a deployment.
    pub start_statuses: Vec<String>,
    /// What to log.
    pub log: String,
    /// How to log.
    pub log_format: LogFormat,
}

impl Settings {
    /// The settings in force.
    ///
    /// # Errors
    /// A file cannot be read, has an unknown key or a wrong value, or there is no data folder for the default database.
    pub fn load(args: Args) -> anyhow::Result<Self> {
        let Args { config, database_url_file, settings: mut given, command: _ } = args;
        let usual = dirs::config_dir().map(|folder| folder.join("steps/server.toml")).filter(|path| path.is_file());
        let mut table = toml::Table::try_from(Self::default())?;
        if let Some(path) = config.or(usual) {
            let wrong = |error: String| anyhow::anyhow!("{}: {error}", path.display());
            let text = std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
            table.extend(text.parse::<toml::Table>().map_err(|error| wrong(error.to_string()))?);
            table.clone().try_into::<Self>().map_err(|error| wrong(error.to_string()))?;
        }
        // A variable that is set but empty counts as not set.
        given.database_url = given.database_url.filter(|url| !url.expose().is_empty());
        if let (None, Some(path)) = (&given.database_url, database_url_file) {
            given.database_url = Some(DatabaseUrl::read(&path)?);
        }
        table.extend(toml::Table::try_from(given)?);
        let settings: Self = table.try_into()?;
        anyhow::ensure!(
            !settings.database_url.expose().is_empty(),
            "there is no folder for user data here; give --database-url sqlite:PATH or mysql://…"
        );
        Ok(settings)
    }

    /// What each status means.
    #[must_use]
    pub fn statuses(&self) -> Statuses {
        let words = |words: &'_ [String]| words.iter().map(|word| word.trim().to_owned()).collect::<Vec<_>>();
        let [success, failure, start] =
            [&self.success_statuses, &self.failure_statuses, &self.start_statuses].map(|list| words(list));
        Statuses::new(
            success.iter().map(String::as_str),
            failure.iter().map(String::as_str),
            start.iter().map(String::as_str),
        )
    }
}

impl Default for Settings {
    fn default() -> Self {
        let data = dirs::data_dir().map(|folder| format!("sqlite:{}", folder.join("steps/steps.db").display()));
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7878)),
            database_url: DatabaseUrl::from(data.unwrap_or_default()),
            database_wait: Duration::from_secs(60),
            database_connections: 8,
            queue: 20_000,
            deadline: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(30),
            shutdown_delay: Duration::default(),
            connections: 4096,
            success_statuses: SUCCESS.map(str::to_owned).to_vec(),
            failure_statuses: FAILURE.map(str::to_owned).to_vec(),
            start_statuses: START.map(str::to_owned).to_vec(),
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
            default.log,
            "auto".to_owned(),
        ];
        for text in texts {
            assert!(help.contains(&format!("[default: {text}]")), "{text} is not in\n{help}");
        }
    }
}
