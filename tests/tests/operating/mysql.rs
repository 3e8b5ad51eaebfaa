//! What concerns MySQL and MariaDB alone: how they are connected to, and how long statements are.
//!
//! `tests/with-mariadb` has MariaDB without TLS, `tests/with-mysql` MySQL with it; each case says which it needs.

use std::path::PathBuf;

use reqwest::Url;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, MySqlConnection};
use steps_tests::db::PASSWORD;
use steps_tests::faults::Proxy;
use steps_tests::server::Builder;
use steps_tests::{DatabaseKind, TestDb, block_on, eventually, repository};

const STEP: [(&str, &str); 4] = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", "started")];

/// A variable of the database server.
async fn variable(connection: &mut MySqlConnection, name: &str) -> String {
    let question = format!("SELECT CAST(@@{name} AS CHAR)");
    sqlx::query_scalar(AssertSqlSafe(question)).fetch_one(connection).await.expect("a variable")
}

/// Whether the server is MySQL with its own certificate, and where that of its authority is.
async fn authority(db: &TestDb) -> Option<PathBuf> {
    let mut connection = db.connection().await;
    let is_mysql = !variable(&mut connection, "version").await.contains("MariaDB");
    let folder = PathBuf::from(variable(&mut connection, "datadir").await);
    is_mysql.then(|| folder.join("ca.pem"))
}

/// The server ends at once, and says this; it has not tried again.
async fn refuses_at_once(url: &str, says: &[&str]) {
    let mut process = Builder::on(url).args(&["--database-wait", "600s"]).spawn();
    assert_eq!(process.ended().await.code(), Some(1), "{url}");
    let log = process.log();
    for text in says {
        assert!(log.contains(text), "{url}: {text:?} is missing in {log}");
    }
    assert!(!log.contains("trying again") && !log.contains(PASSWORD), "{url}: {log}");
}

/// A server that starts, records, folds, and stops.
async fn works(url: &str) {
    let server = Builder::on(url).start().await;
    server.record(&STEP).await.recorded();
    assert!(server.deployments("").await.lines().count() >= 2);
    server.stop().await;
}

#[test]
fn errors_that_waiting_does_not_help_end_it_at_once() {
    let db = TestDb::new(DatabaseKind::MySql);
    let url = db.with_password();
    let user = url.trim_start_matches("mysql://").split(':').next().unwrap().to_owned();
    let name = db.name();
    block_on(async {
        refuses_at_once(&url.replace(PASSWORD, "wrong"), &["Access denied", "the user and the password"]).await;
        refuses_at_once(&url.replace(&user, "nobody"), &["Access denied", "the user and the password"]).await;
        let other = format!("{name}_of_others");
        refuses_at_once(&url.replace(&format!("/{name}"), &format!("/{other}")), &["GRANT ALL ON", &user]).await;
        refuses_at_once(&db.url_with("collation=none"), &["Unknown collation", "collation out of the URL"]).await;
        let administrators = db.url().replace(&format!("/{name}"), "/steps_test_none");
        refuses_at_once(&administrators, &["Unknown database", "CREATE DATABASE `steps_test_none`"]).await;

        // On an empty database, and then on one that has its tables.
        let (making, using) = (["CREATE", "ALTER", "INDEX", "DROP"], ["SELECT", "INSERT", "UPDATE", "DELETE"]);
        let all = [making, using].concat();
        for (nth, missing) in all.iter().chain(&using).enumerate() {
            let others: Vec<_> = all.iter().filter(|right| *right != missing).copied().collect();
            db.execute(&format!("REVOKE ALL ON {name}.* FROM '{user}'@'%'")).await;
            db.execute(&format!("GRANT {} ON {name}.* TO '{user}'@'%'", others.join(", "))).await;
            // Whoever may not read cannot know either whether something is missing.
            let needs = if nth < all.len() || *missing == "SELECT" { "ALL" } else { "SELECT, INSERT, UPDATE, DELETE" };
            refuses_at_once(&url, &["denied", &format!("GRANT {needs} ON `{name}`.*"), &user]).await;
            if *missing == "DELETE" {
                db.execute(&format!("GRANT DELETE ON {name}.* TO '{user}'@'%'")).await;
                works(&url).await;
            }
        }

        db.execute(&format!("ALTER USER '{user}'@'%' ACCOUNT LOCK")).await;
        refuses_at_once(&url, &["locked", "ACCOUNT UNLOCK"]).await;
    });
}

