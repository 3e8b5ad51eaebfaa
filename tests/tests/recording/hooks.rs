//! The hooks of `deploy/hooks`: their shell parts, run as each system runs them, with the variables that it documents.

use std::path::{Path, PathBuf};
use std::process::Command;

use steps_tests::steps::columns;
use steps_tests::{Cli, DatabaseKind, Run, Server, TestDb, binary, block_on};

const TOKEN: &str = "steps_this-is-a-token-that-nobody-may-print";

fn hooks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/hooks").canonicalize().expect("deploy/hooks")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(hooks().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The texts that stand below a line that ends so, without their indentation.
fn blocks(yaml: &str, ends: &str) -> Vec<String> {
    let lines: Vec<_> = yaml.lines().collect();
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let below = |at: usize| {
        let outer = indentation(lines[at]) + usize::from(lines[at].trim_start().starts_with("- "));
        let within = lines[at + 1..].iter().take_while(move |line| line.is_empty() || indentation(line) > outer);
        let inner = lines.get(at + 1).map_or(0, |line| indentation(line));
        within.map(move |line| line.get(inner..).unwrap_or_default()).collect::<Vec<_>>().join("\n")
    };
    (0..lines.len()).filter(|at| lines[*at].ends_with(ends)).map(below).collect()
}

/// `a: text` is the text, for each line `{ name: a, value: text }`.
fn container(yaml: &str) -> Vec<(String, String)> {
    let value = |line: &str| {
        let (name, value) = line.trim().strip_prefix("- { name: ")?.strip_suffix(" }")?.split_once(", value: ")?;
        Some((name.to_owned(), value.trim_matches('"').to_owned()))
    };
    yaml.lines().filter_map(value).collect()
}

/// A command whose `steps` is the real one, or which has none; it sees these variables, `NAME=VALUE`.
fn cli(server: &str, variables: &str, has_steps: bool) -> Cli {
    let programs = binary("steps").parent().expect("a folder").display().to_string();
    let path = if has_steps { format!("{programs}:/usr/bin:/bin") } else { "/usr/bin:/bin".to_owned() };
    let cli = Cli::at(server).env("PATH", &path).env("STEPS_TOKEN", TOKEN);
    variables
        .split(' ')
        .filter_map(|variable| variable.split_once('='))
        .fold(cli, |cli, (name, value)| cli.env(name, value))
}

/// Nothing fails, and no token is printed.
#[track_caller]
fn harmless(what: &str, mut command: Command, code: i32) {
    let run = Run::of(&mut command);
    assert_eq!(run.code, code, "{what}\nstdout: {}\nstderr: {}", run.stdout, run.stderr);
    assert!(!format!("{}{}", run.stdout, run.stderr).contains("nobody-may-print"), "{what}");
}

fn shell(cli: &Cli, script: &str, more: &str) -> Command {
    let mut command = cli.program("bash".as_ref(), &["-eo", "pipefail", "-c", script]);
    command.envs(more.split(' ').filter_map(|variable| variable.split_once('=')));
    command
}

const GITHUB: &str =
    "CI=true GITHUB_REPOSITORY=acme/shop GITHUB_SHA=c0ffee GITHUB_ACTOR=ann GITHUB_RUN_ID=9 GITHUB_RUN_ATTEMPT=2";
const GITLAB: &str = "CI=true CI_PROJECT_PATH=acme/shop CI_COMMIT_SHA=c0ffee GITLAB_USER_LOGIN=ann CI_ENVIRONMENT_NAME=staging CI_PIPELINE_ID=44";
const JENKINS: &str = "JENKINS_URL=https://ci/ GIT_URL=https://git/acme/shop.git GIT_COMMIT=c0ffee BUILD_USER_ID=ann BUILD_TAG=jenkins-shop-7";
const BUILDKITE: &str = "CI=true BUILDKITE_PIPELINE_SLUG=pipeline BUILDKITE_COMMIT=c0ffee BUILDKITE_BUILD_CREATOR=ann BUILDKITE_BUILD_ID=0197 \
                         BUILDKITE_RETRY_COUNT=1 BUILDKITE_PLUGIN_STEPS_COMPONENT=shop BUILDKITE_PLUGIN_STEPS_ENVIRONMENT=staging";
const CIRCLECI: &str = "CI=true CIRCLE_PROJECT_REPONAME=mono CIRCLE_SHA1=c0ffee CIRCLE_USERNAME=ann CIRCLE_WORKFLOW_ID=w \
                        COMPONENT=shop ENVIRONMENT=staging";
const KAMAL: &str =
    "KAMAL_SERVICE=shop KAMAL_VERSION=c0ffee KAMAL_PERFORMER=ann KAMAL_DESTINATION=staging KAMAL_COMMAND=deploy";
const SHELL: &str = "STEPS_COMPONENT=shop STEPS_VERSION=c0ffee STEPS_OWNER=ann STEPS_RUN=by-hand";

