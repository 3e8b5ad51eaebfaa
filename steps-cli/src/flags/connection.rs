//! The flags that every subcommand has: where the server is, how long to wait for it, and who asks.

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
    /// The certificates (PEM) of a private authority that signs the server's, beside those of the system [env: STEPS_CA_FILE]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection", value_hint = clap::ValueHint::FilePath)]
    pub ca_file: Option<String>,
    /// A file with the token for the server [env: STEPS_TOKEN, the token itself; STEPS_TOKEN_FILE] [default: of 'steps login']
    ///
    /// A token is never given as an argument: everybody on this machine could read it.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection", value_hint = clap::ValueHint::FilePath)]
    pub token_file: Option<std::path::PathBuf>,
    /// Do not wait for a server that is busy. On a terminal a question waits, and says what for
    #[arg(long, global = true, help_heading = "Connection")]
    pub no_wait: bool,
}
