//! The names of the settings.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    Server,
    Timeout,
    CaFile,
    Component,
    Environment,
    Version,
    Owner,
    Run,
    Attempt,
    SpoolDir,
    SpoolLimit,
    NoSpool,
    SprintStart,
    SprintLength,
    MinChange,
    Tz,
}

impl Key {
    /// In the order of `steps config`.
    pub const ALL: [Self; 16] = [
        Self::Server,
        Self::Timeout,
        Self::CaFile,
        Self::Component,
        Self::Environment,
        Self::Version,
        Self::Owner,
        Self::Run,
        Self::Attempt,
        Self::SpoolDir,
        Self::SpoolLimit,
        Self::NoSpool,
        Self::SprintStart,
        Self::SprintLength,
        Self::MinChange,
        Self::Tz,
    ];

    /// The key in a settings file. The flag is the same with `-` for `_`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Timeout => "timeout",
            Self::CaFile => "ca_file",
            Self::Component => "component",
            Self::Environment => "environment",
            Self::Version => "version",
            Self::Owner => "owner",
            Self::Run => "run",
            Self::Attempt => "attempt",
            Self::SpoolDir => "spool_dir",
            Self::SpoolLimit => "spool_limit",
            Self::NoSpool => "no_spool",
            Self::SprintStart => "sprint_start",
            Self::SprintLength => "sprint_length",
            Self::MinChange => "min_change",
            Self::Tz => "tz",
        }
    }

    pub fn variable(self) -> &'static str {
        match self {
            Self::Server => "STEPS_SERVER",
            Self::Timeout => "STEPS_TIMEOUT",
            Self::CaFile => "STEPS_CA_FILE",
            Self::Component => "STEPS_COMPONENT",
            Self::Environment => "STEPS_ENVIRONMENT",
            Self::Version => "STEPS_VERSION",
            Self::Owner => "STEPS_OWNER",
            Self::Run => "STEPS_RUN",
            Self::Attempt => "STEPS_ATTEMPT",
            Self::SpoolDir => "STEPS_SPOOL_DIR",
            Self::SpoolLimit => "STEPS_SPOOL_LIMIT",
            Self::NoSpool => "STEPS_NO_SPOOL",
            Self::SprintStart => "STEPS_SPRINT_START",
            Self::SprintLength => "STEPS_SPRINT_LENGTH",
            Self::MinChange => "STEPS_MIN_CHANGE",
            Self::Tz => "STEPS_TZ",
        }
    }

    /// Whether a project's file may give it: names, and nothing that says where or how anything is read, kept or awaited.
    pub fn is_for_projects(self) -> bool {
        matches!(self, Self::Server | Self::Component | Self::Environment | Self::Version | Self::Owner | Self::Run)
    }

    /// Whether it says which deployment a step belongs to.
    pub fn is_of_stream(self) -> bool {
        matches!(self, Self::Component | Self::Environment | Self::Version | Self::Owner | Self::Run | Self::Attempt)
    }

    /// The ways to give it, for messages.
    pub fn ways(self) -> String {
        let (name, variable) = (self.name(), self.variable());
        format!("give --{name}, set {variable}, or write {name} = \"…\" in .steps.toml")
    }
}
