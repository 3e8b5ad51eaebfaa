//! Tokens of an OpenID Connect issuer: a pipeline records without a secret, and whatever else is sent does not get in.

use std::fs;
use std::time::Instant;

use serde_json::{Value, json};
use steps_shared::StepId;
use steps_tests::access::{Caller, generated_token};
use steps_tests::issuer::{Behaviour, Issuer, Key, encoded, seconds, signed_with_secret, unsigned};
use steps_tests::server::Builder;
use steps_tests::{DatabaseKind, PATIENCE, Server, TestDb, block_on, eventually};
use tempfile::TempDir;

const AUDIENCE: &str = "https://steps.example.com";
/// How many wrong tokens an address may send at once.
const FAILURES: usize = 25;

/// The rules of the tests, for this issuer.
fn config(issuer: &str) -> String {
    format!(
        r#"
        [[oidc]]
        issuer = "{issuer}"
        audience = "{AUDIENCE}"

        [[oidc.rules]]
        claims = {{ repository = "acme/*", ref = "refs/heads/main" }}
        scopes = ["record", "read"]
        components = ["{{repository}}"]
        environments = ["{{environment}}"]
        owner = "{{actor}}"

        [[oidc.rules]]
        claims = {{ sub = "admin" }}
        scopes = ["admin"]
        "#
    )
}

/// A server with a configuration; the folder holds it.
async fn server(db: &TestDb, config: &str) -> (Server, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.toml");
    fs::write(&file, config).unwrap();
    let server = Builder::on(&db.url()).args(&["--config", file.to_str().unwrap()]).start().await;
    (server, folder)
}

/// The claims of a job that deploys acme/shop into production.
fn claims(issuer: &Issuer) -> Value {
    json!({
        "iss": issuer.url(), "aud": AUDIENCE, "sub": "repo:acme/shop:ref:refs/heads/main", "repository": "acme/shop",
        "ref": "refs/heads/main", "environment": "production", "actor": "ann", "iat": seconds(-5), "nbf": seconds(-5),
        "exp": seconds(300),
    })
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

fn without(claims: &Value, name: &str) -> Value {
    let mut claims = claims.clone();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// Waits until the server has the keys.
async fn let_in(server: &Server, token: &str) {
    eventually("the keys are fetched", async || {
        let status = Caller::with(server, token).get("/v1/tokens/current").await.status;
        (status == 200).then_some(())
    })
    .await;
}

fn step(component: &str, environment: &str) -> Value {
    json!({"id": StepId::generate(), "component": component, "environment": environment, "version": "1", "status": "s"})
}

#[test]
fn a_pipeline_records_what_its_claims_say_without_a_secret() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let key = Key::p256("one");
        let issuer = Issuer::start(&[&key, &Key::ed25519("two")]);
        let (server, _folder) = server(&db, &config(issuer.url())).await;
        let claims = claims(&issuer);
        let token = key.sign(&claims);
        let_in(&server, &token).await;
        let job = Caller::with(&server, &token);
        let current = job.get("/v1/tokens/current").await.json();
        assert_eq!(current["kind"], "oidc");
        assert_eq!(current["name"], "repo:acme/shop:ref:refs/heads/main");
        assert_eq!((&current["components"], &current["owner"]), (&json!(["acme/shop"]), &json!("ann")));

        // Its owner is that of the claims, and no other.
        let recorded = job.post("/v1/steps", &step("acme/shop", "production")).await.recorded();
        assert_eq!(recorded.owner.as_str(), "ann");
        let mut of_bob = step("acme/shop", "production");
        of_bob["owner"] = json!("bob");
        assert_eq!(job.post("/v1/steps", &of_bob).await.problem(403).errors[0].field, "owner");
        for (component, environment, field) in
            [("acme/bank", "production", "component"), ("acme/shop", "staging", "environment")]
        {
            let refused = job.post("/v1/steps", &step(component, environment)).await.problem(403);
            assert_eq!(refused.errors[0].field, field);
        }
        let admin = Caller::with(&server, &key.sign(&with(&claims, "sub", json!("admin"))));
        // The first rule that is about a token counts.
        assert_eq!(admin.get("/v1/tokens").await.status, 403);
        let of_admin = without(&with(&claims, "sub", json!("admin")), "repository");
        let admin = Caller::with(&server, &key.sign(&of_admin));
        assert_eq!(admin.get("/v1/tokens").await.status, 200);

        // Another repository sees nothing of it, and another organisation does not get in.
        let bank = with(&claims, "repository", json!("acme/bank"));
        let bank = Caller::with(&server, &key.sign(&bank));
        assert_eq!(bank.get("/v1/steps/count").await.json()["count"], 0);
        assert_eq!(job.get("/v1/steps/count").await.json()["count"], 1);
        bank.get(&format!("/v1/steps/{}", recorded.id)).await.problem(404);
        for (claim, value) in [
            ("repository", json!("acme-evil/shop")),
            ("repository", json!("evil/acme/shop")),
            ("ref", json!("refs/heads/main2")),
            ("ref", json!("refs/pull/1/merge")),
            ("environment", json!("*")),
            ("environment", Value::Null),
            ("repository", json!("acme/*")),
            ("actor", json!("")),
        ] {
            let other = Caller::with(&server, &key.sign(&with(&claims, claim, value.clone())));
            let problem = other.get("/v1/steps").await;
            assert!(
                problem.header("www-authenticate").contains("invalid_token"),
                "{claim} {value}: {}",
                problem.text()
            );
            problem.problem(401);
        }
        // Who sends nothing has no scope, though there is no token of the server's own.
        assert_eq!(server.get("/v1/steps").await.status, 401);
        server.get("/healthz").await.ok();
        // The log has the name, and not the token.
        let log = server.process().log();
        assert!(log.contains("repo:acme/shop:ref") && !log.contains(token.split('.').nth(2).unwrap()), "{log}");
        server.stop().await;
    });
}

