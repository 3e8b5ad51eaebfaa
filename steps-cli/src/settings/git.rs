//! Asking git, in a repository that somebody else wrote: what that configures is not run.
//!
//! Git runs programs that a repository's configuration names: monitors, hooks, pagers, filters of content, differs, transports
//! that fetch what is missing. Each is switched off here, by variables that are stronger than any file.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use rustix::fs::{Access, access};

use super::command::{self, Output};

/// Configuration that is stronger than a repository's. A repository within another's working tree is not entered.
const OVERRIDES: [(&str, &str); 4] = [
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("safe.bareRepository", "explicit"),
    ("protocol.allow", "never"),
];

/// Variables of git that say where something is. All others are not passed on: they name programs, files to write to, and
/// configuration.
const PASSED_ON: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_GLOBAL",
];

/// A filter of content has these, each of which may be a program.
const OF_FILTERS: &str = r"^filter\..*\.(clean|smudge|process|required)$";

/// The nearest tag and what follows it, as `git describe --tags --always --dirty` prints it.
///
/// # Errors
/// Why git gives none.
pub fn version(deadline: Instant) -> Result<String, String> {
    let version = text(&["describe", "--tags", "--always"], deadline)?;
    // A submodule with changes of its own is not looked into, because that runs git by its configuration.
    let changes = ["diff", "--quiet", "--ignore-submodules=dirty", "--no-ext-diff", "--no-textconv", "HEAD", "--"];
    let Some(filters) = filters_of_repository(deadline)? else { return Ok(version) };
    let changed = ask(&changes, &filters, deadline)?.status.code() == Some(1);
    Ok(if changed { version + "-dirty" } else { version })
}

/// The name that commits have.
///
/// # Errors
/// Why git gives none.
pub fn user_name(deadline: Instant) -> Result<String, String> {
    text(&["config", "user.name"], deadline)
}

/// Configuration that makes the filters of the repository do nothing; those of the user and the machine stay. `None` where
/// git cannot tell them.
fn filters_of_repository(deadline: Instant) -> Result<Option<Vec<(String, String)>>, String> {
    let list = ["config", "--null", "--show-scope", "--name-only", "--get-regexp", OF_FILTERS];
    let Output { status, stdout, .. } = ask(&list, &[], deadline)?;
    let Ok(text) = String::from_utf8(stdout) else { return Ok(None) };
    match status.code() {
        Some(0) => {}
        // There are none.
        Some(1) => return Ok(Some(Vec::new())),
        _ => return Ok(None),
    }
    let parts: Vec<_> = text.split_terminator('\0').collect();
    let mut filters = Vec::new();
    for pair in parts.chunks(2) {
        let [scope, name] = pair else { return Ok(None) };
        if !matches!(*scope, "system" | "global" | "command") {
            let value = if name.ends_with(".required") { "false" } else { "" };
            filters.push(((*name).to_owned(), value.to_owned()));
            // It is used where `clean` is not set.
            if let Some((driver, _)) = name.rsplit_once('.') {
                filters.push((format!("{driver}.process"), String::new()));
                filters.push((format!("{driver}.clean"), String::new()));
            }
        }
    }
    Ok(Some(filters))
}

/// What git prints.
///
/// # Errors
/// What it says where it fails.
fn text(arguments: &[&str], deadline: Instant) -> Result<String, String> {
    let Output { status, stdout, stderr } = ask(arguments, &[], deadline)?;
    let text = String::from_utf8_lossy(&stdout).trim().to_owned();
    if status.success() && !text.is_empty() {
        return Ok(text);
    }
    let said = String::from_utf8_lossy(&stderr);
    let said = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("nothing");
    Err(format!("git says: {:.300}", said.trim_start_matches("fatal: ")))
}

/// Runs git with this configuration beside ours.
fn ask(arguments: &[&str], configuration: &[(String, String)], deadline: Instant) -> Result<Output, String> {
    let path = absolute(&env::var_os("PATH").unwrap_or_default());
    let program = path
        .iter()
        .map(|folder| folder.join("git"))
        .find(|program| program.is_file() && access(program, Access::EXEC_OK).is_ok());
    let program = program.ok_or("git cannot be run: it is in no folder of PATH")?;
    let mut command = Command::new(program);
    for (name, _) in env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"GIT_")) {
        if !PASSED_ON.iter().any(|passed| *passed == name) {
            command.env_remove(name);
        }
    }
    let ours = OVERRIDES.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let all: Vec<_> = ours.into_iter().chain(safe_directories()).chain(configuration.iter().cloned()).collect();
    command.env("GIT_CONFIG_COUNT", all.len().to_string());
    for (at, (name, value)) in all.into_iter().enumerate() {
        command.env(format!("GIT_CONFIG_KEY_{at}"), name).env(format!("GIT_CONFIG_VALUE_{at}"), value);
    }
    command
        .env("PATH", env::join_paths(&path).unwrap_or_default())
        .envs([("GIT_OPTIONAL_LOCKS", "0"), ("GIT_NO_LAZY_FETCH", "1"), ("GIT_TERMINAL_PROMPT", "0")])
        .arg("--no-pager")
        .args(arguments);
    command::run(&mut command, deadline).map_err(|reason| format!("git {reason}"))
}

/// The folders of a `PATH` that do not depend on the working folder, which somebody else may have filled.
fn absolute(path: &OsStr) -> Vec<PathBuf> {
    env::split_paths(path).filter(|folder| folder.is_absolute()).collect()
}

/// The folders that a variable says may belong to another user: containers of CI systems set it so.
fn safe_directories() -> Vec<(String, String)> {
    let count = env::var("GIT_CONFIG_COUNT").ok().and_then(|count| count.trim().parse::<u8>().ok()).unwrap_or_default();
    let pair = |at| {
        let key =
            env::var(format!("GIT_CONFIG_KEY_{at}")).ok().filter(|key| key.eq_ignore_ascii_case("safe.directory"))?;
        Some((key, env::var(format!("GIT_CONFIG_VALUE_{at}")).ok()?))
    };
    (0..count).filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_working_folder_is_not_searched() {
        let folders = absolute(OsStr::new(":.:/usr/bin:bin::/bin"));
        assert_eq!(folders, [PathBuf::from("/usr/bin"), PathBuf::from("/bin")]);
    }
}
