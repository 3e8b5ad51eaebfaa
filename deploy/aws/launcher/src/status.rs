//! How the machine is.

use crate::advice::Failure;
use crate::arguments::Arguments;
use crate::files::Files;
use crate::launch::{again, reach};
use crate::session::Session;
use crate::{ABSENT, DONE, FAILED};

/// Says how the stack, the machine and the server are.
pub async fn status(arguments: &Arguments) -> Result<u8, Failure> {
    let session = Session::open(arguments).await?;
    let name = &arguments.name;
    let Some(stack) = session.find_stack(name).await? else {
        println!("stack: there is no stack {name} in {} of account {}", session.region, session.account);
        return Ok(ABSENT);
    };
    stack.must_be_ours(name)?;
    println!("stack: {name} is {}", stack.status);
    if !stack.is_complete() {
        if !stack.is_moving() {
            println!("{}", session.why_failed(&stack).await);
        }
        return Ok(FAILED);
    }
    let machine = stack.output("MachineId")?;
    let state = session.machine_state(machine).await?;
    println!("machine: {machine} is {}", state.as_deref().unwrap_or("gone"));
    println!("data: {}", stack.output("VolumeId")?);
    let files = Files::of(&arguments.folder()?, &session.account, &session.region, name);
    match reach(&session, &stack, &files).await?.ready().await {
        Ok(()) => {
            println!("server: {} is ready", stack.output("Url")?);
            Ok(DONE)
        }
        Err(reason) => {
            println!("server: {} does not answer: {reason}", stack.output("Url")?);
            println!("  to do: wait for a machine that starts; else steps-launcher {}", again(arguments, &session));
            Ok(FAILED)
        }
    }
}
