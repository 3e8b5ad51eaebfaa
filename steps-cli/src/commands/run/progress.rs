//! `--progress`: how far the deployment is, below the output of its command.
//!
//! Whatever goes wrong here, the command and its recording notice nothing: nobody waits for it.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use steps_shared::view::live::begun;
use steps_shared::{EventFilter, NewStep, StepFilter};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::client::{Client, Connection};
use crate::commands::watch::feed::{MESSAGES, feed};
use crate::commands::watch::running::RunningDeployments;
use crate::error::Error;
use crate::terminal::bottom_line::BottomLine;
use crate::terminal::canvas::Glyphs;
use crate::terminal::live::View;

/// How often the line is made anew.
const TICK: Duration = Duration::from_millis(500);

/// After a failure the server is asked again this much later.
const PAUSE: Duration = Duration::from_secs(5);

/// The line below a command, and the deployment that it is of.
#[derive(Debug)]
pub struct ProgressLine {
    line: BottomLine,
    connection: Connection,
    first: NewStep,
    began: Instant,
    glyphs: Glyphs,
}

impl ProgressLine {
    /// Of a deployment whose first step is this; `None` where the standard error is no terminal.
    pub fn begin(connection: &Connection, first: &NewStep, began: Instant) -> Option<Self> {
        let line = BottomLine::begin()?;
        Some(Self { line, connection: connection.clone(), first: first.clone(), began, glyphs: Glyphs::of_locale() })
    }

    /// Shows it for as long as the work takes, and then no more.
    pub async fn beside<T>(self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        let shown = AssertUnwindSafe(self.show()).catch_unwind();
        tokio::select! {
            biased;
            done = &mut work => return done,
            // It panicked: the work goes on without it.
            Err(_) = shown => {}
        }
        drop(self);
        work.await
    }

    async fn show(&self) -> Infallible {
        loop {
            self.draw(None);
            // Where the server is away at the beginning, or refuses, it may be right later.
            let _ = self.follow().await;
            sleep(PAUSE).await;
        }
    }

    async fn follow(&self) -> Result<(), Error> {
        let connection = self.connection.clone();
        let client = spawn_blocking(move || Client::new(&connection)).await;
        let client = client.map_err(|error| Error::Failed(error.to_string()))??;
        let NewStep { component, environment, version, run, .. } = self.first.clone();
        let names = StepFilter {
            component: Some(component),
            environment: Some(environment),
            version: Some(version),
            run,
            ..StepFilter::default()
        };
        let (sender, mut messages) = mpsc::channel(MESSAGES);
        let mut once = None;
        let following = feed(&client, EventFilter { names, event: None }, &mut once, sender);
        tokio::pin!(following);
        let mut running = RunningDeployments::new(&client);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            // The newest of them is this one.
            running.ask(1);
            tokio::select! {
                Some(message) = messages.recv() => running.take(&message),
                failed = &mut following => return failed.map(drop),
                _ = running.answered() => {}
                _ = ticks.tick() => self.draw(Some(&running)),
            }
        }
    }

    fn draw(&self, running: Option<&RunningDeployments<'_>>) {
        let told = running.and_then(|running| running.live().into_iter().next());
        let live = told.unwrap_or_else(|| {
            let NewStep { component, environment, version, .. } = &self.first;
            let elapsed = steps_shared::Duration::from_seconds(self.began.elapsed().as_secs_f64()).unwrap_or_default();
            begun(component, version, environment, elapsed)
        });
        self.line.show(View::draw_line(&live, BottomLine::width(), self.glyphs));
    }
}
