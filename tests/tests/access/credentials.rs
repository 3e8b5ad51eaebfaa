//! Which token goes to which server, and where it is kept: what a repository, another user or a wrong mode of a file can do.

mod files;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::json;
use steps_shared::TokenSecret;
use steps_tests::hostile::{HostileServer, answer, type_on_terminal};
use steps_tests::{Cli, Run};

/// What a server was asked.
type Heads = Arc<Mutex<Vec<String>>>;

/// A server that answers every list with an empty one and knows every token as `laptop`, and the heads of its requests.
fn server() -> (HostileServer, Heads) {
    server_that(|head| match head.split(' ').nth(1) {
        Some("/v1/tokens/current") => {
            let caller = json!({"kind": "token", "name": "laptop", "scopes": ["read"], "components": [], "environments": [],
                "owner": null, "expires_at": null});
            answer("200 OK", "application/json", &caller.to_string())
        }
        Some("/readyz") => answer("200 OK", "application/json", r#"{"status":"ready"}"#),
        _ => answer("200 OK", "text/csv; charset=utf-8; header=present", "component\r\n"),
    })
}

fn server_that(answers: impl Fn(&str) -> String + Send + Sync + 'static) -> (HostileServer, Heads) {
    let heads = Heads::default();
    let seen = Arc::clone(&heads);
    let server = HostileServer::start(move |head, stream| {
        seen.lock().unwrap().push(head.to_owned());
        // It takes one request on a connection, and says so.
        stream.write_all(answers(head).replacen("\r\n", "\r\nconnection: close\r\n", 1).as_bytes())
    });
    (server, heads)
}

/// The Authorization headers since the last call.
fn authorizations(heads: &Heads) -> Vec<Option<String>> {
    let of = |head: String| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("authorization: "));
        line.map(|line| line.split_once(": ").unwrap().1.to_owned())
    };
    heads.lock().unwrap().drain(..).map(of).collect()
}

/// The token with these bits.
fn token(bits: u8) -> String {
    TokenSecret::from_bits([bits; 32]).expose().to_owned()
}

fn bearer(bits: u8) -> Vec<Option<String>> {
    vec![Some(format!("Bearer {}", token(bits)))]
}

const LIST: [&str; 3] = ["list", "--format", "csv"];
const RECORD: [&str; 9] = ["record", "--component", "c", "--version", "1", "--owner", "o", "--status", "s"];

fn at(url: &str) -> Cli {
    Cli::new().env("STEPS_TIMEOUT", "60s").env("STEPS_SERVER", url)
}

fn stored(cli: &Cli) -> PathBuf {
    cli.home().join(".config/steps/credentials.toml")
}

