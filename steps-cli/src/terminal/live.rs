//! The live view: what is shown of running deployments on so many columns and rows. Nothing here knows a terminal.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::text::{Line, Span};
use ratatui_core::widgets::Widget;
use steps_shared::view::events::verdict;
use steps_shared::view::live::{Live, Part, PartKind};
use steps_shared::view::{Meaning, Text};
use steps_shared::{Deployment, escaped};
use unicode_width::UnicodeWidthStr;

use super::canvas::{Glyphs, cut};
use super::cells;
use super::painted::Painted;
use super::text::{flow_with, parts, plain, words};

/// The widest that it gets: more makes nothing clearer.
const MAX_WIDTH: u16 = 120;

/// How many steps that are going on are named, at most.
const MAX_PRESENT: usize = 4;

/// The least width of a bar in a line; where there is less room, there is none.
const MIN_BAR: usize = 6;

/// From this width on, a deployment on one line names its present step.
const WIDE: usize = 50;

/// What is shown at one moment.
#[derive(Debug)]
pub struct View {
    /// The running deployments, in this order.
    pub deployments: Vec<Live>,
    /// The last line.
    pub status: Text,
    /// The characters.
    pub glyphs: Glyphs,
}

/// Words on a line, each with its meaning.
type Piece = Vec<(String, Meaning)>;

/// The widths of the columns of deployments on one line each.
struct Columns {
    name: usize,
    bar: usize,
    step: usize,
    left: usize,
}

impl View {
    /// Its lines on so many columns and rows, at most.
    pub fn draw(&self, width: u16, height: u16) -> Vec<Painted> {
        let width = width.min(MAX_WIDTH);
        painted(&self.lines(width.into(), height.into()), width)
    }

    /// One deployment on one line.
    pub fn draw_line(deployment: &Live, width: u16, glyphs: Glyphs) -> Painted {
        let width = width.min(MAX_WIDTH);
        let columns = Columns::fit(std::slice::from_ref(deployment), width.into(), glyphs);
        painted(&[columns.line(deployment, glyphs)], width).pop().unwrap_or_default()
    }

    /// What scrolls up when a deployment has ended.
    pub fn draw_verdict(deployment: &Deployment, width: u16, glyphs: Glyphs) -> Vec<Painted> {
        painted(&beside(verdict(deployment).iter(), width.into(), glyphs), width)
    }

    fn lines(&self, width: usize, height: usize) -> Vec<Line<'static>> {
        let status = self.status_lines(width);
        let room = height.saturating_sub(status.len());
        // A block has a line at least.
        let mut lines = if self.deployments.len() > room { Vec::new() } else { self.blocks(width) };
        if self.deployments.len() > room || lines.len() > room {
            lines = self.one_line_each(width, room);
        }
        lines.extend(status);
        lines.truncate(height);
        lines
    }

    fn status_lines(&self, width: usize) -> Vec<Line<'static>> {
        if self.status.is_empty() { Vec::new() } else { wrapped(&self.status, width, self.glyphs) }
    }

    /// A block for each, with an empty line behind it.
    fn blocks(&self, width: usize) -> Vec<Line<'static>> {
        self.deployments.iter().flat_map(|deployment| self.block(deployment, width)).collect()
    }

    fn block(&self, deployment: &Live, width: usize) -> Vec<Line<'static>> {
        let Live { what, owner, elapsed, slow, parts: bar, present, next, left, .. } = deployment;
        let glyphs = self.glyphs;
        let elapsed = Text::from(format!("for {}", steps_shared::view::words::whole(*elapsed)));
        let heading = [what, owner, &elapsed, slow].into_iter().filter(|text| !text.is_empty());
        let mut lines = beside(heading, width, glyphs);
        lines.push(line(bar_cells(bar, width, glyphs)));
        let steps = present.iter().take(MAX_PRESENT).map(|step| {
            let mut text = step.text.clone();
            text.append(step.range.clone());
            if plain(&text, glyphs).width() > width { step.text.clone() } else { text }
        });
        let steps: Vec<Text> = steps.chain((!next.is_empty()).then(|| next.clone())).collect();
        lines.extend(beside(steps.iter(), width, glyphs));
        if let Some(more) = present.len().checked_sub(MAX_PRESENT).filter(|more| *more > 0) {
            lines.push(line(vec![(format!("and {more} more steps at the same time"), Meaning::Faint)]));
        }
        if !left.is_empty() {
            lines.extend(wrapped(left, width, glyphs));
        }
        lines.push(Line::default());
        lines
    }

    /// A line for each, and how many have none.
    fn one_line_each(&self, width: usize, room: usize) -> Vec<Line<'static>> {
        let many = self.deployments.len();
        let shown = if many > room { room.saturating_sub(1) } else { many };
        let columns = Columns::fit(&self.deployments[..shown], width, self.glyphs);
        let mut lines: Vec<_> =
            self.deployments[..shown].iter().map(|deployment| columns.line(deployment, self.glyphs)).collect();
        if many > shown && room > 0 {
            lines.push(line(vec![(format!("and {} more", many - shown), Meaning::Faint)]));
        }
        lines
    }
}

