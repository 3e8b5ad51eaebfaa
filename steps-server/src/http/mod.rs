//! The HTTP API: which endpoints there are, what their requests say, and what is answered.

pub mod endpoints;
pub mod export;
pub mod handlers;
pub mod problem;
mod request_id;
