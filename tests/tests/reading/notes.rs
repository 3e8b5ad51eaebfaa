//! Notes: who records, sees and removes them, and how trends are told with them.

use reqwest::Method;
use serde_json::{Value, json};
use steps_shared::StepId;
use steps_tests::access::Caller;
use steps_tests::history::{History, lasting, wobble};
use steps_tests::server::Builder;
use steps_tests::steps::column;
use steps_tests::{Answer, Cli, Server, TestDb, on_both_stores};

on_both_stores!(a_jump_is_told_with_its_note, notes_are_seen_and_recorded_within_limits);

const TEXT: &str = "moved to the <new> cluster";

async fn a_jump_is_told_with_its_note(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server).env("STEPS_OWNER", "ann").env("LC_ALL", "C.UTF-8");
    let history = History::of("checkout");
    history.record(&server, (0..30).map(|nth| lasting(100.0 + wobble(nth)))).await;
    history.clone().going_on_at(30).record(&server, (30..60).map(|nth| lasting(200.0 + wobble(nth)))).await;
    let asked = "component=checkout&since=2026-01-01";
    assert_eq!(server.trend(asked).await.change_points[0].note_id, None);

    let id = "0197a000-0000-7000-8000-00000000000a";
    let note = ["note", "checkout", TEXT, "--at", "2026-01-15", "--id", id];
    let said = cli.run(&note).ok();
    assert_eq!(said, format!("noted of checkout on 2026-01-15 by ann: {TEXT} (id {id})\n"));
    assert!(cli.run(&note).ok().starts_with("already noted of checkout "));
    let other = cli.run(&["note", "checkout", "something else", "--at", "2026-01-15", "--id", id]).failed(3);
    assert!(other.contains("is the id of another note"), "{other}");
    let span = ["note", "checkout", "few runners", "--at", "2026-01-06", "--until", "2026-01-08 12:00:00"];
    cli.run(&[&span[..], &["--environment", "production"]].concat()).ok();
    cli.run(&["note", "checkout", "of another place", "--at", "2026-01-15", "--environment", "staging"]).ok();
    cli.run(&["note", "bank", "of another component", "--at", "2026-01-15"]).ok();

    // At once, on another server too, and no more than what is asked for.
    let another = Builder::on(&db.url()).start().await;
    for server in [&server, &another] {
        let trend = server.trend(asked).await;
        let texts: Vec<_> = trend.notes.iter().map(|note| note.text.as_str()).collect();
        assert_eq!(texts, ["few runners", TEXT]);
        assert_eq!(trend.change_points[0].note_id.map(|id| id.to_string()).as_deref(), Some(id));
        let later = server.trend("component=checkout&since=2026-01-09").await;
        assert_eq!(later.notes.len(), 1);
    }
    another.stop().await;
    let overview = server.trends("since=2026-01-01").await.trends.remove(0);
    assert_eq!(overview.notes.len(), 1, "of all of them only what is beside a change");
    let trend = ["trend", "checkout", "--since", "2026-01-01", "--format", "table"];
    let told = cli.run(&trend).ok();
    let prose = told.split_whitespace().collect::<Vec<_>>().join(" ");
    let beside = format!("on 2026-01-15, beside the note \"{TEXT}\" (from 1m40s to 3m20s)");
    assert!(prose.contains(&beside), "{told}");
    assert!(told.contains("▴1━") && told.contains("▴2"), "{told}");
    assert!(told.contains(&format!("\n2 2026-01-15 {TEXT} (ann)\n")), "{told}");
    cli.run(&["trend", "checkout", "--since", "2026-01-01", "--svg", "chart.svg"]).ok();
    let svg = std::fs::read_to_string(cli.work().join("chart.svg")).unwrap();
    assert!(svg.contains("2 2026-01-15 moved to the &lt;new&gt; cluster (ann)"), "{svg}");

    let listed = cli.run(&["notes", "checkout", "--environment", "production", "--format", "csv"]).ok();
    let [of, told] = ["environment", "text"].map(|name| column(&listed, name));
    assert_eq!(
        of.into_iter().zip(told).collect::<Vec<_>>(),
        [("production".to_owned(), "few runners".to_owned()), (String::new(), TEXT.to_owned())]
    );
    let since = |since: &str| column(&cli.run(&["notes", "--since", since, "--format", "csv"]).ok(), "text").len();
    assert_eq!((since("2026-01-08 12:00:00"), since("2026-01-08 12:00:01"), since("2026-01-16")), (4, 3, 0));
    assert_eq!(cli.run(&["notes", "--count"]).ok(), "4\n");
    let table = cli.run(&["notes", "--limit", "1", "--format", "table"]).ok();
    assert!(table.contains("… and 3 older notes; --limit N or --format csv shows them"), "{table}");

    assert_eq!(cli.run(&["note", "--remove", id]).ok(), format!("removed the note {id}\n"));
    assert!(cli.run(&["note", "--remove", id]).failed(3).contains("no note has the id"));
    assert_eq!(server.trend(asked).await.change_points[0].note_id, None);
    for (wrong, why) in [
        (&["note", "checkout"][..], "<TEXT>"),
        (&["note", "checkout", "a\nb"], "control character"),
        (&["note", "checkout", "a", "--at", "2026-01-06", "--until", "2026-01-05"], "is before --at"),
        (&["note", "checkout", "a", "--remove", id], "cannot be used with"),
    ] {
        let said = cli.run(wrong).failed(2);
        assert!(said.contains(why), "{said}");
    }
    assert!(cli.run(&["note", "checkout", "a", "--at", "2099-01-01"]).failed(3).contains("in the future"));

    // Those of an environment alone, and those that are over; none where a version is meant.
    let prune = |flags: &[&str]| Builder::bare().args(&["--database-url", &db.url(), "prune"]).run_with(flags).ok();
    assert!(!prune(&["--version", "none"]).contains("notes"));
    assert!(prune(&["--environment", "staging", "--dry-run"]).contains(", and 1 notes"));
    assert!(prune(&["--environment", "staging"]).contains(", and 1 notes"));
    assert!(prune(&["--component", "checkout"]).contains(", and 1 notes"));
    assert_eq!(cli.run(&["notes", "--format", "csv", "--columns", "text"]).ok(), "text\nof another component\n");
    server.stop().await;
}

