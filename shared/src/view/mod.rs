//! From answers to geometry and words: what a terminal and a page show alike.
//!
//! Everything here is a pure function of an answer of the server: rows and bars as shares of a whole, levels, axes, points,
//! cells, and sentences whose parts have a [`Meaning`]. Which characters, colours or elements show them is up to whoever
//! paints them: there is no terminal, no HTML, no colour and no width here.

pub mod axis;
pub mod chart;
pub mod check;
pub mod comparison;
pub mod deployments;
pub mod events;
pub mod expected;
pub mod gantt;
pub mod live;
pub mod live_bar;
pub mod note;
pub mod notes;
pub mod replay;
pub mod scatter;
pub mod sparkline;
pub mod stacked;
pub mod stats;
pub mod steps;
mod table;
mod text;
pub mod timeline;
pub mod trend;
pub mod trend_tables;
pub mod words;

#[cfg(test)]
mod trend_samples;

pub use table::{Table, TableCell, TableColumn};
pub use text::{Content, Meaning, Sign, Span, Text};
