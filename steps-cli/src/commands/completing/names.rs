//! Names that the server knows, for completions: kept for a while, and asked for within a moment.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use futures_util::future::join;
use reqwest::Url;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use steps_shared::{
    Deployment, DeploymentColumn, DeploymentFilter, DeploymentQuery, GroupBy, ListFormat, Order, StatsAnswer,
    StatsQuery,
};
use tokio::time::timeout;

use crate::client::{Client, block_on, shown};
use crate::commands::{listing, setup};
use crate::credentials;
use crate::error::Error;
use crate::files::PrivateFolder;
use crate::settings::{Key, Settings};

/// How long the server may take.
const PATIENCE: Duration = Duration::from_millis(300);

/// How long names are offered without a question.
const FRESH: Duration = Duration::from_secs(30);

/// The names of so many of the newest deployments are offered.
const DEPLOYMENTS: u64 = 1000;

/// A larger file holds no names of ours.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// What a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Component,
    Environment,
    Version,
    Owner,
}

/// The words that are typed so far.
#[derive(Debug, Clone, Default)]
pub struct Line {
    words: Vec<String>,
}

/// The names of deployments, those of the newest first; what is not known is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Named {
    component: String,
    environment: String,
    version: String,
    owner: String,
}

impl Named {
    fn get(&self, kind: Kind) -> &str {
        match kind {
            Kind::Component => &self.component,
            Kind::Environment => &self.environment,
            Kind::Version => &self.version,
            Kind::Owner => &self.owner,
        }
    }
}

impl Line {
    /// The words behind the name of the program, the last of which is being typed.
    pub fn new(words: &[OsString]) -> Self {
        Self { words: words.iter().map(|word| word.to_string_lossy().into_owned()).collect() }
    }

    /// The value of a flag that is typed already.
    fn flag(&self, name: &str) -> Option<String> {
        let flag = format!("--{name}");
        let joined = |word: &String| word.strip_prefix(&flag)?.strip_prefix('=').map(str::to_owned);
        let is_flag = |pair: &&[String]| pair[0] == flag;
        let apart = || self.words.windows(2).find(is_flag).map(|pair| pair[1].clone());
        self.words.iter().find_map(joined).or_else(apart)
    }

    /// The names of a kind that the server knows, the newest first.
    pub fn names(&self, kind: Kind) -> Vec<String> {
        self.choose(kind, &self.known().unwrap_or_default())
    }

    /// Of a component that is on the line, only what is of it.
    fn choose(&self, kind: Kind, known: &[Named]) -> Vec<String> {
        let typed = &self.words[..self.words.len().saturating_sub(1)];
        let component = known.iter().map(|named| &named.component).find(|component| typed.contains(component));
        let is_of = |named: &&Named| kind == Kind::Component || component.is_none_or(|one| named.component == *one);
        let names = known.iter().filter(is_of).map(|named| named.get(kind)).filter(|name| is_harmless(name));
        let mut seen = HashSet::new();
        names.filter(|name| seen.insert(*name)).map(str::to_owned).collect()
    }

    fn known(&self) -> Option<Vec<Named>> {
        let flags = [Key::Server, Key::CaFile].map(|key| (key, self.flag(&key.name().replace('_', "-"))));
        let mut settings = Settings::load().ok()?.with_flags(flags);
        settings.token_file = self.flag("token-file").map(PathBuf::from);
        // Whoever wrote the checkout that somebody stands in is told nothing by a tab.
        if settings.server_of_project().is_some() {
            return None;
        }
        let server = settings.server().ok()?;
        let kept = Kept::of(&server);
        let found = kept.as_ref().and_then(Kept::read);
        if let Some((names, true)) = found {
            return Some(names);
        }
        match ask(&settings, server) {
            Some(names) => {
                if let Some(kept) = &kept {
                    kept.write(&names);
                }
                Some(names)
            }
            None => found.map(|(names, _)| names),
        }
    }
}

/// Whether a name may stand on a command line as it is. Others are not offered: a shell would run what is in them.
fn is_harmless(name: &str) -> bool {
    let is_plain = |character: char| character.is_alphanumeric() || "._/@+-:,".contains(character);
    !name.is_empty() && !name.starts_with('-') && name.chars().all(is_plain)
}

