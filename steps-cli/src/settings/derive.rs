//! Defaults of a step's settings, from git and the system.

use std::time::Instant;

use super::{Key, Setting, Source, command, git};

/// Asks git, then the system, until `deadline`. Without git, or outside a repository, there is no version.
///
/// # Errors
/// Why git gives no version.
pub fn detect(key: Key, deadline: Instant) -> Result<Option<Setting>, String> {
    let setting = |value, source| Ok(Some(Setting { value, source }));
    match key {
        Key::Version => setting(git::version(deadline)?, Source::Command("git describe --tags --always --dirty")),
        Key::Owner => match git::user_name(deadline) {
            Ok(name) => setting(name, Source::Command("git config user.name")),
            Err(_) => match login(deadline) {
                Some(login) => setting(login, Source::Login),
                // A container may run as a user without a name.
                None => setting(format!("uid-{}", rustix::process::getuid().as_raw()), Source::UserId),
            },
        },
        _ => Ok(None),
    }
}

/// The login name. Where a directory service gives it, that may hang.
fn login(deadline: Instant) -> Option<String> {
    command::within(deadline, whoami::account)?.ok().filter(|login| !login.trim().is_empty())
}
