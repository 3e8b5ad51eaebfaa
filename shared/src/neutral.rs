//! CSV for spreadsheets: texts that no spreadsheet takes for a formula.
//!
//! A spreadsheet runs a cell that begins as a formula does (CSV injection, CWE-1236). What OWASP advises is done to such a text:
//! an apostrophe stands before the character. It is done within a text too, behind what a spreadsheet may take for the end of a
//! cell, because a spreadsheet may separate cells otherwise than the file does. It can be taken back exactly.

use std::borrow::Cow;

use crate::is_hidden;

const APOSTROPHE: char = '\'';

/// Whether a cell that begins with this may be run.
fn is_trigger(character: char) -> bool {
    // The last four are the wide forms of the first four, which some spreadsheets read alike.
    matches!(character, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '\0' | '＝' | '＋' | '－' | '＠')
}

/// Whether a spreadsheet may begin a new cell behind this.
fn is_separator(character: char) -> bool {
    matches!(character, ',' | ';' | '|' | '\t' | '\r' | '\n' | '"' | APOSTROPHE)
}

/// Whether what stands behind this stands where it stood before: a blank, or what is not seen.
fn is_skipped(character: char) -> bool {
    character.is_whitespace() || is_hidden(character)
}

/// For each character whether a cell may begin with it.
fn cell_starts(text: &str) -> impl Iterator<Item = (usize, char, bool)> {
    let mut is_start = true;
    text.char_indices().map(move |(at, character)| {
        let was_start = is_start;
        is_start = is_separator(character) || (was_start && is_skipped(character));
        (at, character, was_start)
    })
}

/// The text with an apostrophe before each character with which a spreadsheet would begin a formula.
///
/// ```
/// use steps_shared::neutralized;
/// assert_eq!(neutralized("=1+1"), "'=1+1");
/// assert_eq!(neutralized("a;=1"), "a;'=1");
/// assert_eq!(neutralized("a-b@c"), "a-b@c");
/// ```
#[must_use]
pub fn neutralized(text: &str) -> Cow<'_, str> {
    let is_harmful = |(_, character, is_start): &(usize, char, bool)| *is_start && is_trigger(*character);
    if !cell_starts(text).any(|found| is_harmful(&found)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for found in cell_starts(text) {
        if is_harmful(&found) {
            safe.push(APOSTROPHE);
        }
        safe.push(found.1);
    }
    Cow::Owned(safe)
}

/// The text that [`neutralized`] made this of.
#[must_use]
pub fn original(safe: &str) -> Cow<'_, str> {
    if !safe.contains(APOSTROPHE) {
        return Cow::Borrowed(safe);
    }
    let mut text = String::with_capacity(safe.len());
    let mut characters = safe.chars().peekable();
    while let Some(character) = characters.next() {
        // Of two apostrophes before a trigger, the second is the one that was put there.
        if character != APOSTROPHE || !characters.peek().is_some_and(|next| is_trigger(*next)) {
            text.push(character);
        }
    }
    Cow::Owned(text)
}

/// Whether [`neutralized`] may have put an apostrophe into this.
#[must_use]
pub fn looks_neutralized(text: &str) -> bool {
    let mut found = cell_starts(text).peekable();
    while let Some((_, character, is_start)) = found.next() {
        if is_start && character == APOSTROPHE && found.peek().is_some_and(|(_, next, _)| is_trigger(*next)) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_begins_a_formula_gets_an_apostrophe() {
        for (text, safe) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t'=1"),
            ("\r=1", "'\r'=1"),
            ("\n=1", "'\n'=1"),
            ("\u{0}=1", "'\u{0}'=1"),
            ("＝1", "'＝1"),
            ("＠a", "'＠a"),
            (" =1", " '=1"),
            ("\u{200b}=1", "\u{200b}'=1"),
            ("\u{feff}\u{202e}=1", "\u{feff}\u{202e}'=1"),
            ("a;=cmd|'/c calc'!A1", "a;'=cmd|'/c calc'!A1"),
            ("a,\"=1", "a,\"'=1"),
            ("'=1", "''=1"),
            ("a| -1", "a| '-1"),
            ("1.2.0-rc+5@x=y", "1.2.0-rc+5@x=y"),
            ("it's", "it's"),
            ("", ""),
        ] {
            assert_eq!(neutralized(text), safe, "{text:?}");
            assert_eq!(looks_neutralized(safe), safe != text, "{safe:?}");
        }
    }

    proptest! {
        #[test]
        fn no_cell_begins_a_formula_and_the_text_comes_back(text in "[=+@\\-\t\r\n,;|\"' a＝\u{200b}\\PC]{0,12}") {
            let safe = neutralized(&text);
            prop_assert_eq!(original(&safe), text.as_str());
            for part in safe.split([',', ';', '|', '"']) {
                let first = part.chars().find(|character| !character.is_whitespace() && !is_hidden(*character));
                prop_assert!(!first.is_some_and(|first| "=+-@＝＋－＠".contains(first)), "{:?} of {:?}", part, safe);
            }
            prop_assert!(safe == text || looks_neutralized(&safe));
        }
    }
}
