//! What the server does: it records, and answers questions. Knows neither HTTP nor SQL.

pub mod checks;
mod commit;
pub mod fact;
pub mod recorder;
pub mod state;
pub mod trends;
