//! OpenID Connect: tokens of other issuers, such as a CI system, instead of secrets.
//!
//! A token is accepted when it is signed with a key of its issuer, meant for this server, within its time, and described by a rule.

mod keys;
mod rules;
mod signature;

use std::sync::{Arc, Weak};
use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, dangerous, decode, decode_header};
use serde::{Deserialize, Serialize};
use steps_shared::{Timestamp, innermost};
use tokio::time::sleep;

use super::Caller;
use keys::{Keys, NoKey, checked_url};
use rules::{Claims, Rule};
use signature::{ALGORITHMS, family};

/// The longest token, in bytes.
const MOST_BYTES: usize = 16 * 1024;
/// How far the clock of an issuer may differ from this one, in seconds.
const LEEWAY: u64 = 30;
/// How often keys are fetched though nobody needs one: so that those are forgotten that an issuer has withdrawn.
const FETCH_EVERY: Duration = Duration::from_secs(3600);
/// The same while the issuer does not answer.
const FETCH_AGAIN: Duration = Duration::from_secs(60);

/// An issuer, and what the holders of its tokens may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "GivenIssuer")]
pub struct IssuerSettings {
    issuer: String,
    audience: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_url: Option<String>,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenIssuer {
    issuer: String,
    audience: String,
    jwks_url: Option<String>,
    rules: Vec<Rule>,
}

impl TryFrom<GivenIssuer> for IssuerSettings {
    type Error = String;
    fn try_from(given: GivenIssuer) -> Result<Self, String> {
        let GivenIssuer { issuer, audience, jwks_url, rules } = given;
        let url = checked_url(&issuer).map_err(|error| format!("issuer {error}"))?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("issuer must have no ? and no #: {issuer:?}"));
        }
        if let Some(jwks_url) = &jwks_url {
            checked_url(jwks_url).map_err(|error| format!("jwks_url {error}"))?;
        }
        if audience.trim().is_empty() {
            return Err("audience must not be empty; it is what the token says it is for, best this server's address"
                .to_owned());
        }
        match rules.is_empty() {
            true => Err(format!("{issuer} has no rules, so that none of its tokens would be accepted")),
            false => Ok(Self { issuer, audience, jwks_url, rules }),
        }
    }
}

/// Why a token is not accepted. The message reads on after "the token".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is none.
    #[error("is no JSON Web Token that can be read: {0}")]
    Malformed(String),
    /// Its header asks for something that is not done here.
    #[error("is signed in a way that is not accepted here: {0}")]
    Algorithm(String),
    /// It is of another issuer.
    #[error("is of the issuer {0:?}, which this server does not know")]
    Issuer(String),
    /// The issuer has no such key.
    #[error("is signed with a key that its issuer does not have")]
    Key,
    /// Its signature is not that of the key.
    #[error("has a wrong signature")]
    Signature,
    /// It is for another server, or not for now.
    #[error("{0}")]
    Validity(&'static str),
    /// No rule is about it.
    #[error("is of the issuer, but no rule of this server is about its claims")]
    NoRule,
    /// A rule is about it, and cannot be applied.
    #[error("cannot be used: {0}")]
    Claim(String),
    /// The keys of the issuer cannot be fetched. This one says nothing of the token.
    #[error("cannot be checked now: the keys of its issuer cannot be fetched ({0})")]
    Unavailable(String),
}

/// The issuers whose tokens are accepted.
#[derive(Debug, Clone, Default)]
pub struct Issuers(Vec<Arc<Issuer>>);

#[derive(Debug)]
struct Issuer {
    settings: IssuerSettings,
    keys: Keys,
}

/// Why the keys of an issuer cannot be asked for. In small containers there are often no certificates at all.
fn unprepared(issuer: &str, error: &reqwest::Error) -> String {
    let cause = innermost(error);
    match cause.contains("No CA certificates") {
        true => format!(
            "the keys of the issuer {issuer} cannot be fetched: there are no certificates of authorities on this machine; install the \
             package ca-certificates, or name a file with certificates (PEM) in SSL_CERT_FILE"
        ),
        false => format!("the keys of the issuer {issuer} cannot be fetched: {cause}"),
    }
}

