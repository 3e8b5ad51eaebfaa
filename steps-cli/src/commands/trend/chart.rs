//! Draws a trend on a terminal: deployments, medians and changes of the level over time. Pure.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Color;
use ratatui_core::symbols::Marker;
use ratatui_core::widgets::Widget;
use ratatui_widgets::canvas::{Canvas as Painting, Context, Line, Points};
use steps_shared::{Trend, TrendAnswer};
use unicode_width::UnicodeWidthStr;

use super::plot::Plot;
use crate::output::axis::duration_label;
use crate::output::canvas::{Canvas, Glyphs, cut};
use crate::output::paint::{Look, paint};
use crate::output::prose::flow;

/// How many lines the field of the points has.
const HEIGHT: u16 = 12;

/// The fewest characters that it is wide: less says nothing.
const LEAST_WIDTH: u16 = 20;

/// More than that makes nothing clearer.
const MOST_WIDTH: usize = 160;

/// How much room a date takes, with the space after it.
const DATE: usize = 13;

/// The longest name of a version above the line of its change.
const MOST_VERSION: usize = 16;

/// What each thing is drawn in; each stands for a look, so that colours are chosen in one place.
const POINTS: (Color, Look) = (Color::Cyan, Look::Open);
const MEDIANS: (Color, Look) = (Color::White, Look::Bold);
const CHANGES: (Color, Look) = (Color::Yellow, Look::Striking);
const AXES: (Color, Look) = (Color::DarkGray, Look::Dim);

/// The characters of a chart.
struct Marks {
    point: Marker,
    far: char,
    short: char,
    median: char,
    change: char,
    vertical: &'static str,
    mark_vertical: &'static str,
    corner: &'static str,
    horizontal: &'static str,
    mark_horizontal: &'static str,
}

const UNICODE: Marks = Marks {
    point: Marker::Braille,
    far: '▲',
    short: '▼',
    median: '━',
    change: '┊',
    vertical: "│",
    mark_vertical: "┤",
    corner: "└",
    horizontal: "─",
    mark_horizontal: "┬",
};

const ASCII: Marks = Marks {
    point: Marker::Custom('.'),
    far: '^',
    short: 'v',
    median: '=',
    change: ':',
    vertical: "|",
    mark_vertical: "+",
    corner: "+",
    horizontal: "-",
    mark_horizontal: "+",
};

/// The lines of a chart, with a legend below; none where there is nothing to draw or no room for it.
pub fn chart(answer: &TrendAnswer, trend: &Trend, canvas: Canvas) -> Vec<String> {
    let Some(plot) = Plot::of(answer, trend, 5) else {
        return Vec::new();
    };
    let labels: Vec<_> = plot.durations.ticks.iter().map(|tick| (*tick, duration_label(*tick))).collect();
    let margin = labels.iter().map(|(_, text)| text.width()).max().unwrap_or_default() as u16 + 1;
    // One more for the axis, and one at the right edge, where some terminals wrap.
    let Some(width) =
        (canvas.width.min(MOST_WIDTH) as u16).checked_sub(margin + 2).filter(|width| *width >= LEAST_WIDTH)
    else {
        return Vec::new();
    };
    let marks = match canvas.glyphs {
        Glyphs::Unicode => UNICODE,
        Glyphs::Ascii => ASCII,
    };
    // A line for versions, the field, the axis, the dates.
    let mut buffer = Buffer::empty(Rect::new(0, 0, margin + 1 + width, HEIGHT + 3));
    let field = Rect::new(margin + 1, 1, width, HEIGHT);
    draw_axes(&mut buffer, field, &plot, &labels, &marks);
    Painting::default()
        .x_bounds(plot.moments)
        .y_bounds([plot.durations.low, plot.durations.high])
        .paint(|context| draw_field(context, &plot, &marks))
        .render(field, &mut buffer);
    name_changes(&mut buffer, field, &plot, canvas.glyphs);

    let mut lines = text(&buffer, canvas.colours);
    lines.retain(|line| !line.is_empty());
    lines.push(String::new());
    lines.extend(legend(answer, &plot, &marks, canvas));
    lines
}

/// What is drawn later covers what was drawn before.
fn draw_field(context: &mut Context<'_>, plot: &Plot<'_>, marks: &Marks) {
    let (low, high) = (plot.durations.low, plot.durations.high);
    context.marker(Marker::Custom(marks.change));
    for (at, _) in &plot.changes {
        context.draw(&Line::new(*at, low, *at, high, CHANGES.0));
    }
    context.marker(marks.point);
    context.draw(&Points::new(&plot.points, POINTS.0));
    for (points, edge, mark) in [(&plot.far, high, marks.far), (&plot.short, low, marks.short)] {
        let points: Vec<_> = points.iter().map(|(at, _)| (*at, edge)).collect();
        context.marker(Marker::Custom(mark));
        context.draw(&Points::new(&points, POINTS.0));
    }
    context.marker(Marker::Custom(marks.median));
    for (from, to, median) in &plot.medians {
        context.draw(&Line::new(*from, *median, *to, *median, MEDIANS.0));
    }
}

