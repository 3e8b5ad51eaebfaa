//! From a step to the server: sending it, keeping what cannot be sent, and delivering that later.

mod beside;
mod deadline;
mod entries;
mod flush;
mod sender;
mod spool;
mod spooled_step;

pub use deadline::Deadline;
pub use flush::{Delivery, deliver, deliver_first};
pub use sender::{Recorded, SendResult, Sender, keep};
pub use spool::Spool;
use spooled_step::{Now, SpooledStep};
