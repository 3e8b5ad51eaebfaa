//! What a caller needs to be answered.

use steps_shared::Scope;

/// What a caller needs for an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing; nobody is asked who they are.
    Nothing,
    /// To be known, or to be let in without.
    Caller,
    /// All of these scopes.
    Scopes(&'static [Scope]),
}

pub const NOTHING: Needs = Needs::Nothing;
pub const CALLER: Needs = Needs::Caller;
pub const RECORD: Needs = Needs::Scopes(&[Scope::Record]);
pub const READ: Needs = Needs::Scopes(&[Scope::Read]);
pub const RECORD_AND_READ: Needs = Needs::Scopes(&[Scope::Record, Scope::Read]);
pub const ADMIN: Needs = Needs::Scopes(&[Scope::Admin]);
