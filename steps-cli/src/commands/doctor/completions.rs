//! Whether the completions are where a shell looks for them.

use std::path::{Path, PathBuf};

use super::Finding;

/// Looks for the completions of the user's shell.
pub(super) fn installed(shell: Option<&str>) -> Finding {
    let name = shell.map(Path::new).and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
    let system = ["/usr/share", "/usr/local/share"].map(PathBuf::from);
    let folders = |folder: &str| system.iter().map(|share| share.join(folder)).collect::<Vec<_>>();
    let (mut places, own) = match name {
        "bash" => {
            let own = dirs::data_dir().map(|data| data.join("bash-completion/completions/steps"));
            let mut places = folders("bash-completion/completions/steps");
            places.push("/etc/bash_completion.d/steps".into());
            (places, own)
        }
        "zsh" => {
            let mut places = folders("zsh/vendor-completions/_steps");
            places.extend(folders("zsh/site-functions/_steps"));
            (places, dirs::home_dir().map(|home| home.join(".zfunc/_steps")))
        }
        "fish" => {
            let own = dirs::config_dir().map(|config| config.join("fish/completions/steps.fish"));
            (folders("fish/vendor_completions.d/steps.fish"), own)
        }
        "" => return Finding::good("completions", "SHELL names no shell"),
        other => return Finding::good("completions", format!("there are none for {other}")),
    };
    places.extend(own.clone());
    match places.iter().find(|place| place.exists()) {
        Some(place) => Finding::good("completions", format!("of {name}, in {}", place.display())),
        None => {
            let place = own.map_or_else(|| "a file".to_owned(), |own| own.display().to_string());
            let found = format!("of {name}, none are installed");
            Finding::warning("completions", found, format!("steps completions {name} > {place} installs them"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn shells_without_completions_are_no_fault() {
        assert_eq!(installed(None).state, State::Good);
        assert_eq!(installed(Some("/bin/dash")).found, "there are none for dash");
        assert!(installed(Some("/usr/bin/fish")).found.contains("of fish"));
    }
}
