//! What a server does not let the command do, or not so often: a recording is kept and told, a question says what is missing.

use std::fs;
use std::sync::{Arc, Mutex};

use serde_json::json;
use steps_tests::Cli;
use steps_tests::hostile::{HostileServer, answer};

const LIST: [&str; 3] = ["list", "--format", "csv"];
const RECORD: [&str; 9] = ["record", "--component", "c", "--version", "1", "--owner", "o", "--status", "s"];

fn at(url: &str) -> Cli {
    Cli::at(url)
}

/// A server that answers so, and how often it was asked.
fn server_that(answers: impl Fn(&str) -> String + Send + Sync + 'static) -> (HostileServer, Arc<Mutex<Vec<String>>>) {
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&heads);
    let server = HostileServer::start(move |head, stream| {
        seen.lock().unwrap().push(head.to_owned());
        // It takes one request on a connection, and says so.
        let answer = answers(head).replacen("\r\n", "\r\nconnection: close\r\n", 1);
        std::io::Write::write_all(stream, answer.as_bytes())
    });
    (server, heads)
}

#[test]
fn what_is_denied_is_kept_and_told_in_one_sentence() {
    let problem = |status: &str, detail: &str, more: &str| {
        let code: u16 = status[..3].parse().unwrap();
        let body = json!({"type": "about:blank", "title": "x", "status": code, "detail": detail, "Error": detail});
        answer(status, &format!("application/problem+json{more}"), &body.to_string())
    };
    for (status, detail, more, sentence) in [
        ("401 Unauthorized", "no token", "", "the server refused: no token; run 'steps login', or set STEPS_TOKEN"),
        ("403 Forbidden", "the scope record is missing", "", "the server refused: the scope record is missing"),
        ("429 Too Many Requests", "too many requests", "\r\nretry-after: 3600", "too many requests"),
    ] {
        let said = problem(status, detail, more);
        let (server, heads) = server_that(move |_| said.clone());
        let cli = at(&server.url());
        let run = cli.run(&RECORD);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let line = "steps: c 1 s is kept, and sent later: ";
        assert!(run.stderr.starts_with(line) && run.stderr.contains(sentence), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        assert_eq!(fs::read_to_string(cli.spool_file("waiting")).unwrap().lines().count(), 1);
        // A server that denies is there, and is asked again at once; one that is busy is left alone for a while.
        heads.lock().unwrap().clear();
        let strict = cli.run(&[&RECORD[..], &["--strict"]].concat());
        assert_eq!(strict.code, 1, "{}", strict.stderr);
        assert_eq!(heads.lock().unwrap().len(), usize::from(status != "429 Too Many Requests"), "{status}");
        let args = [&["run"][..], &RECORD[1..], &["--", "sh", "-c", "exit 7"]].concat();
        let run = cli.run(&args);
        assert_eq!(run.code, 7, "{}", run.stderr);
        assert!(fs::read_to_string(cli.spool_file("waiting")).unwrap().lines().count() >= 3);
        let flushed = cli.run(&["flush"]).failed(1);
        assert!(flushed.contains(sentence) && flushed.contains("steps wait on"), "{flushed}");
        let kept = fs::read_to_string(cli.spool_file("waiting")).unwrap();
        assert!(!kept.contains("steps_"));
        let read = cli.run(&LIST);
        assert_eq!(read.code, if status.starts_with("429") { 1 } else { 3 });
        assert!(read.stderr.contains(sentence), "{}", read.stderr);
        let none = cli.run(&[&RECORD[..], &["--no-spool"]].concat()).failed(1);
        assert!(none.contains(sentence), "{none}");
    }
}

#[test]
fn flush_waits_as_long_as_the_server_says() {
    let asked = Arc::new(Mutex::new(0_u32));
    let count = Arc::clone(&asked);
    let (server, _) = server_that(move |head| {
        if !head.starts_with("POST /v1/steps/batch") {
            return answer("503 Service Unavailable", "text/plain", "");
        }
        let mut asked = count.lock().unwrap();
        *asked += 1;
        match *asked {
            1 | 2 => {
                let body =
                    json!({"type": "about:blank", "title": "x", "status": 429, "detail": "slower", "Error": "slower"});
                answer("429 Too Many Requests", "application/problem+json\r\nretry-after: 1", &body.to_string())
            }
            _ => {
                let body = json!({"recorded": 1, "already_recorded": 0, "refused": 0,
                    "steps": [{"line": 1, "result": "recorded", "id": "0197a000-0000-7000-8000-000000000001"}]});
                answer("200 OK", "application/json", &body.to_string())
            }
        }
    });
    let cli = at(&server.url());
    cli.run(&RECORD).ok();
    let said = cli.run(&["flush"]).ok();
    assert!(said.starts_with("delivered 1 steps"), "{said}");
    assert_eq!(*asked.lock().unwrap(), 3);
}