#[test]
fn wrong_tls_settings_end_it_at_once() {
    let db = TestDb::new(DatabaseKind::MySql);
    block_on(async {
        let missing = "ssl-mode=VERIFY_CA&ssl-ca=/nowhere/ca.pem";
        let Some(ca) = authority(&db).await else {
            refuses_at_once(&db.url_with("ssl-mode=REQUIRED"), &["does not support TLS", "TLS is on"]).await;
            return;
        };
        refuses_at_once(&db.url_with(missing), &["ssl-ca"]).await;
        refuses_at_once(&db.url_with("ssl-mode=VERIFY_CA"), &["ca.pem"]).await;
        refuses_at_once(&db.url_with("ssl-mode=VERIFY_IDENTITY"), &["ca.pem"]).await;
        let query = |mode: &str| format!("ssl-mode={mode}&ssl-ca={}", ca.display());
        let identity = db.url_with(&query("VERIFY_IDENTITY"));
        refuses_at_once(&identity, &["names none", "VERIFY_CA"]).await;
        works(&db.url_with(&query("VERIFY_CA"))).await;
    });
}

/// It would work as long as the database remembers the password, and no longer after its next start.
#[test]
fn a_password_without_tls_is_refused_by_mysql_even_while_it_would_work() {
    let db = TestDb::new(DatabaseKind::MySql);
    let url = db.with_password();
    block_on(async {
        let is_mysql = authority(&db).await.is_some();
        let plain = format!("{}?ssl-mode=DISABLED", url.split('?').next().unwrap());
        if is_mysql {
            refuses_at_once(&plain, &["caching_sha2_password", "ssl-mode=REQUIRED"]).await;
            works(&url).await;
            refuses_at_once(&plain, &["caching_sha2_password", "ssl-mode=REQUIRED"]).await;
        } else {
            works(&plain).await;
        }
    });
}

/// Over TLS too, where the database has it.
#[test]
fn the_socket_is_enough() {
    let db = TestDb::new(DatabaseKind::MySql);
    block_on(async {
        let socket = variable(&mut db.connection().await, "socket").await;
        let url = db.url_with(&format!("socket={socket}"));
        for _ in 0..5 {
            let server = Builder::on(&url).start().await;
            server.record(&STEP).await.recorded();
            server.stop().await;
        }
        works(&db.url_with(&format!("ssl-mode=DISABLED&socket={socket}"))).await;
        let servers = futures_util::future::join_all((0..4).map(|_| Builder::on(&url).start())).await;
        for server in servers {
            assert_eq!(server.count("").await, 6);
            server.stop().await;
        }
    });
}

/// 64 characters, as many as there may be, and more than ASCII.
#[test]
fn a_database_with_a_long_name() {
    let db = TestDb::new(DatabaseKind::MySql);
    let long = format!("{}_{}", db.name(), "x".repeat(63 - db.name().len()));
    let strange = format!("{}_a-b c%é", db.name());
    block_on(async {
        for name in [&long, &strange] {
            db.execute(&format!("CREATE DATABASE `{name}`")).await;
            let mut url = Url::parse(&db.url()).unwrap();
            url.set_path(&name.replace('%', "%25"));
            works(url.as_str()).await;
            db.execute(&format!("DROP DATABASE `{name}`")).await;
        }
    });
}

