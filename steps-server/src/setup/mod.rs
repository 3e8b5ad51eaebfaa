//! What the program needs before it serves: its settings, its log, its listener.

mod gathered_log;
pub mod listener;
pub mod log;
pub mod settings;
