//! The command line. The flags of a subcommand are in its own file; their doc comments are the help.

use clap::{Parser, Subcommand, ValueEnum};
use git_version::git_version;

use super::{
    check, compare, completions, config, deployments, doctor, exclude, flush, import, include, list, login, logout,
    note, notes, open, record, run, show, stats, status, token, trend, watch,
};
use crate::flags::ConnectionFlags;

/// The version and the commit it was built from: as git tells, or as STEPS_BUILD does where there is no checkout (a container).
const VERSION: &str = match option_env!("STEPS_BUILD") {
    Some(build) => build,
    None => git_version!(
        prefix = concat!(env!("CARGO_PKG_VERSION"), " ("),
        suffix = ")",
        args = ["--always", "--abbrev=12", "--match=", "--dirty"],
        fallback = concat!(env!("CARGO_PKG_VERSION"), " (unknown commit)")
    ),
};

const EXAMPLES: &str = "\
Examples:
  steps record --component checkout --version 4.2.0 --status building
  steps run --component checkout --status migrating -- ./migrate.sh
  steps show checkout
  steps watch checkout
  steps deployments --component checkout --since 7d
  steps stats --by component,week
  steps trend checkout
  steps check --component checkout --max 10m --baseline p95
  steps list --format xlsx --output steps.xlsx

Output: people get tables and sentences on a terminal, programs get CSV in a pipe or a file; --format says otherwise. \
Only 'check' and 'watch' write sentences everywhere, because these are their result.

'steps --help' says more: settings, variables and exit codes.";

const DETAILS: &str = "\
Settings, strongest first:
  1. a flag                            --component checkout
  2. a variable                        STEPS_COMPONENT=checkout
  3. the nearest .steps.toml upwards   component = \"checkout\"
  4. the user's file                   all keys, in ~/.config/steps/config.toml
  5. a built-in default
A .steps.toml may set server, component, environment, version, owner and run only, and rules of 'steps check'.
'steps config' shows each setting, its value and where it came from.

