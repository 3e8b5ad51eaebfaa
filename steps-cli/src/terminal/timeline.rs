//! Draws the timeline of a deployment.

use steps_shared::escaped;
use steps_shared::view::timeline::{HEADINGS, Progress, Row, RowKind, Timeline};
use steps_shared::view::{Meaning, Text};
use unicode_width::UnicodeWidthStr;

use super::canvas::{Canvas, Glyphs, cut};
use super::painted::Painted;
use super::text::{self, flow, line, paint, plain};

/// The widest column of names.
const MAX_NAME: usize = 24;

/// What lies deeper is indented no further.
const MAX_DEPTH: usize = 4;

/// The least width of the bars; before they get narrower, other columns are left out.
const MIN_BAR: usize = 12;

/// The widest progress bar.
const MAX_PROGRESS: usize = 30;

/// The texts of a line beside its bar.
struct Texts {
    name: String,
    duration: String,
    share: String,
    usual: String,
    slow: String,
    note: String,
}

/// The width of each column; 0 where it is left out.
struct Widths {
    name: usize,
    bar: usize,
    duration: usize,
    share: usize,
    usual: usize,
    slow: usize,
    note: usize,
}

/// The lines of a timeline, with a line end after each.
pub fn draw(timeline: &Timeline, canvas: Canvas) -> Painted {
    let width = canvas.width();
    let mut lines = summary(&timeline.summary, canvas);
    lines.push(Painted::default());
    let [name, duration, share, usual] = HEADINGS.map(str::to_owned);
    let heading = Texts { name, duration, share, usual, slow: String::new(), note: String::new() };
    let rows: Vec<_> = timeline.rows.iter().map(|row| (row, texts(row, canvas.glyphs))).collect();
    let widths = Widths::fit(width, &heading, rows.iter().map(|(_, texts)| texts));
    let heading = widths.line(&heading, Painted::plain(" ".repeat(widths.bar)), Meaning::Plain, canvas.glyphs);
    lines.push(paint(heading.trim_end().as_str(), Meaning::Faint));
    lines.extend(rows.iter().map(|(row, texts)| row_line(row, texts, &widths, canvas.glyphs)));
    if let Some(failure) = &timeline.failure {
        lines.push(Painted::default());
        lines.extend(text::lines(failure, canvas));
    }
    if let Some(totals) = &timeline.totals {
        lines.push(Painted::default());
        lines.extend(text::lines(totals, canvas));
    }
    if let Some(shown) = &timeline.progress {
        lines.push(Painted::default());
        lines.push(progress(shown, canvas));
        if !shown.range.is_empty() {
            lines.extend(text::lines(&shown.range, canvas));
        }
    }
    Painted::lines(lines)
}

/// What was deployed and how it went, on as few lines as possible.
fn summary(parts: &[Text], canvas: Canvas) -> Vec<Painted> {
    let glyphs = canvas.glyphs;
    flow(parts.iter().map(|part| (line(part, glyphs), plain(part, glyphs).width())), 2, canvas.width())
}

fn texts(row: &Row, glyphs: Glyphs) -> Texts {
    Texts {
        name: name(row, glyphs),
        duration: row.duration_text(),
        share: row.share_text(),
        usual: row.usual_text(),
        slow: plain(&row.slow_text(), glyphs),
        note: escaped(&row.note).into_owned(),
    }
}

/// The name below that of its wrapper, with a mark where it runs beside another one.
fn name(row: &Row, glyphs: Glyphs) -> String {
    let mark = if row.is_parallel { glyphs.pick("∥ ", "= ") } else { "" };
    format!("{}{mark}{}", "  ".repeat(row.depth.min(MAX_DEPTH)), escaped(&row.name))
}

