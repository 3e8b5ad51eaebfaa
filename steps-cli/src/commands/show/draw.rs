//! Draws a timeline on a terminal of some width. Pure.

use steps_shared::{Deployment, DeploymentDetail, DeploymentOutcome, Duration, Timestamp};
use unicode_width::UnicodeWidthStr;

use super::timeline::{Kind, Row, Timeline, lay_out};
use crate::output::canvas::{Canvas, Glyphs, cut};
use crate::output::paint::{Look, paint};
use crate::output::prose::flow;

/// The longest that a name is shown at, where there is room.
const MOST_NAME: usize = 24;

/// A bar that is shorter than this says nothing: other columns go first.
const LEAST_BAR: usize = 12;

/// The longest progress bar.
const MOST_PROGRESS: usize = 30;

/// The texts of a row beside its bar.
struct Texts {
    name: String,
    duration: String,
    share: String,
    usual: String,
    slow: String,
}

/// How wide each column is; 0 where it has no room.
struct Widths {
    name: usize,
    bar: usize,
    duration: usize,
    share: usize,
    usual: usize,
    slow: usize,
}

/// Draws a deployment, as it is `now`.
pub fn draw(detail: &DeploymentDetail, now: Timestamp, canvas: Canvas) -> String {
    let timeline = lay_out(detail, now);
    let mut lines = header(detail, &timeline, canvas);
    lines.push(String::new());
    let heading = ["step", "time", "share", "usual", ""].map(str::to_owned);
    let [name, duration, share, usual, slow] = heading;
    let heading = Texts { name, duration, share, usual, slow };
    let rows: Vec<_> = timeline.rows.iter().map(|row| (row, texts(row, canvas.glyphs))).collect();
    let widths = Widths::fit(canvas.width, std::iter::once(&heading).chain(rows.iter().map(|(_, texts)| texts)));
    lines.push(paint(
        widths.line(&heading, &" ".repeat(widths.bar), canvas, None).trim_end(),
        Look::Dim,
        canvas.colours,
    ));
    for (row, texts) in &rows {
        lines.push(line(row, texts, &widths, detail.deployment.outcome, canvas));
    }
    if detail.deployment.outcome == DeploymentOutcome::Running {
        lines.push(String::new());
        lines.push(progress(timeline.length.unwrap_or_default(), detail.usual, canvas));
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

/// What was deployed and how it went, on as few lines as it fits.
fn header(detail: &DeploymentDetail, timeline: &Timeline, canvas: Canvas) -> Vec<String> {
    let Deployment { component, version, environment, owner, run, outcome, status, started_at, id, .. } =
        &detail.deployment;
    let arrow = canvas.glyphs.pick("→", "->");
    let ended = match outcome {
        DeploymentOutcome::Succeeded | DeploymentOutcome::Failed
            if !status.as_str().eq_ignore_ascii_case(outcome.name()) =>
        {
            format!("{outcome} ({status})")
        }
        _ => outcome.to_string(),
    };
    let took = match (outcome, timeline.length) {
        (DeploymentOutcome::Running, Some(length)) => Some((format!("for {length}"), Look::Bold)),
        (_, Some(length)) => Some((format!("in {length}"), Look::Bold)),
        (_, None) => None,
    };
    let parts = [
        Some((format!("{component} {version} {arrow} {environment}"), Look::Bold)),
        Some((ended, look_of(*outcome))),
        took,
        detail.usual.map(|usual| (format!("usually {usual}"), Look::Plain)),
        Some((format!("by {owner}"), Look::Plain)),
        Some((format!("{} UTC", started_at.to_seconds_text()), Look::Plain)),
        run.as_ref().map(|run| (format!("run {run}"), Look::Plain)),
        Some((id.to_string(), Look::Dim)),
    ];
    let pieces = parts.into_iter().flatten().map(|(text, look)| (paint(&text, look, canvas.colours), text.width()));
    flow(pieces, 2, canvas.width)
}

fn look_of(outcome: DeploymentOutcome) -> Look {
    match outcome {
        DeploymentOutcome::Succeeded => Look::Good,
        DeploymentOutcome::Failed => Look::Bad,
        DeploymentOutcome::Running => Look::Open,
        DeploymentOutcome::Abandoned => Look::Striking,
    }
}

fn texts(row: &Row, glyphs: Glyphs) -> Texts {
    let duration = |duration: Option<Duration>| duration.map(|duration| duration.to_string()).unwrap_or_default();
    let times = match row.slow {
        Some(times) if times.is_finite() => format!(" {times:.1}{}", glyphs.pick("×", "x")),
        _ => String::new(),
    };
    Texts {
        name: row.name.clone(),
        duration: duration(row.duration),
        share: row.share.map(|share| format!("{:.0}%", share * 100.0)).unwrap_or_default(),
        usual: duration(row.usual.filter(|_| row.duration.is_some())),
        slow: if row.slow.is_some() { glyphs.pick("▲", "^").to_owned() + &times } else { String::new() },
    }
}

fn line(row: &Row, texts: &Texts, widths: &Widths, outcome: DeploymentOutcome, canvas: Canvas) -> String {
    let Canvas { glyphs, colours, .. } = canvas;
    let (bar, look) = match row.kind {
        Kind::Took if row.slow.is_some() => (glyphs.bar(row.from, row.to, widths.bar), Look::Striking),
        Kind::Took => (glyphs.bar(row.from, row.to, widths.bar), Look::Plain),
        Kind::Failed => (glyphs.bar(row.from, row.to, widths.bar), Look::Bad),
        Kind::Unfinished => (glyphs.bar(row.from, row.to, widths.bar), Look::Striking),
        Kind::Open => (glyphs.bar(row.from, row.to, widths.bar), Look::Open),
        Kind::Moment => (glyphs.mark(row.from, widths.bar), Look::Dim),
        Kind::End => (glyphs.mark(row.from, widths.bar), look_of(outcome)),
        Kind::Waiting => {
            let line = widths.line(texts, &glyphs.gap(row.from, row.to, widths.bar), canvas, None);
            return paint(line.trim_end(), Look::Dim, colours);
        }
    };
    widths.line(texts, &paint(&bar, look, colours), canvas, Some(row.kind)).trim_end().to_owned()
}

impl Widths {
    /// As much as there is room for: names and bars shrink first, then columns go.
    fn fit<'a>(width: usize, texts: impl Iterator<Item = &'a Texts> + Clone) -> Self {
        let most = |column: fn(&Texts) -> &str| texts.clone().map(|texts| column(texts).width()).max().unwrap_or(0);
        let mut widths = Self {
            name: most(|texts| &texts.name).min(MOST_NAME),
            bar: 0,
            duration: most(|texts| &texts.duration),
            share: most(|texts| &texts.share),
            usual: most(|texts| &texts.usual),
            slow: most(|texts| &texts.slow),
        };
        if texts.clone().all(|texts| texts.usual.is_empty() || texts.usual == "usual") {
            widths.usual = 0;
        }
        let shrink: [fn(&mut Self); 4] = [
            |widths| widths.usual = 0,
            |widths| widths.name = widths.name.min(MOST_NAME / 2),
            |widths| widths.share = 0,
            |widths| widths.slow = widths.slow.min(1),
        ];
        for shrink in shrink {
            if widths.others() + LEAST_BAR <= width {
                break;
            }
            shrink(&mut widths);
        }
        widths.bar = width.saturating_sub(widths.others());
        widths
    }

    /// All but the bar, each with the two spaces before the next.
    fn others(&self) -> usize {
        let Self { name, bar: _, duration, share, usual, slow } = self;
        let columns = [duration, share, usual, slow].into_iter().filter(|width| **width > 0);
        name + 2 + columns.map(|width| width + 2).sum::<usize>()
    }

    fn line(&self, texts: &Texts, bar: &str, canvas: Canvas, kind: Option<Kind>) -> String {
        let look = match kind {
            Some(Kind::Failed) => Look::Bad,
            Some(Kind::Open) => Look::Open,
            _ => Look::Plain,
        };
        let name = cut(&texts.name, self.name, canvas.glyphs);
        let pad = " ".repeat(self.name.saturating_sub(name.width()));
        let mut line = format!("{}{pad}  {bar}", paint(&name, look, canvas.colours));
        for (text, width) in [(&texts.duration, self.duration), (&texts.share, self.share), (&texts.usual, self.usual)]
        {
            if width > 0 {
                line += &format!("  {}{text}", " ".repeat(width.saturating_sub(text.width())));
            }
        }
        if self.slow > 0 && !texts.slow.is_empty() {
            let slow: String = texts.slow.chars().take(self.slow).collect();
            line += &format!("  {}", paint(&slow, Look::Striking, canvas.colours));
        }
        line
    }
}

/// How far a running deployment is, judged by how long it usually takes.
fn progress(elapsed: Duration, usual: Option<Duration>, canvas: Canvas) -> String {
    let Some(usual) = usual.filter(|usual| usual.micros() > 0) else {
        return "no successful deployment to tell the time left by".to_owned();
    };
    let done = elapsed.seconds() / usual.seconds();
    let (text, look) = match Duration::from_micros(usual.micros() - elapsed.micros()) {
        Some(left) => (format!("{:.0}%, about {left} left", done * 100.0), Look::Open),
        None => {
            let over = Duration::from_micros(elapsed.micros() - usual.micros()).unwrap_or_default();
            (format!("overdue by {over}"), Look::Striking)
        }
    };
    let width = canvas.width.saturating_sub(text.width() + 2).min(MOST_PROGRESS);
    format!("{}  {text}", paint(&canvas.glyphs.progress(done, width), look, canvas.colours))
}

#[cfg(test)]
#[path = "draw_tests.rs"]
mod tests;
