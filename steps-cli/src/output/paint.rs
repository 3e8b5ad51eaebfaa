//! Colours of what is drawn rather than laid out in a table.

use clap::builder::styling::{AnsiColor, Style};

/// How a piece of text stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Not at all.
    Plain,
    /// It matters most.
    Bold,
    /// It matters less.
    Dim,
    /// It ended well.
    Good,
    /// It ended badly.
    Bad,
    /// Something to look at.
    Striking,
    /// It has not ended.
    Open,
}

/// The text in this look, if colours are wanted.
pub fn paint(text: &str, look: Look, colours: bool) -> String {
    let style = match look {
        _ if !colours || text.is_empty() => Style::new(),
        Look::Plain => Style::new(),
        Look::Bold => Style::new().bold(),
        Look::Dim => Style::new().dimmed(),
        Look::Good => AnsiColor::Green.on_default(),
        Look::Bad => AnsiColor::Red.on_default(),
        Look::Striking => AnsiColor::Yellow.on_default(),
        Look::Open => AnsiColor::Cyan.on_default(),
    };
    format!("{style}{text}{style:#}")
}
