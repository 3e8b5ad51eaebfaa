//! The command line. Empty variables count as not given: `docker run -e AWS_KEY_NAME=` sets one.

use std::path::PathBuf;

use clap::{ArgAction, Parser, ValueEnum};

use crate::advice::Failure;

const EXAMPLES: &str = "\
Examples:
  steps-launcher --region eu-central-1
      Makes a machine, waits until it answers, and prints what to try. Again: finds it, and updates it where something differs.
  steps-launcher --region eu-central-1 --key-name laptop --ssh-from 203.0.113.7/32
      The same, with SSH from one address.
  steps-launcher --status
  steps-launcher --destroy
      Removes everything, the data too. --keep-data keeps a snapshot of it; --snapshot snap-… begins a machine with it.

Credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or from ~/.aws (AWS_PROFILE).

Exit codes: 0 done; 1 AWS or the machine failed; 2 a flag, a variable or the credentials are wrong; 3 --status: no such stack;
130 stopped by Ctrl-C.";

/// Makes a machine at AWS with steps-server on it: its database on a volume of its own, TLS, a token, and nothing open but HTTPS.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 120)]
pub struct Arguments {
    /// Remove the machine and every trace of it
    #[arg(long, conflicts_with_all = ["status", "dry_run"])]
    destroy: bool,
    /// Say how it is, and change nothing
    #[arg(long, conflicts_with = "dry_run")]
    status: bool,
    /// Show the template and its parameters; ask AWS nothing
    #[arg(long)]
    dry_run: bool,

    /// What the stack is called; each name is a machine of its own
    #[arg(long, env = "STEPS_LAUNCHER_NAME", default_value = "steps", value_parser = stack_name)]
    pub name: String,
    /// The region [env: AWS_REGION, AWS_DEFAULT_REGION; else that of the profile]
    #[arg(long)]
    pub region: Option<String>,
    /// An EC2 key pair, for SSH; without --ssh-from SSH stays closed
    #[arg(long, env = "AWS_KEY_NAME")]
    pub key_name: Option<String>,
    /// From where SSH is let in, such as 203.0.113.7/32
    #[arg(long, env = "STEPS_SSH_FROM", value_name = "CIDR", value_parser = cidr)]
    pub ssh_from: Option<String>,
    /// The processor of a new machine [default: arm64]
    #[arg(long, value_enum)]
    pub architecture: Option<Architecture>,
    /// The type of machine [default: t4g.small, or t3.small for amd64]
    #[arg(long)]
    pub instance_type: Option<String>,
    /// The availability zone of a new machine
    #[arg(long)]
    pub zone: Option<String>,
    /// GiB for the database; may grow later [default: 10]
    #[arg(long, value_name = "GIB", value_parser = clap::value_parser!(u16).range(1..=16384))]
    pub data_size: Option<u16>,
    /// Begin with the data of this snapshot
    #[arg(long, value_name = "SNAPSHOT")]
    pub snapshot: Option<String>,
    /// A name of yours that leads to the machine, for a certificate of Let's Encrypt
    #[arg(long)]
    pub domain: Option<String>,
    /// The Debian package of steps-server [default: that of this version's release]
    #[arg(long, value_name = "URL", requires = "package_sha256")]
    pub package: Option<String>,
    /// Its SHA-256 [default: what the release's SHA256SUMS says]
    #[arg(long, value_name = "HEX", requires = "package")]
    pub package_sha256: Option<String>,

    /// With --destroy: keep a snapshot of the data
    #[arg(long, requires = "destroy")]
    pub keep_data: bool,
    /// With --destroy: do not ask
    #[arg(long, requires = "destroy", action = ArgAction::SetTrue)]
    pub yes: bool,
    /// Where the token and the certificate are kept [default: steps/aws in your configuration folder]
    #[arg(long, env = "STEPS_LAUNCHER_DIR", value_name = "FOLDER")]
    pub directory: Option<PathBuf>,
    /// How many minutes the server may take to answer once the machine is there
    #[arg(long, value_name = "MINUTES", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=120))]
    pub wait: u64,
}

/// What is asked for.
pub enum Action {
    /// To make the machine, or to bring it to what is said.
    Launch,
    /// To show what would be sent.
    DryRun,
    /// To say how it is.
    Status,
    /// To remove it.
    Destroy,
}

/// The processors that there is a package for, as Debian calls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Architecture {
    /// AWS's own (Graviton): the cheaper ones.
    Arm64,
    /// Intel and AMD.
    Amd64,
}

impl Architecture {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::Amd64 => "amd64",
        }
    }
}

impl Arguments {
    /// What is asked for.
    pub fn action(&self) -> Action {
        match (self.destroy, self.status, self.dry_run) {
            (true, _, _) => Action::Destroy,
            (_, true, _) => Action::Status,
            (_, _, true) => Action::DryRun,
            _ => Action::Launch,
        }
    }

    /// The folder for what is kept here.
    ///
    /// # Errors
    /// There is no home.
    pub fn folder(&self) -> Result<PathBuf, Failure> {
        let given = given_path(self.directory.as_ref()).cloned();
        given.or_else(|| dirs::config_dir().map(|folder| folder.join("steps").join("aws"))).ok_or_else(|| {
            Failure::new("no folder for the token and the certificate: HOME is not set", "give one with --directory")
                .usage()
        })
    }
}

/// A text that was given and is not empty.
pub fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

fn given_path(path: Option<&PathBuf>) -> Option<&PathBuf> {
    path.filter(|path| !path.as_os_str().is_empty())
}

fn stack_name(text: &str) -> Result<String, String> {
    let fits = text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if fits {
        Ok(text.to_owned())
    } else {
        Err("begin with a letter, go on with letters, digits and -, 64 at most".into())
    }
}

fn cidr(text: &str) -> Result<String, String> {
    let fits = text.is_empty()
        || text.split_once('/').is_some_and(|(address, length)| {
            address.parse::<std::net::Ipv4Addr>().is_ok() && length.parse::<u8>().is_ok_and(|length| length <= 32)
        });
    if fits { Ok(text.to_owned()) } else { Err("write an IPv4 network, such as 203.0.113.7/32".into()) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn names_and_networks_are_checked() {
        assert!(stack_name("steps-2").is_ok() && stack_name("2steps").is_err() && stack_name("a_b").is_err());
        assert!(cidr("203.0.113.7/32").is_ok() && cidr("").is_ok());
        assert!(cidr("203.0.113.7").is_err() && cidr("203.0.113.7/33").is_err() && cidr("everywhere").is_err());
    }

    #[test]
    fn an_empty_variable_is_not_given() {
        assert_eq!(given(Some(&String::new())), None);
        assert_eq!(given(Some(&"laptop".to_owned())), Some("laptop"));
    }
}
