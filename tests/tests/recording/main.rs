//! From a deploy hook to the database: recording, importing, and what waits in the spool.

mod batch;
mod cli;
mod hooks;
mod import;
mod import_files;
mod record;
mod roundtrip;
mod run;
mod run_deployments;
mod run_signals;
mod run_whatever;
mod seed_compatibility;
mod spool;
mod spool_elsewhere;
mod spool_places;
mod spool_rules;
