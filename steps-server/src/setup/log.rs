//! The log: to stderr, as text on a terminal and as JSON otherwise.

use std::fmt;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::thread;
use std::time::Duration;

use serde::ser::{SerializeMap as _, Serializer as _};
use steps_shared::{Timestamp, escaped};
use tracing::{Event, Subscriber};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_serde::SerdeMapVisitor;
use tracing_subscriber::Registry;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::{self as lines, FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::settings::{LogFormat, Settings};

/// Lines that may wait. When nobody reads the log, the server waits rather than leave a line out.
const LINES: usize = 10_000;
/// How long lines gather while there are many.
const REST: Duration = Duration::from_millis(5);
/// Room for the line of a request.
const LINE_BYTES: usize = 512;

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
/// pipe. Dropping the guard writes the last of them. `now` is the clock.
///
/// # Errors
/// The filter cannot be understood.
pub fn start(settings: &Settings, now: fn() -> Timestamp) -> anyhow::Result<WorkerGuard> {
    let filter = filter(&settings.log)?;
    let terminal = io::stderr().is_terminal();
    let builder = NonBlockingBuilder::default().lossy(false).buffered_lines_limit(LINES).thread_name("log");
    let (log, guard) = builder.finish(Resting(BufWriter::new(io::stderr())));
    let layer = lines::layer().with_writer(log).with_target(false);
    let layer = match settings.log_format {
        LogFormat::Auto | LogFormat::Text if terminal || settings.log_format == LogFormat::Text => {
            let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            layer.fmt_fields(fields()).with_ansi(colour).boxed()
        }
        LogFormat::Auto | LogFormat::Text | LogFormat::Json => layer.event_format(JsonLines { now }).boxed(),
    };
    Registry::default().with(layer.with_filter(filter)).init();
    Ok(guard)
}

/// Writes an event as an object of JSON: its time, its level, and its fields. It takes half as long as the library's own, which asks of
/// every piece that it writes whether it is UTF-8: a tenth of what a request takes.
struct JsonLines {
    now: fn() -> Timestamp,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>, F: for<'a> FormatFields<'a> + 'static> FormatEvent<S, F> for JsonLines {
    fn format_event(&self, _: &FmtContext<'_, S, F>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = Vec::with_capacity(LINE_BYTES);
        self.write(&mut line, event).map_err(|_| fmt::Error)?;
        writer.write_str(std::str::from_utf8(&line).map_err(|_| fmt::Error)?)
    }
}

impl JsonLines {
    fn write(&self, line: &mut Vec<u8>, event: &Event<'_>) -> serde_json::Result<()> {
        let mut json = serde_json::Serializer::new(&mut *line);
        let mut object = json.serialize_map(None)?;
        object.serialize_entry("timestamp", &(self.now)())?;
        object.serialize_entry("level", event.metadata().level().as_str())?;
        let mut fields = SerdeMapVisitor::new(object);
        event.record(&mut fields);
        fields.finish()?;
        line.push(b'\n');
        Ok(())
    }
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
    use std::fs::File;
    use std::io::{Read as _, Seek as _};
    use std::sync::Arc;

    use super::*;

    /// What a layer logs of an event that holds what a client could have sent.
    fn logged<L>(layer: impl FnOnce(Arc<File>) -> L) -> String
    where
        L: tracing_subscriber::Layer<Registry> + Send + Sync,
    {
        let mut file = tempfile::tempfile().unwrap();
        let log = Arc::new(file.try_clone().unwrap());
        tracing::subscriber::with_default(Registry::default().with(layer(log)), || {
            let error = io::Error::other(HOSTILE);
            tracing::warn!(%error, name = HOSTILE, path = ?HOSTILE, count = 7, ms = 0.25, "a list broke off: {HOSTILE}");
        });
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        text
    }

    const HOSTILE: &str = "x\u{1b}]0;title\u{7}\n\u{202e}\"";

    fn as_text(colour: bool) -> String {
        logged(|log| {
            let layer = lines::layer().with_writer(log).without_time().with_target(false);
            layer.fmt_fields(fields()).with_ansi(colour)
        })
    }

    #[test]
    fn what_a_line_says_is_escaped() {
        let hostile = "x\\u{1b}]0;title\\u{7}\\n\\u{202e}";
        assert_eq!(
            as_text(false),
            format!(
                " WARN a list broke off: {hostile}\" error={hostile}\" name=\"{hostile}\\\"\" path=\"{hostile}\\\"\" count=7 ms=0.25\n"
            )
        );
        let coloured = as_text(true);
        assert!(coloured.contains("\u{1b}[2m=\u{1b}[0m7") && !coloured.contains("x\u{1b}"), "{coloured:?}");
        assert_eq!(coloured.lines().count(), 1, "{coloured:?}");
    }

    #[test]
    fn a_line_of_json_is_an_object_of_what_happened() {
        let now = || "2026-01-05 10:00:00".parse().unwrap();
        let text = logged(|log| lines::layer().with_writer(log).event_format(JsonLines { now }));
        assert!(text.ends_with('\n') && text.lines().count() == 1, "{text:?}");
        assert!(
            text.starts_with(r#"{"timestamp":"2026-01-05T10:00:00.000000Z","level":"WARN","message":"a list"#),
            "{text}"
        );
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "timestamp": "2026-01-05T10:00:00.000000Z",
            "level": "WARN",
            "message": format!("a list broke off: {HOSTILE}"),
            "error": HOSTILE,
            "name": HOSTILE,
            "path": format!("{HOSTILE:?}"),
            "count": 7,
            "ms": 0.25,
        });
        assert_eq!(line, expected);
    }
}
