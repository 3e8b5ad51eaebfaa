//! What the program does besides serving, a command each.

mod backup;
mod copy;
mod prune;
mod restore;
mod tokens;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use steps_shared::Timestamp;

use crate::projection::apply::retry_on_conflict;
use crate::projection::config::FoldConfig;
use crate::projection::difference::Difference;
use crate::projection::pack::pack_some;
use crate::projection::rebuild;
use crate::store::Store;
pub use copy::{CopyFlags, run as copy};
use prune::PruneFlags;
pub use restore::run as restore;
pub use tokens::{TokenCommand, generate as generate_token};

/// What the program does besides serving.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Bring the schema up to date and end, as a user who may make tables; servers then need only read and write
    #[command(after_help = "\
Examples:
  STEPS_DATABASE_URL=mysql://steps_migrate:secret@db:3306/steps steps-server migrate
  STEPS_DATABASE_URL=mysql://steps:secret@db:3306/steps steps-server

A server migrates by itself at its start where its user may.")]
    Migrate,
    /// Fold every deployment again from the recorded steps; safe while servers are serving
    Rebuild,
    /// Compare every deployment with a fold from scratch, and change nothing; exit code 4 when something differs
    Verify,
    /// Write a consistent copy of the SQLite database to a new file, while servers are serving
    #[command(after_help = "\
Examples:
  steps-server backup steps-2026-01-05.db
  steps-server --database-url sqlite:steps-2026-01-05.db        (serves the copy)

MariaDB and MySQL have their own commands for the same:
  mariadb-dump --single-transaction --no-tablespaces steps > steps.sql
  mysqldump --single-transaction --no-tablespaces --set-gtid-purged=OFF \\
    --loose-skip-masking-policies steps > steps.sql")]
    Backup {
        /// The file to write; it must not exist
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Put a copy of a backup in the place of the SQLite database, which no server may have meanwhile
    #[command(after_help = "\
Examples:
  steps-server restore steps-2026-01-05.db
  steps-server --database-url sqlite:/var/lib/steps/steps.db restore steps-2026-01-05.db

The backup is checked first. The database that is replaced is kept beside the new one, and its name is printed.

MySQL and MariaDB are restored with their own tools:
  mariadb steps < steps.sql")]
    Restore {
        /// The backup
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Copy everything that was recorded into another database, while servers are serving; exit code 4 while the two differ
    #[command(after_help = "\
Examples:
  STEPS_COPY_TO=mysql://steps:secret@db:3306/steps steps-server copy --from sqlite:/var/lib/steps/steps.db

Steps, notes, exclusions and tokens are copied; deployments are folded anew, events begin again, and sessions end. Servers may go on \
recording into the first database: run it until little is new, stop them, run it once more, which says that both are equal, and start \
them with the second. What was broken off goes on where it was: what is there is not written again.")]
    Copy(CopyFlags),
    /// Delete whole deployments with their steps and exclusions, while servers are serving
    #[command(
        disable_version_flag = true,
        after_help = "\
Examples:
  steps-server prune --older-than 2y --dry-run
  steps-server prune --older-than 2y
  steps-server prune --component checkout --run 4711 --dry-run
  steps-server prune --component old-service --environment staging --older-than 90d

All that is given must hold, and one of them is needed. A deployment is old when its end and the last of its steps are. \
One that never ended goes by its last step. Steps of ignored statuses go with the last deployment that shares their \
component, environment, version and run. To leave a deployment out of figures and keep it: steps exclude."
    )]
    Prune(PruneFlags),
    /// Make, list and revoke tokens, past any server: for the first one
    Token {
        /// What to do
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Print the description of the HTTP API: the /openapi.json of a server that wants tokens
    Openapi,
    /// Ask the server that has the same settings on this machine whether it is well; exit code 1 when it is not
    #[command(after_help = "\
Examples:
  steps-server healthcheck
  STEPS_LISTEN=0.0.0.0:7878 STEPS_TLS_CERT=tls.crt STEPS_TLS_KEY=tls.key steps-server healthcheck --ready

It opens no database, reads no secret, takes at most 3 s, and trusts the certificate in --tls-cert, whatever its name. Where \
the server listens on every address, it asks on loopback.")]
    Healthcheck(HealthcheckFlags),
}

