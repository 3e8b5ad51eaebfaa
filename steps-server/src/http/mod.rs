//! The HTTP API: which endpoints there are, what their requests say, and what is answered.

mod activity;
mod answering;
mod auth;
mod body;
mod context;
mod endpoints;
mod export;
mod fields;
mod handlers;
mod limits;
pub mod openapi;
mod problem;
mod query;
mod received;
mod request;
mod request_id;
mod service;

pub use activity::{Activity, Doing};
pub use context::Context;
pub use limits::Limits;
pub use problem::HEAD_BYTES;
pub use received::Received;
pub use service::{answer, answer_no_request, service};
