//! The settings there are, and their names.

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// Where the server is.
    Server,
    /// How long to wait for it.
    Timeout,
    /// What is deployed.
    Component,
    /// Where to.
    Environment,
    /// Which version.
    Version,
    /// Who is responsible.
    Owner,
    /// The CI run.
    Run,
    /// Where steps wait while the server is away.
    SpoolDir,
    /// How much may wait there.
    SpoolLimit,
    /// Whether nothing waits.
    NoSpool,
    /// When a sprint began.
    SprintStart,
    /// How long each is.
    SprintLength,
    /// The smallest growth in a week that matters.
    MinChange,
}

impl Key {
    /// All of them, in the order `steps config` shows them.
    pub const ALL: [Self; 13] = [
        Self::Server,
        Self::Timeout,
        Self::Component,
        Self::Environment,
        Self::Version,
        Self::Owner,
        Self::Run,
        Self::SpoolDir,
        Self::SpoolLimit,
        Self::NoSpool,
        Self::SprintStart,
        Self::SprintLength,
        Self::MinChange,
    ];

    /// As it is written in a settings file; the flag is `--` and this, with `-` for `_`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Timeout => "timeout",
            Self::Component => "component",
            Self::Environment => "environment",
            Self::Version => "version",
            Self::Owner => "owner",
            Self::Run => "run",
            Self::SpoolDir => "spool_dir",
            Self::SpoolLimit => "spool_limit",
            Self::NoSpool => "no_spool",
            Self::SprintStart => "sprint_start",
            Self::SprintLength => "sprint_length",
            Self::MinChange => "min_change",
        }
    }

    /// Its environment variable.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Server => "STEPS_SERVER",
            Self::Timeout => "STEPS_TIMEOUT",
            Self::Component => "STEPS_COMPONENT",
            Self::Environment => "STEPS_ENVIRONMENT",
            Self::Version => "STEPS_VERSION",
            Self::Owner => "STEPS_OWNER",
            Self::Run => "STEPS_RUN",
            Self::SpoolDir => "STEPS_SPOOL_DIR",
            Self::SpoolLimit => "STEPS_SPOOL_LIMIT",
            Self::NoSpool => "STEPS_NO_SPOOL",
            Self::SprintStart => "STEPS_SPRINT_START",
            Self::SprintLength => "STEPS_SPRINT_LENGTH",
            Self::MinChange => "STEPS_MIN_CHANGE",
        }
    }

    /// How it can be given.
    pub fn ways(self) -> String {
        let (name, variable) = (self.name(), self.variable());
        format!("give --{name}, set {variable}, or write {name} = \"…\" in .steps.toml")
    }
}
