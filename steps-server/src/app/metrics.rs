//! Figures for whoever operates the server. The number of series is bounded, whatever names are recorded.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use steps_shared::Deployment;

/// Upper bounds, in seconds: of requests, and of commits.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Upper bounds of how many facts a commit has.
const FACTS: [f64; 11] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 10_000.0];
/// Upper bounds, in seconds, of how long steps have waited until they were committed: with their clients, and here.
const WAITED: [f64; 9] = [0.01, 0.1, 1.0, 5.0, 30.0, 300.0, 3600.0, 21_600.0, 86_400.0];

/// What was counted and measured since the start, and what is told of the moment in which it is asked for.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<OperationLabels, Histogram, fn() -> Histogram>,
    commit_seconds: Histogram,
    commit_facts: Histogram,
    commit_waited: Histogram,
    errors: Family<ErrorLabels, Counter>,
    questions: Family<SourceLabels, Counter>,
    pub(super) now: Moment,
}

/// What is read when somebody asks.
#[derive(Debug, Default)]
pub(super) struct Moment {
    pub queue: Gauge,
    pub queue_limit: Gauge,
    pub recording_blocked: Gauge,
    pub database_up: Gauge,
    pub waiting_changes: Gauge,
    pub lag: Gauge<f64, AtomicU64>,
    pub readers: Gauge,
    pub readers_limit: Gauge,
    pub running: Gauge,
    pub names_left_out: Gauge,
    ended_at: Family<NameLabels, Gauge<f64, AtomicU64>>,
    took: Family<NameLabels, Gauge<f64, AtomicU64>>,
    succeeded: Family<NameLabels, Gauge>,
}

