//! What others send and write with intent: requests, texts, answers, repositories, spools.

mod answers;
mod git;
mod http_edges;
mod limits;
mod requests;
mod safe_csv;
mod settings;
mod spool;
mod texts;