async fn notes_are_seen_and_recorded_within_limits(db: TestDb) {
    let server = Builder::on(&db.url()).args(&["--allow-anonymous"]).start().await;
    let note = |component: &str, environment: Option<&str>, text: &str| {
        json!({"component": component, "environment": environment, "text": text, "owner": "ann",
            "at": "2026-01-05T10:00:00Z", "id": StepId::generate()})
    };
    let everybody = Caller::anonymous(&server);
    let mut ids = Vec::new();
    for new in [
        note("acme/shop", None, "everywhere"),
        note("acme/shop", Some("production"), "in production"),
        note("acme/shop", Some("staging"), "in staging"),
        note("bank", Some("staging"), "of the bank"),
    ] {
        let answer = everybody.post("/v1/notes", &new).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(everybody.post("/v1/notes", &new).await.status, 200);
        ids.push(answer.json()["id"].as_str().unwrap().to_owned());
    }
    let limited = Caller::limited(&server, &["acme/*"], &["staging"]).await;
    let seen = limited.get("/v1/notes?format=json").await.json();
    let texts: Vec<&str> =
        seen["notes"].as_array().unwrap().iter().map(|note| note["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["everywhere", "in staging"]);
    assert_eq!(limited.get("/v1/notes/count").await.json()["count"], 2);

    let fields =
        |answer: &Answer| answer.problem(403).errors.iter().map(|error| error.field.clone()).collect::<Vec<_>>();
    for (new, field) in [
        (note("bank", Some("staging"), "x"), "component"),
        (note("acme/shop", Some("production"), "x"), "environment"),
        (note("acme/shop", None, "x"), "environment"),
    ] {
        assert_eq!(fields(&limited.post("/v1/notes", &new).await), [field], "{new}");
    }
    assert_eq!(limited.post("/v1/notes", &note("acme/shop", Some("staging"), "x")).await.status, 201);
    // An id that is taken by what is not seen is told in the same words as one that is.
    let taken = |id: &str| {
        let mut new = note("acme/shop", Some("staging"), "x");
        new["id"] = json!(id);
        new
    };
    let mut said = Vec::new();
    for id in [&ids[1], &ids[2]] {
        said.push(limited.post("/v1/notes", &taken(id)).await.problem(409).detail.replace(id, ""));
    }
    assert_eq!(said[0], said[1]);
    let remove = async |id: &str| Answer::of(limited.request(Method::DELETE, &format!("/v1/notes/{id}"))).await.status;
    assert_eq!((remove(&ids[0]).await, remove(&ids[1]).await, remove(&ids[3]).await), (403, 404, 404));
    assert_eq!((remove(&ids[2]).await, remove(&ids[2]).await, remove("x").await), (204, 404, 400));
    let wrong = everybody.post("/v1/notes", &json!({"component": "a", "text": " ", "until": "x", "who": "x"})).await;
    let fields: Vec<_> = wrong.problem(400).errors.iter().map(|error| error.field.clone()).collect();
    assert_eq!(fields, ["who", "text", "owner", "until"]);
    let nothing: Value = everybody.get("/v1/trend?since=2026-01-01").await.json();
    assert_eq!(nothing["trends"], json!([]), "a note is no deployment");
    server.stop().await;
}
