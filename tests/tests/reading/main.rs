//! What is told of the recorded steps: lists, deployments, figures, growth, verdicts.

mod check;
mod check_command;
mod compare;
mod completions;
mod days;
mod deployments;
mod expected;
mod expected_calibration;
mod figures;
mod list;
mod locks;
mod notes;
mod periods;
mod projection;
mod real_deployments;
mod remembered;
mod show;
mod spans;
mod stats;
mod trend;
mod trend_output;
mod truth;
mod words;