/// What the database was asked for when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Recording,
    Reading,
    Folding,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: &'static str,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    work: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    from: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NameLabels {
    component: String,
    environment: String,
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(SECONDS);
        let mut metrics = Self {
            registry: Registry::with_prefix("steps"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            commit_seconds: Histogram::new(SECONDS),
            commit_facts: Histogram::new(FACTS),
            commit_waited: Histogram::new(WAITED),
            errors: Family::default(),
            questions: Family::default(),
            now: Moment::default(),
        };
        for work in [Work::Recording, Work::Reading, Work::Folding] {
            drop(metrics.errors.get_or_create(&work.labels()));
        }
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let Self {
            registry,
            requests,
            request_seconds,
            commit_seconds,
            commit_facts,
            commit_waited,
            errors,
            questions,
            now,
        } = self;
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Which version it is", version);
        registry.register("requests", "Requests answered, by operation and class of status", requests.clone());
        let help = "Seconds until the head of an answer was ready, by operation";
        registry.register("request_duration_seconds", help, request_seconds.clone());
        registry.register(
            "recording_queue_facts",
            "Steps and ends of spans that wait to be committed",
            now.queue.clone(),
        );
        registry.register(
            "recording_queue_limit_facts",
            "How many may wait; more are answered 503",
            now.queue_limit.clone(),
        );
        let help = "1 while the database cannot write, so that recording is answered 503";
        registry.register("recording_blocked", help, now.recording_blocked.clone());
        registry.register("commit_duration_seconds", "Seconds that a commit took", commit_seconds.clone());
        registry.register("commit_facts", "Steps and ends of spans of a commit", commit_facts.clone());
        let help = "Seconds that the longest waiting step of a commit had waited: with its client, in its spool, and in the queue";
        registry.register("commit_waited_seconds", help, commit_waited.clone());
        registry.register("database_errors", "What the database failed to do, by the work it was for", errors.clone());
        let help = "Reads with a replica configured, by what answered them";
        registry.register("replica_reads", help, questions.clone());
        registry.register("database_up", "Whether the database answers", now.database_up.clone());
        let help = "Recorded changes that are not in the deployments yet";
        registry.register("projection_waiting_changes", help, now.waiting_changes.clone());
        let help = "Seconds since everything was in the deployments; 0 where nothing waits";
        registry.register("projection_lag_seconds", help, now.lag.clone());
        registry.register("event_readers", "Who watches", now.readers.clone());
        registry.register(
            "event_readers_limit",
            "How many may watch; more are answered 503",
            now.readers_limit.clone(),
        );
        registry.register("deployments_running", "Deployments that are running, at most 10,000", now.running.clone());
        let help = "When the last deployment ended, since 1970";
        registry.register("last_deployment_end_timestamp_seconds", help, now.ended_at.clone());
        registry.register(
            "last_deployment_duration_seconds",
            "How long the last deployment took, where it is known",
            now.took.clone(),
        );
        registry.register("last_deployment_succeeded", "Whether the last deployment succeeded", now.succeeded.clone());
        let help = "Components and environments whose last deployment is not told, because there are too many";
        registry.register("last_deployment_left_out", help, now.names_left_out.clone());
    }

    /// Counts an answer: the operation's name, empty where there is none, the status, and how long it took.
    pub fn answered(&self, operation: &'static str, status: u16, took: Duration) {
        let operation = if operation.is_empty() { "none" } else { operation };
        let status = match status {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        self.requests.get_or_create(&RequestLabels { operation, status }).inc();
        self.request_seconds.get_or_create(&OperationLabels { operation }).observe(took.as_secs_f64());
    }

    /// Counts a commit of so many facts, of which the oldest has waited for so long.
    pub(super) fn committed(&self, facts: usize, took: Duration, waited: Option<Duration>) {
        self.commit_seconds.observe(took.as_secs_f64());
        // A commit has a few thousand facts at most.
        self.commit_facts.observe(u32::try_from(facts).map_or(f64::INFINITY, f64::from));
        if let Some(waited) = waited {
            self.commit_waited.observe(waited.as_secs_f64());
        }
    }

    /// Counts a failure of the database.
    pub(super) fn failed(&self, work: Work) {
        self.errors.get_or_create(&work.labels()).inc();
    }

    /// Has counted so many failures of folding since the start.
    pub(super) fn set_folding_failures(&self, failures: u64) {
        raise(&self.errors.get_or_create(&Work::Folding.labels()), failures);
    }

    /// So many questions were answered from the replica since the start, and from the writer instead.
    pub(super) fn set_replica_reads(&self, [replica, writer]: [u64; 2]) {
        for (from, answered) in [("replica", replica), ("writer", writer)] {
            raise(&self.questions.get_or_create(&SourceLabels { from }), answered);
        }
    }

    /// All of it, in the text format of OpenMetrics.
    pub(super) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::with_capacity(16 * 1024);
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Raises a counter to what was counted elsewhere.
fn raise(counter: &Counter, counted: u64) {
    counter.inc_by(counted.saturating_sub(counter.get()));
}

impl Moment {
    /// Tells of these deployments, and of no other.
    pub fn set_last(&self, deployments: &[Deployment]) {
        self.ended_at.clear();
        self.took.clear();
        self.succeeded.clear();
        for deployment in deployments {
            let Some(ended_at) = deployment.ended_at else { continue };
            let labels = NameLabels {
                component: deployment.component.to_string(),
                environment: deployment.environment.to_string(),
            };
            self.ended_at.get_or_create(&labels).set(ended_at.micros() as f64 / 1e6);
            if let Some(duration) = deployment.duration {
                self.took.get_or_create(&labels).set(duration.seconds());
            }
            let succeeded = deployment.outcome == steps_shared::DeploymentOutcome::Succeeded;
            self.succeeded.get_or_create(&labels).set(succeeded.into());
        }
    }
}

impl Work {
    fn labels(self) -> ErrorLabels {
        let work = match self {
            Self::Recording => "recording",
            Self::Reading => "reading",
            Self::Folding => "folding",
        };
        ErrorLabels { work }
    }
}
