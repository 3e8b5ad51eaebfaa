//! What `steps run` does before it starts its command: whatever is wrong with the recording must not stop that.

use std::time::{Duration, Instant};

use steps_shared::NewStep;

use super::recording::RecordAs;
use crate::client::Connection;
use crate::commands::setup;
use crate::delivery::Spool;
use crate::error::{Error, NEXT_SENTENCE};
use crate::flags::{ConnectionFlags, SpoolFlags, StreamFlags};
use crate::settings::{DEPLOYMENT_VARIABLE, Key, PROJECT_SERVER_VARIABLE, Settings, Stream};

/// The status of a deployment that is a step of another.
const NESTED: &str = "deployment";

/// How the command is run and recorded.
#[derive(Debug)]
pub struct Plan {
    /// Variables that the command has beside ours.
    pub variables: Vec<(&'static str, String)>,
    /// `None` where it cannot be recorded.
    pub recording: Option<RecordingPlan>,
    /// What the user should know; a problem each.
    pub problems: Vec<Error>,
    /// A setting that is a guess.
    pub guess: Option<String>,
}

/// How the command is recorded.
#[derive(Debug)]
pub struct RecordingPlan {
    pub record_as: RecordAs,
    pub connection: Connection,
    /// How long the end may take: what finding out the settings has left of the time-out.
    pub end_limit: Duration,
    pub spool: Option<Spool>,
}

impl Plan {
    /// Reads the settings; without a `status` the command is a whole deployment.
    ///
    /// # Errors
    /// Flags that are wrong. What else is wrong is a problem.
    pub fn new(
        connection: &ConnectionFlags,
        spool: SpoolFlags,
        stream: StreamFlags,
        status: Option<String>,
    ) -> Result<Self, Error> {
        let begun = Instant::now();
        let mut problems = Vec::new();
        let settings = setup::all_settings(connection, &mut problems);
        let mut settings = settings.with_flags(spool.values()).with_flags(stream.values());
        for key in [Key::Timeout, Key::NoSpool, Key::SpoolLimit] {
            if let Err(error) = settings.check(key) {
                if settings.is_flag(key) {
                    return Err(error);
                }
                problems.push(error);
                settings.forget(key);
            }
        }
        let mut stream = settings.stream();
        stream.check_flags([("status", Some(status.clone().unwrap_or_else(|| NESTED.to_owned())))])?;
        let nested = status.is_none() && stream.is_within_deployment();
        if status.is_none() {
            stream = stream.with_run();
        }
        let guess = stream.guess();
        let mut variables: Vec<_> = stream.variables().map(|(name, value)| (name, value.to_owned())).collect();
        let server = match settings.server() {
            Err(error) if settings.is_flag(Key::Server) => return Err(error),
            server => server,
        };
        let recording = server.and_then(|server| {
            let connection = setup::connection_to_record(&settings)?;
            let address = server.as_str().trim_end_matches('/').to_owned();
            if settings.server_of_project().is_some() {
                variables.push((PROJECT_SERVER_VARIABLE, address.clone()));
            }
            variables.push((Key::Server.variable(), address));
            let status = if nested { Some(NESTED.to_owned()) } else { status };
            RecordingPlan::new(&settings, &stream, connection, status, begun)
        });
        let recording = recording.map_err(|error| problems.push(error)).ok();
        if let Some(RecordingPlan { record_as: RecordAs::Deployment(_), .. }) = recording {
            variables.push((DEPLOYMENT_VARIABLE, stream.deployment()));
        }
        Ok(Self { variables, recording, problems, guess })
    }

    /// To run the command without recording it.
    pub fn without_recording(problem: Error) -> Self {
        Self { variables: Vec::new(), recording: None, problems: vec![problem], guess: None }
    }

    /// All problems, in one line.
    pub fn problem(&self) -> Option<String> {
        let problems: Vec<_> =
            self.problems.iter().map(|problem| problem.to_string().replace(NEXT_SENTENCE, "; ")).collect();
        let effect = if self.recording.is_some() { "" } else { "this is not recorded: " };
        (!problems.is_empty()).then(|| format!("{effect}{}", problems.join("; ")))
    }
}

impl RecordingPlan {
    fn new(
        settings: &Settings,
        stream: &Stream,
        connection: Connection,
        status: Option<String>,
        begun: Instant,
    ) -> Result<Self, Error> {
        let step = |status: &str, span: bool| -> Result<NewStep, Error> {
            stream.new_step([("status", Some(status.to_owned())), ("span", span.then(|| "true".to_owned()))])
        };
        let record_as = match status {
            Some(status) => RecordAs::Span(step(&status, true)?),
            None => RecordAs::Deployment(step("started", false)?),
        };
        let timeout = connection.timeout;
        let end_limit = timeout.saturating_sub(begun.elapsed()).max(timeout / 10);
        Ok(Self { record_as, connection, end_limit, spool: setup::spool(settings)? })
    }
}