/// What to ask a server.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct HealthcheckFlags {
    /// Ask whether it can work (/readyz), and not only whether it lives (/healthz): no while it stops or its database is away
    #[arg(long)]
    pub ready: bool,
}

impl Command {
    /// Whether it needs the database and the secrets of the settings.
    #[must_use]
    pub fn opens_database(&self) -> bool {
        !matches!(self, Self::Healthcheck(_) | Self::Openapi | Self::Token { command: TokenCommand::Generate })
    }

    /// Whether it is about what was recorded: a database that is not there would be made for it, and be empty.
    #[must_use]
    pub fn needs_what_was_recorded(&self) -> bool {
        matches!(self, Self::Rebuild | Self::Verify | Self::Backup { .. } | Self::Prune(_))
    }
}

/// `verify` found differences.
const DIFFERENT: u8 = 4;
/// How many differences `verify` lists.
const MAX_LISTED: usize = 20;

/// Runs a command to its end.
pub async fn run(command: Command, store: &Store, config: &FoldConfig, now: Timestamp) -> anyhow::Result<ExitCode> {
    let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template("{spinner} {msg} [{elapsed}]")?);
    let mut found = Found::default();
    match command {
        // It is done by opening the database.
        Command::Migrate => {
            println!("the schema is up to date");
            Ok(ExitCode::SUCCESS)
        }
        Command::Rebuild => {
            rebuild::rebuild(store, config, |streams, difference| found.add(streams, difference, &bar)).await?;
            bar.set_message("packing days");
            while retry_on_conflict(|| pack_some(store, config, now)).await? {
                bar.tick();
            }
            bar.finish_and_clear();
            println!("rebuilt {} streams: {}", found.streams, found.summary("corrected"));
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify => {
            rebuild::verify(store, config, |streams, difference| {
                if found.deployments < MAX_LISTED {
                    list(difference, MAX_LISTED - found.deployments, &bar);
                }
                found.add(streams, difference, &bar);
            })
            .await?;
            bar.finish_and_clear();
            println!("verified {} streams: {}", found.streams, found.summary("differ"));
            Ok(if found.deployments == 0 { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
        }
        Command::Backup { file } => backup::run(store, &file).await.map(|()| ExitCode::SUCCESS),
        Command::Restore { file: _ } | Command::Copy(_) | Command::Openapi | Command::Healthcheck(_) => {
            anyhow::bail!("this command opens no database")
        }
        Command::Token { command } => tokens::run(command, store, now).await.map(|()| ExitCode::SUCCESS),
        Command::Prune(flags) => prune::run(store, config, now, flags, &bar).await.map(|()| ExitCode::SUCCESS),
    }
}

#[derive(Default)]
struct Found {
    streams: usize,
    deployments: usize,
}

impl Found {
    fn add(&mut self, streams: usize, difference: &Difference, bar: &ProgressBar) {
        self.streams = streams;
        self.deployments += difference.deployments();
        bar.set_message(format!("{streams} streams"));
        bar.tick();
    }

    fn summary(&self, verb: &str) -> String {
        format!("{} deployments {verb}", self.deployments)
    }
}

fn list(difference: &Difference, max: usize, bar: &ProgressBar) {
    let stored =
        difference.wrong.iter().map(|id| format!("deployment {id} is stored, and the steps say nothing of it"));
    let folded = difference.right.iter().map(|row| {
        format!(
            "deployment {} should be {}, with {} steps, and is not, or not like that",
            row.id, row.outcome, row.steps
        )
    });
    for line in stored.chain(folded).take(max) {
        bar.suspend(|| println!("{line}"));
    }
}
