//! Tables for people.

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Row, Table, presets};

use crate::output;

/// What is left of a column that may be cut, at the least, before another column goes.
const LEAST_WIDTH: u16 = 12;

/// The space after each column.
const GAP: u16 = 2;

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// Its name.
    pub name: &'static str,
    /// Whether its values end at the right, as numbers do.
    pub right: bool,
    /// Whether it is never cut: half a time or number says nothing.
    pub whole: bool,
    /// How soon it goes where there is no room for all columns: the highest first, 0 never.
    pub rank: u8,
}

impl Head {
    /// A text, which may be cut.
    pub const fn text(name: &'static str) -> Self {
        Self { name, right: false, whole: false, rank: 0 }
    }

    /// A time or an identity.
    pub const fn whole(name: &'static str) -> Self {
        Self { name, right: false, whole: true, rank: 0 }
    }

    /// A number or a duration.
    pub const fn number(name: &'static str) -> Self {
        Self { name, right: true, whole: true, rank: 0 }
    }

    /// The same, but it may go.
    pub const fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

/// A table of texts, with a line end after each line.
pub fn render(header: &[&'static str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let heads: Vec<_> = header.iter().map(|name| Head::text(name)).collect();
    lay_out(&heads, rows.into_iter().map(|row| row.into_iter().map(Cell::new_owned).collect()))
}

/// A table with a line end after each line.
///
/// On a terminal it fits the width: what is too long ends with `…` and never breaks a line, and where not even that
/// makes room for all columns, some go and are named below. Elsewhere nothing is cut.
pub fn lay_out(heads: &[Head], rows: impl IntoIterator<Item = Vec<Cell>>) -> String {
    lay_out_within(output::width(), "…", heads, rows)
}

/// The same at a width that is known, if anything needs to fit; `more` stands where something was cut.
pub fn lay_out_within(
    width: Option<u16>,
    more: &str,
    heads: &[Head],
    rows: impl IntoIterator<Item = Vec<Cell>>,
) -> String {
    let mut table = Table::new();
    // Cells break between any two characters, which the height of one line turns into a cut at the width.
    table.load_style(presets::NOTHING).set_truncation_indicator(more).set_delimiter('\0');
    match width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.set_header(one_line(heads.iter().map(|head| Cell::new(head.name)).collect()));
    for row in rows {
        table.add_row(one_line(row));
    }
    let widths = table.column_max_content_widths();
    let shown = width.map_or_else(|| vec![true; heads.len()], |width| fit(heads, &widths, width));
    for ((column, head), shown) in table.column_iter_mut().zip(heads).zip(&shown) {
        column.set_padding((0, GAP));
        if head.right {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if !shown {
            column.set_constraint(ColumnConstraint::Hidden);
        } else if head.whole {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let hidden: Vec<_> = heads.iter().zip(&shown).filter(|(_, shown)| !**shown).map(|(head, _)| head.name).collect();
    let mut text: String = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    if !hidden.is_empty() {
        text += &format!("(no room for {}; a wider terminal or --format csv shows more)\n", hidden.join(", "));
    }
    text
}

/// Which columns have room: as long as they have not, the one of the highest rank goes.
fn fit(heads: &[Head], widths: &[u16], available: u16) -> Vec<bool> {
    let needs: Vec<_> = heads
        .iter()
        .zip(widths)
        .map(|(head, width)| GAP + if head.whole { *width } else { LEAST_WIDTH.min(*width) })
        .collect();
    let mut shown = vec![true; heads.len()];
    loop {
        let needed: u16 = needs.iter().zip(&shown).filter(|(_, shown)| **shown).map(|(need, _)| *need).sum();
        let next = (0..heads.len()).filter(|at| shown[*at] && heads[*at].rank > 0).max_by_key(|at| heads[*at].rank);
        match next {
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
mod tests {
    use super::*;

    #[test]
    fn columns_go_by_rank_until_the_rest_has_room() {
        let heads = [Head::text("component"), Head::number("count"), Head::number("p95").rank(2), Head::whole("id")];
        let heads = [heads[0], heads[1], heads[2], heads[3].rank(1)];
        let shown = |available| fit(&heads, &[30, 5, 7, 36], available);
        assert_eq!(shown(200), [true; 4]);
        assert_eq!(shown(68), [true; 4]);
        assert_eq!(shown(67), [true, true, false, true]);
        assert_eq!(shown(40), [true, true, false, false]);
        assert_eq!(shown(3), [true, true, false, false]);
    }

    #[test]
    fn numbers_end_at_the_right() {
        let rows = [["checkout", "7"], ["api", "1,234"]].map(|row| row.into_iter().map(Cell::new).collect());
        let table = lay_out(&[Head::text("component"), Head::number("count")], rows);
        assert_eq!(table, "component  count\ncheckout       7\napi        1,234\n");
    }
}
