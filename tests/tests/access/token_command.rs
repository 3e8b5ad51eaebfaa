//! `steps token`, `login`, `logout` and `status` against the real server.

use serde_json::Value;
use steps_shared::TokenSecret;
use steps_tests::{Cli, Server, TestDb, on_both_stores};

on_both_stores!(
    tokens_are_made_listed_used_and_revoked,
    a_limited_token_is_told_what_is_missing,
    what_a_token_does_not_permit_holds_nothing_else_up,
);

/// Makes a token; its text, which is all that the standard output has.
#[track_caller]
fn create(cli: &Cli, arguments: &[&str]) -> String {
    let run = cli.run(&[&["token", "create"], arguments].concat());
    assert!(
        run.stderr.starts_with("steps: the token ") && run.stderr.ends_with("it is shown only now\n"),
        "{}",
        run.stderr
    );
    let text = run.ok();
    let token = text.strip_suffix('\n').unwrap();
    assert!(token.parse::<TokenSecret>().is_ok());
    token.to_owned()
}

async fn tokens_are_made_listed_used_and_revoked(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    assert!(cli.run(&["status"]).ok().contains("no token; the server lets everybody"));
    let admin = create(&cli, &["admin", "--scope", "admin"]);
    // From now on nobody is let in without.
    for question in [&["token", "list"][..], &["list"], &["stats"], &["show", "c"]] {
        let refused = cli.run(question).failed(3);
        assert!(refused.contains("; run 'steps login', or set STEPS_TOKEN"), "{refused}");
    }
    assert!(cli.run(&["status"]).ok().contains("no token: the server refused: "));
    let said = cli.run_with_input(&["login"], &admin).ok();
    assert!(said.contains(" knows you as the token admin (admin), stored in "), "{said}");
    assert!(cli.run(&["status"]).ok().contains("which 'steps login' stored: admin (admin)"));
    assert!(cli.run(&["config"]).ok().contains("token,admin,steps login\n"));

    let full = [
        "ci",
        "--scope",
        "record,read",
        "--component",
        "acme/*",
        "--component",
        "shop",
        "--environment",
        "staging",
        "--owner",
        "=ci",
        "--expires",
        "90d",
    ];
    let ci = create(&cli, &full);
    let refused = cli.run(&[&["token", "create"], &full[..]].concat());
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    let csv = cli.run(&["token", "list"]).ok();
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines[0], "name,scopes,components,environments,owner,created_at,expires_at,last_used_at,id");
    assert!(lines[2].starts_with("ci,\"record,read\",\"acme/*,shop\",staging,=ci,"), "{csv}");
    let safe = cli.run(&["token", "list", "--safe"]).ok();
    assert!(safe.contains("\"ci\",\"record,read\",\"acme/*,shop\",\"staging\",\"'=ci\","), "{safe}");
    assert!(cli.run(&["token", "list", "--safe", "--format", "json"]).failed(2).contains("--format csv"));
    let json: Value = serde_json::from_str(&cli.run(&["token", "list", "--format", "json"]).ok()).unwrap();
    assert_eq!((json[1]["name"].as_str(), json[1]["components"][0].as_str()), (Some("ci"), Some("acme/*")));
    let table = cli.run(&["token", "list", "--format", "table"]).ok();
    assert!(table.contains("name") && table.contains("acme/*,shop"), "{table}");
    for text in [&csv, &safe, &table, &json.to_string()] {
        assert!(!text.contains(&ci[..20]) && !text.contains(&admin[..20]));
    }

    // The token's owner, component and environment; the owner need not be said.
    let of_ci = Cli::of(&server).env("STEPS_TOKEN", &ci);
    let record =
        ["record", "--component", "acme/web", "--version", "1", "--status", "building", "--environment", "staging"];
    let recorded = of_ci.run(&[&record[..], &["--owner", "=ci"]].concat()).ok();
    assert!(recorded.contains(" by =ci "), "{recorded}");
    assert!(of_ci.run(&["list", "--format", "csv"]).ok().contains("acme/web"));

    // By its name or by its id; what it was not sent for stays.
    let id = json[1]["id"].as_str().unwrap();
    assert!(cli.run(&["token", "revoke", "nobody"]).failed(3).contains("there is no token \"nobody\""));
    assert_eq!(cli.run(&["token", "revoke", &id.to_uppercase()]).ok(), format!("the token ci ({id}) is revoked\n"));
    let kept = of_ci.run(&[&record[..], &["--owner", "=ci"]].concat());
    assert!(kept.code == 0 && kept.stderr.contains("does not accept the token of STEPS_TOKEN"), "{}", kept.stderr);
    let again = create(&cli, &["ci", "--scope", "record"]);
    assert_ne!(again, ci);
    cli.run(&["token", "revoke", "ci"]).ok();
    cli.run(&["logout"]).ok();
    assert!(cli.run(&["token", "list"]).failed(3).contains("run 'steps login'"));
}