fn login(cli: &Cli, url: &str, bits: u8) -> String {
    cli.run_with_input(&["login", "--server", url], &format!("{}\n", token(bits))).ok()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_token_is_from_flag_variable_file_or_login_in_this_order() {
    let (server, heads) = server();
    let url = server.url();
    let cli = at(&url);
    cli.run(&LIST).ok();
    assert_eq!(authorizations(&heads), [None]);
    login(&cli, &url, 1);
    assert_eq!(authorizations(&heads), bearer(1));
    cli.run(&LIST).ok();
    assert_eq!(authorizations(&heads), bearer(1));
    let file = |name: &str, bits| {
        let path = cli.file(name, &format!("\n  {}\r\n", token(bits)));
        chmod(Path::new(&path), 0o600);
        path
    };
    let (second, third) = (file("second", 2), file("third", 3));
    let cli = cli.env("STEPS_TOKEN_FILE", &second);
    cli.run(&LIST).ok();
    assert_eq!(authorizations(&heads), bearer(2));
    let cli = cli.env("STEPS_TOKEN", &token(4));
    cli.run(&LIST).ok();
    assert_eq!(authorizations(&heads), bearer(4));
    cli.run(&["list", "--format", "csv", "--token-file", &third]).ok();
    assert_eq!(authorizations(&heads), bearer(3));
    // One that a CI was given by its own issuer is of another form.
    let cli = cli.env("STEPS_TOKEN", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln-_");
    cli.run(&LIST).ok();
    assert_eq!(authorizations(&heads), [Some("Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln-_".to_owned())]);
    // An empty variable counts as not set.
    let cli = cli.env("STEPS_TOKEN", "").env("STEPS_TOKEN_FILE", "");
    cli.run(&LIST).ok();
    assert_eq!(authorizations(&heads), bearer(1));
}

#[test]
fn no_token_follows_a_server_that_only_the_repository_names() {
    let (own, own_heads) = server();
    let (evil, heads) = server();
    let cli = Cli::new().env("STEPS_TIMEOUT", "60s");
    login(&cli, &own.url(), 1);
    authorizations(&own_heads);
    cli.file(".steps.toml", &format!("server = \"{}\"\n", evil.url()));
    let file = cli.file("token", &token(3));
    chmod(Path::new(&file), 0o600);

    // What was stored for another server is not told of: it is of no concern here.
    let Run { stderr, .. } = cli.run(&LIST);
    assert_eq!(authorizations(&heads), [None]);
    assert_eq!(stderr.matches("steps: ").count(), 1, "{stderr}");
    let with = |name: &str, value: &str| {
        // A `Cli` is one home; each variable gets a fresh one that knows the same.
        let cli = Cli::new().env("STEPS_TIMEOUT", "60s").env(name, value);
        login(&cli, &own.url(), 1);
        cli.file(".steps.toml", &format!("server = \"{}\"\n", evil.url()));
        cli
    };
    for (cli, arguments, named) in [
        (with("STEPS_TOKEN", &token(2)), &LIST[..], "the token of STEPS_TOKEN is not sent to"),
        (with("STEPS_TOKEN_FILE", &file), &LIST, "the token of STEPS_TOKEN_FILE is not sent to"),
        (with("STEPS_TOKEN", ""), &["list", "--format", "csv", "--token-file", &file], "the token in "),
        (with("STEPS_TOKEN", &token(2)), &RECORD, "STEPS_TOKEN is not sent to"),
        (with("STEPS_TOKEN", &token(2)), &["status"], "STEPS_TOKEN is not sent to"),
        (with("STEPS_TOKEN", &token(2)), &["token", "list"], "STEPS_TOKEN is not sent to"),
        (
            with("STEPS_TOKEN", &token(2)),
            &["run", "--component", "c", "--version", "1", "--owner", "o", "--status", "s", "--", "true"],
            "STEPS_TOKEN is not sent to",
        ),
        (
            // The command that `steps run` runs is told the server in a variable, which makes it nobody's word.
            with("STEPS_TOKEN", &token(2)),
            &[
                "run",
                "--component",
                "c",
                "--version",
                "1",
                "--owner",
                "o",
                "--status",
                "s",
                "--",
                "sh",
                "-c",
                "\"$STEPS\" list --format csv; \"$STEPS\" record --status inner",
            ],
            "STEPS_TOKEN is not sent to",
        ),
    ] {
        let cli = cli.env("STEPS", steps_tests::binary("steps").to_str().unwrap());
        let Run { stderr, .. } = cli.run(arguments);
        assert!(stderr.contains(named) && stderr.contains("STEPS_SERVER"), "{arguments:?}: {stderr}");
        let sent = authorizations(&heads);
        assert!(!sent.is_empty() && sent.iter().all(Option::is_none), "{arguments:?}: {sent:?}");
    }
    // Nor does a login, whose token is for whoever is named by the person.
    let refused = cli.run_with_input(&["login"], &token(1)).failed(2);
    assert!(refused.contains(&format!("steps login --server {}", evil.url())), "{refused}");
    assert_eq!(authorizations(&heads), []);
    // Named by the person too, it gets what was stored for it, and what is given.
    login(&cli, &evil.url(), 5);
    authorizations(&heads);
    cli.run(&LIST).ok();
    assert_eq!(authorizations(&heads), bearer(5));
    let named = with("STEPS_TOKEN", &token(2)).env("STEPS_SERVER", &evil.url());
    named.run(&LIST).ok();
    assert_eq!(authorizations(&heads), bearer(2));
    assert_eq!(authorizations(&own_heads).into_iter().flatten().count(), 9, "only the logins");
}

#[test]
fn a_stored_token_is_bound_to_scheme_host_and_port() {
    let (server, heads) = server();
    let url = server.url();
    let cli = Cli::new().env("STEPS_TIMEOUT", "60s");
    login(&cli, &format!("{url}/"), 1);
    authorizations(&heads);
    let port = url.rsplit_once(':').unwrap().1;
    let list = |server: &str| {
        let run = cli.run(&["list", "--format", "csv", "--server", server]);
        (run.code, authorizations(&heads))
    };
    assert_eq!(list(&format!("http://localhost:{port}")), (0, vec![None]));
    assert_eq!(list(&format!("http://127.0.0.1:{port}/path")), (0, bearer(1)));
    assert_eq!(list(&format!("http://127.1:{port}")), (0, bearer(1)));
    // A user of the address goes instead, and is told.
    let run = cli.run(&["list", "--format", "csv", "--server", &format!("http://ann:pw@127.0.0.1:{port}")]);
    assert_eq!((run.code, authorizations(&heads)), (0, vec![Some("Basic YW5uOnB3".to_owned())]));
    let run = cli.run(&["list", "--timeout", "1s", "--server", &format!("https://127.0.0.1:{port}")]);
    assert_eq!((run.code, authorizations(&heads)), (1, vec![]));
    // Two servers have an entry each; logging in again replaces one.
    let (other, _) = self::server();
    login(&cli, &other.url(), 2);
    login(&cli, &url, 3);
    authorizations(&heads);
    assert_eq!(list(&url), (0, bearer(3)));
    let text = fs::read_to_string(stored(&cli)).unwrap();
    assert!(text.contains(&token(2)) && text.contains(&token(3)) && !text.contains(&token(1)));
    let said = cli.run(&["logout", "--server", &url]).ok();
    assert_eq!(said, format!("the token laptop for {url} is forgotten here; the server still accepts it\n"));
    assert_eq!(list(&url), (0, vec![None]));
    assert!(fs::read_to_string(stored(&cli)).unwrap().contains(&token(2)));
    assert_eq!(cli.run(&["logout", "--server", &url]).ok(), format!("no token is stored for {url}\n"));
    assert!(cli.run(&["logout", "--all"]).ok().contains(&other.url()));
    assert_eq!(cli.run(&["logout", "--all"]).ok(), "no token is stored\n");
}

#[test]
fn login_asks_without_echo_and_stores_only_what_the_server_knows() {
    let (server, heads) = server();
    let url = server.url();
    let cli = at(&url);
    let (code, screen) = type_on_terminal(&mut cli.command(&["login"]), "Token for ", &format!("{}\r", token(6)));
    assert_eq!(code, 0, "{screen}");
    assert!(screen.starts_with(&format!("Token for {url}: ")) && !screen.contains(&token(6)[..12]), "{screen}");
    assert_eq!(authorizations(&heads), bearer(6));
    cli.run(&LIST).ok();
    assert_eq!(authorizations(&heads), bearer(6));
    let (code, screen) = type_on_terminal(&mut cli.command(&["login"]), "Token for ", "\u{3}");
    // By the signal, as Ctrl-C ends every program.
    assert_eq!(code, -1, "{screen}");

    for (typed, sentence) in [
        ("", "nothing was entered; type the token"),
        ("hunter2", "does not begin with steps_"),
        (&token(6)[..40], "it has 40 characters"),
        (&format!("{}x", &token(6)[..54]), "mistyped or cut"),
    ] {
        let refused = cli.run_with_input(&["login"], typed).failed(2);
        assert!(refused.contains(sentence) && (typed.is_empty() || !refused.contains(typed)), "{refused}");
    }
    assert_eq!(authorizations(&heads), []);

    let problem = json!({"type": "about:blank", "title": "Unauthorized", "status": 401, "detail": "the token has expired",
        "Error": ""});
    let (strict, _) =
        server_that(move |_| answer("401 Unauthorized", "application/problem+json", &problem.to_string()));
    let refused = cli.run_with_input(&["login", "--server", &strict.url()], &token(7)).failed(3);
    assert!(refused.contains("does not accept this token: the token has expired"), "{refused}");
    assert!(!fs::read_to_string(stored(&cli)).unwrap().contains(&token(7)));
    let (open, _) = server_that(|_| {
        let caller = json!({"kind": "anonymous", "name": "anonymous", "scopes": ["admin"], "components": [],
            "environments": [], "owner": null, "expires_at": null});
        answer("200 OK", "application/json", &caller.to_string())
    });
    let refused = cli.run_with_input(&["login", "--server", &open.url()], &token(7)).failed(1);
    assert!(refused.contains("does not say whose token this is"), "{refused}");
}

#[test]
fn a_token_is_named_and_never_shown() {
    let (server, heads) = server();
    let url = server.url();
    let cli = at(&url);
    login(&cli, &url, 8);
    let config = cli.run(&["config"]).ok();
    assert!(config.contains("token,laptop,steps login\n"), "{config}");
    assert!(config.contains("stored tokens,") && config.contains("credentials.toml,there\n"), "{config}");
    let status = cli.run(&["status"]).ok();
    let line = "authentication,\"the token \"\"laptop\"\", which 'steps login' stored: laptop (read)\"";
    assert!(status.contains(line), "{status}");
    let with = |arguments: &[&str]| {
        let run = Run::of(cli.command(arguments).env("STEPS_TOKEN", token(8)));
        let text = format!("{}{}", run.stdout, run.stderr);
        assert!(!text.contains(&token(8)[8..]), "{arguments:?}: {text}");
        text
    };
    assert!(with(&["config"]).contains("token,set,STEPS_TOKEN\n"));
    assert!(with(&["status"]).contains("the token of STEPS_TOKEN: laptop (read)"));
    with(&["config", "--format", "json"]);
    with(&LIST);
    with(&RECORD);
    with(&["token", "list"]);
    with(&["show", "nothing"]);
    assert!(authorizations(&heads).into_iter().all(|sent| sent.is_some()));
    // There is no way to say it where everybody on the machine can read it.
    let help = cli.run(&["record", "--help"]).ok();
    assert!(help.contains("--token-file <FILE>") && !help.contains("--token "), "{help}");
    // A wrong one stops a question, and no recording.
    for wrong in ["a b", &token(8)[..20], "é"] {
        let run = |arguments: &[&str]| Run::of(cli.command(arguments).env("STEPS_TOKEN", wrong));
        assert!(run(&LIST).failed(2).contains("the token of STEPS_TOKEN cannot be used: it is"));
        assert!(run(&RECORD).stderr.contains("warning: the token of STEPS_TOKEN cannot be used: it is"));
        let args = [&["run"][..], &RECORD[1..], &["--", "sh", "-c", "exit 7"]].concat();
        assert_eq!(run(&args).code, 7);
    }
}

#[test]
fn a_token_file_is_a_file_that_others_cannot_write() {
    let (server, heads) = server();
    let cli = at(&server.url());
    let path = cli.file("token", &token(9));
    let file = Path::new(&path);
    let list = || cli.run(&["list", "--format", "csv", "--token-file", &path]);
    chmod(file, 0o644);
    assert!(list().stderr.contains("warning: others can read the token in"));
    assert_eq!(authorizations(&heads), bearer(9));
    chmod(file, 0o620);
    assert!(list().failed(2).contains("others may write"));
    // Secrets of a container are links.
    chmod(file, 0o400);
    fs::rename(file, cli.work().join("data")).unwrap();
    symlink("data", file).unwrap();
    let run = list();
    assert_eq!((run.stderr.as_str(), run.code, authorizations(&heads)), ("", 0, bearer(9)));
    fs::remove_file(file).unwrap();
    assert!(list().failed(2).contains("No such file"));
    mkfifoat(CWD, file, Mode::RUSR | Mode::WUSR).unwrap();
    assert!(list().failed(2).contains("a FIFO"));
    fs::remove_file(file).unwrap();
    fs::write(file, "x".repeat(100_000)).unwrap();
    chmod(file, 0o600);
    assert!(list().failed(2).contains("larger than"));
    assert_eq!(authorizations(&heads), []);
}

#[test]
fn a_token_without_tls_is_warned_of_unless_it_stays_on_this_machine() {
    let (proxy, heads) = server();
    // The server's name is the proxy's to find: nothing leaves this machine.
    let cli = at("http://steps.example.com").env("HTTP_PROXY", &proxy.url()).env("http_proxy", &proxy.url());
    cli.run(&LIST).ok();
    assert_eq!(authorizations(&heads), [None]);
    let run = Run::of(cli.command(&LIST).env("STEPS_TOKEN", token(1)));
    let warning = "warning: the token goes to http://steps.example.com without TLS";
    assert!(run.code == 0 && run.stderr.starts_with(warning), "{}", run.stderr);
    assert_eq!(authorizations(&heads), bearer(1));
    let run = cli.run_with_input(&["login"], &token(1));
    assert!(run.stderr.starts_with(warning), "{}", run.stderr);
}
