//! The HTTP API: which endpoints there are, what their requests say, and what is answered.

mod activity;
mod answering;
mod auth;
mod badge;
mod body;
mod client;
mod context;
mod endpoints;
mod export;
mod fields;
mod handlers;
mod head;
mod limits;
mod needs;
pub mod openapi;
mod page;
mod problem;
mod query;
mod received;
mod request;
mod request_id;
mod security_headers;
mod service;
mod session;
mod trace;

#[cfg(test)]
pub use activity::Exchange;
pub use activity::{Activity, Doing, LEAST_SPEED};
pub use client::{Front, Network};
pub use context::Context;
pub use head::{HEAD_BYTES, MAX_HEADERS};
pub use limits::Limits;
pub use received::Received;
pub use service::{answer, answer_no_request, answer_without_tls, service};
pub use trace::{RequestSpan, Span, Traces, What};
