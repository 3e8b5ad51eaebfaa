//! The log: to stderr, as text on a terminal and as JSON otherwise.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::thread;
use std::time::Duration;

use steps_shared::escaped;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, fmt};

use super::settings::{LogFormat, Settings};

/// Lines that may wait. When nobody reads the log, the server waits rather than leave a line out.
const LINES: usize = 10_000;
/// How long lines gather while there are many.
const REST: Duration = Duration::from_millis(5);

/// Writes what comes after a silence at once, and then rests, so that a busy server's lines are written together: to be woken for each of
/// them costs a tenth of a request.
struct Resting<W>(W);

impl<W: Write> Write for Resting<W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.write(text)
    }

    #[expect(clippy::disallowed_methods, reason = "a thread that gathers has no condition to poll")]
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        thread::sleep(REST);
        Ok(())
    }
}

/// Begins to log. A thread of its own writes the lines, several at a time, so that no request waits for a terminal or a
/// pipe. Dropping the guard writes the last of them.
///
/// # Errors
/// The filter cannot be understood.
pub fn start(settings: &Settings) -> anyhow::Result<WorkerGuard> {
    let filter = filter(&settings.log)?;
    let terminal = io::stderr().is_terminal();
    let builder = NonBlockingBuilder::default().lossy(false).buffered_lines_limit(LINES).thread_name("log");
    let (log, guard) = builder.finish(Resting(BufWriter::new(io::stderr())));
    let layer = fmt::layer().with_writer(log).with_target(false);
    let layer = match settings.log_format {
        LogFormat::Auto | LogFormat::Text if terminal || settings.log_format == LogFormat::Text => {
            let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            layer.fmt_fields(fields()).with_ansi(colour).boxed()
        }
        LogFormat::Auto | LogFormat::Text | LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    Registry::default().with(layer.with_filter(filter)).init();
    Ok(guard)
}

/// Which lines are written. A word that is no level would be taken for the name of a part, and everything else would be left out.
fn filter(text: &str) -> anyhow::Result<Targets> {
    const FORMS: &str = "write error, warn, info, debug, trace, off, or warn,steps_server=debug";
    if let Some(word) =
        text.split(',').map(str::trim).find(|word| !word.contains('=') && word.parse::<LevelFilter>().is_err())
    {
        anyhow::bail!("log: {word:?} is no level; {FORMS}");
    }
    text.parse().map_err(|error| anyhow::anyhow!("log: {error}; {FORMS}"))
}

/// Writes what a line of text says: the message, then `name=value` of each field. Whatever a client or a database had a part
/// in is escaped, line breaks too, so that it cannot steer a terminal nor look like lines of its own.
fn fields() -> impl for<'a> FormatFields<'a> + Send + Sync + 'static {
    let field = |writer: &mut Writer<'_>, field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
        let value = format!("{value:?}");
        if field.name() != "message" {
            let (faint, plain) = if writer.has_ansi_escapes() { ("\u{1b}[2m", "\u{1b}[0m") } else { ("", "") };
            write!(writer, "{}{faint}={plain}", field.name())?;
        }
        writer.write_str(&escaped(&value))
    };
    debug_fn(field).delimited(" ")
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _};
    use std::sync::Arc;

    use super::*;

    fn logged(colour: bool) -> String {
        let mut file = tempfile::tempfile().unwrap();
        let log = Arc::new(file.try_clone().unwrap());
        let layer = fmt::layer().with_writer(log).without_time().with_target(false);
        let subscriber = Registry::default().with(layer.fmt_fields(fields()).with_ansi(colour));
        tracing::subscriber::with_default(subscriber, || {
            let hostile = "x\u{1b}]0;title\u{7}\n\u{202e}";
            let error = io::Error::other(hostile);
            tracing::warn!(%error, name = hostile, path = ?hostile, count = 7, "a list broke off: {hostile}");
        });
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn what_a_line_says_is_escaped() {
        let hostile = "x\\u{1b}]0;title\\u{7}\\n\\u{202e}";
        assert_eq!(
            logged(false),
            format!(
                " WARN a list broke off: {hostile} error={hostile} name=\"{hostile}\" path=\"{hostile}\" count=7\n"
            )
        );
        let coloured = logged(true);
        assert!(coloured.contains("\u{1b}[2m=\u{1b}[0m7") && !coloured.contains("x\u{1b}"), "{coloured:?}");
        assert_eq!(coloured.lines().count(), 1, "{coloured:?}");
    }
}
