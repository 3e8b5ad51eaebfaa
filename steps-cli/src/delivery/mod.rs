//! From a step to the server: sending it, keeping what cannot be sent, and delivering that later.

mod flush;
mod sender;
mod spool;
mod spooled_step;

pub use flush::{Delivery, deliver, deliver_first};
pub use sender::{Recorded, SendResult, Sender};
pub use spool::Spool;
use spooled_step::SpooledStep;
