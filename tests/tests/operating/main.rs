//! The server as its operator knows it: starting, stopping, copies, upgrades, MySQL.

mod copy;
mod doctor;
mod healthcheck;
mod maintenance;
mod metrics;
mod mysql;
mod restore;
mod server;
mod service_manager;
mod traces;
mod upgrade;
