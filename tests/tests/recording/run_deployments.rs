//! `steps run --deployment`: which deployment it is, by itself, in a CI system, and within another.

use std::process::Stdio;

use steps_tests::steps::{column, columns, rows};
use steps_tests::{Cli, Run, Server, TestDb, binaries, on_both_stores};

on_both_stores!(
    a_deployment_without_a_run_makes_one,
    within_another_it_is_a_step_of_that,
    two_that_know_nothing_of_each_other_are_two,
    two_of_one_ci_run_are_one,
);

/// `steps` of this server, where scripts find it too, with all that a step needs.
fn cli(server: &Server) -> Cli {
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", binaries().display());
    let cli = Cli::of(server).env("PATH", &path);
    cli.env("STEPS_COMPONENT", "shop").env("STEPS_VERSION", "1").env("STEPS_OWNER", "ann")
}

fn deployment(script: &str) -> Vec<&str> {
    vec!["run", "--deployment", "--", "sh", "-ec", script]
}

async fn a_deployment_without_a_run_makes_one(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = cli(&server);
    // Of yesterday, and of the same version.
    cli.run(&["record", "--status", "building", "--ts", "2026-01-05T09:30:00Z"]).ok();
    let script = "steps record -q --status migrating; steps run --status testing -- true; echo $STEPS_RUN";
    let runs = [0, 1].map(|_| cli.run(&deployment(script)).ok().trim().to_owned());
    assert!(runs[0].starts_with("run-0") && runs[1].starts_with("run-0") && runs[0] != runs[1], "{runs:?}");
    let found = columns(&server.deployments("").await, ["run", "outcome", "steps"]);
    assert_eq!(found.len(), 3, "{found:?}");
    for (found, run) in found[1..].iter().zip(&runs) {
        assert_eq!(found, &[run, "succeeded", "4"].map(str::to_owned));
    }
}

async fn within_another_it_is_a_step_of_that(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = cli(&server);
    let inner = "steps run --deployment -- sh -c 'sleep 0.1; exit 3' || test $? -eq 3; sleep 0.2";
    cli.run(&deployment(inner)).ok();
    let found = columns(&server.deployments("").await, ["component", "outcome", "steps"]);
    assert_eq!(found, [["shop", "succeeded", "3"].map(str::to_owned)]);
    let steps = columns(&server.list("").await, ["status", "span", "outcome", "exit_code"]);
    assert_eq!(steps[1], ["deployment", "true", "failed", "3"].map(str::to_owned));
    let mark = cli.run(&deployment("echo $STEPS_DEPLOYMENT $STEPS_RUN")).ok();
    let (mark, run) = mark.trim().rsplit_once(' ').unwrap();
    assert_eq!(mark, format!("shop 1 production {run}"));

    // Of another component, version or run it is a deployment of its own.
    for (other, component) in [("--component api", "api"), ("--version 2", "shop"), ("--run 7", "shop")] {
        let before = rows(&server.deployments("").await).len();
        cli.run(&deployment(&format!("steps run --deployment {other} -- true"))).ok();
        let found = columns(&server.deployments("").await, ["component", "outcome"]);
        assert_eq!(found.len(), before + 2, "{other}: {found:?}");
        assert!(found.iter().all(|of| of[1] == "succeeded"), "{other}: {found:?}");
        assert_eq!(found.last().unwrap()[0], component, "{other}");
    }
}

async fn two_that_know_nothing_of_each_other_are_two(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = cli(&server);
    let start = |script: &'static str| cli.command(&deployment(script)).stderr(Stdio::piped()).spawn().unwrap();
    let (good, bad) = (start("sleep 1.2"), start("sleep 0.2; exit 1"));
    let codes = [good, bad].map(|process| Run::from(process.wait_with_output().unwrap()).code);
    assert_eq!(codes, [0, 1]);
    let mut found = columns(&server.deployments("").await, ["outcome", "steps", "duration_seconds"]);
    found.sort();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(
        (&found[0][..2], &found[1][..2]),
        (&["failed", "2"].map(str::to_owned)[..], &["succeeded", "2"].map(str::to_owned)[..])
    );
    let took = |at: usize| found[at][2].parse::<f64>().unwrap();
    assert!(took(0) >= 0.1 && took(1) >= 1.1, "{found:?}");
}

async fn two_of_one_ci_run_are_one(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = cli(&server).env("GITHUB_RUN_ID", "912").env("GITHUB_RUN_ATTEMPT", "1");
    let start = |script: &'static str| cli.command(&deployment(script)).stderr(Stdio::piped()).spawn().unwrap();
    let both = [start("sleep 1.5"), start("sleep 0.3; test $STEPS_RUN-$STEPS_ATTEMPT = 912-1")];
    assert_eq!(both.map(|process| Run::from(process.wait_with_output().unwrap()).code), [0, 0]);
    let found = columns(&server.deployments("").await, ["run", "outcome", "steps", "duration_seconds"]);
    let [deployment] = &found[..] else { panic!("{found:?}") };
    assert_eq!(deployment[..3], ["912", "succeeded", "4"].map(str::to_owned));
    assert!(deployment[3].parse::<f64>().unwrap() >= 1.4, "{found:?}");
    assert!(column(&server.list("").await, "attempt").iter().all(|attempt| attempt == "1"));
}
