//! `--ca-file`: a server whose certificate a private authority signed is believed where the user says so, and nowhere else.

use std::fs;

use steps_tests::server::Builder;
use steps_tests::tls::TlsFiles;
use steps_tests::{Cli, Server, TestDb, on_both_stores};

on_both_stores!(a_private_authority_is_believed_where_the_user_names_it,);

const RECORD: [&str; 9] = ["record", "--component", "c", "--version", "1", "--owner", "o", "--status", "s"];

async fn a_private_authority_is_believed_where_the_user_names_it(db: TestDb) {
    let files = TlsFiles::new();
    let server: Server = Builder::on(&db.url()).tls(&files).start_for(files.client()).await;
    let cli = Cli::at(server.url());
    let authority = files.authority.display().to_string();
    let list = ["list", "--format", "csv"];
    // Without it nothing is believed: a question fails, a recording is kept.
    let refused = cli.run(&list).failed(1);
    assert!(refused.contains("certificate"), "{refused}");
    let kept = cli.run(&RECORD);
    assert!(kept.code == 0 && kept.stderr.contains("is kept, and sent later"), "{}", kept.stderr);
    let args = [&["run"][..], &RECORD[1..], &["--", "sh", "-c", "exit 7"]].concat();
    assert_eq!(cli.run(&args).code, 7);
    // By a flag, a variable or the user's own file; the system's authorities are believed too.
    let flag = ["--ca-file", authority.as_str()];
    let flushed = cli.run(&[&["flush"], &flag[..]].concat()).ok();
    assert!(flushed.starts_with("delivered 2 steps"), "{flushed}");
    assert_eq!(cli.run(&[&list[..], &flag].concat()).ok().lines().count(), 3);
    let by_variable = Cli::at(server.url()).env("STEPS_CA_FILE", &authority);
    assert!(by_variable.run(&RECORD).ok().starts_with("recorded c 1 s"));
    assert_eq!(by_variable.run(&args).code, 7);
    let by_file = Cli::at(server.url());
    by_file.user_settings(&format!("ca_file = \"{authority}\"\n"));
    assert_eq!(by_file.run(&list).ok().lines().count(), 5);
    assert!(by_file.run(&["config"]).ok().contains(&format!("ca_file,{authority},")));
    // Never by a project: who writes it would say who is believed.
    let by_project = Cli::at(server.url());
    by_project.file(".steps.toml", &format!("ca_file = \"{authority}\"\n"));
    let refused = by_project.run(&list).failed(2);
    assert!(refused.contains("a project's file may not set ca_file"), "{refused}");
    let kept = by_project.run(&RECORD);
    assert!(kept.code == 0 && kept.stderr.contains("is kept"), "{}", kept.stderr);

    // The certificate is for 127.0.0.1 and localhost, and for no other name; another authority is another.
    let other = TlsFiles::new();
    let wrong = other.authority.display().to_string();
    assert!(cli.run(&[&list[..], &["--ca-file", wrong.as_str()]].concat()).failed(1).contains("certificate"));
    // What is no certificate is told before anything is sent; a step is kept.
    let empty = cli.file("empty.pem", "no certificate\n");
    for (path, sentence) in [
        (empty.as_str(), "no certificate (PEM) is in it"),
        ("/nowhere.pem", "No such file"),
        ("/dev/zero", "it is a device"),
    ] {
        let flag = ["--ca-file", path];
        let refused = cli.run(&[&list[..], &flag].concat()).failed(2);
        assert!(refused.contains(sentence), "{refused}");
        let kept = cli.run(&[&RECORD[..], &flag].concat());
        assert!(kept.code == 0 && kept.stderr.contains("is kept") && kept.stderr.contains(sentence), "{}", kept.stderr);
        assert_eq!(cli.run(&[&args[..1], &flag, &args[1..]].concat()).code, 7);
    }
    // Over plain HTTP it is not read.
    let plain = Cli::at("http://127.0.0.1:9").run(&[&list[..], &["--ca-file", "/nowhere.pem"]].concat());
    assert!(plain.failed(1).contains("cannot reach the server"));
    // A token goes over TLS as over HTTP, to the server that it was stored for.
    let text = by_variable.run(&["token", "create", "admin", "--scope", "admin"]).ok();
    let said = by_variable.run_with_input(&["login"], &text).ok();
    assert!(said.contains("knows you as the token admin"), "{said}");
    assert!(
        fs::read_to_string(by_variable.home().join(".config/steps/credentials.toml")).unwrap().contains("https://")
    );
    assert_eq!(by_variable.run(&list).code, 0);
}
