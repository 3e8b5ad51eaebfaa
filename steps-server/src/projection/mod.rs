//! Deployments, as they follow from the recorded steps: what they are (`fold`, by the words of `statuses`), what is read and
//! written for it (`apply`, `resume`, `difference`), and when (`worker`, `rebuild`); `pack` packs the days that are over.

pub mod apply;
pub mod config;
pub mod difference;
pub mod fold;
mod held;
mod news;
pub mod pack;
pub mod rebuild;
mod resume;
pub mod statuses;
pub mod worker;
