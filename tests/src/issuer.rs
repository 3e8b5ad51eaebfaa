//! An issuer of JSON Web Tokens on this machine, as a CI system is one.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

/// Issues tokens, and serves its keys on a port of 127.0.0.1.
#[derive(Debug)]
pub struct Issuer {
    url: String,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// What the JWKS has.
    keys: Vec<Value>,
    behaviour: Behaviour,
    /// How often the keys were asked for.
    asked: u32,
}

/// How an issuer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// As it should.
    #[default]
    Good,
    /// 500.
    Broken,
    /// Not at all, though it listens.
    Silent,
    /// With an endless document.
    Endless,
    /// With a redirect to another place, which has the keys.
    Redirecting,
    /// As another one.
    Named(&'static str),
}

/// A key to sign with.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub id: String,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Key {
    /// A new key for ES256.
    ///
    /// # Panics
    /// Where none can be made.
    #[must_use]
    pub fn p256(id: &str) -> Self {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).expect("a key");
        Self { id: id.to_owned(), pair: Pair::P256(pair) }
    }

    /// A new key for EdDSA.
    ///
    /// # Panics
    /// Where none can be made.
    #[must_use]
    pub fn ed25519(id: &str) -> Self {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        Self { id: id.to_owned(), pair: Pair::Ed25519(Ed25519KeyPair::from_pkcs8(made.as_ref()).expect("a key")) }
    }

    /// The algorithm that it signs with.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::P256(_) => "ES256",
            Pair::Ed25519(_) => "EdDSA",
        }
    }

    /// The bytes of its public part.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        match &self.pair {
            Pair::P256(pair) => pair.public_key().as_ref(),
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }

    /// Its public part as in a JWKS.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let public = self.public();
        match self.pair {
            Pair::P256(_) => json!({
                "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id,
                "x": encoded(&public[1..33]), "y": encoded(&public[33..]),
            }),
            Pair::Ed25519(_) => {
                json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": self.id, "x": encoded(public)})
            }
        }
    }

    /// A token with these claims.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({"alg": self.algorithm(), "typ": "JWT", "kid": self.id}), claims)
    }

    /// The same with another header.
    ///
    /// # Panics
    /// Where it cannot be signed.
    #[must_use]
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signature = match &self.pair {
            Pair::P256(pair) => {
                pair.sign(&SystemRandom::new(), message.as_bytes()).expect("a signature").as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
        };
        format!("{message}.{}", encoded(&signature))
    }
}

/// A token that is signed with a secret, as HS256 does.
#[must_use]
pub fn signed_with_secret(secret: &[u8], id: &str, claims: &Value) -> String {
    let message = message(&json!({"alg": "HS256", "typ": "JWT", "kid": id}), claims);
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", encoded(signature.as_ref()))
}

/// A token that is not signed.
#[must_use]
pub fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.", message(header, claims))
}

/// Base64 as tokens have it.
#[must_use]
pub fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The seconds since 1970, `later` seconds from now.
///
/// # Panics
/// Before 1970.
#[must_use]
pub fn seconds(later: i64) -> i64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("it is after 1970").as_secs();
    i64::try_from(now).expect("a number of seconds") + later
}

fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encoded(header.to_string().as_bytes()), encoded(claims.to_string().as_bytes()))
}

impl Issuer {
    /// Starts one that has these keys.
    ///
    /// # Panics
    /// Where no port is free.
    #[must_use]
    pub fn start(keys: &[&Key]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket"));
        let shared = Arc::new(Mutex::new(Shared::default()));
        let (own_url, of_thread) = (url.clone(), Arc::clone(&shared));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), shared, url) = (stream, Arc::clone(&of_thread), own_url.clone()) else { return };
                thread::spawn(move || {
                    // The server may have gone.
                    let _ = answer(stream, &shared, &url);
                });
            }
        });
        let issuer = Self { url, shared };
        issuer.has(keys);
        issuer
    }

    /// Its URL, which is its name.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on these are its keys.
    pub fn has(&self, keys: &[&Key]) {
        self.has_jwks(keys.iter().map(|key| key.jwk()).collect());
    }

    /// The same, as they stand in the JWKS.
    pub fn has_jwks(&self, keys: Vec<Value>) {
        self.shared().keys = keys;
    }

    /// From now on it answers so.
    pub fn behaves(&self, behaviour: Behaviour) {
        self.shared().behaviour = behaviour;
    }

    /// How often its keys were asked for so far.
    #[must_use]
    pub fn asked(&self) -> u32 {
        self.shared().asked
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("nothing panics while it is locked")
    }
}

fn answer(mut stream: TcpStream, shared: &Mutex<Shared>, url: &str) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let (behaviour, body) = {
        let mut shared = shared.lock().expect("nothing panics while it is locked");
        let name = match shared.behaviour {
            Behaviour::Named(name) => name,
            _ => url,
        };
        let body = match path.as_str() {
            "/.well-known/openid-configuration" => Some(json!({"issuer": name, "jwks_uri": format!("{url}/keys")})),
            "/keys" | "/elsewhere" => {
                shared.asked += 1;
                Some(json!({"keys": shared.keys}))
            }
            _ => None,
        };
        (shared.behaviour, body)
    };
    let head = |status: &str, more: &str| format!("HTTP/1.1 {status}\r\nconnection: close\r\n{more}\r\n");
    match (behaviour, body) {
        // Until the other side gives up.
        (Behaviour::Silent, _) => drop(reader.read_to_end(&mut Vec::new())?),
        (Behaviour::Broken, _) => stream.write_all(head("500 Broken", "content-length: 0\r\n").as_bytes())?,
        (Behaviour::Redirecting, Some(_)) if path == "/keys" => {
            stream.write_all(head("302 Found", "location: /elsewhere\r\ncontent-length: 0\r\n").as_bytes())?;
        }
        (Behaviour::Endless, Some(_)) => {
            stream.write_all(head("200 OK", "").as_bytes())?;
            stream.write_all(b"{\"keys\": [\"")?;
            loop {
                stream.write_all(&[b'a'; 4096])?;
            }
        }
        (_, Some(body)) => {
            let body = body.to_string();
            let head = head("200 OK", &format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
            stream.write_all((head + &body).as_bytes())?;
        }
        (_, None) => stream.write_all(head("404 Not Found", "content-length: 0\r\n").as_bytes())?,
    }
    stream.flush()
}
