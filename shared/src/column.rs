//! The columns of a list of steps.

use std::fmt;
use std::str::FromStr;

use crate::nearest;

/// A column of a list of steps, in every format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// What is deployed.
    Component,
    /// Which version.
    Version,
    /// Who is responsible.
    Owner,
    /// The phase.
    Status,
    /// When it began: whole seconds in CSV (the old service's form), RFC 3339 in JSON.
    Ts,
    /// Where to.
    Environment,
    /// The CI run.
    Run,
    /// The identity.
    Id,
    /// When it began: RFC 3339 with microseconds, in every format.
    StartedAt,
}

impl Column {
    /// All of them, in the order of a CSV export. The first five are the old service's.
    pub const ALL: [Self; 9] = [
        Self::Component,
        Self::Version,
        Self::Owner,
        Self::Status,
        Self::Ts,
        Self::Environment,
        Self::Run,
        Self::Id,
        Self::StartedAt,
    ];

    /// The members of a step in JSON, unless columns are chosen: `ts` is exact there already.
    pub const JSON: [Self; 8] =
        [Self::Id, Self::Component, Self::Environment, Self::Version, Self::Owner, Self::Status, Self::Ts, Self::Run];

    /// As it is written in a header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Component => "component",
            Self::Version => "version",
            Self::Owner => "owner",
            Self::Status => "status",
            Self::Ts => "ts",
            Self::Environment => "environment",
            Self::Run => "run",
            Self::Id => "id",
            Self::StartedAt => "started_at",
        }
    }
}

impl FromStr for Column {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name);
        Self::ALL.into_iter().find(|column| column.name() == text).ok_or_else(|| match nearest(text, &names) {
            Some(name) => format!("has no column {text:?}; did you mean {name:?}?"),
            None => format!("has no column {text:?}; there are {}", names.join(", ")),
        })
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
