//! The server as its operator knows it: starting, stopping, copies, upgrades, MySQL.

mod doctor;
mod healthcheck;
mod maintenance;
mod mysql;
mod restore;
mod server;
mod service_manager;
mod upgrade;
