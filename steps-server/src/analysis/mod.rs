//! Trends: how the durations of a series of deployments grow, what makes them, and whether they are within a budget. Pure:
//! no I/O, no clock. What has to be read for it is in `app`.

pub mod budget;
pub mod cause;
pub mod changes;
pub mod critical_path;
pub mod growth;
pub mod periods;
pub mod series;
pub mod statistics;

pub use budget::{Budgets, Lookback};
pub use cause::{Cost, cause};
pub use changes::{Changed, changes};
pub use critical_path::{Interval, shares};
pub use growth::{growth, growth_of, is_enough, verdict};
pub use periods::periods;
pub use series::{Timed, ends, fitted};
