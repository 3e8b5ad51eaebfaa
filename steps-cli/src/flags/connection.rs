//! The flags that every subcommand has: where the server is, and how long to wait for it.

/// The server; each flag is also a setting.
#[derive(Debug, clap::Args)]
pub struct ConnectionFlags {
    /// Where the server is, such as https://steps.example.com [env: STEPS_SERVER] [default: http://127.0.0.1:7878]
    #[arg(long, global = true, value_name = "URL", help_heading = "Connection")]
    pub server: Option<String>,
    /// How long to wait for the server, such as 5s or 500ms [env: STEPS_TIMEOUT] [default: 5s]
    ///
    /// It covers connecting and the whole answer; for an export, connecting and each pause in it, so that a
    /// long export is not cut.
    #[arg(long, global = true, value_name = "TIME", help_heading = "Connection")]
    pub timeout: Option<String>,
}
