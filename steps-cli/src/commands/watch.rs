//! `steps watch`.

pub(super) mod feed;
mod follow;
mod live;
mod once;
pub(super) mod running;

use clap::ValueEnum;
use steps_shared::view::events::Lines;
use steps_shared::{
    Component, DeploymentOutcome, Environment, Event, EventFilter, ListFormat, Owner, Run, StepFilter, Version,
};

use super::{nothing, setup};
use crate::client::{Client, block_on};
use crate::error::Error;
use crate::exit;
use crate::flags::ConnectionFlags;
use crate::terminal;
use crate::terminal::painted::Painted;

use follow::{Next, follow};
use once::Once;

/// The flags of `steps watch`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  steps watch                              # everything, as it happens
  steps watch checkout --environment production
  steps watch checkout --version 4.2.0 --once && ./announce.sh
  timeout 30m steps watch checkout --once  # for half an hour at most
  steps watch --format text                # lines, also on a terminal
  steps watch --format jsonl | jq .data

On a terminal it shows what is running: each deployment with its steps to scale, and how much longer it takes. What has ended \
scrolls up. q, Esc and Ctrl-C end it (130). What it changes of the terminal is put back, whatever ends it.

In a pipe or a file, and with --format, it writes a line for each step, and one for the end of each deployment. It begins now and \
goes on until it is stopped; where the connection breaks, it goes on behind the last event that came.

With --once it ends with the first deployment that ends: one that is running now or begins later. With --version or --run \
that is the newest one of them, also if it has ended already. The exit code is 0 when it succeeded, and 1 when it failed, was \
cancelled or was abandoned.

All filters must hold. They come from flags alone, never from STEPS_* variables or settings files."
)]
pub struct Args {
    /// Only this component
    #[arg(value_name = "COMPONENT")]
    component: Option<Component>,
    /// Only this environment
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    environment: Option<Environment>,
    /// Only this version
    #[arg(long, value_name = "VERSION", help_heading = "Filters")]
    version: Option<Version>,
    /// Only this owner
    #[arg(long, value_name = "NAME", help_heading = "Filters")]
    owner: Option<Owner>,
    /// Only this CI run
    #[arg(long, value_name = "RUN", help_heading = "Filters")]
    run: Option<Run>,
    /// End with the first deployment that ends: 0 when it succeeded, else 1
    #[arg(long)]
    once: bool,
    /// Write events as lines: text for people, jsonl for programs [default: a live view on a terminal, text when piped]
    #[arg(long, value_name = "FORMAT")]
    format: Option<WatchFormat>,
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WatchFormat {
    /// A line in words.
    Text,
    /// A JSON object a line.
    Jsonl,
}

/// Watches until a deployment has ended, with `--once`, or for ever.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<u8, Error> {
    let Args { component, environment, version, owner, run, once, format } = args;
    let names = StepFilter { component, environment, version, owner, run, ..StepFilter::default() };
    let filter = EventFilter { names, event: None };
    let client = setup::client(&setup::settings(connection)?)?;
    let once = once.then(|| Once::new(&filter));
    block_on(async {
        // What is watched may be the first of its name; it may be mistyped, too.
        nothing::never_recorded(&client, &filter.names).await.iter().for_each(terminal::note);
        match format {
            None if live::is_possible() => live::show(&client, filter, once).await,
            format => {
                let shown = Shown { format: format.unwrap_or(WatchFormat::Text), lines: Lines::default() };
                lines(&client, filter, once, shown).await
            }
        }
    })
}

/// Writes a line for each event.
async fn lines(client: &Client, filter: EventFilter, mut once: Option<Once>, mut shown: Shown) -> Result<u8, Error> {
    let outcome = follow(client, filter, async |next| match next {
        Next::Listed(now) => match &mut once {
            Some(once) => {
                let Some(ended) = once.look(client, now).await? else { return Ok(None) };
                let outcome = ended.outcome;
                // It has no event of its own any more, and so no id; a line says it all the same.
                if shown.format == WatchFormat::Text {
                    shown.show("", &Event::Deployment(ended.into()))?;
                }
                Ok(Some(outcome))
            }
            None => Ok(None),
        },
        Next::Event(id, event) => {
            shown.show(id, event)?;
            Ok(once.as_mut().and_then(|once| once.outcome(event)))
        }
        Next::Away(reason) => {
            terminal::note(format!("steps: the connection is lost ({reason}); trying again"));
            Ok(None)
        }
        Next::Back => {
            terminal::note("steps: the server is back");
            Ok(None)
        }
    });
    Ok(code(outcome.await?))
}

/// The exit code of the outcome that was waited for.
fn code(outcome: DeploymentOutcome) -> u8 {
    if outcome == DeploymentOutcome::Succeeded { exit::DONE } else { exit::FAILED }
}

/// What was shown.
#[derive(Debug)]
struct Shown {
    format: WatchFormat,
    lines: Lines,
}

impl Shown {
    fn show(&mut self, id: &str, event: &Event) -> Result<(), Error> {
        match self.format {
            WatchFormat::Jsonl => {
                let unwritable = |error: serde_json::Error| Error::Failed(format!("cannot write an event: {error}"));
                let (id, data) =
                    serde_json::to_string(id).and_then(|id| Ok((id, event.json()?))).map_err(unwritable)?;
                let line = format!("{{\"event\":\"{}\",\"id\":{id},\"data\":{data}}}", event.kind());
                terminal::print_data(format!("{line}\n").as_bytes(), ListFormat::Jsonl)
            }
            WatchFormat::Text => match self.lines.line(event) {
                Some(line) => terminal::show(Painted::plain(line).ended()),
                None => Ok(()),
            },
        }
    }
}
