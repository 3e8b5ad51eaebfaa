//! Flags that several subcommands have. They are values only: what they mean for the settings is in `commands/setup.rs`.

mod connection;
mod filters;
mod list;
mod spool;
mod stream;
mod words;

use steps_shared::ListColumn;
use words::Words;

pub use connection::ConnectionFlags;
pub use filters::{DeploymentFilterFlags, FilterFlags, TypedTime, ZoneFlags, bounds, check_bounds};
pub use list::{ListFlags, OutputFlags, check_safe};
pub use spool::SpoolFlags;
pub use stream::StreamFlags;

/// The help of `--columns`, with all their names.
pub fn columns_help<C: ListColumn>() -> String {
    let names: Vec<_> = C::ALL.iter().map(|column| column.name()).collect();
    format!("Only these columns, in this order: {}", names.join(", "))
}

/// Reads one of several names that are separated by commas.
pub fn listed<C: ListColumn + Send + Sync>() -> Words<C> {
    Words::new(C::ALL, C::name, |text| text.trim().parse())
}
