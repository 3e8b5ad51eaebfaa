//! What the program needs before it serves: its flags, its settings, its log, its listener.

mod flags;
pub mod listener;
pub mod log;
pub mod settings;

pub use flags::Args;
pub use settings::Settings;
