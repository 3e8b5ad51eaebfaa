//! The variables of CI and deploy systems that hold a setting's value.

use super::Key;

/// A variable that gives a setting.
#[derive(Debug, Clone, Copy)]
pub struct CiVariable {
    pub key: Key,
    pub name: &'static str,
    /// How the value is taken from it.
    pub take: Take,
}

/// How a setting's value is taken from a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// As it is.
    Whole,
    /// As it is, where this variable is set too: the name alone is too common.
    With(&'static str),
    /// What follows the last slash: the name of a repository. It is a guess, and told as one.
    RepositoryName,
    /// A number that counts from 0, and one more.
    PlusOne,
}

const fn whole(key: Key, name: &'static str) -> CiVariable {
    CiVariable { key, name, take: Take::Whole }
}

const fn repository(name: &'static str) -> CiVariable {
    CiVariable { key: Key::Component, name, take: Take::RepositoryName }
}

/// For each setting the most specific first. Forgejo and Gitea Actions set the variables of GitHub.
pub const CI_VARIABLES: &[CiVariable] = &[
    whole(Key::Component, "KAMAL_SERVICE"),
    whole(Key::Component, "ARGOCD_APP_NAME"),
    repository("GITHUB_REPOSITORY"),
    repository("CI_PROJECT_PATH"),
    repository("CIRCLE_PROJECT_REPONAME"),
    repository("BUILDKITE_PIPELINE_SLUG"),
    repository("BITBUCKET_REPO_SLUG"),
    repository("DRONE_REPO"),
    repository("CI_REPO"),
    repository("BUILD_REPOSITORY_NAME"),
    repository("TRAVIS_REPO_SLUG"),
    repository("APPVEYOR_REPO_NAME"),
    whole(Key::Environment, "KAMAL_DESTINATION"),
    whole(Key::Environment, "CI_ENVIRONMENT_NAME"),
    whole(Key::Environment, "BITBUCKET_DEPLOYMENT_ENVIRONMENT"),
    whole(Key::Environment, "DRONE_DEPLOY_TO"),
    whole(Key::Environment, "CI_PIPELINE_DEPLOY_TARGET"),
    whole(Key::Environment, "RELEASE_ENVIRONMENTNAME"),
    whole(Key::Version, "KAMAL_VERSION"),
    whole(Key::Version, "ARGOCD_APP_REVISION"),
    whole(Key::Version, "GITHUB_SHA"),
    whole(Key::Version, "CI_COMMIT_SHA"),
    whole(Key::Version, "CIRCLE_SHA1"),
    whole(Key::Version, "BUILDKITE_COMMIT"),
    whole(Key::Version, "GIT_COMMIT"),
    whole(Key::Version, "BITBUCKET_COMMIT"),
    whole(Key::Version, "DRONE_COMMIT"),
    whole(Key::Version, "BUILD_SOURCEVERSION"),
    whole(Key::Version, "CODEBUILD_RESOLVED_SOURCE_VERSION"),
    whole(Key::Version, "TRAVIS_COMMIT"),
    whole(Key::Version, "BUILD_VCS_NUMBER"),
    whole(Key::Version, "APPVEYOR_REPO_COMMIT"),
    whole(Key::Owner, "GITHUB_ACTOR"),
    whole(Key::Owner, "GITLAB_USER_LOGIN"),
    whole(Key::Owner, "CIRCLE_USERNAME"),
    whole(Key::Owner, "BUILDKITE_BUILD_CREATOR"),
    whole(Key::Owner, "BITBUCKET_STEP_TRIGGERER_UUID"),
    whole(Key::Owner, "DRONE_COMMIT_AUTHOR"),
    whole(Key::Owner, "CI_COMMIT_AUTHOR"),
    whole(Key::Owner, "KAMAL_PERFORMER"),
    whole(Key::Owner, "BUILD_USER_ID"),
    whole(Key::Owner, "BUILD_REQUESTEDFOR"),
    whole(Key::Owner, "CODEBUILD_INITIATOR"),
    whole(Key::Run, "GITHUB_RUN_ID"),
    whole(Key::Run, "CI_PIPELINE_ID"),
    whole(Key::Run, "BUILDKITE_BUILD_ID"),
    whole(Key::Run, "CIRCLE_WORKFLOW_ID"),
    whole(Key::Run, "BITBUCKET_PIPELINE_UUID"),
    whole(Key::Run, "DRONE_BUILD_NUMBER"),
    whole(Key::Run, "CI_PIPELINE_NUMBER"),
    whole(Key::Run, "BUILD_TAG"),
    whole(Key::Run, "BUILD_BUILDID"),
    whole(Key::Run, "BUILD_URL"),
    CiVariable { key: Key::Run, name: "BUILD_NUMBER", take: Take::With("TEAMCITY_VERSION") },
    whole(Key::Run, "CODEBUILD_BUILD_ID"),
    whole(Key::Run, "TRAVIS_BUILD_ID"),
    whole(Key::Run, "APPVEYOR_BUILD_ID"),
    whole(Key::Run, "SEMAPHORE_WORKFLOW_ID"),
    whole(Key::Attempt, "GITHUB_RUN_ATTEMPT"),
    CiVariable { key: Key::Attempt, name: "BUILDKITE_RETRY_COUNT", take: Take::PlusOne },
    whole(Key::Attempt, "BITBUCKET_STEP_RUN_NUMBER"),
    whole(Key::Attempt, "SYSTEM_JOBATTEMPT"),
];

