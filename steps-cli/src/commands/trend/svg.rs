//! The chart of a trend as an SVG. Pure.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use steps_shared::{Trend, TrendAnswer};
use unicode_width::UnicodeWidthStr;

use super::plot::{Plot, WEEK_SECONDS, seconds};
use super::sentences::{date, percent};
use crate::output::axis::duration_label;
use crate::output::canvas::{Glyphs, cut};

const SIZE: (u32, u32) = (1000, 520);
const HEAD: u32 = 74;
const FOOT: u32 = 44;
/// The size of a triangle that points up, at what took much longer than all else …
const UP: i32 = 6;

/// … and down.
const DOWN: i32 = -6;

/// How far the chart is from the left edge, and how much of that the durations have.
const LEFT: i32 = 24;
const DURATIONS: u32 = 72;

const INK: RGBColor = RGBColor(0x1f, 0x29, 0x37);
const FAINT: RGBColor = RGBColor(0x6b, 0x72, 0x80);
const GRID: RGBColor = RGBColor(0xe5, 0xe7, 0xeb);
const POINT: RGBColor = RGBColor(0x60, 0x8f, 0xc4);
const MEDIAN: RGBColor = RGBColor(0x1d, 0x4e, 0x89);
const FIT: RGBColor = RGBColor(0xd9, 0x77, 0x06);
const CHANGE: RGBColor = RGBColor(0xb9, 0x1c, 0x1c);

/// The longest name of a version at its line.
const MOST_VERSION: usize = 18;

/// How many pieces the fitted line and its interval are drawn in where parts of them are outside of the field.
const PIECES: u32 = 64;

/// The height of a line of versions above the field.
const VERSIONS: i32 = 17;

type Sheet<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Field<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Scale, Scale>>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// An axis with texts at places that were chosen.
struct Scale {
    ends: [f64; 2],
    ticks: Vec<(f64, String)>,
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
        self.ticks.iter().map(|(at, _)| *at).collect()
    }

    fn range(&self) -> Range<f64> {
        self.ends[0]..self.ends[1]
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, value: &f64) -> String {
        let found = self.ticks.iter().find(|(at, _)| at == value);
        found.map(|(_, text)| text.clone()).unwrap_or_default()
    }
}

/// The chart; `None` where there is nothing to draw.
///
/// # Errors
/// What the library has to complain of.
pub fn svg(answer: &TrendAnswer, trend: &Trend) -> Result<Option<String>, String> {
    let Some(plot) = Plot::of(answer, trend, 7) else {
        return Ok(None);
    };
    let mut text = String::new();
    let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
    draw(&root, answer, trend, &plot).map_err(|error| error.to_string())?;
    drop(root);
    Ok(Some(text))
}

fn draw(root: &Sheet<'_>, answer: &TrendAnswer, trend: &Trend, plot: &Plot<'_>) -> Drawn {
    root.fill(&WHITE)?;
    let (head, rest) = root.split_vertically(HEAD);
    let (middle, foot) = rest.split_vertically(SIZE.1 - HEAD - FOOT);
    let bold = ("sans-serif", 26).into_font().style(FontStyle::Bold).color(&INK);
    head.draw(&Text::new(title(trend), (LEFT, 16), bold))?;
    head.draw(&Text::new(summary(trend), (LEFT, 46), ("sans-serif", 17).into_font().color(&FAINT)))?;
    chart(&middle, trend, plot)?;
    legend(&foot, answer, trend, plot)?;
    root.present()?;
    Ok(())
}

fn title(trend: &Trend) -> String {
    let Trend { component, environment, step, .. } = trend;
    let step = step.as_ref().map(|step| format!(": {step}")).unwrap_or_default();
    format!("{component} → {environment}{step}")
}

fn summary(trend: &Trend) -> String {
    let growth = trend.growth.as_ref().and_then(|growth| growth.percent_per_week);
    let growth = growth.map_or_else(String::new, |share| {
        format!(", {} a week ({:.1} to {:.1})", percent(share.value), share.low, share.high)
    });
    let (from, to) = (date(trend.first_started_at), date(trend.last_started_at));
    format!("{}{growth}; {} deployments from {from} to {to}", trend.verdict, trend.deployments)
}

fn chart(area: &Sheet<'_>, trend: &Trend, plot: &Plot<'_>) -> Drawn {
    let high = plot.durations.high;
    let moments = Scale { ends: plot.moments, ticks: plot.dates(8) };
    let ticks = plot.durations.ticks.iter().map(|tick| (*tick, duration_label(*tick))).collect();
    let durations = Scale { ends: [plot.durations.low, high], ticks };
    let mut field = ChartBuilder::on(area)
        .margin_left(8)
        .margin_right(28)
        .margin_top(10 + VERSIONS * rows(plot))
        .x_label_area_size(34)
        .y_label_area_size(DURATIONS)
        .build_cartesian_2d(moments, durations)?;
    let label = ("sans-serif", 15).into_font().color(&FAINT);
    field
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(FAINT.mix(0.6))
        .label_style(label)
        .draw()?;
    fit(&mut field, trend, plot)?;
    changes(&mut field, plot)?;
    let dot = |at: &(f64, f64)| Circle::new(*at, 3, POINT.mix(0.55).filled());
    field.draw_series(plot.points.iter().map(dot))?;
    for (points, edge, size) in [(&plot.far, high, UP), (&plot.short, plot.durations.low, DOWN)] {
        let at_edge = |(at, _): &(f64, f64)| TriangleMarker::new((*at, edge), size, POINT.filled());
        field.draw_series(points.iter().map(at_edge))?;
    }
    let median =
        |(from, to, seconds): &(f64, f64, f64)| PathElement::new([(*from, *seconds), (*to, *seconds)], thick(MEDIAN));
    field.draw_series(plot.medians.iter().map(median))?;
    Ok(())
}