/// No mode of SQL, no time zone: Vitess and PlanetScale refuse to set them.
#[test]
fn connecting_sets_no_more_than_is_needed() {
    let db = TestDb::new(DatabaseKind::MySql);
    block_on(async {
        let mut administrator = db.connection().await;
        db.execute("SET GLOBAL general_log_file = CONCAT(@@datadir, DATABASE(), '.log')").await;
        let before = variable(&mut administrator, "global.general_log").await;
        db.execute("SET GLOBAL general_log = 1").await;
        works(&db.url()).await;
        db.execute(&format!("SET GLOBAL general_log = {before}")).await;
        let folder = PathBuf::from(variable(&mut administrator, "datadir").await);
        let log = std::fs::read(folder.join(format!("{}.log", db.name()))).unwrap();
        let log = String::from_utf8_lossy(&log);
        assert!(log.contains("SET NAMES utf8mb4"), "{log}");
        // The suite's own connections are the driver's: it sets what it likes.
        let ours = log.lines().filter(|line| line.contains("SET NAMES utf8mb4") || line.contains("SET SESSION"));
        assert!(ours.clone().count() > 2 && !ours.clone().any(|line| line.contains("sql_mode")), "{log}");
    });
}

#[test]
fn names_are_not_garbled_by_the_set_of_characters_in_the_url() {
    let db = TestDb::new(DatabaseKind::MySql);
    block_on(async {
        let name = "café 💥";
        let fields = [("component", name), ("version", "1"), ("owner", "o"), ("status", "s")];
        for charset in ["latin1", "utf8mb4"] {
            let server = Builder::on(&db.url_with(&format!("charset={charset}"))).start().await;
            server.record(&fields).await.recorded();
            server.stop().await;
        }
        let mut connection = db.connection().await;
        let stored: Vec<String> =
            sqlx::query_scalar("SELECT component FROM steps").fetch_all(&mut connection).await.unwrap();
        assert_eq!(stored, [name, name]);
    });
}

/// A batch of steps whose names have 60 characters.
fn steps(deployments: usize, of: usize) -> Vec<Value> {
    let name = |text: &str| format!("{text:x<60}");
    let (version, owner, long) = (name("1"), name("ann"), name("migrating"));
    let statuses = ["started", &long, &long, "succeeded"];
    (0..deployments * of)
        .map(|nth| {
            let at = format!("2026-01-05T{:02}:{:02}:{:02}Z", nth / 3600, nth / 60 % 60, nth % 60);
            let component = name(&format!("c{}", nth / of));
            let status = statuses[nth % of * statuses.len() / of];
            json!({"component": component, "version": version, "owner": owner, "status": status, "ts": at})
        })
        .collect()
}

/// A proxy before the database, and the URL that goes through it and demands TLS; `None` where the database has none: MariaDB
/// 10.11, unless it is given a certificate.
async fn over_tls(db: &TestDb) -> Option<(Proxy, Url)> {
    authority(db).await?;
    let proxy = Proxy::start(db.port()).await;
    let mut url = Url::parse(&db.url_at_port(proxy.port())).unwrap();
    url.set_query(Some("ssl-mode=REQUIRED"));
    Some((proxy, url))
}

/// Over TLS the second record of a statement waits 40 ms for the network.
#[test]
fn no_statement_is_longer_than_a_record_of_tls() {
    let db = TestDb::new(DatabaseKind::MySql);
    block_on(async {
        let Some((proxy, url)) = over_tls(&db).await else { return };
        let server = Builder::on(url.as_str()).start().await;
        server.batch(&steps(2500, 4)).await;
        // The same again: each is looked up.
        let with_ids: Vec<Value> = steps(100, 4)
            .into_iter()
            .map(|mut step| {
                step["id"] = json!(steps_shared::StepId::generate());
                step["environment"] = json!("💥".repeat(60));
                step
            })
            .collect();
        server.batch(&with_ids).await;
        server.batch(&with_ids).await;
        assert_eq!(server.count("").await, 10_400);
        assert_eq!(server.deployments("").await.lines().count(), 2601);
        server.get("/v1/trend?since=1y").await.ok();
        server.get("/v1/stats?by=status").await.ok();
        let maintain = |args: Vec<&'static str>| {
            let builder = Builder::bare().args(&["--database-url", url.as_str()]);
            tokio::task::spawn_blocking(move || builder.run_with(&args))
        };
        for args in [vec!["rebuild"], vec!["verify"], vec!["prune", "--older-than", "1d"]] {
            let run = maintain(args).await.unwrap();
            assert_eq!(run.code, 0, "{run:?}");
        }
        eventually("all is pruned", async || (server.count("").await == 0).then_some(())).await;
        assert_eq!(proxy.full_records(), 0);
        server.stop().await;
    });
}

