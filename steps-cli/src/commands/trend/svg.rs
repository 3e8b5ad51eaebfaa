//! The chart of a trend as an SVG. Pure. Texts are escaped, so that none has a character that XML forbids.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use steps_shared::view::axis::Tick;
use steps_shared::view::chart::{Chart, FittedLine, Mark, VersionMark};
use steps_shared::view::note;
use steps_shared::view::trend::{summary, title};
use steps_shared::{Trend, TrendAnswer};
use unicode_width::UnicodeWidthStr;

use crate::terminal::canvas::{Glyphs, cut};

const SIZE: (u32, u32) = (1000, 520);
const HEAD: u32 = 74;
const FOOT: u32 = 44;

/// The height of a further line of the legend.
const LEGEND_LINE: u32 = 22;

/// The room for a mark of the legend, for each character behind it, and between two entries. The font is chosen by whoever shows
/// the file: this is enough for wide ones.
const MARK: i32 = 26;
const CHARACTER: i32 = 9;
const BETWEEN: i32 = 14;

/// The longest title, and the longest line below it, in characters that fit with wide fonts.
const MAX_TITLE: usize = 58;
const MAX_SUMMARY: usize = 92;

/// The height of a line about a note, below.
const NOTE_LINE: u32 = 22;

/// The longest text of a note, in characters.
const MAX_NOTE: usize = 120;

/// The most ticks of the axis of durations.
const MAX_TICKS: usize = 7;

/// The most dates.
const MAX_DATES: usize = 8;

/// The size of a triangle that points up …
const UP: i32 = 6;

/// … and down.
const DOWN: i32 = -6;

/// Where texts begin at the left, and the room for the labels of durations.
const LEFT: i32 = 24;
const DURATIONS: u32 = 72;

const INK: RGBColor = RGBColor(0x1f, 0x29, 0x37);
const FAINT: RGBColor = RGBColor(0x6b, 0x72, 0x80);
const GRID: RGBColor = RGBColor(0xe5, 0xe7, 0xeb);
const POINT: RGBColor = RGBColor(0x60, 0x8f, 0xc4);
const MEDIAN: RGBColor = RGBColor(0x1d, 0x4e, 0x89);
const FIT: RGBColor = RGBColor(0xd9, 0x77, 0x06);
const CHANGE: RGBColor = RGBColor(0xb9, 0x1c, 0x1c);
const NOTE: RGBColor = RGBColor(0x6d, 0x28, 0xd9);

/// The longest name of a version, in characters.
const MAX_VERSION: usize = 18;

/// The height of a line of versions above the field.
const VERSIONS: i32 = 17;

type Sheet<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Field<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Scale, Scale>>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// An axis with chosen ticks.
struct Scale {
    ends: [f64; 2],
    ticks: Vec<Tick>,
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let [low, high] = self.ends;
        let share = (value - low) / (high - low);
        start + (share * f64::from(end - start)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|tick| tick.at).collect()
    }

    fn range(&self) -> Range<f64> {
        self.ends[0]..self.ends[1]
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, value: &f64) -> String {
        let found = self.ticks.iter().find(|tick| tick.at == *value);
        found.map(|tick| tick.label.clone()).unwrap_or_default()
    }
}

/// The chart; `None` for fewer than two points.
///
/// # Errors
/// An error of the drawing library.
pub fn svg(answer: &TrendAnswer, trend: &Trend) -> Result<Option<String>, String> {
    let Some(chart) = Chart::new(answer, trend, MAX_TICKS) else {
        return Ok(None);
    };
    let mut text = String::new();
    let below = foot(&chart) - FOOT + note::lines(trend).len() as u32 * NOTE_LINE;
    let root = SVGBackend::with_string(&mut text, (SIZE.0, SIZE.1 + below)).into_drawing_area();
    draw(&root, trend, &chart).map_err(|error| error.to_string())?;
    drop(root);
    Ok(Some(text))
}

fn draw(root: &Sheet<'_>, trend: &Trend, chart: &Chart) -> Drawn {
    root.fill(&WHITE)?;
    let (head, rest) = root.split_vertically(HEAD);
    let (middle, foot) = rest.split_vertically(SIZE.1 - HEAD - FOOT);
    let bold = ("sans-serif", 26).into_font().style(FontStyle::Bold).color(&INK);
    let faint = ("sans-serif", 17).into_font().color(&FAINT);
    head.draw(&Text::new(cut(&title(trend).to_string(), MAX_TITLE, Glyphs::Unicode), (LEFT, 16), bold))?;
    head.draw(&Text::new(cut(&summary(trend), MAX_SUMMARY, Glyphs::Unicode), (LEFT, 46), faint))?;
    draw_field(&middle, chart)?;
    legend(&foot, chart)?;
    for (line, text) in note::lines(trend).iter().enumerate() {
        let text = cut(&text.to_string(), MAX_NOTE, Glyphs::Unicode);
        let at = (LEFT, (self::foot(chart) + line as u32 * NOTE_LINE) as i32);
        foot.draw(&Text::new(text, at, ("sans-serif", 15).into_font().color(&INK)))?;
    }
    root.present()?;
    Ok(())
}