/// How many lines versions are written in.
fn rows(plot: &Plot<'_>) -> i32 {
    plot.changes.len().min(2) as i32
}

fn thick(colour: RGBColor) -> ShapeStyle {
    colour.stroke_width(3)
}

/// The fitted line, and where it lies with 95 % confidence of its slope: turned around its middle.
fn fit(field: &mut Field<'_, '_>, trend: &Trend, plot: &Plot<'_>) -> Drawn {
    let Some(growth) = &trend.growth else {
        return Ok(());
    };
    let (from, to) = (seconds(trend.first_started_at), seconds(trend.last_started_at));
    let weeks = (to - from) / WEEK_SECONDS;
    let middle = f64::midpoint(growth.fitted_start_seconds, growth.fitted_end_seconds);
    let (low, high) = (plot.durations.low, plot.durations.high);
    let slope = growth.seconds_per_week;
    let ends = [slope.low, slope.high].map(|per_week| per_week.abs() * weeks / 2.0);
    let widest = ends[0].max(ends[1]);
    // Pixels are whole, so that many short pieces of a straight line would look bent.
    let pieces = if middle - widest >= low && middle + widest <= high { 2 } else { PIECES };
    let line = |per_week: f64| {
        (0..=pieces).map(move |piece| {
            let share = f64::from(piece) / f64::from(pieces);
            (from + share * (to - from), middle + (share - 0.5) * weeks * per_week)
        })
    };
    let inside = |(at, seconds): (f64, f64)| (at, seconds.clamp(low, high));
    let band: Vec<_> =
        line(slope.low).chain(line(slope.high).collect::<Vec<_>>().into_iter().rev()).map(inside).collect();
    field.draw_series([Polygon::new(band, FIT.mix(0.14).filled())])?;
    let line = line(slope.value).filter(|(_, seconds)| (low..=high).contains(seconds));
    field.draw_series(LineSeries::new(line, FIT.stroke_width(2)))?;
    Ok(())
}

/// A line for each change of the level, and its version: in turns in one of two lines, so that neighbours can be read.
fn changes(field: &mut Field<'_, '_>, plot: &Plot<'_>) -> Drawn {
    let (low, high) = (plot.durations.low, plot.durations.high);
    let middle = f64::midpoint(plot.moments[0], plot.moments[1]);
    for (index, (at, change)) in plot.changes.iter().enumerate() {
        let line = [(*at, low), (*at, high)];
        field.draw_series(DashedLineSeries::new(line, 6, 4, CHANGE.mix(0.8).stroke_width(1)))?;
        let (side, space) = if *at > middle { (HPos::Right, 4) } else { (HPos::Left, -4) };
        let style = ("sans-serif", 15).into_font().color(&CHANGE).pos(Pos::new(side, VPos::Bottom));
        let version = cut(change.version.as_str(), MOST_VERSION, Glyphs::Unicode);
        let up = 5 + VERSIONS * (index as i32 % rows(plot));
        let label = EmptyElement::at((*at, high)) + Text::new(version, (space, -up), style);
        field.draw_series([label])?;
    }
    Ok(())
}

/// What is what, in one line.
fn legend(area: &Sheet<'_>, answer: &TrendAnswer, trend: &Trend, plot: &Plot<'_>) -> Drawn {
    let style = ("sans-serif", 15).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
    let middle = FOOT as i32 / 2;
    let mut left = LEFT;
    let mut write = |text: &str, mark: &dyn Fn(i32) -> Drawn| -> Drawn {
        mark(left)?;
        area.draw(&Text::new(text.to_owned(), (left + 26, middle), style.clone()))?;
        // There are no metrics of the font, which whoever shows the file chooses: this is ample.
        left += 26 + 22 + text.width() as i32 * 7;
        Ok(())
    };
    let line = |colour: RGBColor, width: u32| {
        move |left: i32| -> Drawn {
            let ends = [(left, middle), (left + 20, middle)];
            Ok(area.draw(&PathElement::new(ends, colour.stroke_width(width)))?)
        }
    };
    write(plot.points_are(), &|left| Ok(area.draw(&Circle::new((left + 10, middle), 4, POINT.mix(0.7).filled()))?))?;
    write(&format!("median of each {}", answer.by), &line(MEDIAN, 3))?;
    if trend.growth.is_some() {
        write("Theil–Sen line, 95% interval of its slope", &line(FIT, 2))?;
    }
    if !plot.changes.is_empty() {
        write("the level changed", &|left| {
            let ends = [(left, middle), (left + 20, middle)];
            Ok(area.draw(&DashedPathElement::new(ends, 5, 3, CHANGE.stroke_width(1)))?)
        })?;
    }
    for (text, size) in [(plot.far_ones(), UP), (plot.short_ones(), DOWN)] {
        if let Some(text) = text {
            write(&text, &|left| Ok(area.draw(&TriangleMarker::new((left + 10, middle), size, POINT.filled()))?))?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "svg_tests.rs"]
mod tests;