impl Issuers {
    /// Fetches the keys of issuers in the background, now and every hour.
    ///
    /// # Errors
    /// There can be no client for HTTP.
    pub fn start(settings: &[IssuerSettings]) -> std::io::Result<Self> {
        signature::install();
        let issuer = |settings: &IssuerSettings| {
            let url = |text: &str| checked_url(text).map_err(std::io::Error::other);
            let jwks_url = settings.jwks_url.as_deref().map(url).transpose()?;
            let keys = Keys::new(&url(&settings.issuer)?, settings.issuer.clone(), jwks_url);
            let keys = keys.map_err(|error| std::io::Error::other(unprepared(&settings.issuer, &error)))?;
            let issuer = Arc::new(Issuer { settings: settings.clone(), keys });
            tokio::spawn(keep_fetching(Arc::downgrade(&issuer)));
            Ok(issuer)
        };
        Ok(Self(settings.iter().map(issuer).collect::<std::io::Result<_>>()?))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a text may be a token of an issuer: the server's own have no dots.
    #[must_use]
    pub fn may_be_token(text: &str) -> bool {
        text.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Who holds this token.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn authenticate(&self, token: &str) -> Result<Arc<Caller>, Refusal> {
        if token.len() > MOST_BYTES {
            return Err(Refusal::Malformed(format!("it has more than {MOST_BYTES} bytes")));
        }
        let header = decode_header(token).map_err(|error| match error.kind() {
            // `none` is no algorithm either.
            ErrorKind::Json(_) => Refusal::Malformed("its header is not read".to_owned()),
            _ => Refusal::Malformed(error.to_string()),
        })?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(Refusal::Algorithm(format!("{:?} needs no private key", header.alg)));
        }
        if header.crit.is_some() || header.enc.is_some() || header.zip.is_some() {
            return Err(Refusal::Algorithm("its header has crit, enc or zip".to_owned()));
        }
        let Unverified { iss } = dangerous::insecure_decode_claims(token)
            .map_err(|_| Refusal::Malformed("its claims have no iss that is a text".to_owned()))?;
        let mut refusal = Refusal::Issuer(iss.chars().take(200).collect());
        // One issuer may be there for several audiences.
        for issuer in self.0.iter().filter(|issuer| issuer.settings.issuer == iss) {
            let key = issuer.keys.find(header.kid.as_deref(), header.alg).await.map_err(|none| match none {
                NoKey::Unknown => Refusal::Key,
                NoKey::Unavailable(error) => Refusal::Unavailable(error),
            });
            let caller = key.and_then(|key| {
                let mut validation = Validation::new_for_family(family(header.alg));
                validation.algorithms = vec![header.alg];
                validation.leeway = LEEWAY;
                validation.validate_nbf = true;
                validation.set_issuer(&[&issuer.settings.issuer]);
                validation.set_audience(&[&issuer.settings.audience]);
                validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
                let decoded = decode::<Claims>(token, &key, &validation).map_err(|error| refused(error.kind()))?;
                issuer.caller(&decoded.claims)
            });
            match caller {
                Ok(caller) => return Ok(Arc::new(caller)),
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }
}

/// What is read before the signature is checked: whose key it should be.
#[derive(Deserialize)]
struct Unverified {
    iss: String,
}

impl Issuer {
    fn caller(&self, claims: &Claims) -> Result<Caller, Refusal> {
        let rule = self.settings.rules.iter().find(|rule| rule.matches(claims)).ok_or(Refusal::NoRule)?;
        // Of what is no whole number, the second that has begun.
        let seconds = claims.get("exp").and_then(serde_json::Value::as_f64).unwrap_or_default();
        let expires_at = Timestamp::saturating_from_micros((seconds as i64).saturating_mul(1_000_000));
        rule.caller(claims, expires_at)
    }
}

fn refused(kind: &ErrorKind) -> Refusal {
    match kind {
        ErrorKind::InvalidSignature => Refusal::Signature,
        ErrorKind::ExpiredSignature => Refusal::Validity("has expired"),
        ErrorKind::ImmatureSignature => Refusal::Validity("is not valid yet"),
        ErrorKind::InvalidAudience => Refusal::Validity("is for another audience than this server"),
        ErrorKind::InvalidIssuer => Refusal::Validity("is of another issuer"),
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => {
            Refusal::Algorithm("the key is for another algorithm".to_owned())
        }
        ErrorKind::MissingRequiredClaim(_) => {
            Refusal::Validity("lacks one of the claims exp, iss, aud and sub, or has it twice")
        }
        _ => Refusal::Malformed("its claims are not read".to_owned()),
    }
}

/// Fetches the keys of an issuer until it is dropped.
async fn keep_fetching(issuer: Weak<Issuer>) {
    loop {
        let pause = match issuer.upgrade() {
            None => return,
            Some(issuer) => match issuer.keys.fetch().await {
                None => FETCH_EVERY,
                Some(_) => FETCH_AGAIN,
            },
        };
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in the server's file.
    #[derive(Deserialize)]
    struct File {
        oidc: Vec<IssuerSettings>,
    }

    #[test]
    fn the_examples_of_the_readme_are_read() {
        let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
        let blocks = readme.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let example = blocks.into_iter().find(|block| block.contains("[[oidc]]")).unwrap();
        let File { oidc } = toml::from_str(example).unwrap();
        assert_eq!(oidc.iter().map(|issuer| issuer.rules.len()).collect::<Vec<_>>(), [1, 1]);
    }

    #[test]
    fn only_what_has_two_dots_may_be_a_token_of_an_issuer() {
        assert!(Issuers::may_be_token("a.b.c") && Issuers::may_be_token(".."));
        assert!(
            !Issuers::may_be_token("steps_0123") && !Issuers::may_be_token("a.b") && !Issuers::may_be_token("a.b.c.d")
        );
    }
}
