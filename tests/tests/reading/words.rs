//! What people type: times, names that were never recorded, beginnings of ids, names of files.

use std::io::Read as _;

use steps_tests::steps::column;
use steps_tests::{Cli, Server, TestDb, on_both_stores};

on_both_stores!(an_answer_that_is_empty_says_why, beginnings_of_ids_are_enough, times_are_typed_everywhere,);

/// Records a deployment, a step a minute from the hour of a day.
async fn deploy(server: &Server, component: &str, ts: [&str; 2]) {
    for (status, ts) in ["building", "succeeded"].into_iter().zip(ts) {
        let step = [("component", component), ("version", "1"), ("owner", "ann"), ("status", status), ("ts", ts)];
        server.record(&step).await.recorded();
    }
}

async fn an_answer_that_is_empty_says_why(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    deploy(&server, "checkout", ["2025-01-05 09:30:00", "2025-01-05 09:31:00"]).await;
    for (args, hint) in [
        (&["list", "--status", "succeded"][..], "under the status succeded; did you mean succeeded?"),
        (&["list", "--status", "bulding"], "under the status bulding; did you mean building?"),
        (&["list", "--component", "chekout", "--count"], "under the component chekout; did you mean checkout?"),
        (&["list", "--owner", "anne", "--format", "table"], "under the owner anne; did you mean ann?"),
        (&["deployments", "--environment", "prodution"], "environment prodution; did you mean production?"),
        (&["stats", "--component", "quite-another"], "nothing was ever recorded under the component quite-another\n"),
        (&["stats", "--component", "chekout", "--format", "json"], "did you mean checkout?"),
        (
            &["list", "--since", "2026-01-01"],
            "the newest began at 2025-01-05 09:31:00 UTC; --since 2025-01-05 shows it",
        ),
        (&["deployments", "--until", "2025-01-01"], "the newest began at 2025-01-05 09:30:00 UTC, after --until"),
        (
            &["trend"],
            "no successful deployments\nthe newest began at 2025-01-05 09:30:00 UTC; --since 2025-01-05 shows it",
        ),
        (&["trend", "checkout", "--format", "table"], "--since 2025-01-05 shows it"),
    ] {
        let said = cli.run(args);
        assert!(said.code == 0 && said.stderr.contains(hint), "{args:?}: {} {}", said.code, said.stderr);
    }
    // An answer with rows, and one to a question without names, say nothing.
    for args in [&["list"][..], &["list", "--owner", "ann"], &["stats", "--component", "checkout"], &["notes"]] {
        assert_eq!(cli.run(args).stderr, "", "{args:?}");
    }
    let by = cli.run(&["stats", "--by", "version,run,outcome", "--since", "2y"]).ok();
    assert!(by.contains("version,run,outcome,count,") && by.contains("\n1,,succeeded,1,1,0,0,0,0,60,"), "{by}");
    let steps = cli.run(&["stats", "--by", "status,version,outcome", "--since", "2y"]).ok();
    assert!(steps.contains("\nbuilding,1,succeeded,1,1,0,0,0,0,60,"), "{steps}");
    let judged = cli.run(&["check", "--component", "chekout", "--max", "5m"]);
    assert!(judged.code == 5 && judged.stderr.contains("did you mean checkout?"), "{}", judged.stderr);
    // The older service's clients notice nothing.
    let empty = server.get("/v1/steps?status=succeded").await;
    assert_eq!((empty.status, empty.ok().lines().count()), (200, 1));
    // The endings of files.
    let refused = cli.run(&["list", "-o", "x.xslx"]).failed(2);
    assert!(refused.contains("x.xslx") && refused.contains(".csv, .json, .jsonl and .xlsx"), "{refused}");
    assert!(!cli.work().join("x.xslx").exists());
    cli.run(&["list", "-o", "x.csv.gz"]).ok();
    let mut text = String::new();
    let file = std::fs::File::open(cli.work().join("x.csv.gz")).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    assert_eq!(text, cli.run(&["list"]).ok());
}

