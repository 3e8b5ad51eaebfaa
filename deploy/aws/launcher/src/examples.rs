//! What to try, ready to be pasted.

use std::path::Path;

use crate::files::Files;

/// The commands for a machine.
pub fn examples(url: &str, files: &Files, again: &str) -> String {
    let (token, certificate) = (quoted(&files.token()), quoted(&files.certificate()));
    let authorization = quoted(&files.authorization());
    format!(
        "\
The server answers: {url}
Its token, which permits everything: {token}

With the command:

  export STEPS_SERVER={url} STEPS_TOKEN_FILE={token} STEPS_CA_FILE={certificate}
  steps record --component checkout --version 1.0.0 --owner ann --status started
  steps record --component checkout --version 1.0.0 --owner ann --status succeeded
  steps show checkout
  steps token create ci --scope record

With curl:

  curl --fail --cacert {certificate} --header @{authorization} -X POST '{url}/v1/steps?component=checkout&version=1.0.1&owner=ann&status=started'
  curl --fail --cacert {certificate} --header @{authorization} '{url}/v1/steps?component=checkout'

To see how it is, and to remove it with every trace:

  steps-launcher {again} --status
  steps-launcher {again} --destroy
"
    )
}

/// A path as a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+@".contains(&byte));
    if is_plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_the_shell() {
        assert_eq!(quoted(Path::new("/home/ann/.config/steps")), "/home/ann/.config/steps");
        assert_eq!(quoted(Path::new("/Users/a b/it's")), r"'/Users/a b/it'\''s'");
    }

    #[test]
    fn no_example_shows_a_token() {
        let files = Files::of(Path::new("/c"), "1", "eu-central-1", "steps");
        assert!(!examples("https://203.0.113.7", &files, "--name steps").contains("steps_"));
    }
}
