//! `steps watch`: lines for people and programs, the end of a deployment for scripts, and connections that break.

use std::fs::File;
use std::process::{Child, Stdio};

use serde_json::{Value, json};
use steps_tests::faults::free_port;
use steps_tests::server::Builder;
use steps_tests::{Cli, Server, TestDb, eventually, on_both_stores};

on_both_stores!(lines_are_written_as_it_happens, it_ends_with_the_deployment, it_goes_on_where_the_server_comes_back);

async fn record(server: &Server, component: &str, version: &str, status: &str) {
    let step = json!({"component": component, "version": version, "owner": "ann", "status": status}).to_string();
    assert_eq!(server.post_body("/v1/steps", "application/json", step).await.status, 201);
}

/// A command that watches.
struct Watch {
    child: Child,
    output: std::path::PathBuf,
    errors: std::path::PathBuf,
}

impl Watch {
    /// Starts one, and waits until it is told what happens.
    async fn start(cli: &Cli, server: &Server, name: &str, args: &[&str]) -> Self {
        let watching = || server.process().log().matches("/v1/events").count();
        let before = watching();
        let [output, errors] = ["out", "err"].map(|end| cli.work().join(format!("{name}.{end}")));
        let mut command = cli.command(&[&["watch"], args].concat());
        command.stdin(Stdio::null()).stdout(File::create(&output).unwrap()).stderr(File::create(&errors).unwrap());
        let child = command.spawn().unwrap();
        eventually("the server has answered", async || (watching() > before).then_some(())).await;
        Self { child, output, errors }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap()
    }

    async fn says(&self, text: &str) {
        eventually(&format!("it says {text:?}"), async || self.said().contains(text).then_some(())).await;
    }

    async fn code(&mut self) -> Option<i32> {
        eventually("it ends", async || self.child.try_wait().unwrap()).await.code()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn lines_are_written_as_it_happens(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    let lines = Watch::start(&cli, &server, "lines", &["shop"]).await;
    let json = Watch::start(&cli, &server, "json", &["--format", "jsonl"]).await;
    for status in ["started", "building"] {
        record(&server, "bank", "7", status).await;
    }
    for status in ["started", "building", "failed"] {
        record(&server, "shop", "4.2.0", status).await;
    }
    lines.says("shop 4.2.0 (production): the deployment failed after ").await;
    let said = lines.said();
    let steps: Vec<&str> = said.lines().map(|line| line[21..].split(" after ").next().unwrap()).collect();
    let expected =
        ["started", "building", "failed", "the deployment failed"].map(|end| format!("shop 4.2.0 (production): {end}"));
    assert_eq!(steps, expected, "{said}");
    let note = json!({"component": "shop", "text": "moved", "owner": "ann"}).to_string();
    assert_eq!(server.post_body("/v1/notes", "application/json", note).await.status, 201);
    lines.says("shop: a note by ann: moved").await;
    json.says("\"outcome\":\"failed\"").await;
    let steps_of_bank =
        || json.said().lines().filter(|line| line.contains("\"event\":\"step\"") && line.contains("bank")).count();
    eventually("both steps of the bank are told", async || (steps_of_bank() == 2).then_some(())).await;
    let events: Vec<Value> = json.said().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().all(|event| event["id"].is_string()), "{events:?}");
    // The order is that of each deployment.
    for (component, expected) in
        [("bank", vec!["started", "building"]), ("shop", vec!["started", "building", "failed"])]
    {
        let steps = events.iter().filter(|event| event["event"] == "step" && event["data"]["component"] == component);
        assert_eq!(steps.map(|event| event["data"]["status"].clone()).collect::<Vec<_>>(), expected);
    }
    server.stop().await;
}

async fn it_ends_with_the_deployment(db: TestDb) {
    let server = Server::start(&db).await;
    let cli = Cli::of(&server);
    for (end, code) in [("succeeded", 0), ("failed", 1), ("cancelled", 1)] {
        record(&server, "shop", end, "started").await;
        let mut running = Watch::start(&cli, &server, &format!("{end}-1"), &["shop", "--once"]).await;
        let mut version = Watch::start(&cli, &server, &format!("{end}-2"), &["shop", "--version", end, "--once"]).await;
        record(&server, "bank", end, "succeeded").await;
        record(&server, "shop", end, end).await;
        assert_eq!((running.code().await, version.code().await), (Some(code), Some(code)), "{end}");
        // It has ended already.
        assert_eq!(cli.run(&["watch", "--version", end, "shop", "--once"]).code, code);
    }
    // One that begins later.
    let mut next = Watch::start(&cli, &server, "next", &["shop", "--once"]).await;
    record(&server, "shop", "later", "started").await;
    record(&server, "shop", "later", "succeeded").await;
    assert_eq!(next.code().await, Some(0));
    let refused = Cli::at("http://127.0.0.1:9").run(&["watch", "--once"]);
    assert!(refused.code == 1 && refused.stderr.contains("cannot reach the server"), "{}", refused.stderr);
    server.stop().await;
}

async fn it_goes_on_where_the_server_comes_back(db: TestDb) {
    let port = free_port().await;
    let mut server = Builder::on_port(port, &db.url()).start().await;
    let cli = Cli::of(&server);
    let mut watch = Watch::start(&cli, &server, "watch", &["shop", "--once"]).await;
    record(&server, "shop", "1", "started").await;
    watch.says("shop 1 (production): started").await;
    let other = Server::start(&db).await;
    server.kill();
    record(&other, "shop", "1", "building").await;
    server = Builder::on_port(port, &db.url()).start().await;
    watch.says("shop 1 (production): building").await;
    record(&server, "shop", "1", "succeeded").await;
    assert_eq!(watch.code().await, Some(0));
    let said = watch.said();
    let steps = said.lines().filter(|line| !line.contains("the deployment")).count();
    assert_eq!(steps, 3, "{said}");
    let errors = std::fs::read_to_string(&watch.errors).unwrap();
    assert!(errors.contains("the connection is lost") && errors.contains("the server is back"), "{errors}");
    other.stop().await;
    server.stop().await;
}
