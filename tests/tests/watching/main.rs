//! While a deploy runs: events, and the live views.

mod events;
mod events_kill;
mod events_slow;
mod watch_command;
mod watch_terminal;
