//! What the program needs before it serves: its flags, its settings, its log, its listener.

pub mod access;
mod connections;
pub mod descriptors;
mod flags;
pub mod listener;
pub mod log;
pub mod settings;
mod socket;

pub use flags::Args;
pub use settings::Settings;
