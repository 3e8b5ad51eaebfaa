//! Waits until what was imported is in the deployments, so that the next question is answered.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use steps_shared::{Projection, ProjectionQuery};

use crate::client::Client;
use crate::terminal;

/// How often the server is asked.
const PAUSE: Duration = Duration::from_millis(200);

/// How long nothing may move before the wait is given up.
const STALLED: Duration = Duration::from_secs(60);

/// How long the wait may be, whatever moves.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Waits until everything that waits now is folded, with a bar. A server that does not tell is not waited for.
pub async fn wait(client: &Client) {
    let Ok(Projection { waiting: all, last: Some(last) }) = client.projection(ProjectionQuery::default()).await else {
        return;
    };
    let progress = ProgressBar::new(all);
    if let Ok(style) = ProgressStyle::with_template("folding into deployments {bar:40} {pos}/{len} {eta} left") {
        progress.set_style(style);
    }
    let begun = Instant::now();
    let (mut least, mut moved) = (all, begun);
    while least > 0 && moved.elapsed() < STALLED && begun.elapsed() < LONGEST {
        tokio::time::sleep(PAUSE).await;
        // A question that fails is asked again.
        if let Ok(Projection { waiting, .. }) = client.projection(ProjectionQuery { until: Some(last) }).await
            && waiting < least
        {
            (least, moved) = (waiting, Instant::now());
            progress.set_position(all - waiting);
        }
    }
    progress.finish_and_clear();
    if least > 0 {
        terminal::note(
            "the server is still folding the steps into deployments; until then some questions are answered later",
        );
    }
}