/// The measure above is one: what a client sends over TLS in one go has full records.
#[test]
fn a_long_statement_is_noticed() {
    let db = TestDb::new(DatabaseKind::MySql);
    block_on(async {
        let Some((proxy, url)) = over_tls(&db).await else { return };
        let mut connection = <MySqlConnection as sqlx::Connection>::connect(url.as_str()).await.unwrap();
        let long = format!("SELECT '{}'", "x".repeat(40_000));
        sqlx::raw_sql(AssertSqlSafe(long)).execute(&mut connection).await.unwrap();
        assert_eq!(proxy.full_records(), 2);
    });
}

/// What README says that the users of the server and of migrations need.
fn rights(of: &str) -> String {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let line = readme.lines().find(|line| line.starts_with("GRANT ") && line.contains(&format!("TO {of}@")));
    let line = line.unwrap_or_else(|| panic!("README.md grants {of} nothing"));
    line.trim_start_matches("GRANT ").split(" ON ").next().unwrap().to_owned()
}

/// Migrated by one user, served by another, with what README grants each.
#[test]
fn the_rights_that_the_readme_grants_are_enough() {
    let db = TestDb::new(DatabaseKind::MySql);
    let (serves, migrates) = (rights("steps"), rights("steps_migrate"));
    assert!(!serves.contains("ALL") && !serves.contains("CREATE"), "{serves}");
    let (url, migrate_url) = (db.user("", &serves), db.user("_m", &migrates));
    block_on(async {
        let maintain = |url: &str, args: Vec<&'static str>| {
            let builder = Builder::bare().args(&["--database-url", url]);
            tokio::task::spawn_blocking(move || builder.run_with(&args))
        };
        // Nothing is there yet: the server's user may not make it, and is told who may.
        refuses_at_once(&url, &["denied", "steps-server migrate", &format!("GRANT ALL ON `{}`.*", db.name())]).await;
        let refused = maintain(&url, vec!["migrate"]).await.unwrap();
        assert_eq!((refused.code, refused.stdout.as_str()), (1, ""), "{refused:?}");
        for _ in 0..2 {
            let migrated = maintain(&migrate_url, vec!["migrate"]).await.unwrap();
            assert_eq!((migrated.code, migrated.stdout.as_str()), (0, "the schema is up to date\n"), "{migrated:?}");
        }

        let server = Builder::on(&url).start().await;
        server.record(&STEP).await.recorded();
        server.record_example().await;
        server.batch(&steps(20, 8)).await;
        let span = [STEP.as_slice(), &[("span", "true")]].concat();
        let id = server.record(&span).await.recorded().id;
        assert_eq!(server.post(&format!("/v1/steps/{id}/finish?outcome=succeeded&duration=2")).await.status, 200);
        let deployments = server.get("/v1/deployments?format=jsonl&limit=1").await;
        let deployment = deployments.json()["id"].as_str().unwrap().to_owned();
        for act in ["exclude?reason=test&owner=o", "include?owner=o"] {
            assert_eq!(server.post(&format!("/v1/deployments/{deployment}/{act}")).await.status, 200);
        }
        for path in [
            "/v1/steps?format=xlsx",
            "/v1/steps/count?status=started",
            "/v1/deployments/count",
            "/v1/stats?by=component,week",
            "/v1/stats?by=status",
            "/v1/trend?since=3y",
            "/v1/check?component=checkout&max=10m&baseline=p95&replay=90d",
            "/v1/projection",
            "/readyz",
        ] {
            let answer = server.get(path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        }
        for args in [
            vec!["migrate"],
            vec!["rebuild"],
            vec!["verify", "--abandon-after", "3650d"],
            vec!["prune", "--older-than", "1d", "--dry-run"],
            vec!["prune", "--older-than", "1d"],
        ] {
            let run = maintain(&url, args).await.unwrap();
            assert_eq!(run.code, 0, "{run:?}");
        }
        server.stop().await;
    });
}
