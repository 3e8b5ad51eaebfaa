//! Markdown (GitHub's and GitLab's, with tables): for summaries of jobs and comments on merge requests.

use anstream::adapter::strip_str;
use steps_shared::view::{Meaning, Table, TableCell, Text};

use super::canvas::Glyphs;
use super::painted::Painted;
use super::sparkline::sparkline;
use super::text;

/// Words that mean nothing in Markdown, on one line.
pub fn escaped(words: &str) -> String {
    let mut text = String::with_capacity(words.len());
    for character in steps_shared::escaped(words).chars() {
        match character {
            '<' => text.push_str("&lt;"),
            '&' => text.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '@' | '$' => text.extend(['\\', character]),
            other => text.push(other),
        }
    }
    text
}

/// A text on one line; what is good, bad or important stands out.
pub fn line(text: &Text) -> Painted {
    let mut line = String::new();
    for (words, meaning) in text::parts(text, Glyphs::Unicode) {
        line += &marked(&words, meaning);
    }
    Painted::of_escaped(line)
}

/// Words in the style of a meaning. Blanks around them stay outside, where Markdown wants them.
fn marked(words: &str, meaning: Meaning) -> String {
    let core = words.trim();
    let mark = match meaning {
        _ if core.is_empty() => "",
        Meaning::Plain | Meaning::Component | Meaning::Faint => "",
        Meaning::Strong | Meaning::Good | Meaning::Bad | Meaning::Warning | Meaning::Running => "**",
    };
    let start = words.len() - words.trim_start().len();
    let (before, after) = (&words[..start], &words[start + core.len()..]);
    format!("{before}{mark}{}{mark}{after}", escaped(core))
}

/// A table with all of its columns.
pub fn table(table: &Table) -> Painted {
    let Table { columns, rows } = table;
    let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = row(columns.iter().map(|column| escaped(column.name)).collect());
    let sides = columns.iter().map(|column| if column.right { "---:" } else { "---" }.to_owned());
    text += &row(sides.collect());
    for cells in rows {
        let cell = |cell: &TableCell| match cell {
            TableCell::Text(value) => line(value).as_str().to_owned(),
            TableCell::Sparkline(levels) => sparkline(levels, Glyphs::Unicode),
        };
        text += &row(cells.iter().map(cell).collect());
    }
    Painted::of_escaped(text)
}

/// An entry of a list.
pub fn item(line: Painted) -> Painted {
    Painted::of_escaped(format!("- {}", line.as_str()))
}

/// Lines as they stand, without styles.
pub fn block(lines: &Painted) -> Painted {
    let plain = strip_str(lines.as_str()).to_string();
    let ticks = plain.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(ticks.max(2) + 1);
    Painted::of_escaped(format!("{fence}text\n{}\n{fence}\n", plain.trim_end()))
}

#[cfg(test)]
mod tests {
    use steps_shared::view::TableColumn;

    use super::*;

    #[test]
    fn names_of_others_are_words() {
        assert_eq!(escaped("a_b|c <b> @all\n`x` [y](z)"), r"a\_b\|c &lt;b> \@all\\n\`x\` \[y\](z)");
    }

    #[test]
    fn tables_and_sentences() {
        let mut text = Text::new("over ", Meaning::Bad);
        text.say("a|b");
        assert_eq!(line(&text).as_str(), r"**over** a\|b");
        let mut example = Table::new(vec![TableColumn::text("component"), TableColumn::number("p50")]);
        example.rows = vec![vec!["a_b".into(), "1m30s".into()]];
        assert_eq!(table(&example).as_str(), "| component | p50 |\n| --- | ---: |\n| a\\_b | 1m30s |\n");
        assert_eq!(item(line(&text)).as_str(), r"- **over** a\|b");
        let drawn = Painted::plain("a ``` b").ended();
        assert_eq!(block(&drawn).as_str(), "````text\na ``` b\n````\n");
    }
}
