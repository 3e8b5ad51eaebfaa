//! What the program needs before it serves: its settings, its log, its listener.

pub mod listener;
pub mod log;
pub mod settings;