fn row_line(row: &Row, texts: &Texts, widths: &Widths, glyphs: Glyphs) -> Painted {
    let bar = match row.kind {
        RowKind::Took | RowKind::Failed | RowKind::Unfinished | RowKind::Open => {
            glyphs.bar(row.from, row.to, widths.bar)
        }
        RowKind::Instant | RowKind::End => glyphs.mark(row.from, widths.bar),
        RowKind::Waited => glyphs.gap(row.from, row.to, widths.bar),
        RowKind::Gap => {
            let bar = Painted::plain(glyphs.gap(row.from, row.to, widths.bar));
            let line = widths.line(texts, bar, Meaning::Plain, glyphs);
            return paint(line.trim_end().as_str(), row.meaning);
        }
    };
    widths.line(texts, paint(&bar, row.meaning), row.name_meaning(), glyphs).trim_end()
}

impl Widths {
    /// The widths on a line of `width`: names and bars get narrower first, then columns are left out.
    fn fit<'a>(width: usize, heading: &Texts, rows: impl Iterator<Item = &'a Texts> + Clone) -> Self {
        let widest = |column: fn(&Texts) -> &str| {
            rows.clone().map(|texts| column(texts).width()).fold(column(heading).width(), usize::max)
        };
        let mut widths = Self {
            name: widest(|texts| &texts.name).min(MAX_NAME),
            bar: 0,
            duration: widest(|texts| &texts.duration),
            share: widest(|texts| &texts.share),
            usual: widest(|texts| &texts.usual),
            slow: widest(|texts| &texts.slow),
            note: widest(|texts| &texts.note),
        };
        if rows.clone().all(|texts| texts.usual.is_empty()) {
            widths.usual = 0;
        }
        let shrink: [fn(&mut Self); 5] = [
            |widths| widths.usual = 0,
            |widths| widths.name = widths.name.min(MAX_NAME / 2),
            |widths| widths.share = 0,
            |widths| widths.slow = widths.slow.min(1),
            |widths| widths.note = 0,
        ];
        for shrink in shrink {
            if widths.others() + MIN_BAR <= width {
                break;
            }
            shrink(&mut widths);
        }
        widths.bar = width.saturating_sub(widths.others());
        widths
    }

    /// The width of all columns but the bar, each with the two spaces before the next.
    fn others(&self) -> usize {
        let Self { name, bar: _, duration, share, usual, slow, note } = self;
        let columns = [duration, share, usual, slow, note].into_iter().filter(|width| **width > 0);
        name + 2 + columns.map(|width| width + 2).sum::<usize>()
    }

    fn line(&self, texts: &Texts, bar: Painted, name_meaning: Meaning, glyphs: Glyphs) -> Painted {
        let name = cut(&texts.name, self.name, glyphs);
        let pad = " ".repeat(self.name.saturating_sub(name.width()));
        let mut line = paint(&name, name_meaning) + &pad + "  " + bar;
        for (text, width) in [(&texts.duration, self.duration), (&texts.share, self.share), (&texts.usual, self.usual)]
        {
            if width > 0 {
                line += &format!("  {}{text}", " ".repeat(width.saturating_sub(text.width())));
            }
        }
        if self.slow > 0 && !texts.slow.is_empty() {
            let slow: String = texts.slow.chars().take(self.slow).collect();
            line += "  ";
            line += paint(&slow, Meaning::Warning);
        }
        if self.note > 0 && !texts.note.is_empty() {
            let pad = if self.slow > 0 && texts.slow.is_empty() { self.slow + 2 } else { 0 };
            line += &" ".repeat(pad + 2);
            line += paint(&texts.note, Meaning::Bad);
        }
        line
    }
}

fn progress(Progress { done, text, meaning, .. }: &Progress, canvas: Canvas) -> Painted {
    let words = plain(text, canvas.glyphs);
    let Some(done) = done else { return Painted::plain(words) };
    let width = canvas.width().saturating_sub(words.width() + 2).min(MAX_PROGRESS);
    paint(&canvas.glyphs.progress(*done, width), *meaning) + "  " + &words
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
