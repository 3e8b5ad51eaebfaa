//! Draws the chart of a trend.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Color;
use ratatui_core::symbols::Marker;
use ratatui_core::widgets::Widget;
use ratatui_widgets::canvas::{Canvas as Painting, Context, Line, Points};
use steps_shared::view::Meaning;
use steps_shared::view::chart::{Chart, Mark};
use steps_shared::{Trend, TrendAnswer};
use unicode_width::UnicodeWidthStr;

use super::canvas::{Canvas, Glyphs, cut};
use super::cells;
use super::painted::Painted;
use super::text::{flow, paint};

/// The most ticks of the axis of durations.
const MAX_TICKS: usize = 5;

/// How many lines the field of the points has, about: between two ticks there are equally many.
const HEIGHT: u16 = 12;

/// The least width of the field.
const MIN_WIDTH: u16 = 20;

/// The greatest width of the whole chart: more makes nothing clearer.
const MAX_WIDTH: usize = 160;

/// The room for a date, with the space after it.
const DATE: usize = 13;

/// The longest name of a version above the line of its change.
const MAX_VERSION: usize = 16;

/// What each thing in the buffer means, with its colour there.
const POINTS: (Color, Meaning) = with_colour(Meaning::Running);
const MEDIANS: (Color, Meaning) = with_colour(Meaning::Strong);
const CHANGES: (Color, Meaning) = with_colour(Meaning::Warning);
const NOTES: (Color, Meaning) = with_colour(Meaning::Component);
const AXES: (Color, Meaning) = with_colour(Meaning::Faint);

const fn with_colour(meaning: Meaning) -> (Color, Meaning) {
    (cells::colour(meaning), meaning)
}

/// The characters of a chart.
struct Characters {
    point: Marker,
    above: char,
    below: char,
    median: char,
    change: char,
    note: &'static str,
    span: &'static str,
    vertical: &'static str,
    vertical_tick: &'static str,
    corner: &'static str,
    horizontal: &'static str,
    horizontal_tick: &'static str,
}

const UNICODE: Characters = Characters {
    point: Marker::Braille,
    above: '▲',
    below: '▼',
    median: '━',
    change: '┊',
    note: "▴",
    span: "━",
    vertical: "│",
    vertical_tick: "┤",
    corner: "└",
    horizontal: "─",
    horizontal_tick: "┬",
};

const ASCII: Characters = Characters {
    point: Marker::Custom('.'),
    above: '^',
    below: 'v',
    median: '=',
    change: ':',
    note: "^",
    span: "=",
    vertical: "|",
    vertical_tick: "+",
    corner: "+",
    horizontal: "-",
    horizontal_tick: "+",
};

/// The lines of a chart, with a legend below; none where there are fewer than two points, or no room.
pub fn draw(answer: &TrendAnswer, trend: &Trend, canvas: Canvas) -> Vec<Painted> {
    let Some(chart) = Chart::new(answer, trend, MAX_TICKS) else {
        return Vec::new();
    };
    let margin = chart.durations.ticks.iter().map(|tick| tick.label.width()).max().unwrap_or_default() as u16 + 1;
    // One more for the axis, and one at the right edge, where some terminals wrap.
    let Some(width) =
        (canvas.width().min(MAX_WIDTH) as u16).checked_sub(margin + 2).filter(|width| *width >= MIN_WIDTH)
    else {
        return Vec::new();
    };
    let characters = match canvas.glyphs {
        Glyphs::Unicode | Glyphs::Markdown => UNICODE,
        Glyphs::Ascii => ASCII,
    };
    // A line for versions, the field, the axis, notes, the dates.
    let notes = u16::from(!chart.notes.is_empty());
    let height = height(chart.durations.ticks.len().saturating_sub(1));
    let mut buffer = Buffer::empty(Rect::new(0, 0, margin + 1 + width, height + 3 + notes));
    let field = Rect::new(margin + 1, 1, width, height);
    draw_axes(&mut buffer, field, &chart, &characters);
    Painting::default()
        .x_bounds(chart.times)
        .y_bounds([chart.durations.low, chart.durations.high])
        .paint(|context| draw_field(context, &chart, &characters))
        .render(field, &mut buffer);
    name_changes(&mut buffer, field, &chart, canvas.glyphs);
    draw_notes(&mut buffer, field, &chart, &characters);

    let mut lines = cells::lines(&buffer);
    lines.retain(|line| !line.is_empty());
    lines.push(Painted::default());
    lines.extend(legend(&chart, &characters, canvas));
    lines
}

/// The lines of a field with so many gaps between ticks, each of which has as many lines as the others.
fn height(gaps: usize) -> u16 {
    let gaps = u16::try_from(gaps).unwrap_or(1).clamp(1, HEIGHT);
    let lines = f64::from(HEIGHT - 1) / f64::from(gaps);
    gaps * lines.round() as u16 + 1
}

