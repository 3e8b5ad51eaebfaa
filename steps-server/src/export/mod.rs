//! Lists on their way out: from the database's cursor to the socket, in constant memory.

mod accept;
mod layout;
mod stream;
mod text;
mod workbook;

pub use accept::accepted;
pub use layout::Layout;
pub use stream::text;
pub use workbook::{too_long, workbook};
