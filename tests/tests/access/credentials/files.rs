//! The files that hold tokens are the user's alone.

use super::*;

#[test]
fn stored_tokens_are_the_users_alone_and_refused_otherwise() {
    let (server, heads) = server();
    let url = server.url();
    let cli = at(&url);
    // As dotfiles are: others may look into the folder.
    fs::create_dir_all(cli.home().join(".config/steps")).unwrap();
    chmod(&cli.home().join(".config/steps"), 0o755);
    let said = login(&cli, &url, 1);
    assert!(said.starts_with(&format!("{url} knows you as the token laptop (read), stored in ")), "{said}");
    let path = stored(&cli);
    assert_eq!(mode(&path), 0o600);
    let folder = path.parent().unwrap();
    assert!(fs::read_dir(folder).unwrap().all(|entry| !entry.unwrap().file_name().to_string_lossy().contains("new")));
    authorizations(&heads);

    let original = fs::read(&path).unwrap();
    let restore = || {
        let _ = fs::remove_file(&path);
        fs::write(&path, &original).unwrap();
        chmod(&path, 0o600);
    };
    type Attack<'a> = (&'a str, Box<dyn Fn() + 'a>);
    let mut attacks: Vec<Attack<'_>> = vec![
        ("others may read or write it", Box::new(|| chmod(&path, 0o644))),
        ("others may read or write it", Box::new(|| chmod(&path, 0o660))),
        ("others may read or write it", Box::new(|| chmod(&path, 0o604))),
        (
            "symbolic link",
            Box::new(|| {
                fs::rename(&path, folder.join("elsewhere")).unwrap();
                symlink("elsewhere", &path).unwrap();
            }),
        ),
        (
            "a FIFO",
            Box::new(|| {
                fs::remove_file(&path).unwrap();
                mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
            }),
        ),
        (
            "larger than",
            Box::new(|| {
                fs::File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
            }),
        ),
        (
            "line 3 cannot be understood",
            Box::new(|| {
                fs::write(&path, format!("\n\ntoken == \"{}\"\n", token(1))).unwrap();
            }),
        ),
        (
            "cannot be understood",
            Box::new(|| {
                fs::write(&path, format!("[[server]]\nurl = \"u\"\nname = \"n\"\ntoken = \"{}x\"\n", token(1)))
                    .unwrap();
            }),
        ),
    ];
    if rustix::process::geteuid().is_root() {
        attacks.push(("belongs to another user, uid 12345", Box::new(|| chown(&path, Some(12_345), None).unwrap())));
    }
    for (sentence, attack) in attacks {
        restore();
        attack();
        let refused = cli.run(&LIST).failed(2);
        assert!(refused.contains(sentence) && refused.contains("credentials.toml"), "{sentence}: {refused}");
        assert!(!refused.contains(&token(1)[10..30]), "{refused}");
        assert_eq!(authorizations(&heads), [], "{sentence}");
        // Recording goes on without it, and so does what needs none.
        let recorded = cli.run(&RECORD);
        assert!(recorded.stderr.contains(sentence), "{}", recorded.stderr);
        assert!(authorizations(&heads).iter().all(Option::is_none));
        let with = cli.command(&LIST).env("STEPS_TOKEN", token(2)).output().unwrap();
        assert!(with.status.success());
        assert_eq!(authorizations(&heads), bearer(2));
        assert!(cli.run(&["config"]).ok().contains(sentence));
    }
    restore();
    chmod(folder, 0o777);
    assert!(cli.run(&LIST).failed(2).contains("others may write it"));
    assert!(cli.run_with_input(&["login"], &token(1)).failed(1).contains("others may write it"));
}
