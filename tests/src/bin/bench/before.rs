//! What another run has measured: its printed tables, read again.

use std::collections::HashMap;

/// What each thing took then, by its name.
#[derive(Debug, Default)]
pub struct Before(HashMap<String, String>);

impl Before {
    /// From the output of that run.
    pub fn read(output: &str) -> Self {
        let cells = |line: &str| -> Option<(String, String)> {
            let mut cells = line.trim().strip_prefix('|')?.split('|').map(str::trim);
            Some((cells.next()?.to_owned(), cells.next()?.to_owned()))
        };
        Self(output.lines().filter_map(cells).collect())
    }

    /// What it said, and how many times as large the first number is now.
    pub fn beside(&self, what: &str, now: &str) -> (String, String) {
        let Some(before) = self.0.get(what) else { return Default::default() };
        let ratio = number(now).zip(number(before)).filter(|(_, before)| *before > 0.0);
        (before.clone(), ratio.map(|(now, before)| format!("{:.2}x", now / before)).unwrap_or_default())
    }
}

/// The first number of a text.
fn number(text: &str) -> Option<f64> {
    let start = text.find(|letter: char| letter.is_ascii_digit())?;
    let rest = &text[start..];
    let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
    rest[..end].trim_end_matches('.').parse().ok()
}