Variables (an empty one counts as not set):
  STEPS_SERVER         where the server is (http://127.0.0.1:7878)
  STEPS_TIMEOUT        how long to wait for it (5s)
  STEPS_TOKEN          the token for it (of 'steps login'); not for a server
                       that only a .steps.toml names
  STEPS_TOKEN_FILE     a file with the token
  STEPS_CA_FILE        the certificates of a private authority that signs the
                       server's
  STEPS_COMPONENT      what is deployed (Kamal's service, else the name of
                       the CI's repository)
  STEPS_ENVIRONMENT    where it is deployed to (the CI's or Kamal's, else
                       production)
  STEPS_VERSION        the version of it (the CI's commit, else git describe)
  STEPS_OWNER          who is responsible (the CI's user, else git's
                       user.name, the login, or uid-N)
  STEPS_RUN            the CI run the step belongs to (the CI's)
  STEPS_ATTEMPT        which attempt of that run, from 1 (the CI's)
  STEPS_DEPLOYMENT     set by 'steps run --deployment' for what it runs: the
                       deployment that it is part of
  STEPS_SPOOL_DIR      where steps are kept while the server is away
                       (steps/spool in the state folder; where that cannot
                       be written, in the temporary folder)
  STEPS_SPOOL_LIMIT    how much may be kept there (64MiB)
  STEPS_NO_SPOOL       1: keep nothing; a step that cannot be delivered is an
                       error
  STEPS_SPRINT_START   when a sprint began (2026-01-05)
  STEPS_SPRINT_LENGTH  how long a sprint is (14d)
  STEPS_MIN_CHANGE     the smallest growth in a week that matters (1%)
  STEPS_TZ             the time zone of dates and days (UTC)
  NO_COLOR             1: no colours; CLICOLOR_FORCE=1: colours in pipes too;
                       --color is stronger than both
HTTP_PROXY, HTTPS_PROXY and NO_PROXY are used, except for a server on this machine.

Output: people get tables and sentences on a terminal, programs get CSV in a pipe or a file; --format says otherwise. \
Only 'check' and 'watch' write sentences everywhere, because these are their result.

Exit codes:
  0  success; also when the reader of the output stopped early
     (steps list | head)
  1  the server or the network failed, or the output could not be written;
     doctor: something is wrong; record and run: only with --strict, or when
     the step could not be kept either; watch --once: the deployment did not
     succeed
  2  usage: a flag, a variable, a settings file or an input file is wrong
  3  the server refused, or there is no such thing; import: some lines were
     refused
  4  check: a deployment is over its budget
  5  check: none is over its budget, but some have too little data; or steps
     of what is judged wait on this machine
'steps run' exits with the code of its command; 128 and the number of the signal that killed it, 127 when there is no such \
command, 126 when it cannot be run; 2 when its own flags are wrong. 'steps record --best-effort' always exits with 0.

Examples:
  steps record --component checkout --version 4.2.0 --status building
  steps run --component checkout --status migrating -- ./migrate.sh
  steps run --component checkout --version 4.2.0 --deployment -- ./deploy.sh
  steps show checkout
  steps watch checkout --once
  steps deployments --component checkout --since 7d
  steps stats --by component,week
  steps trend checkout
  steps check --component checkout --max 10m --baseline p95
  steps list --format xlsx --output steps.xlsx
  steps import history.csv";

/// Records the steps of deployments and asks for them.
#[derive(Debug, Parser)]
#[command(name = "steps", version = VERSION, after_help = EXAMPLES, after_long_help = DETAILS)]
pub struct Cli {
    /// Where the server is.
    #[command(flatten)]
    pub connection: ConnectionFlags,
    /// Whether what people read has colours: auto, on a terminal that shows them [default: auto]
    #[arg(long, global = true, value_name = "WHEN", help_heading = "Output")]
    pub color: Option<When>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// When there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal that shows them, unless NO_COLOR or CLICOLOR=0 say otherwise; everywhere with CLICOLOR_FORCE=1
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Record a step
    Record(record::Args),
    /// Run a command and record how long it took
    Run(run::Args),
    /// Deliver the steps that were kept while the server was away
    Flush(flush::Args),
    /// Show whether the server answers, and how many steps wait for it
    Status(status::Args),
    /// Look at everything that recording and asking need, and say what to do
    Doctor(doctor::Args),
    /// List recorded steps
    List(list::Args),
    /// List deployments: how each ended and how long it took
    Deployments(deployments::Args),
    /// Show a deployment as a timeline of its steps
    Show(show::Args),
    /// Compare two deployments step by step
    Compare(compare::Args),
    /// Watch deployments as they happen, or wait for the end of one
    Watch(watch::Args),
    /// Show counts, failures and durations of deployments, by component, week, owner and more
    Stats(stats::Args),
    /// Show how durations grow, which step makes them grow, and since which version
    Trend(trend::Args),
    /// Check whether the newest deployment is within its budget; for pipelines
    Check(check::Args),
    /// Leave a deployment out of every figure: it was a test, or was recorded wrongly
    Exclude(exclude::Args),
    /// Take an exclusion back
    Include(include::Args),
    /// Note what is known of a component: a mark on its charts
    Note(note::Args),
    /// List notes
    Notes(notes::Args),
    /// Open a page of the server in a browser, or print its address
    Open(open::Args),
    /// Import steps from a CSV or JSONL file
    Import(import::Args),
    /// Store a token for a server, after asking that whether it is right
    Login(login::Args),
    /// Forget the stored token of a server
    Logout(logout::Args),
    /// Make, list and revoke tokens
    Token(token::Args),
    /// Show each setting, its value and where it came from
    Config(config::Args),
    /// Print the completions of a shell
    Completions(completions::Args),
}
