//! From a step to the server: sending it, keeping what cannot be delivered, and delivering that later.

mod entry;
mod flush;
mod send;
mod spool;

pub use entry::Entry;
pub use flush::{Delivery, deliver};
pub use send::{Asked, Sender, Sent};
pub use spool::Spool;
