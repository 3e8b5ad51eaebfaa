//! Keeps a password that was given in a flag out of the process list.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use crate::setup::settings::DatabaseUrl;

const FLAG: &str = "--database-url";
const VARIABLE: &str = "STEPS_DATABASE_URL";

/// Where `--database-url` holds a password, replaces this process by the same one with the URL in a variable, which
/// only its own user can see. Returns only when there is nothing to hide, or when that fails.
///
/// # Errors
/// The program cannot be started again.
pub fn hide() -> std::io::Result<()> {
    let Some((arguments, url)) = without_password(std::env::args_os().skip(1)) else { return Ok(()) };
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).env(VARIABLE, url);
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        Err(command.exec())
    }
    #[cfg(not(unix))]
    Ok(())
}

/// The arguments without `--database-url`, and the URL; `None` when there is no password in one.
fn without_password(arguments: impl Iterator<Item = OsString>) -> Option<(Vec<OsString>, String)> {
    let mut rest = Vec::new();
    let mut url = None;
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        let attached =
            argument.to_str().and_then(|text| text.strip_prefix(FLAG)).and_then(|text| text.strip_prefix('='));
        if let Some(given) = attached {
            url = Some(given.to_owned());
        } else if argument == FLAG {
            match arguments.peek().and_then(|next| next.to_str()) {
                Some(given) => url = Some(given.to_owned()),
                None => return None,
            }
            arguments.next();
        } else if argument == OsStr::new("--") {
            rest.push(argument);
            rest.extend(arguments.by_ref());
        } else {
            rest.push(argument);
        }
    }
    let url = url.filter(|url| DatabaseUrl::from(url.clone()).has_password())?;
    Some((rest, url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_out_only_what_has_a_password() {
        let split = |arguments: &[&str]| without_password(arguments.iter().map(OsString::from));
        let rest = vec![OsString::from("--listen"), OsString::from("127.0.0.1:0")];
        let url = "mysql://ann:secret@db/steps".to_owned();
        assert_eq!(split(&["--database-url", &url, "--listen", "127.0.0.1:0"]), Some((rest.clone(), url.clone())));
        assert_eq!(split(&["--listen", "127.0.0.1:0", &format!("--database-url={url}")]), Some((rest, url)));
        assert_eq!(split(&["--database-url", "mysql://ann@db/steps"]), None);
        assert_eq!(split(&["--database-url"]), None);
        assert_eq!(split(&["--database-url", "sqlite:a.db"]), None);
    }
}
