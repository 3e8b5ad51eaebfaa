//! Defaults of a step's settings, from git and the system.

use std::process::{Command, Stdio};

use super::{Key, Setting, Source};

/// The command that gives a version.
const DESCRIBE: [&str; 4] = ["describe", "--tags", "--always", "--dirty"];

/// Asks git, then the system. Without git, or outside a repository, there is no version.
///
/// # Errors
/// Why git gives no version.
pub fn detect(key: Key) -> Result<Option<Setting>, String> {
    let setting = |value, source| Ok(Some(Setting { value, source }));
    match key {
        Key::Version => setting(git(&DESCRIBE)?, Source::Command("git describe --tags --always --dirty")),
        Key::Owner => match git(&["config", "user.name"]) {
            Ok(name) => setting(name, Source::Command("git config user.name")),
            Err(_) => match whoami::account().ok().filter(|login| !login.trim().is_empty()) {
                Some(login) => setting(login, Source::Login),
                // A container may run as a user without a name.
                None => setting(format!("uid-{}", rustix::process::getuid().as_raw()), Source::UserId),
            },
        },
        _ => Ok(None),
    }
}

/// What git prints.
///
/// # Errors
/// What it says where it fails.
fn git(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git").args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("git cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && !text.is_empty() {
        return Ok(text);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("nothing");
    Err(format!("git says: {}", said.trim_start_matches("fatal: ")))
}
