//! From a step to the server: sending it, keeping what cannot be sent, and delivering that later.

mod aside;
mod beside;
mod deadline;
mod entries;
mod flush;
mod place;
mod sender;
mod spool;
mod spooled_step;

pub use deadline::Deadline;
pub use flush::{Delivery, deliver, deliver_first};
pub use sender::{Recorded, SendResult, Sender, keep};
pub use spool::Spool;
use spooled_step::SpooledStep;

/// Reads bytes as a spool to its end.
#[cfg(test)]
pub fn read_whatever_it_is(bytes: &[u8]) {
    let mut entries = entries::Entries::new(crate::campaign_tests::file(bytes), bytes.len() as u64);
    let mut whole = 0;
    while let Some(entry) = entries.next_entry().unwrap() {
        whole += entry.length;
        if let Some(step) = SpooledStep::from_line(&entry.bytes) {
            let now = crate::clock::Now::read();
            let _ = (step.id(), step.has_ended(), step.finish(), step.aged(&now), step.waited(&now));
        }
    }
    assert_eq!(whole, bytes.len() as u64, "no byte is left out");
}
