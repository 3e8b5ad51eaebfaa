//! Trends: how the durations of a series of deployments grow, what makes them, and whether they are within a budget. Pure:
//! no I/O, no clock. What has to be read for it is in `app`.

pub mod budget;
pub mod cause;
pub mod changes;
pub mod comparison;
pub mod conclusion;
pub mod critical_path;
pub mod discovery;
pub mod growth;
pub mod model;
mod parts;
pub mod periods;
mod recent;
pub mod remaining;
pub mod sequential;
pub mod series;
pub mod statistics;
pub mod truth;
pub mod usual;

pub use budget::{Budgets, Lookback};
pub use cause::{Cost, cause};
pub use changes::Changed;
pub use conclusion::{Conclusion, conclude};
pub use critical_path::{Interval, shares};
pub use growth::is_enough;
pub use periods::periods;
pub use series::{Timed, ends};