fn draw_axes(buffer: &mut Buffer, field: Rect, plot: &Plot<'_>, labels: &[(f64, String)], marks: &Marks) {
    let axis = field.left() - 1;
    for row in field.top()..field.bottom() {
        put(buffer, axis, row, marks.vertical, AXES.0);
    }
    for (tick, label) in labels {
        let share = (plot.durations.high - tick) / (plot.durations.high - plot.durations.low);
        let row = field.top() + place(share, field.height);
        put(buffer, axis.saturating_sub(1 + label.width() as u16), row, label, Color::Reset);
        put(buffer, axis, row, marks.mark_vertical, AXES.0);
    }
    let below = field.bottom();
    put(buffer, axis, below, marks.corner, AXES.0);
    for column in field.left()..field.right() {
        put(buffer, column, below, marks.horizontal, AXES.0);
    }
    let most = usize::from(field.width) / DATE;
    for (at, label) in plot.dates(most) {
        let column = column(field, plot, at);
        put(buffer, column, below, marks.mark_horizontal, AXES.0);
        // Under its mark, but never beyond the edge.
        let half = label.width() as u16 / 2;
        let start = column.saturating_sub(half).min(field.right().saturating_sub(label.width() as u16));
        put(buffer, start, below + 1, &label, Color::Reset);
    }
}

/// Writes versions above the lines of their changes, where there is room; the later ones matter more.
fn name_changes(buffer: &mut Buffer, field: Rect, plot: &Plot<'_>, glyphs: Glyphs) {
    let mut edge = field.right();
    for (at, change) in plot.changes.iter().rev() {
        let label = cut(change.version.as_str(), MOST_VERSION, glyphs);
        let width = label.width() as u16;
        let start = column(field, plot, *at).min(field.right().saturating_sub(width));
        if start + width <= edge {
            put(buffer, start, 0, &label, CHANGES.0);
            edge = start.saturating_sub(1);
        }
    }
}

fn column(field: Rect, plot: &Plot<'_>, at: f64) -> u16 {
    let [from, to] = plot.moments;
    field.left() + place((at - from) / (to - from), field.width)
}

/// Which of so many cells a share of the way is in.
fn place(share: f64, cells: u16) -> u16 {
    (share.clamp(0.0, 1.0) * f64::from(cells - 1)).round() as u16
}

/// Writes a text; what is outside is left out.
fn put(buffer: &mut Buffer, column: u16, row: u16, text: &str, colour: Color) {
    if buffer.area().contains((column, row).into()) {
        buffer.set_string(column, row, text, colour);
    }
}

/// What is what, on as many lines as it takes.
fn legend(answer: &TrendAnswer, plot: &Plot<'_>, marks: &Marks, canvas: Canvas) -> Vec<String> {
    let point = canvas.glyphs.pick("⠂", ".");
    let mut parts = vec![
        (point.to_owned(), POINTS.1, plot.points_are().to_owned()),
        (marks.median.to_string().repeat(2), MEDIANS.1, format!("median of each {}", answer.by)),
    ];
    if !plot.changes.is_empty() {
        parts.push((marks.change.to_string(), CHANGES.1, "the level changed, at this version".to_owned()));
    }
    for (mark, text) in [(marks.far, plot.far_ones()), (marks.short, plot.short_ones())] {
        parts.extend(text.map(|text| (mark.to_string(), POINTS.1, text)));
    }
    let pieces = parts.into_iter().map(|(mark, look, text)| {
        let painted = format!("{} {}", paint(&mark, look, canvas.colours), paint(&text, Look::Dim, canvas.colours));
        (painted, mark.width() + 1 + text.width())
    });
    flow(pieces, 3, canvas.width)
}

/// The lines of a buffer, each piece of one colour painted at once.
fn text(buffer: &Buffer, colours: bool) -> Vec<String> {
    let area = buffer.area();
    let line = |row: u16| {
        let mut line = String::new();
        let mut run = String::new();
        let mut look = Look::Plain;
        let cells: Vec<_> = (area.left()..area.right()).map(|column| &buffer[(column, row)]).collect();
        let end = cells.iter().rposition(|cell| cell.symbol() != " ").map_or(0, |last| last + 1);
        let mut covered = 0;
        for cell in &cells[..end] {
            // A wide character has taken the place of the cell after it.
            if covered > 0 {
                covered -= 1;
                continue;
            }
            covered = cell.symbol().width().saturating_sub(1);
            let next = look_of(cell.fg);
            if next != look {
                line += &paint(&run, look, colours);
                run.clear();
                look = next;
            }
            run += cell.symbol();
        }
        line + &paint(&run, look, colours)
    };
    (area.top()..area.bottom()).map(line).collect()
}

fn look_of(colour: Color) -> Look {
    let looks = [POINTS, MEDIANS, CHANGES, AXES];
    looks.into_iter().find(|(of, _)| *of == colour).map_or(Look::Plain, |(_, look)| look)
}

#[cfg(test)]
#[path = "chart_tests.rs"]
mod tests;
