//! Making the machine, or bringing it to what is said.

use std::time::Duration;

use steps_shared::TokenSecret;

use crate::advice::Failure;
use crate::arguments::{Arguments, given};
use crate::examples::examples;
use crate::files::Files;
use crate::machine::{Machine, certificate_of};
use crate::progress::Progress;
use crate::session::Session;
use crate::stack::Stack;
use crate::template::{self, Parameters, TEMPLATE, UPDATE_POLICY};
use crate::{DONE, FAILED};

/// What only a new machine can be given, because another value would be another machine.
const OF_NEW_MACHINES: [(&str, &str); 4] =
    [("KeyName", "--key-name"), ("Zone", "--zone"), ("DataSnapshot", "--snapshot"), ("Architecture", "--architecture")];

/// Makes the stack or updates it, waits until the server answers, and prints what to try.
pub async fn launch(arguments: &Arguments) -> Result<u8, Failure> {
    let session = Session::open(arguments).await?;
    let files = Files::of(&arguments.folder()?, &session.account, &session.region, &arguments.name);
    let progress = Progress::new("making", template::resource_count());
    let mut found = session.find_stack(&arguments.name).await?;
    if let Some(stack) = &found {
        stack.must_be_ours(&arguments.name)?;
        if stack.is_moving() {
            // Another run of this program was stopped in the middle, or still goes on.
            found = session.wait_for_stack(&stack.id, &progress).await?;
        }
    }
    let stack = match found {
        Some(stack) if stack.is_complete() => update(arguments, &session, stack, &progress).await?,
        Some(stack) => return Err(session.why_failed(&stack).await),
        None => create(arguments, &session, &files, &progress).await?,
    };
    let machine = reach(&session, &stack, &files).await?;
    let waited = machine.wait_until_ready(Duration::from_secs(arguments.wait * 60), &progress).await;
    if let Err(failure) = waited {
        let what = format!("{}{}", failure.what, session.console_in_words(stack.output("MachineId")?).await);
        return Err(Failure { what, ..failure });
    }
    machine.prove(stack.uuid()).await?;
    drop(progress);
    print!("{}", examples(stack.output("Url")?, &files, &again(arguments, &session)));
    Ok(DONE)
}

/// Shows the template and what would be said to it.
pub fn dry_run(arguments: &Arguments) -> Result<u8, Failure> {
    let mut parameters = template::said(arguments);
    let package = template::package_url(arguments, architecture_of(&parameters));
    let (folder, _) = package.rsplit_once('/').unwrap_or_default();
    let told = given(arguments.package_sha256.as_ref());
    parameters.insert("PackageSha256", told.map_or_else(|| format!("(what {folder}/SHA256SUMS says)"), str::to_owned));
    parameters.insert("PackageUrl", package);
    parameters.insert("Token", "(made then, and shown nowhere)".to_owned());
    println!("# the stack {}; nothing was asked of AWS", arguments.name);
    for (name, value) in parameters {
        println!("# {name}: {value}");
    }
    println!("# policy of updates: {}", UPDATE_POLICY.replace('\n', ""));
    print!("{TEMPLATE}");
    Ok(DONE)
}

/// Begins the stack and waits for it.
async fn create(
    arguments: &Arguments,
    session: &Session,
    files: &Files,
    progress: &Progress,
) -> Result<Stack, Failure> {
    let mut parameters = template::said(arguments);
    if let Some(key) = parameters.get("KeyName") {
        session.has_key_pair(key).await?;
        if !parameters.contains_key("SshCidr") {
            progress.doing("SSH stays closed: --ssh-from says from where it is let in");
        }
    }
    let package = template::package_url(arguments, architecture_of(&parameters));
    parameters.insert("PackageSha256", template::package_sha256(arguments, &session.http, &package).await?);
    parameters.insert("PackageUrl", package);
    // It is kept before AWS has it: whatever happens from here on, it is not lost.
    let token = match files.read_token()? {
        Some(token) => token,
        None => new_token()?,
    };
    files.write_token(&token)?;
    parameters.insert("Token", token.expose().to_owned());
    let id = session.create_stack(&arguments.name, &parameters).await?;
    finished(session, &id, "CREATE_COMPLETE", progress).await
}

/// Updates the stack where something differs.
async fn update(arguments: &Arguments, session: &Session, stack: Stack, progress: &Progress) -> Result<Stack, Failure> {
    let mut said = template::said(arguments);
    let now = |name: &str| stack.parameters.get(name).map_or("", String::as_str);
    for (name, flag) in OF_NEW_MACHINES {
        if said.get(name).is_some_and(|value| value != now(name)) {
            let what = format!("the machine was made with {flag} {:?}, which cannot change", now(name));
            let advice = format!("leave {flag} out; or --destroy --keep-data, and launch again with --snapshot");
            return Err(Failure::new(what, advice).usage());
        }
    }
    let package = template::package_url(arguments, now("Architecture"));
    if package != now("PackageUrl") || given(arguments.package_sha256.as_ref()).is_some() {
        said.insert("PackageSha256", template::package_sha256(arguments, &session.http, &package).await?);
        said.insert("PackageUrl", package);
    }
    let differs = said.iter().any(|(name, value)| value != now(name));
    if !differs && session.template_of(&stack).await?.trim() == TEMPLATE.trim() {
        return Ok(stack);
    }
    progress.doing("updating the stack");
    // Debian's newest image is another one by now, and would be another machine.
    said.insert("ImageId", stack.output("ImageId")?.to_owned());
    if !session.update_stack(&stack, &arguments.name, &said).await? {
        return Ok(stack);
    }
    finished(session, &stack.id, "UPDATE_COMPLETE", progress).await
}

/// Waits, and says why it failed where it did.
async fn finished(session: &Session, id: &str, wanted: &str, progress: &Progress) -> Result<Stack, Failure> {
    match session.wait_for_stack(id, progress).await? {
        Some(stack) if stack.status == wanted => Ok(stack),
        Some(stack) if stack.is_complete() => {
            let failure = session.why_failed(&stack).await;
            let advice = "the machine is as it was before the update; cure the reason, and run the same command again";
            Err(Failure { advice: advice.to_owned(), ..failure })
        }
        Some(stack) => Err(session.why_failed(&stack).await),
        None => Err(Failure::new("the stack was removed meanwhile", "run the same command again")),
    }
}

/// The server of a stack that is complete. What is kept of it here is written again where it is gone.
pub async fn reach(session: &Session, stack: &Stack, files: &Files) -> Result<Machine, Failure> {
    let token = match files.read_token()? {
        Some(token) => token,
        None => {
            let text = session.secret(stack.output("Secret")?).await?;
            text.trim()
                .parse()
                .map_err(|error| Failure::new(format!("the secret {error}"), "run --destroy, and launch again"))?
        }
    };
    files.write_token(&token)?;
    let certificate = certificate_of(stack.output("Certificate")?).ok_or_else(|| {
        Failure::new("the stack's output Certificate holds no certificate", "run --destroy, and launch again")
    })?;
    files.write_certificate(&certificate)?;
    Machine::new(stack.output("Url")?, token, &certificate)
}

/// The flags that name the same machine again.
pub fn again(arguments: &Arguments, session: &Session) -> String {
    format!("--region {} --name {}", session.region, arguments.name)
}

fn architecture_of(parameters: &Parameters) -> &str {
    parameters.get("Architecture").map_or("arm64", String::as_str)
}

fn new_token() -> Result<TokenSecret, Failure> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|error| {
        Failure::new(format!("no random numbers: {error}"), "run it on another machine").with_code(FAILED)
    })?;
    Ok(TokenSecret::from_bits(bits))
}