async fn beginnings_of_ids_are_enough(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    for (id, component) in [("1", "a"), ("2", "b"), ("f1", "c")] {
        let id = format!("0197a000-0000-7000-8000-{id:0>12}");
        let step = [("component", component), ("version", "1"), ("owner", "o"), ("status", "succeeded"), ("id", &id)];
        server.record(&step).await.recorded();
    }
    let step = [("component", "d"), ("version", "1"), ("owner", "o"), ("status", "s")];
    let id = server.record(&step).await.recorded().id.to_string();
    for prefix in [&id[..24], &id.replace('-', "")[..20], &id.to_uppercase()[..23]] {
        assert_eq!(column(&cli.run(&["show", prefix]).ok(), "component")[0], "d", "{prefix}");
        let detail = server.get(&format!("/v1/deployments/{prefix}")).await.json();
        assert_eq!(detail["id"], id.as_str());
        server.get(&format!("/v1/deployments/{prefix}/expected")).await.ok();
        assert!(server.get(&format!("/deployments/{prefix}")).await.ok().contains("running"));
        assert!(cli.run(&["exclude", prefix, "--reason", "x", "--owner", "o"]).ok().contains("d 1"));
    }
    let ambiguous = cli.run(&["show", "0197a000"]).failed(3);
    for candidate in ["000000000001, ", "000000000002, ", "0000000000f1; write more of it"] {
        assert!(ambiguous.contains(candidate), "{ambiguous}");
    }
    server.get("/v1/deployments/0197a000").await.problem(400);
    server.get("/v1/deployments/0197b000").await.problem(404);
    server.get("/v1/deployments/0197a00").await.problem(400);
    assert!(
        cli.run(&["exclude", "0197b000", "--reason", "x", "--owner", "o"]).failed(3).contains("begins with 0197b000")
    );
    // A component of such a name comes first.
    let named = [("component", "0197a000"), ("version", "1"), ("owner", "o"), ("status", "s")];
    server.record(&named).await.recorded();
    assert_eq!(column(&cli.run(&["show", "0197a000"]).ok(), "component")[0], "0197a000");
    let table = cli.run(&["deployments", "--format", "table"]).ok();
    assert!(
        table.contains("0197a000-0000-7000-8000-0000000000f ")
            || table.contains("0197a000-0000-7000-8000-0000000000f\n"),
        "{table}"
    );
    assert!(table.contains(&id[..13]) && !table.contains(&id), "{table}");
}

async fn times_are_typed_everywhere(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    deploy(&server, "old", ["2025-01-05 09:30:00", "2025-01-05 09:31:00"]).await;
    server.record(&[("component", "new"), ("version", "1"), ("owner", "o"), ("status", "s")]).await.recorded();
    for since in
        ["1y", "2 weeks ago", "last month", "last monday", "a month ago", "this year", "2025-02", "yesterday 10:30"]
    {
        assert_eq!(column(&cli.run(&["list", "--since", since]).ok(), "component"), ["new"], "{since}");
        let sent = since.replace(' ', "%20");
        server.get(&format!("/v1/trend?since={sent}")).await.ok();
        server.get(&format!("/trend?since={sent}")).await.ok();
    }
    cli.file(".steps.toml", "[[check]]\ncomponent = \"old\"\nmax = \"1h\"\nsince = \"5 jan 2025\"\n");
    assert!(cli.run(&["check"]).ok().contains("within"));
    cli.file(".steps.toml", "[[check]]\ncomponent = \"old\"\nmax = \"1h\"\nsince = \"next week\"\n");
    for refused in [cli.run(&["check"]).failed(2), cli.run(&["list", "--since", "next week"]).failed(2)] {
        assert!(
            refused.contains("\"next week\"; write 2026-01-05 09:30, a day or month such as yesterday"),
            "{refused}"
        );
    }
}
