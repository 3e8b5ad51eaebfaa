//! `steps token`.

use clap::Subcommand;
use steps_shared::{
    CreatedToken, Duration, Glob, ListFormat, NewToken, Owner, Resource as _, Scopes, Selected, Token, TokenColumn,
    TokenName,
};

use super::setup;
use crate::client::{Client, block_on};
use crate::error::Error;
use crate::flags::ConnectionFlags;
use crate::terminal::csv_text::csv_text;
use crate::terminal::pairs::{PairsFlags, PairsFormat};
use crate::terminal::{self, table};

/// The flags of `steps token`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  steps token create ci --scope record --component 'acme/*' --expires 90d
  steps token create grafana --scope read | vault kv put secret/steps token=-
  steps token list
  steps token revoke ci

It needs a token with the scope admin and without limits. The first one is made on the server's machine: \
steps-server token create.")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token; its text is printed on the standard output, this once
    Create(Create),
    /// List tokens: what each may do, and when it was used
    List(PairsFlags),
    /// End a token, by its name or its id
    Revoke {
        /// The token
        #[arg(value_name = "NAME|ID")]
        token: String,
    },
}

#[derive(Debug, clap::Args)]
struct Create {
    /// What it is called in lists and in the server's log
    #[arg(value_name = "NAME")]
    name: TokenName,
    /// What it may do: record, read, admin; several with commas
    #[arg(long, value_name = "A,B", value_parser = str::parse::<Scopes>)]
    scope: Scopes,
    /// Only of these components: a name, or a pattern with * for any text; may be repeated
    #[arg(long, value_name = "GLOB")]
    component: Vec<Glob>,
    /// Only in these environments; may be repeated
    #[arg(long, value_name = "GLOB")]
    environment: Vec<Glob>,
    /// Who it records as; other owners are refused
    #[arg(long, value_name = "NAME")]
    owner: Option<Owner>,
    /// How long it is valid, such as 90d [default: for ever]
    #[arg(long, value_name = "TIME", value_parser = str::parse::<Duration>)]
    expires: Option<Duration>,
}

/// Manages tokens.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let settings = setup::settings(connection)?;
    let client = setup::client(&settings)?;
    match args.action {
        Action::Create(new) => create(&client, new),
        Action::List(flags) => {
            flags.choose()?;
            show(&block_on(client.tokens())?.tokens, flags)
        }
        Action::Revoke { token } => revoke(&client, &token),
    }
}

fn create(client: &Client, new: Create) -> Result<(), Error> {
    let Create { name, scope, component, environment, owner, expires } = new;
    let new =
        NewToken { name, scopes: scope, components: component, environments: environment, owner, expires_in: expires };
    let CreatedToken { token, secret } = block_on(client.create_token(&new))?;
    let until = token.expires_at.map_or_else(|| "for ever".to_owned(), |time| format!("until {time}"));
    terminal::note(format!(
        "steps: the token {} ({}) is valid {until}; it is shown only now",
        token.name, token.scopes
    ));
    terminal::print(format!("{}\n", secret.expose()))
}

fn show(tokens: &[Token], flags: PairsFlags) -> Result<(), Error> {
    let unwritable = |error: &dyn std::fmt::Display| Error::Failed(format!("cannot write the tokens: {error}"));
    let cells = |token: &Token| -> Vec<String> {
        TokenColumn::ALL.iter().map(|column| token.cell(*column).to_string()).collect()
    };
    match flags.choose()? {
        PairsFormat::Table | PairsFormat::Markdown if tokens.is_empty() => {
            terminal::note("no tokens");
            Ok(())
        }
        format @ (PairsFormat::Table | PairsFormat::Markdown) => {
            let names: Vec<_> = TokenColumn::ALL.iter().map(|column| column.name()).collect();
            terminal::show(table::render(&names, tokens.iter().map(cells), format == PairsFormat::Markdown))
        }
        PairsFormat::Csv => {
            let header = TokenColumn::ALL.iter().map(|column| column.name().to_owned()).collect();
            let text = csv_text(std::iter::once(header).chain(tokens.iter().map(cells)), flags.safe);
            let text = text.map_err(|error| unwritable(&error))?;
            terminal::print_data(&text, ListFormat::Csv)
        }
        PairsFormat::Json => {
            let rows: Vec<_> = tokens.iter().map(|row| Selected { columns: TokenColumn::ALL, row }).collect();
            let mut text = serde_json::to_vec_pretty(&rows).map_err(|error| unwritable(&error))?;
            text.push(b'\n');
            terminal::print_data(&text, ListFormat::Json)
        }
    }
}

fn revoke(client: &Client, wanted: &str) -> Result<(), Error> {
    block_on(async {
        let tokens = client.tokens().await?.tokens;
        let by_id = || tokens.iter().find(|token| token.id.to_string().eq_ignore_ascii_case(wanted.trim()));
        let Some(token) = tokens.iter().find(|token| token.name.as_str() == wanted.trim()).or_else(by_id) else {
            return Err(Error::Refused(format!("there is no token {wanted:?}; 'steps token list' names them")));
        };
        client.revoke_token(token.id).await?;
        terminal::say(format!("the token {} ({}) is revoked", token.name, token.id))
    })
}