#[test]
fn what_is_forged_or_for_others_does_not_get_in() {
    let key = Key::p256("one");
    let issuer = Issuer::start(&[&key, &Key::ed25519("two")]);
    let (claims, url) = (claims(&issuer), issuer.url());
    let header = |alg: &str| json!({"alg": alg, "typ": "JWT", "kid": "one"});
    let stranger = Key::p256("one");
    let good = key.sign(&claims);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (head, payload) = message.split_once('.').unwrap();
    let raw = |claims: &str| {
        let signed = key.sign(&json!(null));
        // A text that no JSON library writes, with the key's own signature of something else.
        let (_, signature) = signed.rsplit_once('.').unwrap();
        format!("{head}.{}.{signature}", encoded(claims.as_bytes()))
    };
    let mut attacks: Vec<(&str, String)> = vec![
        ("another key of that name", stranger.sign(&claims)),
        ("a key that is nowhere", Key::p256("nowhere").sign(&claims)),
        ("a key in the header", {
            let mut header = stranger.jwk();
            header["use"] = Value::Null;
            stranger.sign_with(&json!({"alg": "ES256", "kid": "one", "jwk": stranger.jwk()}), &claims)
        }),
        ("a place of keys in the header", {
            stranger.sign_with(&json!({"alg": "ES256", "kid": "one", "jku": format!("{url}/elsewhere")}), &claims)
        }),
        ("no key named, and two to choose from", stranger.sign_with(&json!({"alg": "ES256"}), &claims)),
        ("another algorithm than the key's", key.sign_with(&header("ES384"), &claims)),
        ("the algorithm of another kind of key", key.sign_with(&header("EdDSA"), &claims)),
        ("RSA with a key that is none", key.sign_with(&header("RS256"), &claims)),
        ("an extension that must be understood", {
            key.sign_with(&json!({"alg": "ES256", "kid": "one", "crit": ["b64"], "b64": false}), &claims)
        }),
        ("an empty signature", format!("{message}.")),
        ("half a signature", format!("{message}.{}", &signature[..40])),
        ("a changed claim", {
            let changed = with(&claims, "repository", json!("acme/bank"));
            format!("{head}.{}.{signature}", encoded(changed.to_string().as_bytes()))
        }),
        ("a signature of zeros", format!("{message}.{}", encoded(&[0; 64]))),
        ("empty parts", "..".to_owned()),
        ("no JSON", format!("{}.{}.{signature}", encoded(b"{"), encoded(b"["))),
        ("no base64", format!("{head}.{payload}!.{signature}")),
        ("JSON that is deep", raw(&format!("{}{}", "[".repeat(9000), "]".repeat(9000)))),
        ("no claims", raw("null")),
        ("the issuer twice", raw(&format!(r#"{{"iss": "{url}", "iss": "{url}"}}"#))),
        ("longer than a token may be", key.sign(&with(&claims, "x", json!("a".repeat(17_000))))),
        ("another issuer", key.sign(&with(&claims, "iss", json!("https://token.actions.githubusercontent.com")))),
        ("the issuer with a slash", key.sign(&with(&claims, "iss", json!(format!("{url}/"))))),
        ("a list of issuers", key.sign(&with(&claims, "iss", json!([url])))),
        ("no issuer", key.sign(&without(&claims, "iss"))),
        ("another audience", key.sign(&with(&claims, "aud", json!("https://other.example.com")))),
        ("other audiences", key.sign(&with(&claims, "aud", json!(["a", "b"])))),
        ("no audience", key.sign(&without(&claims, "aud"))),
        ("an audience that is no text", key.sign(&with(&claims, "aud", json!({AUDIENCE: true})))),
        ("nobody", key.sign(&without(&claims, "sub"))),
        ("expired", key.sign(&with(&claims, "exp", json!(seconds(-60))))),
        ("expired in 1970", key.sign(&with(&claims, "exp", json!(0)))),
        ("valid for ever", key.sign(&without(&claims, "exp"))),
        ("valid until a text", key.sign(&with(&claims, "exp", json!("tomorrow")))),
        ("valid until a negative second", key.sign(&with(&claims, "exp", json!(-1)))),
        ("not valid yet", key.sign(&with(&claims, "nbf", json!(seconds(120))))),
        ("valid from a text on", key.sign(&with(&claims, "nbf", json!("now")))),
    ];
    for alg in ["none", "None", "NONE", "nOnE", "", "HS256", "HS999"] {
        attacks.push(("not signed", unsigned(&header(alg), &claims)));
        attacks.push(("not signed, with a signature", format!("{}{signature}", unsigned(&header(alg), &claims))));
    }
    // The public key taken for a secret.
    let jwk = key.jwk().to_string();
    for secret in [key.public(), jwk.as_bytes(), encoded(key.public()).as_bytes(), b""] {
        attacks.push(("signed with the public key", signed_with_secret(secret, "one", &claims)));
    }
    for attacks in attacks.chunks(FAILURES) {
        let db = TestDb::new(DatabaseKind::Sqlite);
        block_on(async {
            let (server, _folder) = server(&db, &config(url)).await;
            let_in(&server, &good).await;
            for (what, token) in attacks {
                let answer = Caller::with(&server, token).get("/v1/steps").await;
                assert_eq!(answer.status, 401, "{what}: {}", answer.text());
                assert!(answer.header("www-authenticate").starts_with("Bearer realm="), "{what}");
                let signature = token.rsplit('.').next().unwrap();
                assert!(signature.is_empty() || !answer.text().contains(signature), "{what}: {}", answer.text());
            }
            // What is good goes on getting in.
            for token in [
                good.clone(),
                key.sign(&with(&claims, "aud", json!(["other", AUDIENCE]))),
                key.sign(&with(&claims, "exp", json!(seconds(-5)))),
                key.sign(&without(&claims, "nbf")),
                key.sign_with(&json!({"alg": "ES256"}), &claims),
            ] {
                Caller::with(&server, &token).get("/v1/steps").await.ok();
            }
            server.stop().await;
        });
    }
}

#[test]
fn keys_rotate_and_an_issuer_that_is_down_locks_nobody_out() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    block_on(async {
        let (old, new) = (Key::p256("old"), Key::ed25519("new"));
        let issuer = Issuer::start(&[&old]);
        let (server, _folder) = server(&db, &config(issuer.url())).await;
        let claims = claims(&issuer);
        let (by_old, by_new) = (old.sign(&claims), new.sign(&claims));
        let_in(&server, &by_old).await;

        // The issuer is away: its keys are known.
        issuer.behaves(Behaviour::Broken);
        let admin = old.sign(&without(&with(&claims, "sub", json!("admin")), "repository"));
        let made = json!({"name": "own", "scopes": ["read"]});
        let own = Caller::with(&server, &admin).post("/v1/tokens", &made).await;
        assert_eq!(own.status, 201, "{}", own.text());
        let own = own.json()["secret"].as_str().unwrap().to_owned();
        for token in [&by_old, &own] {
            Caller::with(&server, token).get("/v1/steps").await.ok();
        }
        // A key that is not known cannot be asked for: that is no refusal.
        eventually("the server asks for the key, and is told nothing", async || {
            let answer = Caller::with(&server, &by_new).get("/v1/steps").await;
            assert!([401, 429, 503].contains(&answer.status), "{}", answer.text());
            (answer.status == 503).then(|| assert!(!answer.header("retry-after").is_empty()))
        })
        .await;
        Caller::with(&server, &by_old).get("/v1/steps").await.ok();

        // It is back with another key.
        issuer.has(&[&new]);
        issuer.behaves(Behaviour::Good);
        let before = (issuer.asked(), Instant::now());
        let_in(&server, &by_new).await;
        assert_eq!(Caller::with(&server, &by_old).get("/v1/steps").await.status, 401);
        // However many tokens name keys that nobody has, the issuer is left alone.
        for nth in 0..100 {
            let token = Key::ed25519(&format!("key {nth}")).sign(&claims);
            assert!([401, 429].contains(&Caller::with(&server, &token).get("/v1/steps").await.status));
        }
        let most = 2 + before.1.elapsed().as_secs() / 5;
        assert!(u64::from(issuer.asked() - before.0) <= most, "{} times", issuer.asked() - before.0);
        Caller::with(&server, &own).get("/v1/steps").await.ok();
        server.stop().await;
    });
}

#[test]
fn an_issuer_that_misbehaves_holds_up_only_its_own_tokens() {
    for behaviour in [
        Behaviour::Broken,
        Behaviour::Silent,
        Behaviour::Endless,
        Behaviour::Redirecting,
        Behaviour::Named("https://token.actions.githubusercontent.com"),
    ] {
        let db = TestDb::new(DatabaseKind::Sqlite);
        block_on(async {
            let key = Key::p256("one");
            let issuer = Issuer::start(&[&key]);
            issuer.behaves(behaviour);
            let config = config(issuer.url());
            let secret = "STEPS_BOOTSTRAP_TOKEN";
            let own = generated_token();
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("server.toml");
            fs::write(&file, config).unwrap();
            let started = Builder::on(&db.url()).env(secret, &own).args(&["--config", file.to_str().unwrap()]);
            let server = started.start().await;
            let token = key.sign(&claims(&issuer));
            let of_issuer = Caller::with(&server, &token);
            let (refused, began) = (of_issuer.get("/v1/steps"), Instant::now());
            let of_own = async {
                for _ in 0..20 {
                    Caller::with(&server, &own).get("/v1/steps").await.ok();
                }
            };
            let (refused, ()) = tokio::join!(refused, of_own);
            refused.problem(503);
            assert!(began.elapsed() < PATIENCE, "{behaviour:?}");
            if behaviour == Behaviour::Broken {
                issuer.behaves(Behaviour::Good);
                let_in(&server, &token).await;
            }
            server.stop().await;
        });
    }
}

#[test]
fn a_configuration_that_lets_everybody_in_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("server.toml");
    let issuer = "https://issuer.example.com";
    for (wrong, told) in [
        (config("http://issuer.example.com"), "https://"),
        (config("https://user:secret@issuer.example.com"), "password"),
        (config("issuer.example.com"), "no URL"),
        (config(issuer).replace(AUDIENCE, " "), "audience"),
        (config(issuer).replace(r#"{ sub = "admin" }"#, "{}"), "at least one claim"),
        (config(issuer).replace("{repository}", "{repository"), "without a }"),
        (config(issuer).replace("scopes = [\"admin\"]", "scope = \"admin\""), "scope"),
        (format!("[[oidc]]\nissuer = \"{issuer}\"\naudience = \"a\"\nrules = []\n"), "no rules"),
        (format!("[[oidc]]\nissuer = \"{issuer}\"\nrules = []\n"), "audience"),
    ] {
        fs::write(&file, &wrong).unwrap();
        let run = Builder::bare().args(&["--listen", "127.0.0.1:0", "--config", file.to_str().unwrap()]).run_with(&[]);
        assert_eq!(run.code, 2, "{wrong}\n{}", run.stderr);
        assert!(run.stderr.contains(told) && !run.stderr.contains("secret@"), "{wrong}\n{}", run.stderr);
    }
}