/// As a widget, it takes all of its area that it needs.
impl Widget for &View {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let lines = self.lines(area.width.into(), area.height.into());
        for (row, line) in area.rows().zip(&lines) {
            buffer.set_line(row.x, row.y, line, row.width);
        }
    }
}

impl Columns {
    fn fit(deployments: &[Live], width: usize, glyphs: Glyphs) -> Self {
        let widest = |column: &dyn Fn(&Live) -> usize| deployments.iter().map(column).max().unwrap_or_default();
        let left = widest(&|live| left_text(live, glyphs).0.width());
        let step = if width < WIDE { 0 } else { widest(&|live| step_text(live).width()).min(width / 5) };
        let widest_name = widest(&|live| plain(&live.what, glyphs).width());
        let name = widest_name.min(width * 2 / 5);
        let gaps = 4 + if step > 0 { 2 } else { 0 };
        let bar = width.saturating_sub(name + step + left + gaps);
        let mut columns = Self { name, bar, step, left };
        if bar < MIN_BAR {
            columns.bar = 0;
            columns.name = widest_name.min(width.saturating_sub(step + left + gaps - 2));
        }
        columns
    }

    fn line(&self, deployment: &Live, glyphs: Glyphs) -> Line<'static> {
        let Self { name, bar, step, left } = *self;
        let mut piece = vec![(padded(&name_text(deployment, name, glyphs), name), Meaning::Strong)];
        if bar > 0 {
            piece.push(("  ".to_owned(), Meaning::Plain));
            piece.extend(bar_cells(&deployment.parts, bar, glyphs));
        }
        if step > 0 {
            let step_name = cut(&step_text(deployment), step, glyphs);
            piece.push((format!("  {}", padded(&step_name, step)), Meaning::Plain));
        }
        let (text, meaning) = left_text(deployment, glyphs);
        piece.push((format!("  {}{text}", " ".repeat(left.saturating_sub(text.width()))), meaning));
        line(piece)
    }
}

/// What is deployed, in so many columns: the version is seen before where it goes to, and before the whole of the component.
fn name_text(deployment: &Live, width: usize, glyphs: Glyphs) -> String {
    let what = plain(&deployment.what, glyphs);
    if what.width() <= width {
        return what;
    }
    let version = cut(&deployment.version, width / 2, glyphs);
    let component = cut(&deployment.component, width.saturating_sub(version.width() + 1), glyphs);
    cut(&format!("{component} {version}"), width, glyphs)
}

fn left_text(deployment: &Live, glyphs: Glyphs) -> (String, Meaning) {
    let mark = if deployment.slow.is_empty() { "" } else { glyphs.pick("▲ ", "^ ") };
    (format!("{mark}{}", plain(&deployment.left_short, glyphs)), deployment.left_short.meaning())
}

