//! The flags that say which deployment a step belongs to.

/// Which deployment a step belongs to; each flag is also a setting.
#[derive(Debug, clap::Args)]
pub struct StreamFlags {
    /// What is deployed [env: STEPS_COMPONENT] [default: Kamal's service, else the name of the CI's repository]
    #[arg(long, value_name = "NAME")]
    pub component: Option<String>,
    /// Which version of it [env: STEPS_VERSION] [default: the CI's commit, else git describe]
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
    /// Who is responsible [env: STEPS_OWNER] [default: the CI's user, else git's user.name, the login, uid-N]
    #[arg(long, value_name = "NAME")]
    pub owner: Option<String>,
    /// Where it is deployed to [env: STEPS_ENVIRONMENT] [default: the CI's or Kamal's, else production]
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// The CI run it belongs to; steps of different runs are never of one deployment [env: STEPS_RUN] [default: the CI's]
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Which attempt of that run, from 1 [env: STEPS_ATTEMPT] [default: the CI's]
    #[arg(long, value_name = "N")]
    pub attempt: Option<String>,
}
