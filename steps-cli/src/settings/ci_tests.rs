//! Which names are found in each system.

use super::Key;
use super::ci::{names, take};

/// Component, version, owner, environment, run and attempt; `-` where the system says none.
const KEYS: [Key; 6] = [Key::Component, Key::Version, Key::Owner, Key::Environment, Key::Run, Key::Attempt];

/// What is found where a system sets these of its documented variables: `NAME=VALUE`, one after the other.
fn found(variables: &str) -> String {
    let variables: Vec<_> =
        variables.split(' ').map(|variable| variable.split_once('=').expect("NAME=VALUE")).collect();
    let value_of = |name: &str| Some(variables.iter().find(|(of, _)| *of == name)?.1);
    KEYS.map(|key| take(key, value_of).map_or_else(|| "-".to_owned(), |(value, _)| value)).join(" ")
}

#[test]
fn each_system_gives_its_names() {
    for (system, variables, expected) in [
        (
            "GitHub, Forgejo, Gitea",
            "GITHUB_REPOSITORY=acme/shop GITHUB_SHA=c0ffee GITHUB_ACTOR=ann GITHUB_RUN_ID=912 GITHUB_RUN_ATTEMPT=2",
            "shop c0ffee ann - 912 2",
        ),
        (
            "GitLab",
            "CI_PROJECT_PATH=acme/team/shop CI_COMMIT_SHA=c0ffee GITLAB_USER_LOGIN=ann CI_ENVIRONMENT_NAME=staging CI_PIPELINE_ID=44",
            "shop c0ffee ann staging 44 -",
        ),
        (
            "Jenkins",
            "JENKINS_URL=https://ci/ GIT_URL=git@example.com:acme/shop.git GIT_COMMIT=c0ffee BUILD_USER_ID=ann \
             BUILD_TAG=jenkins-shop-7 BUILD_URL=https://ci/job/shop/7/ BUILD_NUMBER=7",
            "shop c0ffee ann - jenkins-shop-7 -",
        ),
        (
            "Jenkins, a branch of a pull request",
            "JENKINS_URL=https://ci/ GIT_URL=https://example.com/acme/shop.git/ CHANGE_AUTHOR=bob BUILD_URL=https://ci/7/",
            "shop - bob - https://ci/7/ -",
        ),
        (
            "Buildkite",
            "BUILDKITE_PIPELINE_SLUG=shop BUILDKITE_COMMIT=c0ffee BUILDKITE_BUILD_CREATOR=ann BUILDKITE_BUILD_AUTHOR=bob \
             BUILDKITE_BUILD_ID=0197 BUILDKITE_RETRY_COUNT=1",
            "shop c0ffee ann - 0197 2",
        ),
        (
            "Buildkite, by a schedule",
            "BUILDKITE_BUILD_AUTHOR=bob BUILDKITE_BUILD_ID=0197 BUILDKITE_RETRY_COUNT=0",
            "- - bob - 0197 1",
        ),
        (
            "CircleCI",
            "CIRCLE_PROJECT_REPONAME=shop CIRCLE_SHA1=c0ffee CIRCLE_USERNAME=ann CIRCLE_WORKFLOW_ID=w",
            "shop c0ffee ann - w -",
        ),
        (
            "Azure DevOps",
            "TF_BUILD=True BUILD_REPOSITORY_NAME=acme/shop BUILD_SOURCEVERSION=c0ffee BUILD_REQUESTEDFOR=ann \
             ENVIRONMENT_NAME=staging BUILD_BUILDID=5 SYSTEM_JOBATTEMPT=3",
            "shop c0ffee ann staging 5 3",
        ),
        (
            "Bitbucket",
            "BITBUCKET_REPO_SLUG=shop BITBUCKET_COMMIT=c0ffee BITBUCKET_STEP_TRIGGERER_UUID={a} \
             BITBUCKET_DEPLOYMENT_ENVIRONMENT=staging BITBUCKET_PIPELINE_UUID={p} BITBUCKET_STEP_RUN_NUMBER=1",
            "shop c0ffee {a} staging {p} 1",
        ),
        (
            "Drone",
            "DRONE_REPO=acme/shop DRONE_COMMIT=c0ffee DRONE_COMMIT_AUTHOR=ann DRONE_DEPLOY_TO=staging DRONE_BUILD_NUMBER=9",
            "shop c0ffee ann staging 9 -",
        ),
        (
            "Woodpecker",
            "CI_REPO=acme/shop CI_COMMIT_SHA=c0ffee CI_COMMIT_AUTHOR=ann CI_PIPELINE_DEPLOY_TARGET=staging CI_PIPELINE_NUMBER=10",
            "shop c0ffee ann staging 10 -",
        ),
        (
            "TeamCity",
            "TEAMCITY_VERSION=2026.1 TEAMCITY_PROJECT_NAME=shop BUILD_VCS_NUMBER=c0ffee BUILD_NUMBER=8",
            "shop c0ffee - - 8 -",
        ),
        ("Travis", "TRAVIS_REPO_SLUG=acme/shop TRAVIS_COMMIT=c0ffee TRAVIS_BUILD_ID=6", "shop c0ffee - - 6 -"),
        (
            "AppVeyor",
            "APPVEYOR_REPO_NAME=acme/shop APPVEYOR_REPO_COMMIT=c0ffee APPVEYOR_REPO_COMMIT_AUTHOR=ann APPVEYOR_BUILD_ID=6",
            "shop c0ffee ann - 6 -",
        ),
        (
            "CodeBuild",
            "CODEBUILD_SOURCE_REPO_URL=https://example.com/acme/shop.git CODEBUILD_RESOLVED_SOURCE_VERSION=c0ffee \
             CODEBUILD_INITIATOR=ann CODEBUILD_BUILD_ID=shop:6",
            "shop c0ffee ann - shop:6 -",
        ),
        (
            "Semaphore",
            "SEMAPHORE_GIT_REPO_SLUG=acme/shop SEMAPHORE_GIT_SHA=c0ffee SEMAPHORE_GIT_COMMIT_AUTHOR=ann SEMAPHORE_WORKFLOW_ID=w",
            "shop c0ffee ann - w -",
        ),
        (
            "Argo CD",
            "ARGOCD_APP_NAME=shop ARGOCD_APP_REVISION=c0ffee ARGOCD_APP_NAMESPACE=staging",
            "shop c0ffee - staging - -",
        ),
        (
            "Kamal",
            "KAMAL_SERVICE=shop KAMAL_VERSION=c0ffee KAMAL_PERFORMER=ann KAMAL_DESTINATION=staging KAMAL_RUNTIME=63",
            "shop c0ffee ann staging - -",
        ),
        (
            "Kamal at GitHub: what is deployed is Kamal's, the run GitHub's",
            "GITHUB_REPOSITORY=acme/monolith GITHUB_SHA=c0ffee GITHUB_ACTOR=ann GITHUB_RUN_ID=9 KAMAL_SERVICE=web \
             KAMAL_VERSION=v2 KAMAL_PERFORMER=a@example.com",
            "web v2 ann - 9 -",
        ),
        (
            "nobody",
            "BUILD_NUMBER=7 GIT_URL=https://example.com/a.git ENVIRONMENT_NAME=x GITHUB_REPOSITORY=/",
            "- - - - - -",
        ),
        ("a count that is none", "BUILDKITE_RETRY_COUNT=none", "- - - - - -"),
    ] {
        assert_eq!(found(variables), expected, "{system}");
    }
}

/// README's table has every variable, and names no other.
#[test]
fn the_table_of_the_readme_has_all_of_them() {
    let readme = include_str!("../../../README.md");
    let (_, table) = readme.split_once("What CI and deploy systems are asked for").expect("the table");
    let (table, _) = table.split_once("\n\nArgo Rollouts").expect("the table's end");
    let is_variable = |word: &&str| word.contains('_') && !word.contains(char::is_lowercase);
    let told: std::collections::BTreeSet<_> = table.split('`').filter(is_variable).collect();
    let asked: std::collections::BTreeSet<_> = names().collect();
    assert_eq!(told, asked);
}