/// Runs the shell parts of each system as it does. Returns what they record, a line a step, in this order.
fn run_all(server: &str, has_steps: bool, deliver: impl Fn(&Cli)) -> Vec<&'static str> {
    let mut expected = Vec::new();
    let mut system = |variables: &'static str, records: &[&'static str], run: &dyn Fn(&Cli)| {
        let cli = cli(server, variables, has_steps);
        run(&cli);
        deliver(&cli);
        expected.extend(records);
    };
    let action = blocks(&text("github-action.yml"), "run: |").remove(0);
    system(GITHUB, &["shop c0ffee ann staging 9 2 started", "shop c0ffee ann staging 9 2 cancelled"], &|cli| {
        let file = cli.file("github-env", "");
        let inputs = format!("GITHUB_ENV={file} INPUT_STATUS=started INPUT_ENVIRONMENT=staging");
        harmless("github", shell(cli, &action, &inputs), 0);
        // The next step of the job sees what was written into that file.
        let kept = std::fs::read_to_string(&file).unwrap();
        assert_eq!(kept, "STEPS_ENVIRONMENT=staging\n");
        harmless(
            "github",
            shell(cli, &action, &format!("GITHUB_ENV={file} INPUT_STATUS=cancelled {}", kept.trim())),
            0,
        );
    });
    let scripts = blocks(&text("gitlab-ci.yml"), "- |");
    system(GITLAB, &["shop c0ffee ann staging 44  started", "shop c0ffee ann staging 44  cancelled"], &|cli| {
        harmless("gitlab", shell(cli, &scripts[0], ""), 0);
        harmless("gitlab", shell(cli, &scripts[1], "CI_JOB_STATUS=canceled"), 0);
    });
    let groovy = text("jenkins.groovy");
    let script = groovy.split("'''").nth(1).expect("a script");
    system(JENKINS, &["shop c0ffee ann production jenkins-shop-7  succeeded"], &|cli| {
        harmless("jenkins", shell(cli, script, "STEPS_STATUS=succeeded"), 0);
    });
    system(BUILDKITE, &["shop c0ffee ann staging 0197 2 started", "shop c0ffee ann staging 0197 2 failed"], &|cli| {
        // The agent carries over what a hook exports.
        let (begin, end) = (hooks().join("buildkite/hooks/pre-command"), hooks().join("buildkite/hooks/pre-exit"));
        let both = format!(". {}; export BUILDKITE_COMMAND_EXIT_STATUS=3; {}", begin.display(), end.display());
        harmless("buildkite", shell(cli, &both, ""), 0);
        harmless("buildkite, not started", shell(cli, &end.display().to_string(), ""), 0);
    });
    let commands = blocks(&text("circleci.yml"), "command: |");
    system(
        CIRCLECI,
        &[
            "shop c0ffee ann staging w  started",
            "shop c0ffee ann staging w  succeeded",
            "shop c0ffee ann staging w  failed",
        ],
        &|cli| {
            let bash_env = cli.file("bash-env", "");
            for command in &commands {
                let script = format!(". \"$BASH_ENV_FILE\"; BASH_ENV=$BASH_ENV_FILE; {command}");
                harmless("circleci", shell(cli, &script, &format!("BASH_ENV_FILE={bash_env}")), 0);
            }
        },
    );
    let phases = ["started", "building", "deploying", "succeeded"];
    system(
        KAMAL,
        &[
            "shop c0ffee ann staging   started",
            "shop c0ffee ann staging   building",
            "shop c0ffee ann staging   deploying",
            "shop c0ffee ann staging   succeeded",
            "shop alone ann staging   started",
            "shop alone ann staging   succeeded",
        ],
        &|cli| {
            for (hook, _) in ["pre-connect", "pre-build", "pre-deploy", "post-deploy"].iter().zip(phases) {
                cli.file(&format!("all/{hook}"), &text("kamal"));
                harmless(hook, shell(cli, &format!("sh all/{hook}"), "KAMAL_RUNTIME=63"), 0);
                harmless(hook, shell(cli, &format!("sh all/{hook}"), "KAMAL_COMMAND=app KAMAL_SUBCOMMAND=exec"), 0);
            }
            cli.file("alone/post-deploy", &text("kamal"));
            harmless(
                "post-deploy alone",
                shell(cli, "sh alone/post-deploy", "KAMAL_RUNTIME=63 KAMAL_VERSION=alone"),
                0,
            );
        },
    );
    system(
        SHELL,
        &[
            "shop c0ffee ann production by-hand  started",
            "shop c0ffee ann production by-hand  migrating",
            "shop c0ffee ann production by-hand  failed",
        ],
        &|cli| {
            cli.file("steps.sh", &text("shell.sh"));
            for shell in ["dash", "bash"].into_iter().take(if has_steps { 1 } else { 2 }) {
                let script = "set -eu; . ./steps.sh; steps_phase migrating; (exit 3)";
                harmless(shell, cli.program(shell.as_ref(), &["-c", script]), 3);
            }
        },
    );
    expected
}

