//! Deployments, as they follow from the recorded steps: what they are (`fold`, by the words of `statuses`), what is read and written for it (`apply`),
//! and when (`worker`).

pub mod apply;
pub mod fold;
pub mod statuses;
pub mod worker;
