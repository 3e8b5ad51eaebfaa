//! Which characters a person sees, and texts in which all others are escaped.
//!
//! Texts from elsewhere (recorded names, answers, files, arguments) may hold characters that steer a terminal, turn the
//! direction of a line, or take no room. Whatever shows such a text to a person passes it through [`escaped`] first.

use std::borrow::Cow;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// The most marks that are put onto one character. More of them cover the lines above and below.
const MAX_MARKS: u32 = 8;

/// Whether a character shows nothing by itself: controls (C0, DEL, C1), format characters (bidi, zero width, tags),
/// separators of lines and paragraphs, variation selectors, blank letters, and what is no character.
#[must_use]
pub fn is_hidden(character: char) -> bool {
    match character {
        ' '..='~' => false,
        // U+034F and the vowels U+17B4 and U+17B5 are marks without a shape, U+115F to U+FFA0 are letters without one, and
        // U+2800 and U+1D159 are blank symbols.
        '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{2065}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}'
        | '\u{1d159}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        '\u{fdd0}'..='\u{fdef}' => true,
        character if u32::from(character) & 0xfffe == 0xfffe => true,
        character => matches!(
            character.general_category(),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
                | GeneralCategory::Surrogate
        ),
    }
}

/// Whether a text has a character that is seen by itself: not hidden, no space, and no mark that needs another character.
#[must_use]
pub fn has_visible(text: &str) -> bool {
    text.chars().any(|character| !character.is_whitespace() && !is_hidden(character) && !is_mark(character))
}

/// The text in which every hidden character is escaped as Rust does: `\n`, `\u{1b}`, `\u{202e}`. A line break is one of them.
///
/// Marks beyond the eighth on one character are escaped too. An emoji keeps the one selector behind it that chooses its
/// look. Escaping twice changes nothing.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    escape(text, |character, shown| match character {
        '\n' | '\r' | '\t' => shown.extend(character.escape_default()),
        _ => shown.extend(character.escape_unicode()),
    })
}

/// The text of a JSON document in which every hidden character but the line feed is written as JSON escapes it, `\u202e`.
/// The document means the same.
#[must_use]
pub fn escaped_json(text: &str) -> Cow<'_, str> {
    escape(text, |character, shown| match character {
        // These stand between the values of a document, and never within a string.
        '\n' | '\r' | '\t' => shown.push(character),
        _ => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        }
    })
}

fn escape(text: &str, write: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let (mut before, mut marks) = (' ', 0);
    for character in text.chars() {
        marks = if is_mark(character) { marks + 1 } else { 0 };
        let chooses_look = matches!(character, '\u{fe0e}' | '\u{fe0f}') && is_symbol(before);
        if (is_hidden(character) && !chooses_look) || marks > MAX_MARKS {
            write(character, &mut shown);
        } else {
            shown.push(character);
        }
        before = character;
    }
    Cow::Owned(shown)
}

/// A mark that is drawn onto the character before it.
fn is_mark(character: char) -> bool {
    !character.is_ascii()
        && matches!(character.general_category(), GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark)
}

/// Emojis are among these.
fn is_symbol(character: char) -> bool {
    !character.is_ascii() && character.general_category() == GeneralCategory::OtherSymbol && !is_hidden(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_stays() {
        for text in ["checkout", "café 🚀 =1", "e\u{301}", "移行", "שלום", "a\u{a0}b", "❤\u{fe0f}", "C:\\a \\u{1b}", ""]
        {
            assert_eq!(escaped(text), text);
            assert_eq!(escaped_json(text), text);
        }
    }

    #[test]
    fn what_steers_or_hides_is_escaped() {
        for (text, expected) in [
            ("a\u{1b}]0;x\u{7}b", "a\\u{1b}]0;x\\u{7}b"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("a\r\n\tb", "a\\r\\n\\tb"),
            ("\u{202e}txt\u{2066}\u{200b}\u{feff}", "\\u{202e}txt\\u{2066}\\u{200b}\\u{feff}"),
            ("\u{2028}\u{2029}", "\\u{2028}\\u{2029}"),
            ("a\u{fe0f}", "a\\u{fe0f}"),
            ("❤\u{fe0f}\u{fe0f}", "❤\u{fe0f}\\u{fe0f}"),
            ("x\u{e0041}\u{e0100}", "x\\u{e0041}\\u{e0100}"),
            ("\u{3164}\u{2800}\u{ad}", "\\u{3164}\\u{2800}\\u{ad}"),
            ("\u{ffff}\u{fffe}\u{1fffe}\u{fdd0}", "\\u{ffff}\\u{fffe}\\u{1fffe}\\u{fdd0}"),
        ] {
            assert_eq!(escaped(text), expected, "{text:?}");
            assert_eq!(escaped(&escaped(text)), expected);
        }
        let stacked = format!("a{}", "\u{301}".repeat(9));
        assert_eq!(escaped(&stacked), format!("a{}\\u{{301}}", "\u{301}".repeat(8)));
    }

    #[test]
    fn a_json_document_means_the_same() {
        let value = serde_json::json!({"a": "\u{202e}\u{9b}\u{e0041}\u{1b}\n\u{ffff}é"});
        let text = format!("{value}\n");
        let shown = escaped_json(&text);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        assert!(!shown.trim_end().chars().any(is_hidden), "{shown}");
    }

    #[test]
    fn no_control_is_shown() {
        let controls = (0..=0x10_ffff).filter_map(char::from_u32).filter(|character| character.is_control());
        for character in controls {
            assert!(is_hidden(character) && !escaped(&character.to_string()).chars().any(char::is_control));
        }
    }

    #[test]
    fn visible_is_what_needs_nothing_else() {
        for text in ["a", " . ", "é", "🚀", "\u{200b}x", "\u{e000}"] {
            assert!(has_visible(text), "{text:?}");
        }
        for text in
            ["", " ", "\u{200b}", "\u{2060}\u{feff}", "\u{301}", "\u{3164}", "\u{a0}\u{3000}", "\u{e0041}", "\u{fe0f}"]
        {
            assert!(!has_visible(text), "{text:?}");
        }
    }
}