fn draw_field(area: &Sheet<'_>, chart: &Chart) -> Drawn {
    let (low, high) = (chart.durations.low, chart.durations.high);
    let times = Scale { ends: chart.times, ticks: chart.dates(MAX_DATES) };
    let durations = Scale { ends: [low, high], ticks: chart.durations.ticks.clone() };
    let mut field = ChartBuilder::on(area)
        .margin_left(8)
        .margin_right(28)
        .margin_top(10 + VERSIONS * rows(chart))
        .x_label_area_size(34)
        .y_label_area_size(DURATIONS)
        .build_cartesian_2d(times, durations)?;
    let label = ("sans-serif", 15).into_font().color(&FAINT);
    field
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(FAINT.mix(0.6))
        .label_style(label)
        .draw()?;
    if let Some(FittedLine { line, band }) = &chart.fit {
        field.draw_series([Polygon::new(band.clone(), FIT.mix(0.14).filled())])?;
        field.draw_series(LineSeries::new(line.iter().copied(), FIT.stroke_width(2)))?;
    }
    changes(&mut field, chart)?;
    notes(&mut field, chart)?;
    let dot = |at: &(f64, f64)| Circle::new(*at, 3, POINT.mix(0.55).filled());
    field.draw_series(chart.points.iter().map(dot))?;
    for (points, edge, size) in [(&chart.above, high, UP), (&chart.below, low, DOWN)] {
        let at_edge = |(at, _): &(f64, f64)| TriangleMarker::new((*at, edge), size, POINT.filled());
        field.draw_series(points.iter().map(at_edge))?;
    }
    let medians = chart.medians.iter().map(|median| {
        PathElement::new([(median.from, median.seconds), (median.to, median.seconds)], MEDIAN.stroke_width(3))
    });
    field.draw_series(medians)?;
    Ok(())
}

/// In how many lines versions are written.
fn rows(chart: &Chart) -> i32 {
    chart.changes.len().min(2) as i32
}

/// A line for each change of the level with its version. Versions alternate between two lines, so that neighbours can be
/// read.
fn changes(field: &mut Field<'_, '_>, chart: &Chart) -> Drawn {
    let (low, high) = (chart.durations.low, chart.durations.high);
    for (index, VersionMark { at, version }) in chart.changes.iter().enumerate() {
        let line = [(*at, low), (*at, high)];
        field.draw_series(DashedLineSeries::new(line, 6, 4, CHANGE.mix(0.8).stroke_width(1)))?;
        let in_right_half = chart.time_share(*at) > 0.5;
        let (side, space) = if in_right_half { (HPos::Right, 4) } else { (HPos::Left, -4) };
        let style = ("sans-serif", 15).into_font().color(&CHANGE).pos(Pos::new(side, VPos::Bottom));
        let up = 5 + VERSIONS * (index as i32 % rows(chart));
        let label =
            EmptyElement::at((*at, high)) + Text::new(cut(version, MAX_VERSION, Glyphs::Unicode), (space, -up), style);
        field.draw_series([label])?;
    }
    Ok(())
}

/// A line for each moment that is noted and a band for each span, with the number of the note at the foot.
fn notes(field: &mut Field<'_, '_>, chart: &Chart) -> Drawn {
    let (low, high) = (chart.durations.low, chart.durations.high);
    for mark in &chart.notes {
        field.draw_series([Rectangle::new([(mark.from, low), (mark.to, high)], NOTE.mix(0.1).filled())])?;
        field.draw_series(DashedLineSeries::new([(mark.from, low), (mark.from, high)], 2, 4, NOTE.stroke_width(1)))?;
        let in_right_half = chart.time_share(mark.from) > 0.5;
        let (side, space) = if in_right_half { (HPos::Right, -4) } else { (HPos::Left, 4) };
        let style = ("sans-serif", 15).into_font().color(&NOTE).pos(Pos::new(side, VPos::Bottom));
        field.draw_series([
            EmptyElement::at((mark.from, low)) + Text::new(mark.number.to_string(), (space, -4), style)
        ])?;
    }
    Ok(())
}

/// In which line of the legend each entry stands, and where it begins there. All of them are within the picture.
fn places(chart: &Chart) -> Vec<(i32, i32)> {
    let (mut line, mut left) = (0, LEFT);
    let place = |(_, text): &(Mark, String)| {
        let width = MARK + text.width() as i32 * CHARACTER;
        if left > LEFT && left + width > SIZE.0 as i32 - LEFT {
            (line, left) = (line + 1, LEFT);
        }
        let place = (line, left);
        left += width + BETWEEN;
        place
    };
    chart.legend.iter().map(place).collect()
}

/// The height of the legend, in pixels.
fn foot(chart: &Chart) -> u32 {
    let lines = places(chart).last().map_or(0, |(line, _)| *line as u32);
    FOOT + lines * LEGEND_LINE
}

/// What each mark stands for.
fn legend(area: &Sheet<'_>, chart: &Chart) -> Drawn {
    let style = ("sans-serif", 15).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
    for ((mark, text), (line, left)) in chart.legend.iter().zip(places(chart)) {
        let middle = FOOT as i32 / 2 + line * LEGEND_LINE as i32;
        let (centre, ends) = ((left + 10, middle), [(left, middle), (left + 20, middle)]);
        match mark {
            Mark::Point => area.draw(&Circle::new(centre, 4, POINT.mix(0.7).filled())),
            Mark::Median => area.draw(&PathElement::new(ends, MEDIAN.stroke_width(3))),
            Mark::Fit => area.draw(&PathElement::new(ends, FIT.stroke_width(2))),
            Mark::Change => area.draw(&DashedPathElement::new(ends, 5, 3, CHANGE.stroke_width(1))),
            Mark::Above => area.draw(&TriangleMarker::new(centre, UP, POINT.filled())),
            Mark::Below => area.draw(&TriangleMarker::new(centre, DOWN, POINT.filled())),
        }?;
        area.draw(&Text::new(text.clone(), (left + MARK, middle), style.clone()))?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "svg_tests.rs"]
mod tests;
