//! `steps check` in a pipeline: rules of a settings file, exit codes, and answers for other tools.

use serde_json::Value;
use steps_shared::{CheckAnswer, CheckResult};
use steps_tests::history::{History, lasting, wobble};
use steps_tests::server::Builder;
use steps_tests::steps::{columns, rows};
use steps_tests::{Cli, Run, Server, TestDb, eventually, on_both_stores};

on_both_stores!(
    rules_are_judged_together,
    the_rules_of_the_nearest_file_count,
    wrong_rules_name_file_and_line,
    answers_are_for_other_tools,
    what_cannot_be_judged_has_its_code,
    a_long_replay_is_given_up_and_holds_up_no_gate,
);

const RULES: &str = "
component = \"web\"

[[check]]
max = \"2m\"

[[check]]
component = \"api\"
step = \"migrating\"
max = \"20s\"

[[check]]
component = \"api\"
baseline = \"p95\"
margin = \"5%\"
";

/// `web` takes 100 s; `api` 130, of which migrating takes 30, five times.
async fn two(server: &Server) {
    History::of("web").record(server, [lasting(100.0)]).await;
    History::of("api").record(server, ["building@0 migrating@100 succeeded@130"; 5]).await;
}

async fn rules_are_judged_together(db: TestDb) {
    let server = Server::start(&db).await;
    two(&server).await;
    let cli = Cli::of(&server);
    cli.file(".steps.toml", RULES);
    for (args, code, summary) in [
        (&[][..], 4, "3 rules of FILE: 1 over, 1 not enough data, 1 within"),
        (&["--component", "web"], 0, "1 rule of FILE: 1 within"),
        (&["--component", "api", "--step", "migrating"], 4, "1 rule of FILE: 1 over"),
        (&["--environment", "staging"], 5, "3 rules of FILE: 3 not enough data"),
        (&["--version", "1.0"], 4, "3 rules of FILE: 1 over, 1 not enough data, 1 within"),
        (&["--version", "1.4", "--component", "web"], 5, "1 rule of FILE: 1 not enough data"),
    ] {
        let run = cli.run(&[&["check"][..], args].concat());
        assert_eq!(run.code, code, "{args:?}: {}{}", run.stdout, run.stderr);
        let summary = summary.replace("FILE", &cli.work().join(".steps.toml").display().to_string());
        assert!(run.stdout.ends_with(&format!("\n{summary}\n")), "{args:?}: {}", run.stdout);
    }
    let table = cli.run(&["check"]).stdout;
    let lines = ["web 1.0", "within           max 2m00s", "migrating in api 1.4", "30.0s is 10.0s over 20.0s"];
    let places: Vec<_> =
        lines.iter().map(|line| table.find(line).unwrap_or_else(|| panic!("{line}: {table}"))).collect();
    assert!(places.is_sorted(), "in the order of the file: {table}");
    // A limit of the flags is judged alone.
    assert!(!cli.run(&["check", "--component", "api", "--max", "3m"]).ok().contains("rule"));
    let replayed = cli.run(&["check", "--replay", "3000d"]).ok();
    assert!(replayed.contains("would have fired 5 times in 5 deployments (100.0%)"), "{replayed}");
    let said = cli.run(&["check", "--component", "api", "--step", "building"]).failed(2);
    assert!(said.contains("no rule in") && said.contains("component api, step building"), "{said}");
}

async fn the_rules_of_the_nearest_file_count(db: TestDb) {
    let server = Server::start(&db).await;
    two(&server).await;
    let cli = Cli::of(&server);
    cli.file(".steps.toml", RULES);
    cli.file("web/.steps.toml", "[[check]]\ncomponent = \"web\"\nmax = \"99s\"\n");
    cli.file("api/.steps.toml", "component = \"api\"\n");
    for (folder, code, summary) in
        [("docs", 4, "3 rules of"), ("web", 4, "web/.steps.toml: 1 over"), ("web/src", 4, "web/.steps.toml: 1 over")]
    {
        let run = cli.run_in(folder, &["check"]);
        assert_eq!(run.code, code, "{folder}: {}{}", run.stdout, run.stderr);
        assert!(run.stdout.contains(summary), "{folder}: {}", run.stdout);
    }
    let said = cli.run_in("api", &["check"]).failed(2);
    assert!(said.contains("no settings file has a rule"), "the nearest file is read, and no other: {said}");
}

async fn wrong_rules_name_file_and_line(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    for (rules, line, hint) in [
        ("# ours\n[[check]]\nmaks = \"10m\"\n", 3, "did you mean \"max\"?"),
        ("[[check]]\ncomponent = \"c\"\n\n[[check]]\nmax = 10\n", 5, "max needs a unit"),
        ("[[check]]\ncomponent = \"c\"\n", 1, "one of them is needed"),
        ("\n[[check]]\nmax = \"10m\"\nversion = \"1\"\n", 4, "give it as a flag"),
        ("[[check]]\nmax = \"10m\"\nmargin = \"5%\"\n", 3, "margin is of a baseline"),
        ("[[check]]\nbaseline = \"p95\"\nlast = 5\n", 3, "10 to 1000"),
        ("[[check]]\nmax = \"10m\"\n", 1, "names no component"),
    ] {
        let file = cli.file(".steps.toml", rules);
        let said = cli.run(&["check"]).failed(2);
        assert!(said.contains(&format!("{file}, line {line}: ")) && said.contains(hint), "{rules}: {said}");
    }
    let file = cli.file(".steps.toml", "[[check]]\nmax = 10\nlst = 3\n\n[[check]]\nbaseline = \"95\"\n");
    let said = cli.run(&["check", "--component", "c"]).failed(2);
    for line in [2, 3, 6] {
        assert!(said.contains(&format!("{file}, line {line}: ")), "all at once: {said}");
    }
    // They are in nobody's way who does not use them.
    two(&server).await;
    cli.run(&["check", "--component", "web", "--max", "2m"]).ok();
    cli.run(&["record", "--component", "c", "--version", "1", "--owner", "o", "--status", "building"]).ok();
}

