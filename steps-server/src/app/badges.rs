//! Badges: how long the deployments of a component take, for everybody, where the server says so.

use std::sync::Arc;

use quick_cache::sync::Cache;
use steps_shared::{Component, Environment, Glob, PeriodKind, Trend, TrendQuery};
use tokio::sync::Semaphore;
use tokio::time::{Duration, Instant};

use super::{App, Error};
use crate::store::{Access, Name};

/// How many answers are kept.
const KEPT: usize = 4096;
/// For how long: whoever asks is nobody, and may ask often.
pub const BADGE_AGE: Duration = Duration::from_secs(60);

/// Which components have badges, and what was told of them lately.
#[derive(Debug)]
pub struct Badges {
    of: Vec<Glob>,
    told: Cache<Name, Told>,
    /// One is made after the other: however many strangers ask, what others compute has room.
    turn: Arc<Semaphore>,
}

/// A trend, and when it was so.
type Told = (Instant, Option<Box<Trend>>);

impl Badges {
    pub fn new(of: Vec<Glob>) -> Self {
        Self { of, told: Cache::new(KEPT), turn: Arc::new(Semaphore::new(1)) }
    }

    fn told(&self, of: &Name) -> Option<Option<Box<Trend>>> {
        let (at, told) = self.told.get(of)?;
        (at.elapsed() < BADGE_AGE).then_some(told)
    }
}

impl App {
    /// Whether everybody may see the badge of a component.
    #[must_use]
    pub fn has_badge(&self, component: &Component) -> bool {
        self.badges.of.iter().any(|glob| glob.matches(component.as_str()))
    }

    /// The trend of the last 90 days that a badge shows, as it was within the last minute; `None` where nothing succeeded.
    ///
    /// # Errors
    /// There is no slot to compute, or the database does not answer in time.
    pub async fn badge(&self, component: Component, environment: Environment) -> Result<Option<Box<Trend>>, Error> {
        let key = (component, environment);
        if let Some(told) = self.badges.told(&key) {
            return Ok(told);
        }
        let _turn = self.acquire(&self.badges.turn).await?;
        // It may have been made meanwhile.
        if let Some(told) = self.badges.told(&key) {
            return Ok(told);
        }
        let (component, environment) = (Some(key.0.clone()), Some(key.1.clone()));
        let query = TrendQuery { component, environment, by: PeriodKind::Sprint, ..TrendQuery::default() };
        let trends = self.trends(&Access::Everything, &query).await?.trends;
        let told = trends.into_iter().next().map(|trend| Box::new(Trend { points: None, notes: Vec::new(), ..trend }));
        self.badges.told.insert(key, (Instant::now(), told.clone()));
        Ok(told)
    }
}
