//! The HTTP API: which endpoints there are, what their requests say, and what is answered.

mod body;
mod context;
mod endpoints;
mod export;
mod fields;
mod handlers;
mod problem;
mod query;
mod request;
mod request_id;
mod service;

pub use context::Context;
pub use service::{answer, service};
