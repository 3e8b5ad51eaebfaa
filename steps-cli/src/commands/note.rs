//! `steps note`.

use steps_shared::view::words::dates;
use steps_shared::{Component, Environment, NewNote, Note, NoteText, StepId};

use super::exclude::owner;
use super::setup;
use crate::client::{Client, block_on};
use crate::clock;
use crate::error::Error;
use crate::flags::{ConnectionFlags, TypedTime, ZoneFlags};
use crate::settings::Key;
use crate::terminal;

/// The flags of `steps note`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  steps note checkout 'moved to the new cluster'
  steps note checkout 'few runners' --at 2026-11-02 --until 2026-11-05
  steps notes checkout
  steps note --remove 0197a000-0000-7000-8000-00000000000a

A note is marked on the chart of 'steps trend', and a change of the level beside it names it: one that is between the \
deployments before and after the change, or within a day of them. It changes no figure. The reason of a jump is seldom known \
by its deployments: a new cluster, a cache that was full, a holiday."
)]
pub struct Args {
    /// What it is about
    #[arg(value_name = "COMPONENT", required_unless_present = "remove")]
    component: Option<Component>,
    /// What is known, in a few words: at most 255 characters
    #[arg(value_name = "TEXT", required_unless_present = "remove")]
    text: Option<NoteText>,
    /// When it was, or began: 2026-01-05 09:30, yesterday, monday 10:30, or a span back from now such
    /// as 2h [default: now]
    #[arg(long, value_name = "TIME", conflicts_with = "remove")]
    at: Option<TypedTime>,
    /// When it ended, or will end; without it the note is of a moment
    #[arg(long, value_name = "TIME", conflicts_with = "remove")]
    until: Option<TypedTime>,
    /// Only in this environment [default: in all of them]
    #[arg(long, value_name = "NAME", conflicts_with = "remove")]
    environment: Option<Environment>,
    /// Who says so [env: STEPS_OWNER] [default: the CI's user, else git's user.name, else the login]
    #[arg(long, value_name = "NAME", conflicts_with = "remove")]
    owner: Option<String>,
    /// The note's id, a UUID; recording the same id again changes nothing [default: a new one]
    #[arg(long, value_name = "UUID", conflicts_with = "remove")]
    id: Option<StepId>,
    /// Remove the note with this id, which 'steps notes' lists
    #[arg(long, value_name = "ID", conflicts_with_all = ["component", "text"])]
    remove: Option<StepId>,
    #[command(flatten)]
    zone: ZoneFlags,
}

/// Records a note, or removes one.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let Args { component, text, at, until, environment, owner: given, id, remove, zone } = args;
    let settings = setup::settings(connection)?.with_flags([(Key::Owner, given), (Key::Tz, zone.tz)]);
    if let Some(id) = remove {
        let client = setup::client(&settings)?;
        block_on(client.remove_note(id))?;
        return terminal::say(format!("removed the note {id}"));
    }
    let (Some(component), Some(text)) = (component, text) else {
        return Err(Error::Usage("a note needs a component and a text".to_owned()));
    };
    let (zone, now) = (settings.zone()?, clock::now());
    let at = at.map(|at| at.bound("--at", zone)).transpose()?.map(|at| at.start(now)).transpose();
    let at = at.map_err(|error| Error::Usage(format!("--at {error}")))?;
    let until = until.map(|until| until.bound("--until", zone)).transpose()?.map(|until| until.end(now)).transpose();
    let until = until.map_err(|error| Error::Usage(format!("--until {error}")))?;
    if let (Some(at), Some(until)) = (at, until)
        && until < at
    {
        return Err(Error::Usage(format!("--until ({until}) is before --at ({at})")));
    }
    // With an id of its own it can be sent more than once, and is recorded once.
    let id = Some(id.unwrap_or_else(StepId::generate));
    let new = NewNote { id, component, environment, text, at, until, owner: owner(&settings)? };
    let client = setup::client(&settings)?;
    let (is_new, note) = block_on(record(&client, &new))?;
    terminal::say(sentence(is_new, &note))
}

async fn record(client: &Client, new: &NewNote) -> Result<(bool, Note), Error> {
    match client.note(new).await {
        Err(error) if error.transient => Ok(client.note(new).await?),
        noted => Ok(noted?),
    }
}

fn sentence(is_new: bool, note: &Note) -> String {
    let Note { id, component, environment, text, at, until, owner, .. } = note;
    let done = if is_new { "noted" } else { "already noted" };
    let environment = environment.as_ref().map_or_else(String::new, |environment| format!(" in {environment}"));
    format!("{done} of {component}{environment} on {} by {owner}: {text} (id {id})", dates(*at, *until))
}
