//! The variables of CI and deploy systems that hold a setting's value.

use super::Key;

/// A variable that gives a setting.
#[derive(Debug, Clone, Copy)]
pub struct CiVariable {
    pub key: Key,
    pub name: &'static str,
    /// How the value is taken from it.
    pub take: Take,
    /// Another variable of the same system, which must be set too where the name alone is too common.
    with: Option<&'static str>,
}

/// How a setting's value is taken from a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// As it is.
    Whole,
    /// What follows the last slash or colon, without `.git`: the name of a repository. It is a guess, and told as one.
    RepositoryName,
    /// A number that counts from 0, and one more.
    PlusOne,
}

const fn whole(key: Key, name: &'static str) -> CiVariable {
    CiVariable { key, name, take: Take::Whole, with: None }
}

const fn repository(name: &'static str) -> CiVariable {
    CiVariable { key: Key::Component, name, take: Take::RepositoryName, with: None }
}

impl CiVariable {
    const fn with(self, other: &'static str) -> Self {
        Self { with: Some(other), ..self }
    }
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
    repository("CODEBUILD_SOURCE_REPO_URL"),
    repository("SEMAPHORE_GIT_REPO_SLUG"),
    repository("TEAMCITY_PROJECT_NAME"),
    repository("GIT_URL").with("JENKINS_URL"),
    whole(Key::Environment, "KAMAL_DESTINATION"),
    whole(Key::Environment, "ARGOCD_APP_NAMESPACE"),
    whole(Key::Environment, "CI_ENVIRONMENT_NAME"),
    whole(Key::Environment, "BITBUCKET_DEPLOYMENT_ENVIRONMENT"),
    whole(Key::Environment, "DRONE_DEPLOY_TO"),
    whole(Key::Environment, "CI_PIPELINE_DEPLOY_TARGET"),
    whole(Key::Environment, "RELEASE_ENVIRONMENTNAME"),
    whole(Key::Environment, "ENVIRONMENT_NAME").with("TF_BUILD"),
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
    whole(Key::Version, "SEMAPHORE_GIT_SHA"),
    whole(Key::Owner, "GITHUB_ACTOR"),
    whole(Key::Owner, "GITLAB_USER_LOGIN"),
    whole(Key::Owner, "CIRCLE_USERNAME"),
    whole(Key::Owner, "BUILDKITE_BUILD_CREATOR"),
    whole(Key::Owner, "BUILDKITE_BUILD_AUTHOR"),
    whole(Key::Owner, "BITBUCKET_STEP_TRIGGERER_UUID"),
    whole(Key::Owner, "DRONE_COMMIT_AUTHOR"),
    whole(Key::Owner, "CI_COMMIT_AUTHOR"),
    whole(Key::Owner, "KAMAL_PERFORMER"),
    whole(Key::Owner, "BUILD_USER_ID"),
    whole(Key::Owner, "CHANGE_AUTHOR"),
    whole(Key::Owner, "BUILD_REQUESTEDFOR"),
    whole(Key::Owner, "CODEBUILD_INITIATOR"),
    whole(Key::Owner, "SEMAPHORE_GIT_COMMIT_AUTHOR"),
    whole(Key::Owner, "APPVEYOR_REPO_COMMIT_AUTHOR"),
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
    whole(Key::Run, "BUILD_NUMBER").with("TEAMCITY_VERSION"),
    whole(Key::Run, "CODEBUILD_BUILD_ID"),
    whole(Key::Run, "TRAVIS_BUILD_ID"),
    whole(Key::Run, "APPVEYOR_BUILD_ID"),
    whole(Key::Run, "SEMAPHORE_WORKFLOW_ID"),
    whole(Key::Attempt, "GITHUB_RUN_ATTEMPT"),
    CiVariable { key: Key::Attempt, name: "BUILDKITE_RETRY_COUNT", take: Take::PlusOne, with: None },
    whole(Key::Attempt, "BITBUCKET_STEP_RUN_NUMBER"),
    whole(Key::Attempt, "SYSTEM_JOBATTEMPT"),
];

/// The names of all variables that [`take`] may look at.
pub fn names() -> impl Iterator<Item = &'static str> {
    CI_VARIABLES.iter().flat_map(|variable| [Some(variable.name), variable.with].into_iter().flatten())
}

/// The value of a setting, with the variable that gives it; `value_of` says what a variable holds.
pub fn take<'a>(key: Key, value_of: impl Fn(&str) -> Option<&'a str>) -> Option<(String, CiVariable)> {
    CI_VARIABLES.iter().filter(|variable| variable.key == key).find_map(|variable| {
        let value = value_of(variable.name)?;
        if variable.with.is_some_and(|other| value_of(other).is_none()) {
            return None;
        }
        let value = match variable.take {
            Take::Whole => value.to_owned(),
            Take::RepositoryName => {
                let name = value.trim_end_matches('/').rsplit(['/', ':']).next()?;
                name.strip_suffix(".git").unwrap_or(name).to_owned()
            }
            Take::PlusOne => value.trim().parse::<u32>().ok()?.checked_add(1)?.to_string(),
        };
        (!value.is_empty()).then_some((value, *variable))
    })
}
