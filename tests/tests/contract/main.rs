//! What clients count on: the description of the API, what is printed, the README, and the layers behind it.

mod description;
mod layers;
mod manual_pages;
mod readme;
mod snapshot_api;
mod snapshot_commands;
mod snapshot_errors;
