//! The flags of `steps-server`, and their help.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use clap::builder::{OsStringValueParser, TypedValueParser as _};
use serde::Serialize;
use steps_shared::{Duration, Glob};

use super::settings::{LogFormat, listen_address};
use crate::http::Network;
use crate::maintenance::Command;
use crate::projection::statuses::{CANCELLED, FAILURE, IGNORED, START, SUCCESS, WAITING};
use crate::store::DatabaseUrl;

/// The version and the commit it was built from: as git tells, or as STEPS_BUILD does where there is no checkout (a container).
const VERSION: &str = match option_env!("STEPS_BUILD") {
    Some(build) => build,
    None => git_version::git_version!(
        prefix = concat!(env!("CARGO_PKG_VERSION"), " ("),
        suffix = ")",
        args = ["--always", "--dirty=-modified", "--abbrev=12", "--exclude=*"],
        fallback = concat!(env!("CARGO_PKG_VERSION"), " (unknown commit)")
    ),
};

/// Owns the recorded deployment steps: records them, keeps them, answers for them over HTTP.
#[derive(Debug, Parser)]
#[command(name = "steps-server", version = VERSION, after_help = AFTER_HELP)]
pub struct Args {
    /// A TOML file with settings, named as the long flags with _ for - [default: steps/server.toml in the user's
    /// configuration folder, if it is there]
    #[arg(long, global = true, env = "STEPS_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A file that holds the database URL, for secrets that are mounted
    #[arg(long, global = true, env = "STEPS_DATABASE_URL_FILE", value_name = "FILE")]
    pub database_url_file: Option<PathBuf>,
    /// A file that holds a token which is stored at the start and permits everything; STEPS_BOOTSTRAP_TOKEN holds the token
    /// itself
    #[arg(long, global = true, env = "STEPS_BOOTSTRAP_TOKEN_FILE", value_name = "FILE")]
    pub bootstrap_token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) settings: SettingFlags,
    /// What to do; without one, serve
    #[command(subcommand)]
    pub command: Option<Command>,
}

const AFTER_HELP: &str = "\
Settings, strongest first: flag, variable, file, default. The process list shows flags: give a URL
with a password in STEPS_DATABASE_URL, or in a file with --database-url-file.

Examples:
  steps-server
  STEPS_DATABASE_URL=mysql://steps:secret@db:3306/steps steps-server --listen 0.0.0.0:7878
  steps-server --listen 127.0.0.1:0 --database-url sqlite:/var/lib/steps/steps.db

Exit codes: 0 stopped as asked, 1 failed (no database, or the address is in use), 2 a setting is
wrong, 4 verify found differences.";

