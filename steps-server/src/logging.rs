//! The log: to stderr, for people on a terminal and for machines otherwise.

use std::io::{BufWriter, IsTerminal as _};

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, Settings};

/// Lines that may wait to be written before logging waits for them: none is ever left out.
const LINES: usize = 8192;

/// Begins to log. Lines are written by a thread of their own, so that no request waits for a terminal or a pipe; the
/// guard writes the last of them when it is dropped.
///
/// # Errors
/// The filter cannot be understood.
pub fn start(settings: &Settings) -> anyhow::Result<WorkerGuard> {
    let filter = EnvFilter::builder().parse(&settings.log).map_err(|error| {
        anyhow::anyhow!("log: {error}; write error, warn, info, debug, trace, or warn,steps_server=debug")
    })?;
    let terminal = std::io::stderr().is_terminal();
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(false)
        .buffered_lines_limit(LINES)
        .thread_name("log")
        .finish(BufWriter::new(std::io::stderr()));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_target(false);
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