async fn a_limited_token_is_told_what_is_missing(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let admin = create(&cli, &["admin", "--scope", "admin"]);
    let cli = cli.env("STEPS_TOKEN", &admin);
    let (reader, writer) =
        (create(&cli, &["reader", "--scope", "read"]), create(&cli, &["writer", "--scope", "record"]));
    let reader = Cli::of(&server).env("STEPS_TOKEN", &reader);
    let writer = Cli::of(&server).env("STEPS_TOKEN", &writer);
    let record = ["record", "--component", "c", "--version", "1", "--status", "s", "--owner", "o"];
    let kept = reader.run(&record);
    assert!(kept.code == 0 && kept.stderr.contains("is kept, and sent later: ") && kept.stderr.contains("record"));
    let run = [&["run"][..], &record[1..], &["--", "sh", "-c", "exit 9"]].concat();
    assert_eq!(reader.run(&run).code, 9);
    let flushed = reader.run(&["flush"]).failed(1);
    assert!(flushed.contains("record") && flushed.contains("steps wait on"), "{flushed}");
    for (cli, question, scope) in
        [(&writer, &["list"][..], "read"), (&writer, &["stats"], "read"), (&reader, &["token", "list"], "admin")]
    {
        let refused = cli.run(question).failed(3);
        assert!(refused.contains(scope), "{refused}");
    }
    // What waits goes with a token that may record it.
    let spool = reader.spool_file("waiting").ancestors().nth(2).unwrap().display().to_string();
    let delivered = writer.run(&["flush", "--spool-dir", &spool]).ok();
    assert!(delivered.starts_with("delivered 2 steps"), "{delivered}");
}

async fn what_a_token_does_not_permit_holds_nothing_else_up(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let admin = create(&cli, &["admin", "--scope", "admin"]);
    let of_admin = cli.env("STEPS_TOKEN", &admin);
    let shop = create(&of_admin, &["shop", "--scope", "record", "--component", "shop*"]);
    // While nobody is let in, all of them wait, in this order.
    let without = Cli::of(&server);
    for component in ["bank", "shop", "bank-2", "shop-api", "shop-web"] {
        let step = ["record", "--component", component, "--version", "1", "--status", "s", "--owner", "o"];
        assert!(without.run(&step).stderr.contains("is kept, and sent later"));
    }
    let of_shop = without.env("STEPS_TOKEN", &shop);
    let waiting = || std::fs::read_to_string(of_shop.spool_file("waiting")).unwrap().lines().count();
    for _ in 0..2 {
        let flushed = of_shop.run(&["flush"]).failed(1);
        assert!(flushed.contains("2 steps wait on") && flushed.contains("component"), "{flushed}");
        assert_eq!(waiting(), 2);
        assert_eq!(db.stored_steps().await, 3);
    }
    let delivered = of_shop.env("STEPS_TOKEN", &admin).run(&["flush"]).ok();
    assert!(delivered.starts_with("delivered 2 steps"), "{delivered}");
    assert_eq!(db.stored_steps().await, 5);
}
