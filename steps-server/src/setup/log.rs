//! The log: to stderr, as text on a terminal and as JSON otherwise.

use std::io::{self, BufWriter, IsTerminal as _};

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt};

use super::settings::{LogFormat, Settings};

/// Lines that may wait. When nobody reads the log, the server waits rather than leave a line out.
const LINES: usize = 10_000;

/// Begins to log. A thread of its own writes the lines, several at a time, so that no request waits for a terminal or a
/// pipe. Dropping the guard writes the last of them.
///
/// # Errors
/// The filter cannot be understood.
pub fn start(settings: &Settings) -> anyhow::Result<WorkerGuard> {
    let filter: Targets = settings.log.parse().map_err(|error| {
        anyhow::anyhow!("log: {error}; write error, warn, info, debug, trace, or warn,steps_server=debug")
    })?;
    let terminal = io::stderr().is_terminal();
    let builder = NonBlockingBuilder::default().lossy(false).buffered_lines_limit(LINES).thread_name("log");
    let (log, guard) = builder.finish(BufWriter::new(io::stderr()));
    let layer = fmt::layer().with_writer(log).with_target(false);
    let layer = match settings.log_format {
        LogFormat::Auto | LogFormat::Text if terminal || settings.log_format == LogFormat::Text => {
            let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            layer.with_ansi(colour).boxed()
        }
        LogFormat::Auto | LogFormat::Text | LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    Registry::default().with(layer.with_filter(filter)).init();
    Ok(guard)
}
