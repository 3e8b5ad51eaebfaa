//! The description of the API, the endpoints and the subcommands of the command are one set, and clients notice what changes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use steps_tests::server::Builder;
use steps_tests::{Cli, DatabaseKind, Server, TestDb, block_on, on_both_stores};

on_both_stores!(the_description_is_served_as_it_is_printed,);

/// What asks for which operation.
const COMMANDS: [(&str, &[&str]); 24] = [
    ("record", &["record_step"]),
    ("run", &["record_step", "finish_step"]),
    ("flush", &["record_batch", "finish_step"]),
    ("import", &["record_batch", "get_projection"]),
    ("list", &["list_steps", "count_steps", "get_step"]),
    ("deployments", &["list_deployments", "count_deployments"]),
    ("show", &["get_deployment", "get_expected", "list_deployments"]),
    ("compare", &["compare_deployments", "list_deployments"]),
    ("watch", &["watch_events", "list_deployments"]),
    ("stats", &["get_stats"]),
    ("trend", &["get_trend"]),
    ("check", &["check_budget"]),
    ("exclude", &["exclude_deployment"]),
    ("include", &["include_deployment"]),
    ("note", &["record_note", "remove_note"]),
    ("notes", &["list_notes", "count_notes"]),
    ("token", &["list_tokens", "create_token", "revoke_token"]),
    ("login", &["get_caller"]),
    ("status", &["get_readiness", "get_caller"]),
    ("doctor", &["get_readiness", "get_caller"]),
    // These ask for nothing.
    ("logout", &[]),
    ("open", &[]),
    ("config", &[]),
    ("completions", &[]),
];

/// Operations that are for other programs and for browsers.
const OF_NO_COMMAND: [&str; 9] =
    ["get_badge", "get_metrics", "hello", "get_health", "get_description", "get_docs", "login_page", "login", "logout"];

fn printed() -> (String, Value) {
    let text = Builder::bare().run("openapi").ok();
    let document = serde_json::from_str(&text).unwrap();
    (text, document)
}

fn operations(document: &Value) -> BTreeMap<String, (String, String)> {
    let mut operations = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            operations.insert(name, (method.to_uppercase(), path.clone()));
        }
    }
    operations
}

#[test]
fn description_and_subcommands_are_one_set() {
    let (_, document) = printed();
    let described: BTreeSet<String> = operations(&document).into_keys().collect();
    let asked = COMMANDS.iter().flat_map(|(_, operations)| operations.iter());
    let known: BTreeSet<String> = asked.chain(&OF_NO_COMMAND).map(|name| (*name).to_owned()).collect();
    assert_eq!(described, known);
    let help = Cli::new().run(&["--help"]).ok();
    let listed = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    // What does not fit goes on in the next line, further right.
    let names = listed.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let listed: BTreeSet<&str> = names.filter_map(|line| line.split_whitespace().next()).collect();
    let expected: BTreeSet<&str> = COMMANDS.iter().map(|(name, _)| *name).chain(["help"]).collect();
    assert_eq!(listed, expected);
}

#[test]
fn the_description_changes_only_on_purpose() {
    insta::assert_snapshot!("openapi", printed().0);
}

async fn the_description_is_served_as_it_is_printed(db: TestDb) {
    let server = Builder::on(&db.url()).args(&["--badges", "*"]).start().await;
    let open: Value = server.get("/openapi.json").await.json();
    let (text, document) = printed();
    // Until there is a token, nobody needs one.
    assert_eq!(
        open["paths"]["/v1/steps"]["get"]["security"].to_string(),
        r#"[{},{"token":["read"]},{"session":["read"]}]"#
    );
    let cli = Cli::of(&server);
    cli.run(&["token", "create", "admin", "--scope", "admin"]).ok();
    let answer = server.get("/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.ok(), text);
    // Each that is described is there, and answers something that is described.
    for (name, (method, path)) in operations(&document) {
        let path = path.replace("{id}", "0197a000-0000-7000-8000-000000000001");
        let answer = steps_tests::Answer::of(server.request(method.parse().unwrap(), &path)).await;
        let described = &document["paths"][&path.replace("0197a000-0000-7000-8000-000000000001", "{id}")];
        let described = &described[method.to_lowercase()]["responses"];
        assert!(!described[answer.status.to_string()].is_null(), "{name}: {}", answer.status);
        assert_ne!(answer.status, 404, "{name}");
    }
}

#[test]
fn the_page_needs_nothing_but_itself() {
    block_on(async {
        let db = TestDb::new(DatabaseKind::Sqlite);
        let server = Server::start(&db).await;
        let page = server.get("/docs").await;
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
        let text = page.ok();
        for name in operations(&printed().1).into_keys() {
            assert!(text.contains(&format!("id=\"{name}\"")), "{name}");
        }
        for forbidden in ["<script", "http://", "https://", "src=", " style=", "javascript:"] {
            assert!(!text.contains(forbidden), "{forbidden}");
        }
        // Every address on the page is one of its own.
        let anchors: BTreeSet<&str> = text.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        for link in text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(link == "openapi.json" || link.strip_prefix('#').is_some_and(|id| anchors.contains(id)), "{link}");
        }
    });
}
