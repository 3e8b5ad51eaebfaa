//! Tables for people.

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Row, Table as Layout, presets,
};
use steps_shared::view::{Meaning, Table, TableCell, TableColumn, Text};

use super::canvas::{Canvas, Glyphs};
use super::painted::Painted;
use super::sparkline::sparkline;
use super::{markdown, text};

/// The least width of a column that may be cut; before it gets narrower, another column is left out.
const MIN_WIDTH: u16 = 12;

/// The space after each column.
const GAP: u16 = 2;

/// A table of texts on the standard output, with a line end after each line.
pub fn render(header: &[&'static str], rows: impl IntoIterator<Item = Vec<String>>, is_markdown: bool) -> Painted {
    let mut table = Table::new(header.iter().map(|name| TableColumn::text(name)).collect());
    table.rows = rows.into_iter().map(|row| row.into_iter().map(TableCell::from).collect()).collect();
    lay_out(&table, Canvas::of_format(is_markdown, false))
}

/// A table with a line end after each line.
///
/// Where it has to fit, values that are too long are cut and never broken, and where that is not enough, columns are left
/// out and named below.
pub fn lay_out(table: &Table, canvas: Canvas) -> Painted {
    if canvas.is_markdown() {
        return markdown::table(table);
    }
    let Table { columns, rows } = table;
    let mut layout = Layout::new();
    // Cells break between any two characters, which the height of one line turns into a cut at the width.
    layout.load_style(presets::NOTHING).set_truncation_indicator(canvas.glyphs.ellipsis()).set_delimiter('\0');
    // The stream that the table is written to removes styles that are not wanted.
    layout.enforce_styling().style_text_only();
    match canvas.fit {
        Some(width) => layout.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => layout.set_content_arrangement(ContentArrangement::Disabled),
    };
    layout.set_header(one_line(columns.iter().map(|column| Cell::new(column.name)).collect()));
    for row in rows {
        layout.add_row(one_line(row.iter().map(|value| cell(value, canvas.glyphs)).collect()));
    }
    let widths = layout.column_max_content_widths();
    let shown = canvas.fit.map_or_else(|| vec![true; columns.len()], |width| fit(columns, &widths, width));
    for ((of_layout, column), shown) in layout.column_iter_mut().zip(columns).zip(&shown) {
        of_layout.set_padding((0, GAP));
        if column.right {
            of_layout.set_cell_alignment(CellAlignment::Right);
        }
        if !shown {
            of_layout.set_constraint(ColumnConstraint::Hidden);
        } else if column.whole {
            of_layout.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let lines: String = layout.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    let hidden: Vec<_> =
        columns.iter().zip(&shown).filter(|(_, shown)| !**shown).map(|(column, _)| column.name).collect();
    // The cells are escaped, and names of columns are ours.
    let table = Painted::of_escaped(lines);
    if hidden.is_empty() {
        return table;
    }
    let note = format!("(no room for {}; a wider terminal or --format csv shows more)", hidden.join(", "));
    table + Painted::lines(text::lines(&Text::from(note), canvas))
}

/// A cell in the style of its meaning, its words escaped.
fn cell(value: &TableCell, glyphs: Glyphs) -> Cell {
    let value = match value {
        TableCell::Text(value) => value,
        TableCell::Sparkline(levels) => return Cell::new_owned(sparkline(levels, glyphs)),
    };
    let cell = Cell::new_owned(text::plain(value, glyphs));
    match value.meaning() {
        Meaning::Plain | Meaning::Component => cell,
        Meaning::Strong => cell.add_attribute(Attribute::Bold),
        Meaning::Faint => cell.add_attribute(Attribute::Dim),
        Meaning::Good => cell.fg(Color::Green),
        Meaning::Bad => cell.fg(Color::Red),
        Meaning::Warning => cell.fg(Color::Yellow),
        Meaning::Running => cell.fg(Color::Cyan),
    }
}

/// Which columns have room: the one of the highest rank is left out until the others fit.
fn fit(columns: &[TableColumn], widths: &[u16], available: u16) -> Vec<bool> {
    let needs: Vec<_> = columns
        .iter()
        .zip(widths)
        .map(|(column, width)| GAP + if column.whole { *width } else { MIN_WIDTH.min(*width) })
        .collect();
    let mut shown = vec![true; columns.len()];
    loop {
        let needed: u16 = needs.iter().zip(&shown).filter(|(_, shown)| **shown).map(|(need, _)| *need).sum();
        let candidates = (0..columns.len()).filter(|at| shown[*at] && columns[*at].rank > 0);
        match candidates.max_by_key(|at| columns[*at].rank) {
            Some(at) if needed > available => shown[at] = false,
            _ => return shown,
        }
    }
}

fn one_line(cells: Vec<Cell>) -> Row {
    let mut row = Row::from(cells);
    row.max_height(1);
    row
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
