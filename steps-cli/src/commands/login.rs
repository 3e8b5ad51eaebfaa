//! `steps login`.

use steps_shared::{CallerKind, CurrentCaller, TokenSecret};

use super::setup;
use crate::client::{Client, block_on, shown};
use crate::credentials::{Entry, Origin, Store, Token, TokenSource, given, plain_text_warning};
use crate::error::Error;
use crate::flags::ConnectionFlags;
use crate::terminal;
use crate::terminal::secret::ask_secret;

/// The flags of `steps login`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  steps login --server https://steps.example.com
  steps login < token.txt                            # where nobody can type

It asks for the token without showing it, asks the server whether it is right, and stores it for that server alone \
(scheme, host and port) in credentials.toml beside your settings, which only you can read. It is then sent to that server, \
and to no other. A server that only a project's .steps.toml names has to be named with --server.

Exit codes: 0 the token is stored, 1 the server is not reached, 2 it is no token, 3 the server does not accept it.")]
pub struct Args {}

/// Asks for a token, checks it and stores it.
pub fn run(Args {}: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let settings = setup::settings(connection)?;
    let server = settings.server()?;
    if let Some(source) = settings.server_of_project() {
        let server = shown(&server);
        return Err(Error::Usage(format!(
            "only {source} names the server {server}; if you trust it with a token: steps login --server {server}"
        )));
    }
    if !server.username().is_empty() || server.password().is_some() {
        return Err(Error::Usage("a server whose address has a user is sent that user, and no token".to_owned()));
    }
    let origin = Origin::of(&server);
    let secret = ask_secret(&format!("Token for {origin}: "))?;
    let secret = secret.trim();
    if secret.is_empty() {
        let advice = "type the token, or give it on the standard input: steps login < token.txt";
        return Err(Error::Usage(format!("nothing was entered; {advice}")));
    }
    secret.parse::<TokenSecret>().map_err(|error| Error::Usage(format!("what was entered {error}")))?;
    let secret = secret.parse().map_err(|reason| Error::Usage(format!("what was entered cannot be used: {reason}")))?;
    plain_text_warning(&server).iter().for_each(terminal::note);
    let token = Token { secret, source: TokenSource::Entered };
    let secret = token.secret.clone();
    let client = Client::new(&setup::connection(&settings, server, Some(token))?)?;
    let CurrentCaller { kind, name, scopes, .. } = block_on(async { Ok(client.current_caller().await?) })?;
    if kind == CallerKind::Anonymous {
        return Err(Error::Failed(format!("{origin} does not say whose token this is, so that it is not stored")));
    }
    Store::put(Entry { url: origin.as_str().to_owned(), name: name.clone(), token: secret })?;
    // Steps may wait because there was no token.
    if let Some(spool) = setup::spool(&settings)? {
        spool.clear_away();
    }
    if let Some(source) = given(&settings) {
        terminal::note(format!("steps: {source} is set, and stays in use before what is stored"));
    }
    let path = Store::path().unwrap_or_default();
    terminal::say(format!("{origin} knows you as the token {name} ({scopes}), stored in {}", path.display()))
}
