//! `steps open`.

use std::env;
use std::time::Duration;

use reqwest::Url;
use steps_shared::{Component, IdPrefix};

use super::setup;
use crate::error::Error;
use crate::flags::ConnectionFlags;
use crate::terminal;

/// How long a program that starts browsers may take to say that it cannot.
const LAUNCH: Duration = Duration::from_secs(1);

/// The flags of `steps open`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  steps open  # what is running, and every component
  steps open checkout
  steps open 0197a000-0000-7000-8000-000000000001
  steps open checkout --print

Where there is no browser (over ssh, without a display, or where the output is no terminal) the address is printed. It holds \
no token: the page asks for one.")]
pub struct Args {
    /// A component, or a deployment's id or the first eight digits of it and more [default: the first page]
    #[arg(value_name = "COMPONENT|DEPLOYMENT-ID")]
    what: Option<String>,
    /// Print the address, and open nothing
    #[arg(long)]
    print: bool,
}

/// Opens a page of the server, or prints its address.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let Args { what, print } = args;
    let settings = setup::settings(connection)?;
    let server = settings.server()?;
    setup::tell_server_of_project(&settings, &server);
    let address = address(server, what.as_deref())?;
    if print
        || !terminal::is_terminal()
        || !has_browser(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
    {
        return terminal::say(address);
    }
    match open::that_detached_with_timeout(address.as_str(), LAUNCH) {
        Ok(()) => {
            terminal::note(format!("opened {address}"));
            Ok(())
        }
        Err(error) => {
            terminal::note(format!("steps: no browser could be started: {error}"));
            terminal::say(address)
        }
    }
}

/// The address of a page, without what the server's address has of a user.
fn address(mut server: Url, what: Option<&str>) -> Result<Url, Error> {
    // Neither fails: the address has a host.
    let _ = (server.set_username(""), server.set_password(None));
    server.set_query(None);
    server.set_fragment(None);
    let mut to = |path: &[&str]| {
        if let Ok(mut segments) = server.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
    };
    match what.map(|what| (what.parse::<IdPrefix>(), what)) {
        None => to(&[""]),
        Some((Ok(id), _)) => to(&["deployments", &id.to_string()]),
        Some((Err(_), what)) => {
            let component = what.parse::<Component>();
            let component = component.map_err(|error| Error::Usage(format!("the component {error}")))?;
            to(&["component"]);
            server.query_pairs_mut().append_pair("component", component.as_str());
        }
    }
    Ok(server)
}

/// Whether a browser can be shown to whoever runs this.
fn has_browser(is_set: impl Fn(&str) -> bool) -> bool {
    let is_remote = ["SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"].into_iter().any(&is_set);
    let has_display =
        !cfg!(target_os = "linux") || ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"].into_iter().any(&is_set);
    has_display && !is_remote
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_its_page_and_no_user() {
        let of = |server: &str, what: Option<&str>| address(server.parse().unwrap(), what).map(String::from);
        assert_eq!(of("http://127.0.0.1:7878", None).unwrap(), "http://127.0.0.1:7878/");
        assert_eq!(of("https://a:b@example.com/steps/?x#y", None).unwrap(), "https://example.com/steps/");
        assert_eq!(
            of("https://example.com/steps", Some("acme/shop é?")).unwrap(),
            "https://example.com/steps/component?component=acme%2Fshop+%C3%A9%3F"
        );
        let id = "0197a000-0000-7000-8000-000000000001";
        assert_eq!(of("http://h", Some(id)).unwrap(), format!("http://h/deployments/{id}"));
        for wrong in ["", "a\nb"] {
            assert!(of("http://h", Some(wrong)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn over_ssh_and_without_a_display_there_is_no_browser() {
        let has = |set: &[&str]| has_browser(|name| set.contains(&name));
        assert!(has(&["DISPLAY"]) && has(&["WAYLAND_DISPLAY"]));
        assert!(!has(&["DISPLAY", "SSH_CONNECTION"]) && !has(&["SSH_TTY"]));
        assert_eq!(has(&[]), !cfg!(target_os = "linux"));
    }
}
