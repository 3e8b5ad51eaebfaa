//! Deployments from steps: `fold` computes them, `apply` reads and writes what that takes, `worker` says when.

pub mod apply;
pub mod fold;
pub mod worker;
