//! What the server does: it records facts and answers questions. Knows neither HTTP nor SQL.

mod badges;
mod caller;
mod checks;
mod commit;
mod comparison;
mod compute;
mod deployments;
mod error;
mod events;
mod exclusions;
mod expected;
mod fact;
mod gate;
mod lists;
mod measuring;
mod metrics;
mod new_tokens;
mod notes;
mod oidc;
mod overview;
mod phases;
mod plots;
mod reading;
mod recorder;
mod recording;
mod remembered;
mod sessions;
mod stats;
mod steps;
mod tokens;
mod trends;
mod writing;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use steps_shared::{Glob, Scopes, Timestamp};
use tokio::task::JoinHandle;

use crate::projection::config::FoldConfig;
use crate::projection::worker::Projector;
use crate::store::Store;

pub use crate::store::{Access, Rows, StoreError};
pub use caller::Caller;
pub use error::Error;
pub use events::EventReader;
pub use fact::Fact;
pub use lists::SHORT_LIST;
pub use metrics::Metrics;
pub use new_tokens::{bootstrap, create as create_token, random_secret};
pub use oidc::{IssuerSettings, Issuers, Refusal as OidcRefusal};
pub use overview::{Neighbours, Running};
pub use phases::{Phase, collect as collect_phases};
pub use plots::{Plotted, SprintSteps};
pub use recorder::RecordError;
pub use recording::LineErrors;
pub use sessions::SessionSecret;
pub use steps::Count;
pub use tokens::{TokenRefusal, Tokens};

use badges::Badges;
use compute::Slots;
use events::Events;
use lists::ListShare;
use recorder::Recorder;
use remembered::Remembered;

/// Records facts and answers questions.
#[derive(Debug)]
pub struct App {
    store: Store,
    recorder: Recorder,
    projector: Projector,
    fold: Arc<FoldConfig>,
    now: fn() -> Timestamp,
    deadline: Duration,
    slots: Slots,
    remembered: Remembered,
    badges: Badges,
    lists: ListShare,
    tokens: Arc<Tokens>,
    issuers: Issuers,
    events: Arc<Events>,
    anonymous: Anonymous,
    /// Who sends no token, where that is enough.
    nobody: Arc<Caller>,
    stopping: AtomicBool,
    metrics: Arc<Metrics>,
    /// The turn to read figures.
    measuring: tokio::sync::Mutex<()>,
}

/// Whether who sends no token may do everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anonymous {
    /// Never.
    Refused,
    /// While there is no token.
    WithoutTokens,
    /// Always.
    Allowed,
}

/// What an [`App`] needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// What each status means, and how long is long.
    pub fold: FoldConfig,
    /// The clock.
    pub now: fn() -> Timestamp,
    /// The most facts that wait to be committed.
    pub queue: u32,
    /// How long a request may wait for the database.
    pub deadline: Duration,
    /// The most connections that read at the same time.
    pub connections: u32,
    /// The issuers whose tokens are accepted beside the server's own.
    pub issuers: Issuers,
    /// Whether who sends no token may do everything.
    pub anonymous: Anonymous,
    /// The most readers of events.
    pub event_readers: u32,
    /// Of which components everybody may see a badge.
    pub badges: Vec<Glob>,
}

impl App {
    /// Starts the recorder and the projector. The task ends, with everything committed, after the app has been dropped.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(store: Store, tokens: Arc<Tokens>, options: Options) -> std::io::Result<(Self, JoinHandle<()>)> {
        let Options { fold, now, queue, deadline, connections, issuers, anonymous, event_readers, badges } = options;
        let fold = Arc::new(fold);
        let projector = Projector::start(store.clone(), Arc::clone(&fold), now)?;
        let metrics: Arc<Metrics> = Arc::default();
        let (recorder, writer) = {
            let metrics = Arc::clone(&metrics);
            Recorder::start(store.clone(), projector.clone(), metrics, recorder::Options { queue, deadline, now })
        };
        let events = Events::start(store.clone(), projector.clone(), fold.events, event_readers);
        let (slots, lists) = (Slots::default(), ListShare::of(connections));
        let stopping = AtomicBool::new(false);
        let nobody = Arc::new(Caller::anonymous(Some(Scopes::all())));
        let app = Self {
            store,
            recorder,
            projector,
            fold,
            now,
            deadline,
            slots,
            remembered: Remembered::default(),
            badges: Badges::new(badges),
            lists,
            tokens,
            issuers,
            events,
            anonymous,
            nobody,
            stopping,
            metrics,
            measuring: tokio::sync::Mutex::default(),
        };
        Ok((app, writer))
    }

    /// The clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// The tokens.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// The issuers of other tokens.
    #[must_use]
    pub fn issuers(&self) -> &Issuers {
        &self.issuers
    }

    /// Whether who sends no token may do everything, whatever tokens there are.
    #[must_use]
    pub fn lets_everybody_in(&self) -> bool {
        self.anonymous == Anonymous::Allowed
    }

    /// Who sends no token, where they may do something; `is_local`: from this machine.
    #[must_use]
    pub fn anonymous(&self, is_local: bool) -> Option<Arc<Caller>> {
        let is_allowed = match self.anonymous {
            Anonymous::Refused => false,
            Anonymous::WithoutTokens => is_local && self.tokens.has_seen_none(),
            Anonymous::Allowed => true,
        };
        is_allowed.then(|| Arc::clone(&self.nobody))
    }

    /// From now on the server is not ready for new work.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.events.stop();
    }
}
