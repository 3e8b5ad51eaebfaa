//! The flags of the spool.

/// The spool; each flag is also a setting.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "While the server is away")]
pub struct SpoolFlags {
    /// The folder in which steps are kept [env: STEPS_SPOOL_DIR] [default: steps/spool in the user's state folder]
    #[arg(long, value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    pub spool_dir: Option<String>,
    /// How much may be kept there, such as 64MiB [env: STEPS_SPOOL_LIMIT] [default: 64MiB]
    #[arg(long, value_name = "SIZE")]
    pub spool_limit: Option<String>,
    /// Keep nothing: a step that cannot be delivered is an error [env: STEPS_NO_SPOOL]
    #[arg(long)]
    pub no_spool: bool,
}
