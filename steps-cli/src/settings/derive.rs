//! Defaults of a step's settings, from the CI system, git and the login.

use std::process::{Command, Stdio};

use super::{Key, Setting, Source};

/// The variables of CI systems that hold a setting's value, the most specific first.
pub const CI_VARIABLES: &[(Key, &[&str])] = &[
    (
        Key::Version,
        &[
            "KAMAL_VERSION",
            "ARGOCD_APP_REVISION",
            "GITHUB_SHA",
            "CI_COMMIT_SHA",
            "CIRCLE_SHA1",
            "BUILDKITE_COMMIT",
            "GIT_COMMIT",
            "BITBUCKET_COMMIT",
            "DRONE_COMMIT",
            "BUILD_SOURCEVERSION",
            "CODEBUILD_RESOLVED_SOURCE_VERSION",
            "TRAVIS_COMMIT",
        ],
    ),
    (
        Key::Owner,
        &[
            "GITHUB_ACTOR",
            "GITLAB_USER_LOGIN",
            "CIRCLE_USERNAME",
            "BUILDKITE_BUILD_CREATOR",
            "BITBUCKET_STEP_TRIGGERER_UUID",
            "DRONE_COMMIT_AUTHOR",
            "KAMAL_PERFORMER",
            "BUILD_USER_ID",
            "BUILD_REQUESTEDFOR",
            "CODEBUILD_INITIATOR",
        ],
    ),
];

/// Asks git, then the system. Without git, or outside a repository, there is no value.
pub fn detect(key: Key) -> Option<Setting> {
    let setting = |value: Option<String>, source| Some(Setting { value: value?, source });
    match key {
        Key::Version => setting(
            git(&["describe", "--tags", "--always", "--dirty"]),
            Source::Command("git describe --tags --always --dirty"),
        ),
        Key::Owner => setting(git(&["config", "user.name"]), Source::Command("git config user.name"))
            .or_else(|| setting(whoami::account().ok().filter(|login| !login.is_empty()), Source::Login)),
        _ => None,
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
