//! A buffer of ratatui as lines. Each colour in it stands for a meaning, so that styles are chosen in one place.

use ratatui_core::buffer::Buffer;
use ratatui_core::style::Color;
use steps_shared::view::Meaning;
use unicode_width::UnicodeWidthStr;

use super::painted::Painted;
use super::text::paint;

const MEANINGS: [Meaning; 7] = [
    Meaning::Component,
    Meaning::Strong,
    Meaning::Faint,
    Meaning::Good,
    Meaning::Bad,
    Meaning::Warning,
    Meaning::Running,
];

/// What stands for a meaning in a buffer.
pub const fn colour(meaning: Meaning) -> Color {
    match meaning {
        Meaning::Plain => Color::Reset,
        Meaning::Component => Color::Magenta,
        Meaning::Strong => Color::White,
        Meaning::Faint => Color::DarkGray,
        Meaning::Good => Color::Green,
        Meaning::Bad => Color::Red,
        Meaning::Warning => Color::Yellow,
        Meaning::Running => Color::Cyan,
    }
}

fn meaning_of(shown: Color) -> Meaning {
    MEANINGS.into_iter().find(|meaning| colour(*meaning) == shown).unwrap_or_default()
}

/// The lines of a buffer, each piece of one colour in one style.
pub fn lines(buffer: &Buffer) -> Vec<Painted> {
    let area = buffer.area();
    let line = |row: u16| {
        let mut line = Painted::default();
        let mut run = String::new();
        let mut meaning = Meaning::Plain;
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
            let next = meaning_of(cell.fg);
            if next != meaning {
                line += paint(&run, meaning);
                run.clear();
                meaning = next;
            }
            run += cell.symbol();
        }
        line + paint(&run, meaning)
    };
    (area.top()..area.bottom()).map(line).collect()
}
