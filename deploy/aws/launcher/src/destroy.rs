//! Removing every trace.

use std::io::{IsTerminal, Write, stderr, stdin};
use std::time::Duration;

use tokio::time::Instant;

use crate::DONE;
use crate::advice::Failure;
use crate::arguments::Arguments;
use crate::files::Files;
use crate::launch::again;
use crate::progress::Progress;
use crate::session::Session;
use crate::template::{TAG, in_words};

/// How long AWS may go on listing what it has removed.
const PATIENCE: Duration = Duration::from_secs(180);

/// What of a stack is told when it was removed.
const THINGS: [&str; 11] = [
    "Machine",
    "Data",
    "TokenSecret",
    "Address",
    "Interface",
    "Firewall",
    "Subnet",
    "Routes",
    "Gateway",
    "Network",
    "Role",
];

/// Removes the stack, what it leaves behind, and the files here; says what was removed, and looks whether anything is left.
pub async fn destroy(arguments: &Arguments) -> Result<u8, Failure> {
    let session = Session::open(arguments).await?;
    let name = &arguments.name;
    let files = Files::of(&arguments.folder()?, &session.account, &session.region, name);
    let found = session.find_stack(name).await?;
    let stacks = match &found {
        Some(stack) => {
            stack.must_be_ours(name)?;
            vec![stack.id.clone()]
        }
        // A run before this one may have been stopped behind the stack's removal.
        None => session.removed_stacks(name).await?,
    };
    let mut resources = Vec::new();
    for id in &stacks {
        resources.extend(session.resources_of(id).await?);
    }
    confirm(arguments, &session, found.is_some())?;
    let mut removed = Vec::new();
    if let Some(stack) = &found {
        session.delete_stack(&stack.id).await?;
        let progress = Progress::new("removing", resources.len());
        match session.wait_for_stack(&stack.id, &progress).await? {
            Some(stack) if stack.status != "DELETE_COMPLETE" => {
                let failure = session.why_failed(&stack).await;
                let advice =
                    format!("cure the reason, and run steps-launcher {} --destroy again", again(arguments, &session));
                return Err(Failure { advice, ..failure });
            }
            _ => {
                // The rest only ties these together.
                let things = resources.iter().filter(|(name, _)| THINGS.contains(&name.as_str()));
                removed.extend(things.map(|(name, id)| format!("{}: {id}", in_words(name))));
            }
        }
    }
    let ids_of = |kind: &'static str| resources.iter().filter(move |(name, _)| name == kind).map(|(_, id)| id);
    for volume in ids_of("Data") {
        for snapshot in session.snapshots(volume).await? {
            if arguments.keep_data {
                println!("kept: the data: {snapshot}; launch with --snapshot {snapshot} to go on with it");
            } else {
                session.delete_snapshot(&snapshot).await?;
                removed.push(format!("the snapshot of the data: {snapshot}"));
            }
        }
    }
    for secret in ids_of("TokenSecret") {
        if session.delete_secret(secret).await? {
            removed.push(format!("the secret that the stack had left: {secret}"));
        }
    }
    removed.extend(files.remove()?.iter().map(|path| path.display().to_string()));
    for one in &removed {
        println!("removed: {one}");
    }
    verify(&session, name, arguments.keep_data).await?;
    println!("nothing is left that has the tag {TAG}={name}");
    Ok(DONE)
}

/// Asks whether it is meant, where nothing has said so.
fn confirm(arguments: &Arguments, session: &Session, is_there: bool) -> Result<(), Failure> {
    if arguments.yes || !is_there {
        return Ok(());
    }
    let name = &arguments.name;
    if !stdin().is_terminal() {
        let what = "--destroy asks before it removes anything, and nobody is there to answer";
        return Err(Failure::new(what, "add --yes").usage());
    }
    let data = if arguments.keep_data { "a snapshot of its data stays" } else { "its data too" };
    eprint!("Remove the machine {name} in {} of account {}, {data}? Type its name: ", session.region, session.account);
    let mut answer = String::new();
    let read = stderr().flush().and_then(|()| stdin().read_line(&mut answer));
    if read.is_ok() && answer.trim() == name {
        return Ok(());
    }
    Err(Failure::new("nothing was removed", "type the name of the stack to remove it").usage())
}

/// Waits until nothing has the tag.
async fn verify(session: &Session, name: &str, keep_data: bool) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    let progress = Progress::new("removing", 0);
    loop {
        let mut left = Vec::new();
        for arn in session.tagged(TAG, name).await? {
            if (keep_data && arn.contains(":snapshot/")) || is_gone(session, &arn).await? {
                continue;
            }
            left.push(arn);
        }
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let what = format!("still there:\n    {}", left.join("\n    "));
            return Err(Failure::new(what, "run --destroy again in some minutes; remove by hand what is there then"));
        }
        progress.doing(&format!("waiting until AWS no longer lists {}", left.join(", ")));
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

/// AWS lists a machine for about an hour after its end.
async fn is_gone(session: &Session, arn: &str) -> Result<bool, Failure> {
    match arn.split_once(":instance/") {
        Some((_, machine)) => Ok(session
            .machine_state(machine)
            .await?
            .is_none_or(|state| state == "terminated" || state == "shutting-down")),
        None => Ok(false),
    }
}