async fn answers_are_for_other_tools(db: TestDb) {
    let server = Server::start(&db).await;
    two(&server).await;
    let cli = Cli::of(&server);
    cli.file(".steps.toml", RULES);
    let run = cli.run(&["check", "--format", "json"]);
    assert_eq!(run.code, 4, "whatever the format is: {}", run.stderr);
    let answers: Vec<CheckAnswer> = serde_json::from_str(&run.stdout).unwrap();
    let results: Vec<_> = answers.iter().map(|answer| (answer.component.as_str(), answer.result)).collect();
    assert_eq!(
        results,
        [("web", CheckResult::Within), ("api", CheckResult::Over), ("api", CheckResult::NotEnoughData)]
    );
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    let asked = server.get("/v1/check?component=api&step=migrating&max=20s").await;
    assert_eq!(json[1], asked.json());
    let one = cli.run(&["check", "--component", "web", "--max", "2m", "--format", "json"]).ok();
    assert_eq!(serde_json::from_str::<Vec<CheckAnswer>>(&one).unwrap().len(), 1, "an array, too");

    let csv = cli.run(&["check", "--format", "csv"]).stdout;
    assert_eq!(
        columns(&csv, ["component", "step", "budget", "result", "version", "duration_seconds"]),
        [
            ["web", "", "max", "within", "1.0", "100"],
            ["api", "migrating", "max", "over", "1.4", "30"],
            ["api", "", "baseline", "not enough data", "1.4", "130"],
        ]
    );
    let replayed = cli.run(&["check", "--format", "csv", "--replay", "3000d"]).ok();
    let counts = columns(&replayed, ["replay_deployments", "replay_over", "replay_not_enough_data"]);
    assert_eq!(counts, [["1", "0", "0"], ["5", "5", "0"], ["5", "0", "5"]]);
    let none = cli.run(&["check", "--component", "none", "--max", "2m", "--format", "csv"]);
    assert_eq!((none.code, rows(&none.stdout)[0]["duration_seconds"].as_str()), (5, ""), "unknown is empty");
    let json =
        cli.run(&["check", "--component", "api", "--step", "migrating", "--format", "json", "--replay", "3000d"]);
    let answers: Vec<CheckAnswer> = serde_json::from_str(&json.ok()).unwrap();
    assert_eq!(answers[0].replay.as_ref().map(|replay| (replay.deployments, replay.over)), Some((5, 5)));
}

async fn what_cannot_be_judged_has_its_code(db: TestDb) {
    let server = Server::start(&db).await;
    two(&server).await;
    let cli = Cli::of(&server);
    for (wrong, hint) in [
        (&["--component", "web"][..], "[[check]]"),
        (&["--max", "2m"], "--component"),
        (&["--component", "web", "--max", "soon"], "--max"),
        (&["--component", "web", "--baseline", "95"], "p95"),
        (&["--component", "web", "--max-growth", "5%/day"], "5%/week"),
        (&["--component", "web", "--max", "2m", "--last", "20"], "--baseline"),
        (&["--component", "web", "--baseline", "p95", "--last", "9"], "--last"),
        (&["--component", "web", "--max", "2m", "--since", "tomorrow"], "--since"),
        (&["--component", "web", "--max", "2m", "--format", "xlsx"], "--format"),
    ] {
        let said = cli.run(&[&["check"][..], wrong].concat()).failed(2);
        assert!(said.contains(hint), "{wrong:?}: {said}");
    }
    let away = ["check", "--component", "web", "--max", "2m", "--server", "http://127.0.0.1:1"];
    let run = cli.run(&away);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "no answer is no judgement: {}", run.stderr);
    assert!(run.stderr.contains("http://127.0.0.1:1"), "{}", run.stderr);
    // Whoever reads no further does not open the gate.
    let closed = "steps check --component web --max 1m | true; exit ${PIPESTATUS[0]}";
    let steps = steps_tests::binaries().display().to_string();
    let script = format!("PATH=\"{steps}:$PATH\"; {closed}");
    let run = Run::of(&mut cli.program("/bin/bash".as_ref(), &["-c", &script]));
    assert_eq!(run.code, 4, "{}", run.stderr);
}

async fn a_long_replay_is_given_up_and_holds_up_no_gate(db: TestDb) {
    let patient = Server::start(&db).await;
    let history = History::of("c").starting("2025-01-06 09:00:00".parse().unwrap()).every_hours(2.0);
    history.record(&patient, (0..4000).map(|nth| lasting(90.0 + wobble(nth)))).await;
    eventually("all is folded", async || (patient.get("/v1/deployments/count").await.status == 200).then_some(()))
        .await;
    let server = Builder::on(&db.url()).args(&["--deadline", "5s"]).start().await;
    // Growth as of each of 4,000 deployments is more than a second's work.
    let long = "/v1/check?component=c&max_growth=5&replay=3000d&since=3000d";
    let replays = async { server.get(long).await.problem(503) };
    let gates = async {
        for _ in 0..20 {
            assert_eq!(server.get("/v1/check?component=c&max=10m").await.json()["result"], "within");
        }
    };
    let (problem, ()) = tokio::join!(replays, gates);
    assert!(problem.detail.contains("ask for a shorter time"), "{}", problem.detail);
    // Given up, it computes no further: the turn is free for the next one.
    let short = server.get("/v1/check?component=c&max_growth=5&replay=1h").await;
    assert_eq!(short.status, 200, "{}", short.text());
}
