//! What the program needs before it serves: its flags, its settings, its log, its listener.

pub mod access;
mod connection;
mod connections;
pub mod descriptors;
mod flags;
pub mod healthcheck;
pub mod listener;
pub mod log;
pub mod otlp;
mod own_answers;
pub mod priority;
pub mod service_manager;
pub mod settings;
mod socket;
mod tls;

pub use connection::Serving;
pub use flags::Args;
pub use settings::Settings;
pub use tls::{Tls, TlsError};
