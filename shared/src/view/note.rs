//! Notes: their table, and what is said of them under a chart.

use super::table::{Table, TableCell, TableColumn};
use super::text::{Meaning, Text};
use super::words::dates;
use crate::{Note, NoteColumn, Resource as _, Timestamp, Trend};

/// The most notes that are told under a chart: the newest.
const MAX_TOLD: usize = 10;

/// What is said under the chart of a trend: of each note its number on the chart, its days, its text, and who says so.
#[must_use]
pub fn lines(trend: &Trend) -> Vec<Text> {
    let earlier = trend.notes.len().saturating_sub(MAX_TOLD);
    let rest = (earlier > 0).then(|| {
        Text::new(format!("… and {earlier} earlier; steps notes {} lists them", trend.component), Meaning::Faint)
    });
    let line = |(at, note): (usize, &Note)| {
        let mut line = Text::new(format!("{}", at + 1), Meaning::Strong);
        let by = format!(" ({})", note.owner);
        line.say(format!(" {} {}", dates(note.at, note.until), note.text)).add(by, Meaning::Faint);
        line
    };
    trend.notes.iter().enumerate().skip(earlier).map(line).chain(rest).collect()
}

/// A table of notes with these columns, or with those that say most where none are chosen.
#[must_use]
pub fn table(notes: &[Note], columns: &[NoteColumn]) -> Table {
    if !columns.is_empty() {
        let mut table = Table::new(columns.iter().map(|column| table_column(*column)).collect());
        let row = |note: &Note| columns.iter().map(|column| note.cell(*column).to_string().into()).collect();
        table.rows = notes.iter().map(row).collect();
        return table;
    }
    let mut table = Table::new(vec![
        TableColumn::whole("at"),
        TableColumn::whole("until"),
        TableColumn::text("component"),
        TableColumn::text("environment").rank(1),
        TableColumn::text("note"),
        TableColumn::text("by").rank(2),
        TableColumn::whole("id").rank(3),
    ]);
    table.rows = notes.iter().map(row).collect();
    table.retain_columns(|at, empty| !matches!(at, 1 | 3) || !empty);
    table
}

fn row(note: &Note) -> Vec<TableCell> {
    vec![
        note.at.to_seconds_text().into(),
        TableCell::known(note.until.map(Timestamp::to_seconds_text)),
        TableCell::of(note.component.to_string(), Meaning::Component),
        TableCell::known(note.environment.as_ref()),
        note.text.to_string().into(),
        note.owner.to_string().into(),
        note.id.to_string().into(),
    ]
}

fn table_column(column: NoteColumn) -> TableColumn {
    match column {
        NoteColumn::At | NoteColumn::Until | NoteColumn::RecordedAt | NoteColumn::Id => {
            TableColumn::whole(column.name())
        }
        NoteColumn::Component | NoteColumn::Environment | NoteColumn::Text | NoteColumn::Owner => {
            TableColumn::text(column.name())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::trend_samples::{answer, with};
    use super::*;

    #[test]
    fn the_newest_notes_are_told_by_their_numbers() {
        let note = |nth: usize| {
            serde_json::json!({"id": "0197a000-0000-7000-8000-000000000001", "component": "checkout", "environment": null,
                "text": "moved", "at": format!("2026-09-{nth:02}T00:00:00Z"), "until": null, "owner": "ann",
                "recorded_at": "2026-10-20T00:00:00Z"})
        };
        let told = |notes: usize| -> Vec<String> {
            let notes = serde_json::json!((1..=notes).map(note).collect::<Vec<_>>());
            let answer = answer(&[with(&[("/notes", notes)])], "sprint");
            lines(&answer.trends[0]).iter().map(ToString::to_string).collect()
        };
        assert!(told(0).is_empty());
        assert_eq!(told(1), ["1 2026-09-01 moved (ann)"]);
        let many = told(12);
        assert_eq!((many.len(), many[0].as_str()), (11, "3 2026-09-03 moved (ann)"));
        assert_eq!(many[10], "… and 2 earlier; steps notes checkout lists them");
    }

    #[test]
    fn columns_that_are_empty_are_left_out() {
        let note = |until: &str| -> Note {
            serde_json::from_str(&format!(
                r#"{{"id":"0197a000-0000-7000-8000-000000000001","component":"checkout","environment":null,"text":"moved",
                "at":"2026-01-05T09:30:00Z","until":{until},"owner":"ann","recorded_at":"2026-01-06T09:30:00Z"}}"#
            ))
            .unwrap()
        };
        assert_eq!(
            table(&[note("null")], &[]).to_lines(),
            ["at|component|note|by|id", "2026-01-05 09:30:00|checkout|moved|ann|0197a000-0000-7000-8000-000000000001"]
        );
        let lines = table(&[note("\"2026-01-05T10:00:00Z\"")], &[]).to_lines();
        assert!(lines[1].starts_with("2026-01-05 09:30:00|2026-01-05 10:00:00|checkout"), "{lines:?}");
        assert_eq!(table(&[note("null")], &[NoteColumn::Text]).to_lines(), ["text", "moved"]);
    }
}