fn step_text(deployment: &Live) -> String {
    let names: Vec<_> = deployment.present.iter().map(|step| escaped(&step.name)).collect();
    names.join(", ")
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// A bar of so many columns. A step that goes on is always seen, and where another step begins stands a line.
fn bar_cells(bar: &[Part], width: usize, glyphs: Glyphs) -> Piece {
    let mut cells: Piece = vec![(" ".to_owned(), Meaning::Plain); width];
    let place = |share: f64| (share * width as f64).round() as usize;
    let mut before: Option<&Part> = None;
    for part in bar {
        let (mut from, to) = (place(part.from).min(width.saturating_sub(1)), place(part.to).min(width));
        let to = if part.kind == PartKind::Running { to.max(from + 1) } else { to };
        let (character, meaning) = painted_as(part, glyphs);
        if before.is_some_and(|before| before.step != part.step && before.step.is_some() && part.step.is_some())
            && to > from + 1
        {
            cells[from] = (glyphs.pick("│", "|").to_owned(), Meaning::Faint);
            from += 1;
        }
        for cell in cells.iter_mut().take(to).skip(from) {
            *cell = (character.to_owned(), meaning);
        }
        // A gap that is not seen parts nothing.
        if part.step.is_some() || to > from {
            before = Some(part);
        }
    }
    cells
}

fn painted_as(part: &Part, glyphs: Glyphs) -> (&'static str, Meaning) {
    let going = if part.is_slow { Meaning::Warning } else { Meaning::Running };
    match part.kind {
        PartKind::Done if part.is_slow => (glyphs.pick("█", "#"), Meaning::Warning),
        PartKind::Done => (glyphs.pick("█", "#"), Meaning::Plain),
        PartKind::Gap => (glyphs.pick("·", "_"), Meaning::Faint),
        PartKind::Running => (glyphs.pick("▓", "="), going),
        PartKind::Left => (glyphs.pick("▒", "-"), going),
        PartKind::ToCome => (glyphs.pick("░", "."), Meaning::Plain),
        PartKind::Late => (glyphs.pick("┄", " "), Meaning::Faint),
    }
}

/// Texts beside each other, on as few lines as possible; what is wider than a line is cut.
fn beside<'a>(texts: impl Iterator<Item = &'a Text>, width: usize, glyphs: Glyphs) -> Vec<Line<'static>> {
    flow(texts.map(|text| parts(text, glyphs)), 2, width, glyphs)
}

/// A text on as few lines as possible, broken between words.
fn wrapped(text: &Text, width: usize, glyphs: Glyphs) -> Vec<Line<'static>> {
    flow(words(text, glyphs).into_iter(), 1, width, glyphs)
}

fn flow(pieces: impl Iterator<Item = Piece>, gap: usize, width: usize, glyphs: Glyphs) -> Vec<Line<'static>> {
    let measured = pieces.map(|piece| {
        let piece = fitted(piece, width, glyphs);
        let piece_width = piece.iter().map(|(words, _)| words.width()).sum();
        (piece, piece_width)
    });
    let lines = flow_with(measured, gap, width, |line: &mut Piece, piece| {
        line.push((" ".repeat(gap), Meaning::Plain));
        line.extend(piece);
    });
    lines.into_iter().map(line).collect()
}

/// The piece, cut where it is wider than a line.
fn fitted(piece: Piece, width: usize, glyphs: Glyphs) -> Piece {
    let mut left = width;
    let mut fitted = Piece::new();
    for (words, meaning) in piece {
        let shown = cut(&words, left, glyphs);
        let is_cut = shown != words;
        left = left.saturating_sub(shown.width());
        fitted.push((shown, meaning));
        if is_cut {
            break;
        }
    }
    fitted
}

fn line(piece: Piece) -> Line<'static> {
    Line::from(
        piece.into_iter().map(|(words, meaning)| Span::styled(words, cells::colour(meaning))).collect::<Vec<_>>(),
    )
}

/// Lines, each cut off at the width.
fn painted(lines: &[Line<'_>], width: u16) -> Vec<Painted> {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, lines.len() as u16));
    for (row, line) in (0..).zip(lines) {
        buffer.set_line(0, row, line, width);
    }
    cells::lines(&buffer)
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