#[test]
fn hooks_record_what_is_deployed_and_never_fail() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let server = Server::start(&db).await;
        let found = async || {
            let keys = ["component", "version", "owner", "environment", "run", "attempt", "status"];
            let csv = server.list("&limit=1000").await;
            columns(&csv, keys).into_iter().map(|row| row.join(" ")).collect::<Vec<_>>()
        };
        let sorted = |mut lines: Vec<String>| {
            lines.sort();
            lines
        };
        let expected: Vec<_> = run_all(server.url(), true, |_| ()).into_iter().map(str::to_owned).collect();
        assert_eq!(sorted(found().await), sorted(expected.clone()));

        // Kamal's hook alone tells the beginning by Kamal's own count.
        let kamal = server.deployments("component=shop&environment=staging&version=alone").await;
        assert!(columns(&kamal, ["duration_seconds"]).iter().any(|[took]| took.starts_with("6")), "{kamal}");

        // While the server is away, and where the command is absent, everything ends as before.
        run_all("http://127.0.0.1:9", false, |_| ());
        let kept = run_all("http://127.0.0.1:9", true, |cli| {
            let mut flush = cli.command(&["flush", "--server", server.url(), "--from", "http://127.0.0.1:9"]);
            Run::of(flush.env_remove("STEPS_TOKEN")).ok();
        });
        assert_eq!(kept.len(), expected.len());
        assert_eq!(sorted(found().await), sorted([expected.clone(), expected.clone()].concat()));

        let before = found().await.len();
        for (file, texts, recorded) in [
            ("argocd-job.yaml", &[][..], 3),
            (
                "helm.yaml",
                &[
                    ("required \"steps.server is the server's address\" $.Values.steps.server | quote", server.url()),
                    ("$.Release.Name | quote", "shop"),
                    ("$.Chart.AppVersion | quote", "4.2.0"),
                    ("$.Release.Namespace | quote", "staging"),
                    ("$.Release.Name", "shop"),
                    ("$.Release.Revision", "3"),
                    ("$hook.status", "succeeded"),
                ][..],
                1,
            ),
        ] {
            let yaml = filled(&text(file), texts);
            let commands =
                yaml.lines().filter_map(|line| line.trim().strip_prefix("command: [/steps, ")?.strip_suffix(']'));
            let commands: Vec<Vec<_>> = commands.map(|words| words.split(", ").collect()).collect();
            assert_eq!(commands.len(), recorded, "{file}");
            for words in commands {
                let cli = container(&yaml).iter().fold(Cli::new(), |cli, (name, value)| cli.env(name, value));
                cli.env("STEPS_SERVER", server.url()).run(&words).ok();
                let away = container(&yaml).iter().fold(Cli::new(), |cli, (name, value)| cli.env(name, value));
                away.env("STEPS_SERVER", "http://127.0.0.1:9").run(&words).ok();
            }
        }
        assert_eq!(found().await.len(), before + 4);
        notifications(&server).await;
    });
}

/// A template with these texts in the places of its expressions; all others stay.
fn filled(template: &str, texts: &[(&str, &str)]) -> String {
    texts.iter().fold(template.to_owned(), |text, (of, with)| text.replace(&format!("{{{{ {of} }}}}"), with))
}

/// What Argo's controllers send is recorded.
async fn notifications(server: &Server) {
    let initiator = "{{ with .app.status.operationState.operation.initiatedBy }}{{ toJson (default \"argocd\" .username) }}\
                     {{ else }}\"argocd\"{{ end }}";
    for (file, number) in [("argocd-notifications.yaml", 3), ("argo-rollouts-notifications.yaml", 4)] {
        let bodies = blocks(&text(file), "body: |");
        assert_eq!(bodies.len(), number, "{file}");
        for body in bodies {
            let body = filled(
                &body.replace(initiator, "\"ann\""),
                &[
                    ("toJson .app.metadata.name", "\"web\""),
                    ("toJson .app.status.sync.revision", "\"c0ffee\""),
                    ("toJson .app.spec.destination.namespace", "\"staging\""),
                    ("toJson .app.status.operationState.startedAt", "\"2026-01-05T09:30:00Z\""),
                    ("toJson .rollout.metadata.name", "\"web\""),
                    (
                        "(index .rollout.spec.template.spec.containers 0).image | splitList \":\" | last | toJson",
                        "\"4.2.0\"",
                    ),
                    ("toJson .rollout.metadata.namespace", "\"staging\""),
                    ("index .rollout.metadata.annotations \"rollout.argoproj.io/revision\" | toJson", "\"7\""),
                    (".rollout.status.currentStepIndex", "2"),
                ],
            );
            assert!(!body.contains("{{"), "{file}: {body}");
            server.post_body("/v1/steps", "application/json", body).await.recorded();
        }
    }
    let outcomes = server.deployments("component=web").await;
    assert_eq!(columns(&outcomes, ["version", "run"]).len(), 2, "{outcomes}");
}
