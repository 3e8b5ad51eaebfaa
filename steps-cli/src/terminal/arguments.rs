//! What clap says: errors, in which the arguments stand as they were given, and help.

use std::error::Error as _;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};
use steps_shared::escaped;

use super::painted::Painted;

/// The text of clap, in its styles, with the arguments in it escaped.
pub fn painted(mut error: clap::Error) -> Painted {
    let escaped_context: Vec<_> =
        error.context().filter_map(|(kind, value)| Some((kind, escape(kind, value)?))).collect();
    for (kind, value) in escaped_context {
        error.insert(kind, value);
    }
    let mut text = error.render().ansi().to_string();
    // The reason of a parser stands in it as it is.
    if let Some(reason) = error.source().map(ToString::to_string) {
        text = text.replace(&reason, &escaped(&reason));
    }
    let lines = text.split('\n').map(only_styles).collect::<Vec<_>>();
    Painted::of_escaped(lines.join("\n"))
}

/// A value that clap would print as it is; `None` for what has nothing of an argument.
fn escape(kind: ContextKind, value: &ContextValue) -> Option<ContextValue> {
    Some(match value {
        ContextValue::String(text) => ContextValue::String(escaped(text).into_owned()),
        ContextValue::Strings(texts) => {
            ContextValue::Strings(texts.iter().map(|text| escaped(text).into_owned()).collect())
        }
        // A usage names flags and no values.
        ContextValue::StyledStr(text) if kind != ContextKind::Usage => ContextValue::StyledStr(unstyled(text)),
        ContextValue::StyledStrs(texts) => ContextValue::StyledStrs(texts.iter().map(unstyled).collect()),
        _ => return None,
    })
}

/// An advice without its styles: the argument within it may have brought some.
fn unstyled(text: &StyledStr) -> StyledStr {
    let ansi = text.ansi().to_string();
    escaped(&anstream::adapter::strip_str(&ansi).to_string()).into_owned().into()
}

/// A line in which nothing but the sequences of styles (`ESC [ … m`) is left as it is.
fn only_styles(line: &str) -> String {
    let mut pieces = line.split('\u{1b}');
    let mut shown = escaped(pieces.next().unwrap_or_default()).into_owned();
    for piece in pieces {
        let end = piece.strip_prefix('[').and_then(|rest| rest.find(|c: char| !(c.is_ascii_digit() || c == ';')));
        match end.map(|end| piece.split_at(end + 1)) {
            Some((style, rest)) if rest.starts_with('m') => {
                shown += &format!("\u{1b}{style}m{}", escaped(&rest[1..]));
            }
            _ => shown += &format!("\\u{{1b}}{}", escaped(piece)),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::text::unstyled;

    #[test]
    fn nothing_of_an_argument_steers_the_terminal() {
        let hostile = "x\u{1b}[31m\u{1b}]0;title\u{7}\u{202e}\u{9b}2J\n";
        for arguments in [
            &["steps", hostile][..],
            &["steps", "list", hostile],
            &["steps", "list", &format!("--{hostile}")],
            &["steps", "list", "--order", hostile],
            &["steps", "list", "--format", hostile],
            &["steps", "list", "--since", hostile],
            &["steps", "show", "x", hostile],
            &["steps", "import", "--tz", hostile, "x"],
            &["steps", "list", "--limit", hostile],
            &["steps", &format!("lis{hostile}")],
        ] {
            let error = crate::command().try_get_matches_from(arguments).unwrap_err();
            let text = painted(error);
            let plain = unstyled(&text);
            assert!(plain.starts_with("error: "), "{plain}");
            assert!(
                !plain.chars().any(|character| character != '\n' && steps_shared::is_hidden(character)),
                "{plain:?}"
            );
            assert!(!text.as_str().contains("x\u{1b}[31m") && !plain.contains("\u{1b}"), "{text:?}");
            assert!(plain.contains("\\u{1b}]0;title\\u{7}\\u{202e}\\u{9b}2J\\n"), "{plain}");
        }
    }

    #[test]
    fn help_is_as_clap_writes_it() {
        let help = || crate::command().try_get_matches_from(["steps", "list", "--help"]).unwrap_err();
        assert_eq!(painted(help()).as_str(), help().render().ansi().to_string());
        let wrong = || crate::command().try_get_matches_from(["steps", "list", "--order", "up"]).unwrap_err();
        assert_eq!(painted(wrong()).as_str(), wrong().render().ansi().to_string());
    }
}
