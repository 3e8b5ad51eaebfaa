//! `steps-server token`: tokens without a server, for whoever has its database.

use std::time::Duration as StdDuration;

use clap::Subcommand;
use steps_shared::{
    Duration, Glob, NewToken, Owner, Resource as _, Scope, Scopes, Timestamp, Token, TokenColumn, TokenId, TokenList,
    TokenName, escaped,
};

use crate::app;
use crate::projection::apply::retry_on_conflict;
use crate::store::Store;

/// How long the database may take.
const DEADLINE: StdDuration = StdDuration::from_secs(60);

/// What to do about tokens.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum TokenCommand {
    /// Make a token, and print its text: the only time that it is shown
    #[command(
        disable_version_flag = true,
        after_help = "\
Examples:
  steps-server token create admin --scope admin
  steps-server token create ci --scope record --component 'acme/*' --owner ci --expires-in 1y

Servers of this database accept it within a few seconds."
    )]
    Create(CreateFlags),
    /// List the tokens, without their texts
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token: servers of this database refuse it within 5 s
    Revoke {
        /// The name of the token, or its id
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Print the text of a new token for STEPS_BOOTSTRAP_TOKEN, and store it nowhere
    Generate,
}

/// The token to make.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct CreateFlags {
    /// What it is called in lists and in the log
    #[arg(value_name = "NAME")]
    name: TokenName,
    /// What it permits: record, read or admin (which is everything); several with commas
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',')]
    scopes: Vec<Scope>,
    /// Only of these components; * stands for any text; may be given several times [default: all]
    #[arg(long = "component", value_name = "PATTERN")]
    components: Vec<Glob>,
    /// Only in these environments; * stands for any text; may be given several times [default: all]
    #[arg(long = "environment", value_name = "PATTERN")]
    environments: Vec<Glob>,
    /// It records as this owner, and as no other [default: any]
    #[arg(long, value_name = "NAME")]
    owner: Option<Owner>,
    /// It permits nothing after so long, such as 90d [default: never]
    #[arg(long, value_name = "DURATION")]
    expires_in: Option<Duration>,
}

/// Does it.
pub async fn run(command: TokenCommand, store: &Store, now: Timestamp) -> anyhow::Result<()> {
    match command {
        TokenCommand::Create(flags) => create(flags, store, now).await,
        TokenCommand::List { json } => list(json, store).await,
        TokenCommand::Revoke { name } => revoke(&name, store).await,
        TokenCommand::Generate => generate(),
    }
}

/// Prints the text of a new token.
///
/// # Errors
/// The system gives no random bits.
pub fn generate() -> anyhow::Result<()> {
    println!("{}", app::random_secret()?.expose());
    Ok(())
}

async fn create(flags: CreateFlags, store: &Store, now: Timestamp) -> anyhow::Result<()> {
    let CreateFlags { name, scopes, components, environments, owner, expires_in } = flags;
    anyhow::ensure!(
        components.len().max(environments.len()) <= steps_shared::MAX_PATTERNS,
        "a token has at most {} patterns of components, and as many of environments",
        steps_shared::MAX_PATTERNS
    );
    let scopes = Scopes::try_from(scopes).map_err(|error| anyhow::anyhow!("--scope {error}"))?;
    let new = NewToken { name, scopes, components, environments, owner, expires_in };
    let created = app::create_token(store, DEADLINE, new, now).await?;
    let (name, scopes) = (created.token.name.to_string(), created.token.scopes);
    eprintln!("made the token {} ({scopes}); this is the only time that it is shown:", escaped(&name));
    println!("{}", created.secret.expose());
    Ok(())
}

async fn list(json: bool, store: &Store) -> anyhow::Result<()> {
    let tokens: Vec<Token> = store.tokens().await?.into_iter().map(|stored| stored.token).collect();
    if json {
        println!("{}", serde_json::to_string(&TokenList { tokens })?);
        return Ok(());
    }
    let header = TokenColumn::ALL.iter().map(|column| column.name().to_owned()).collect();
    let cells = |token: &Token| {
        let cells = TokenColumn::ALL.iter().map(|column| token.cell(*column).to_string());
        cells.map(|cell| escaped(&cell).into_owned()).collect()
    };
    let rows: Vec<Vec<String>> = std::iter::once(header).chain(tokens.iter().map(cells)).collect();
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..TokenColumn::ALL.len()).map(|at| width(at).unwrap_or_default()).collect();
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        println!("{}", cells.join("  ").trim_end());
    }
    Ok(())
}

async fn revoke(name: &str, store: &Store) -> anyhow::Result<()> {
    let tokens = store.tokens().await?;
    let id: Option<TokenId> = name.parse().ok();
    let is_meant = |token: &Token| token.name.as_str() == name.trim() || Some(token.id) == id;
    let token = tokens.into_iter().map(|stored| stored.token).find(is_meant);
    let token = token.ok_or_else(|| anyhow::anyhow!("there is no token {:?}; see: steps-server token list", name))?;
    retry_on_conflict(|| store.delete_token(token.id)).await?;
    let token_name = token.name.to_string();
    println!("revoked the token {}; servers refuse it within 5 s", escaped(&token_name));
    Ok(())
}