/// What is drawn later covers what was drawn before.
fn draw_field(context: &mut Context<'_>, chart: &Chart, characters: &Characters) {
    let (low, high) = (chart.durations.low, chart.durations.high);
    context.marker(Marker::Custom(characters.change));
    for change in &chart.changes {
        context.draw(&Line::new(change.at, low, change.at, high, CHANGES.0));
    }
    context.marker(characters.point);
    context.draw(&Points::new(&chart.points, POINTS.0));
    for (points, edge, character) in [(&chart.above, high, characters.above), (&chart.below, low, characters.below)] {
        let points: Vec<_> = points.iter().map(|(at, _)| (*at, edge)).collect();
        context.marker(Marker::Custom(character));
        context.draw(&Points::new(&points, POINTS.0));
    }
    context.marker(Marker::Custom(characters.median));
    for median in &chart.medians {
        context.draw(&Line::new(median.from, median.seconds, median.to, median.seconds, MEDIANS.0));
    }
}

fn draw_axes(buffer: &mut Buffer, field: Rect, chart: &Chart, characters: &Characters) {
    let axis = field.left() - 1;
    for row in field.top()..field.bottom() {
        put(buffer, axis, row, characters.vertical, AXES.0);
    }
    for tick in &chart.durations.ticks {
        let row = field.top() + place(1.0 - chart.durations.share(tick.at), field.height);
        put(buffer, axis.saturating_sub(1 + tick.label.width() as u16), row, &tick.label, Color::Reset);
        put(buffer, axis, row, characters.vertical_tick, AXES.0);
    }
    let below = field.bottom();
    put(buffer, axis, below, characters.corner, AXES.0);
    for column in field.left()..field.right() {
        put(buffer, column, below, characters.horizontal, AXES.0);
    }
    for tick in chart.dates(usize::from(field.width) / DATE) {
        let column = column(field, chart, tick.at);
        put(buffer, column, below, characters.horizontal_tick, AXES.0);
        // Below its tick, but never beyond the edge.
        let width = tick.label.width() as u16;
        let start = column.saturating_sub(width / 2).min(field.right().saturating_sub(width));
        put(buffer, start, below + 1 + u16::from(!chart.notes.is_empty()), &tick.label, Color::Reset);
    }
}

/// Marks notes by their numbers below the axis, the newest last, and draws their spans.
fn draw_notes(buffer: &mut Buffer, field: Rect, chart: &Chart, characters: &Characters) {
    let row = field.bottom() + 1;
    for note in &chart.notes {
        let label = format!("{}{}", characters.note, note.number);
        let (first, last) = (column(field, chart, note.from), column(field, chart, note.to));
        for column in first..=last {
            put(buffer, column, row, characters.span, NOTES.0);
        }
        put(buffer, first.min(field.right().saturating_sub(label.width() as u16)), row, &label, NOTES.0);
    }
}

/// Writes versions above the lines of their changes, where there is room; the later ones matter more.
fn name_changes(buffer: &mut Buffer, field: Rect, chart: &Chart, glyphs: Glyphs) {
    let mut edge = field.right();
    for change in chart.changes.iter().rev() {
        let label = cut(&change.version, MAX_VERSION, glyphs);
        let width = label.width() as u16;
        let start = column(field, chart, change.at).min(field.right().saturating_sub(width));
        if start + width <= edge {
            put(buffer, start, 0, &label, CHANGES.0);
            edge = start.saturating_sub(1);
        }
    }
}

fn column(field: Rect, chart: &Chart, at: f64) -> u16 {
    field.left() + place(chart.time_share(at), field.width)
}

/// Which of so many cells a share of the way is in.
fn place(share: f64, cells: u16) -> u16 {
    (share.clamp(0.0, 1.0) * f64::from(cells - 1)).round() as u16
}

/// Writes a text; what is outside of the buffer is left out.
fn put(buffer: &mut Buffer, column: u16, row: u16, text: &str, colour: Color) {
    if buffer.area().contains((column, row).into()) {
        buffer.set_string(column, row, text, colour);
    }
}

/// What each mark stands for, on as few lines as possible. The fitted line is not drawn here.
fn legend(chart: &Chart, characters: &Characters, canvas: Canvas) -> Vec<Painted> {
    let pieces = chart.legend.iter().filter_map(|(mark, text)| {
        let (sign, meaning) = match mark {
            Mark::Point => (canvas.glyphs.pick("⠂", ".").to_owned(), POINTS.1),
            Mark::Median => (characters.median.to_string().repeat(2), MEDIANS.1),
            Mark::Change => (characters.change.to_string(), CHANGES.1),
            Mark::Above => (characters.above.to_string(), POINTS.1),
            Mark::Below => (characters.below.to_string(), POINTS.1),
            Mark::Fit => return None,
        };
        let text = match mark {
            Mark::Change => format!("{text}, at this version"),
            _ => text.clone(),
        };
        let width = sign.width() + 1 + text.width();
        Some((paint(&sign, meaning) + " " + paint(&text, Meaning::Faint), width))
    });
    flow(pieces, 3, canvas.width())
}

#[cfg(test)]
#[path = "chart_tests.rs"]
mod tests;