/// Asks the server, for no longer than [`PATIENCE`].
fn ask(settings: &Settings, server: Url) -> Option<Vec<Named>> {
    let token = credentials::choose(settings, &server).ok()?.token;
    let client = Client::new(&setup::connection(settings, server, token).ok()?).ok()?;
    let asked = block_on(async {
        let asking = timeout(PATIENCE, join(newest(&client), components(&client)));
        asking.await.map_err(|_| Error::Failed("it takes too long".to_owned()))
    });
    let (newest, components) = asked.ok()?;
    let mut names = newest.ok()?;
    let of_component = |component| Named { component, ..Named::default() };
    names.extend(components.unwrap_or_default().into_iter().map(of_component));
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    Some(names)
}

async fn newest(client: &Client) -> Result<Vec<Named>, Error> {
    let query = DeploymentQuery {
        order: Order::Descending,
        limit: Some(DEPLOYMENTS),
        columns: Vec::new(),
        format: Some(ListFormat::Jsonl),
        ..DeploymentQuery::default()
    };
    let response = client.list::<DeploymentFilter, DeploymentColumn>(&query).await?;
    let deployments: Vec<Deployment> = listing::rows(client, response, DEPLOYMENTS).await?;
    let named = |deployment: Deployment| Named {
        component: deployment.component.to_string(),
        environment: deployment.environment.to_string(),
        version: deployment.version.to_string(),
        owner: deployment.owner.to_string(),
    };
    Ok(deployments.into_iter().map(named).collect())
}

async fn components(client: &Client) -> Result<Vec<String>, Error> {
    let by = GroupBy::Component;
    let query = StatsQuery { by: vec![by], format: Some(ListFormat::Json), ..StatsQuery::default() };
    let answer: StatsAnswer = listing::one(client, client.stats(&query).await?).await?;
    Ok(answer.stats.into_iter().filter_map(|mut row| row.group.remove(by.name())).collect())
}

/// Where the names of a server are kept: a file in the user's cache, private to the user.
#[derive(Debug)]
struct Kept {
    folder: PathBuf,
    name: String,
}

impl Kept {
    fn of(server: &Url) -> Option<Self> {
        let folder = dirs::cache_dir()?.join("steps").join("names");
        Some(Self { folder, name: format!("{:08x}.json", crc32fast::hash(shown(server).as_bytes())) })
    }

    /// The names, and whether they are fresh.
    fn read(&self) -> Option<(Vec<Named>, bool)> {
        let folder = PrivateFolder::open(&self.folder).ok()?;
        let age = SystemTime::now().duration_since(folder.modified(&self.name).ok()?);
        let mut text = String::new();
        folder.file(&self.name, OFlags::RDONLY).ok()?.take(MAX_BYTES).read_to_string(&mut text).ok()?;
        Some((serde_json::from_str(&text).ok()?, age.is_ok_and(|age| age < FRESH)))
    }

    /// Keeps the names. Where that fails, the server is asked each time.
    fn write(&self, names: &[Named]) {
        let Ok(text) = serde_json::to_vec(names) else { return };
        let _: std::io::Result<()> =
            PrivateFolder::create(&self.folder).and_then(|folder| folder.replace(&self.name, &text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(component: &str, environment: &str, version: &str) -> Named {
        let [component, environment, version] = [component, environment, version].map(str::to_owned);
        Named { component, environment, version, owner: "ann".to_owned() }
    }

    #[test]
    fn what_is_offered_belongs_to_the_component_on_the_line() {
        let known = [
            named("shop", "production", "2"),
            named("bank", "staging", "7"),
            named("shop", "production", "1"),
            named("$(rm -rf ~)", "x;y", "-1"),
        ];
        let choose = |words: &[&str], kind| {
            Line { words: words.iter().map(|word| (*word).to_owned()).collect() }.choose(kind, &known)
        };
        assert_eq!(choose(&["steps", "show", ""], Kind::Component), ["shop", "bank"]);
        assert_eq!(choose(&["steps", "show", "shop"], Kind::Component), ["shop", "bank"]);
        assert_eq!(choose(&["steps", "show", "shop", ""], Kind::Version), ["2", "1"]);
        assert_eq!(
            choose(&["steps", "list", "--component", "bank", "--environment", ""], Kind::Environment),
            ["staging"]
        );
        assert_eq!(choose(&["steps", "list", "--version", ""], Kind::Version), ["2", "7", "1"]);
    }

    #[test]
    fn flags_are_found_on_the_line() {
        let line = Line { words: ["steps", "--server", "http://h", "--ca-file=x"].map(str::to_owned).to_vec() };
        assert_eq!(line.flag("server").as_deref(), Some("http://h"));
        assert_eq!(line.flag("ca-file").as_deref(), Some("x"));
        assert_eq!(line.flag("token-file"), None);
    }
}