/// The names of all variables that [`take`] may look at.
pub fn names() -> impl Iterator<Item = &'static str> {
    CI_VARIABLES.iter().flat_map(|variable| {
        let with = if let Take::With(name) = variable.take { Some(name) } else { None };
        [Some(variable.name), with].into_iter().flatten()
    })
}

/// The value of a setting, with the variable that gives it; `value_of` says what a variable holds.
pub fn take<'a>(key: Key, value_of: impl Fn(&str) -> Option<&'a str>) -> Option<(String, CiVariable)> {
    CI_VARIABLES.iter().filter(|variable| variable.key == key).find_map(|variable| {
        let value = value_of(variable.name)?;
        let value = match variable.take {
            Take::Whole => value.to_owned(),
            Take::With(other) => value_of(other).map(|_| value.to_owned())?,
            Take::RepositoryName => value.trim_end_matches('/').rsplit('/').next()?.to_owned(),
            Take::PlusOne => value.trim().parse::<u32>().ok()?.checked_add(1)?.to_string(),
        };
        (!value.is_empty()).then_some((value, *variable))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(key: Key, variables: &[(&str, &'static str)]) -> Option<String> {
        let value_of = |name: &str| Some(variables.iter().find(|(of, _)| *of == name)?.1);
        take(key, value_of).map(|(value, _)| value)
    }

    #[test]
    fn each_system_gives_its_run_and_attempt() {
        for (variables, run, attempt) in [
            (&[("GITHUB_RUN_ID", "912"), ("GITHUB_RUN_ATTEMPT", "2")][..], "912", Some("2")),
            (&[("CI_PIPELINE_ID", "44")], "44", None),
            (&[("BUILDKITE_BUILD_ID", "0197"), ("BUILDKITE_RETRY_COUNT", "0")], "0197", Some("1")),
            (&[("BUILDKITE_BUILD_ID", "0197"), ("BUILDKITE_RETRY_COUNT", "1")], "0197", Some("2")),
            (
                &[("BUILD_TAG", "jenkins-shop-7"), ("BUILD_URL", "https://ci/7"), ("BUILD_NUMBER", "7")],
                "jenkins-shop-7",
                None,
            ),
            (&[("CIRCLE_WORKFLOW_ID", "w")], "w", None),
            (&[("BUILD_BUILDID", "5"), ("SYSTEM_JOBATTEMPT", "3")], "5", Some("3")),
            (&[("TEAMCITY_VERSION", "2026.1"), ("BUILD_NUMBER", "8")], "8", None),
            (&[("BITBUCKET_PIPELINE_UUID", "{p}"), ("BITBUCKET_STEP_RUN_NUMBER", "1")], "{p}", Some("1")),
            (&[("DRONE_BUILD_NUMBER", "9")], "9", None),
            (&[("CI_PIPELINE_NUMBER", "10")], "10", None),
        ] {
            assert_eq!(taken(Key::Run, variables).as_deref(), Some(run), "{variables:?}");
            assert_eq!(taken(Key::Attempt, variables).as_deref(), attempt, "{variables:?}");
        }
        assert_eq!(taken(Key::Run, &[("BUILD_NUMBER", "7")]), None, "whoever sets that");
        assert_eq!(taken(Key::Attempt, &[("BUILDKITE_RETRY_COUNT", "none")]), None);
    }

    #[test]
    fn a_component_is_the_service_before_the_repository() {
        let github = ("GITHUB_REPOSITORY", "acme/shop");
        assert_eq!(taken(Key::Component, &[github]).as_deref(), Some("shop"));
        assert_eq!(taken(Key::Component, &[github, ("KAMAL_SERVICE", "web")]).as_deref(), Some("web"));
        assert_eq!(taken(Key::Component, &[("CI_PROJECT_PATH", "acme/team/shop")]).as_deref(), Some("shop"));
        assert_eq!(taken(Key::Component, &[("GITHUB_REPOSITORY", "/")]), None);
        assert_eq!(taken(Key::Environment, &[("KAMAL_DESTINATION", "staging")]).as_deref(), Some("staging"));
    }
}