/// A flag and a variable for each setting; what is not given is left out when it is serialized.
#[derive(Debug, Default, clap::Args, Serialize)]
pub(super) struct SettingFlags {
    /// Address to listen on: 127.0.0.1:7878, localhost:7878, [::1]:7878, or :7878 for every address; port 0 picks a free one
    /// [default: 127.0.0.1:7878]
    #[arg(long, global = true, env = "STEPS_LISTEN", value_name = "ADDRESS:PORT", value_parser = listen_address)]
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<SocketAddr>,
    /// A certificate with its chain, a PEM file: the server then speaks TLS. It is read again when it changes, and on
    /// SIGHUP
    #[arg(long, global = true, env = "STEPS_TLS_CERT", value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls_cert: Option<PathBuf>,
    /// The key of the certificate, a PEM file without a passphrase
    #[arg(long, global = true, env = "STEPS_TLS_KEY", value_name = "FILE", value_parser = OsStringValueParser::new().map(PathBuf::from))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tls_key: Option<PathBuf>,
    /// An address or a network (10.0.0.0/8) of proxies; what they say in X-Forwarded-For and X-Forwarded-Proto is believed.
    /// May be repeated
    #[arg(long, global = true, env = "STEPS_TRUSTED_PROXY", value_name = "CIDR", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Option::is_none")]
    trusted_proxy: Option<Vec<Network>>,
    /// mysql://USER:PASSWORD@HOST:PORT/NAME or sqlite:PATH [default: sqlite:steps/steps.db in the user's data folder]
    #[arg(long, global = true, env = "STEPS_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) database_url: Option<DatabaseUrl>,
    /// mysql://USER:PASSWORD@HOST:PORT/NAME of a replica of the database: questions are answered from it while it has all that
    /// was recorded before, and otherwise from the database itself
    #[arg(long, global = true, env = "STEPS_DATABASE_READ_URL", hide_env_values = true, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) database_read_url: Option<DatabaseUrl>,
    /// How long to wait at start for a database that does not answer yet [default: 60s]
    #[arg(long, global = true, env = "STEPS_DATABASE_WAIT", value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    database_wait: Option<Duration>,
    /// The most connections to the database for reading [default: 8]
    #[arg(long, global = true, env = "STEPS_DATABASE_CONNECTIONS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    database_connections: Option<u32>,
    /// The most steps that may wait to be committed; more are answered 503 at once [default: 20000]
    #[arg(long, global = true, env = "STEPS_QUEUE", value_name = "STEPS", value_parser = clap::value_parser!(u32).range(10_000..=1_000_000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<u32>,
    /// How long a request may wait for the database before it is answered 503 [default: 5s]
    #[arg(long, global = true, env = "STEPS_DEADLINE", value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<Duration>,
    /// How long a client may stall while it sends or reads before it is cut off [default: 30s]
    #[arg(long, global = true, env = "STEPS_STALL_TIMEOUT", value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    stall_timeout: Option<Duration>,
    /// How long to go on serving after SIGTERM, while /readyz is 503 already: behind a load balancer, as long as it
    /// takes to notice [default: 0s]
    #[arg(long, global = true, env = "STEPS_SHUTDOWN_DELAY", value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    shutdown_delay: Option<Duration>,
    /// The most connections from clients at the same time [default: 4096]
    #[arg(long, global = true, env = "STEPS_CONNECTIONS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<u32>,
    /// Lets whoever sends no token do everything, on any address; tokens that are sent are checked all the same
    #[arg(long, global = true, env = "STEPS_ALLOW_ANONYMOUS", value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true")]
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_anonymous: Option<bool>,
    /// The most requests a second of one token; twice as many at once. More are answered 429. 0 is any number [default: 1000]
    #[arg(long, global = true, env = "STEPS_REQUESTS_PER_SECOND", value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_per_second: Option<u32>,
    /// Statuses that end a deployment well, whatever their case, blanks, - and _
    #[arg(long, global = true, env = "STEPS_SUCCESS_STATUSES", value_name = "A,B,…", value_delimiter = ',',
        long_help = status_help("Statuses that end a deployment well, whatever their case, blanks, - and _", SUCCESS))]
    #[serde(skip_serializing_if = "Option::is_none")]
    success_statuses: Option<Vec<String>>,
    /// Statuses that end a deployment badly, whatever their case, blanks, - and _
    #[arg(long, global = true, env = "STEPS_FAILURE_STATUSES", value_name = "A,B,…", value_delimiter = ',',
        long_help = status_help("Statuses that end a deployment badly, whatever their case, blanks, - and _", FAILURE))]
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_statuses: Option<Vec<String>>,
    /// Statuses that begin a deployment, whatever their case, blanks, - and _
    #[arg(long, global = true, env = "STEPS_START_STATUSES", value_name = "A,B,…", value_delimiter = ',',
        long_help = status_help("Statuses that begin a deployment, whatever their case, blanks, - and _", START))]
    #[serde(skip_serializing_if = "Option::is_none")]
    start_statuses: Option<Vec<String>>,
    /// Statuses that end a deployment without saying whether it works
    #[arg(long, global = true, env = "STEPS_CANCELLED_STATUSES", value_name = "A,B,…", value_delimiter = ',',
        long_help = status_help("Statuses that end a deployment without saying whether it works: skipped, superseded, \
            stopped by a person", CANCELLED))]
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_statuses: Option<Vec<String>>,
    /// Statuses of phases in which nobody works, such as queued or approval
    #[arg(long, global = true, env = "STEPS_WAITING_STATUSES", value_name = "A,B,…", value_delimiter = ',',
        long_help = status_help("Statuses of phases in which nobody works", WAITING))]
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_statuses: Option<Vec<String>>,
    /// Statuses that are kept and listed, and are part of no deployment
    #[arg(long, global = true, env = "STEPS_IGNORED_STATUSES", value_name = "A,B,…", value_delimiter = ',',
        long_help = status_help("Statuses that are kept and listed, and are part of no deployment", IGNORED))]
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored_statuses: Option<Vec<String>>,
    /// A deployment without an end is abandoned when nothing was recorded of it for so long [default: 24h]
    #[arg(long, global = true, env = "STEPS_ABANDON_AFTER", value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    abandon_after: Option<Duration>,
    /// A deployment of spans alone has ended when none was open for so long [default: 1m]
    #[arg(long, global = true, env = "STEPS_SETTLE_AFTER", value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    settle_after: Option<Duration>,
    /// Events are kept for so long, for who resumes watching [default: 24h]
    #[arg(long, global = true, env = "STEPS_KEEP_EVENTS", value_name = "DURATION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_events: Option<Duration>,
    /// The most that watch at the same time; more are answered 503 [default: 1000]
    #[arg(long, global = true, env = "STEPS_EVENT_READERS", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    #[serde(skip_serializing_if = "Option::is_none")]
    event_readers: Option<u32>,
    /// Components of which everybody may see a badge (/badge/COMPONENT.svg), without a token: names, or patterns with * for
    /// any text. None by default
    #[arg(long, global = true, env = "STEPS_BADGES", value_name = "GLOB,…", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Option::is_none")]
    badges: Option<Vec<Glob>>,
    /// The address of an OpenTelemetry collector (OTLP over HTTP), such as http://localhost:4318, to which a trace of each request
    /// is sent; OTEL_EXPORTER_OTLP_ENDPOINT says the same
    #[arg(long, global = true, env = "STEPS_OTLP_ENDPOINT", value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) otlp_endpoint: Option<String>,
    /// What to log: error, warn, info, debug, trace, or a filter like warn,steps_server=debug [default: info]
    #[arg(long, global = true, env = "STEPS_LOG", value_name = "FILTER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,
    /// How to write the log: auto is text on a terminal and JSON otherwise [default: auto]
    #[arg(long, global = true, env = "STEPS_LOG_FORMAT", value_name = "FORMAT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    log_format: Option<LogFormat>,
}

fn status_help(sentence: &str, default: &[&str]) -> String {
    format!("{sentence} [default: {}]", default.join(","))
}
