//! The log: to stderr, for people on a terminal and for machines otherwise.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::setup::gathered_log::{GatheredLog, LogGuard};
use crate::setup::settings::{LogFormat, Settings};

/// Begins to log. Lines are gathered and written by a thread of their own, so that no request waits for a terminal or
/// a pipe; what this returns writes the last of them when it is dropped.
///
/// # Errors
/// The filter cannot be understood.
pub fn start(settings: &Settings) -> anyhow::Result<LogGuard> {
    let filter = EnvFilter::builder().parse(&settings.log).map_err(|error| {
        anyhow::anyhow!("log: {error}; write error, warn, info, debug, trace, or warn,steps_server=debug")
    })?;
    let terminal = std::io::stderr().is_terminal();
    let (log, guard) = GatheredLog::start(std::io::stderr())?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || log.clone()).with_target(false);
    match settings.log_format {
        LogFormat::Json => builder.json().flatten_event(true).init(),
        LogFormat::Auto if !terminal => builder.json().flatten_event(true).init(),
        LogFormat::Auto | LogFormat::Text => {
            let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            builder.with_ansi(colour).init();
        }
    }
    Ok(guard)
}
