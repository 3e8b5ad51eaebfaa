//! Tokens: who may do what, as it is asked for and listed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::json_fields::text_of;
use crate::resource::{List, columns};
use crate::words::words;
use crate::{
    Cell, Duration, FieldError, FieldErrors, Glob, JsonFields, Owner, Resource, StepId, Timestamp, TokenName,
    TokenSecret,
};

/// The most patterns of components that a token has, and the most of environments.
pub const MAX_PATTERNS: usize = 64;

words! {
    /// What a token permits.
    Scope {
        /// To record steps and notes, and to leave deployments out of figures.
        Record = "record",
        /// To read what is recorded, and what follows from it.
        Read = "read",
        /// Everything: to record, to read, and to manage tokens.
        Admin = "admin",
    }
}

/// What a token permits: at least one scope, each once, in the order of [`Scope::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Scope>", into = "Vec<Scope>")]
pub struct Scopes(Vec<Scope>);

/// The identity of a token, which is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenId(pub Uuid);

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Token {
    /// The identity.
    pub id: TokenId,
    /// What it is called in lists and in the server's log.
    pub name: TokenName,
    /// What it permits.
    pub scopes: Scopes,
    /// Of which components; empty means of all.
    pub components: Vec<Glob>,
    /// In which environments; empty means in all.
    pub environments: Vec<Glob>,
    /// Who it records as; others are refused.
    pub owner: Option<Owner>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it permits nothing; null means never.
    pub expires_at: Option<Timestamp>,
    /// When it was used last, to about a minute.
    pub last_used_at: Option<Timestamp>,
}

/// A token as it is asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewToken {
    /// What it is called. No other token has this name.
    pub name: TokenName,
    /// What it permits.
    pub scopes: Scopes,
    /// Of which components; empty means of all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Glob>,
    /// In which environments; empty means in all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<Glob>,
    /// Who it records as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// How long it permits something; never ends by default. In JSON a number of seconds, or a text such as `90d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<Duration>,
}

/// The answer to [`NewToken`]: the one time that the secret is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedToken {
    /// The token.
    #[serde(flatten)]
    pub token: Token,
    /// Its text, which nobody can be told again.
    #[serde(serialize_with = "TokenSecret::serialize")]
    pub secret: TokenSecret,
}

/// The answer of `GET /v1/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenList {
    /// Each token, by name.
    pub tokens: Vec<Token>,
}

words! {
    /// How the server knows a caller.
    CallerKind {
        /// Not at all: nothing was sent, and nothing is asked for.
        Anonymous = "anonymous",
        /// By a token.
        Token = "token",
        /// By a token of an OpenID Connect issuer.
        Oidc = "oidc",
    }
}

/// The answer of `GET /v1/tokens/current`: whom the server takes the caller for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CurrentCaller {
    /// How the server knows it.
    pub kind: CallerKind,
    /// What it is called, as in the server's log.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Of which components; empty means of all.
    pub components: Vec<Glob>,
    /// In which environments; empty means in all.
    pub environments: Vec<Glob>,
    /// Who it records as; null means as anybody.
    pub owner: Option<Owner>,
    /// From when on it may do nothing; null means never.
    pub expires_at: Option<Timestamp>,
    /// What the server keeps its data in: `MySQL` or `SQLite`.
    #[serde(default)]
    pub database: String,
}

columns! {
    /// A column of a list of tokens.
    TokenColumn {
        /// What it is called.
        Name = "name",
        /// What it permits.
        Scopes = "scopes",
        /// Of which components.
        Components = "components",
        /// In which environments.
        Environments = "environments",
        /// Who it records as.
        Owner = "owner",
        /// When it was made.
        CreatedAt = "created_at",
        /// From when on it permits nothing.
        ExpiresAt = "expires_at",
        /// When it was used last.
        LastUsedAt = "last_used_at",
        /// The identity.
        Id = "id",
    }
}

impl Resource for Token {
    type Column = TokenColumn;
    const NAME: &'static str = "tokens";

    fn cell(&self, column: TokenColumn) -> Cell<'_> {
        match column {
            TokenColumn::Name => self.name.as_str().into(),
            TokenColumn::Scopes => Cell::List(List::Scopes(&self.scopes.0)),
            TokenColumn::Components => Cell::List(List::Globs(&self.components)),
            TokenColumn::Environments => Cell::List(List::Globs(&self.environments)),
            TokenColumn::Owner => self.owner.as_ref().map(Owner::as_str).into(),
            TokenColumn::CreatedAt => self.created_at.into(),
            TokenColumn::ExpiresAt => self.expires_at.into(),
            TokenColumn::LastUsedAt => self.last_used_at.into(),
            TokenColumn::Id => StepId(self.id.0).into(),
        }
    }
}

impl Scopes {
    /// All of them.
    #[must_use]
    pub fn all() -> Self {
        Self(Scope::ALL.to_vec())
    }

    /// Whether they permit what needs this scope. `admin` permits everything.
    #[must_use]
    pub fn permit(&self, needed: Scope) -> bool {
        self.0.contains(&needed) || self.0.contains(&Scope::Admin)
    }

    /// Each of them.
    #[must_use]
    pub fn as_slice(&self) -> &[Scope] {
        &self.0
    }
}

impl From<Scope> for Scopes {
    fn from(scope: Scope) -> Self {
        Self(vec![scope])
    }
}

impl TryFrom<Vec<Scope>> for Scopes {
    type Error = String;
    fn try_from(mut scopes: Vec<Scope>) -> Result<Self, String> {
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() {
            Err("must be at least one of record, read and admin".to_owned())
        } else {
            Ok(Self(scopes))
        }
    }
}

impl From<Scopes> for Vec<Scope> {
    fn from(scopes: Scopes) -> Self {
        scopes.0
    }
}

impl FromStr for Scopes {
    type Err = String;
    /// Reads scopes with commas between them: `record,read`.
    fn from_str(text: &str) -> Result<Self, String> {
        let scopes = text.split(',').map(str::trim).filter(|scope| !scope.is_empty()).map(str::parse);
        scopes.collect::<Result<Vec<Scope>, String>>()?.try_into()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(","))
    }
}

impl FromStr for TokenId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Uuid::try_parse(text.trim()).map(Self).map_err(|_| format!("is not the id of a token: {text:?}"))
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl NewToken {
    /// The members of its JSON object.
    pub const FIELDS: [&'static str; 6] = ["name", "scopes", "components", "environments", "owner", "expires_in"];

    /// Reads it from a JSON object. `scopes`, `components` and `environments` are arrays of texts; one text alone is read as well.
    ///
    /// # Errors
    /// Every missing, wrong, repeated or unknown member, all at once.
    pub fn from_json(members: JsonFields) -> Result<Self, FieldErrors> {
        let mut errors = Vec::new();
        let mut values = [const { None }; Self::FIELDS.len()];
        for (name, value) in members.into_members() {
            match Self::FIELDS.iter().position(|field| *field == name) {
                None => errors.push(FieldError::unknown(&name, &Self::FIELDS)),
                Some(at) if values[at].is_some() => errors.push(FieldError::repeated(&name)),
                Some(at) => values[at] = Some(value),
            }
        }
        let [name, scopes, components, environments, owner, expires_in] =
            values.map(|value| value.filter(|value| !value.is_null()));
        for (field, value) in [("name", &name), ("scopes", &scopes)] {
            errors.extend(value.is_none().then(|| FieldError::missing(field)));
        }
        let name = text("name", name, &mut errors);
        let scopes = texts("scopes", scopes, &mut errors).and_then(|scopes: Vec<Scopes>| {
            let scopes: Vec<Scope> = scopes.into_iter().flat_map(|Scopes(scopes)| scopes).collect();
            Scopes::try_from(scopes).map_err(|error: String| errors.push(FieldError::wrong("scopes", error))).ok()
        });
        let components = texts("components", components, &mut errors).unwrap_or_default();
        let environments = texts("environments", environments, &mut errors).unwrap_or_default();
        let owner = text("owner", owner, &mut errors);
        let expires_in = text("expires_in", expires_in, &mut errors);
        if expires_in.is_some_and(|expires_in: Duration| expires_in.micros() == 0) {
            errors.push(FieldError::wrong("expires_in", "must be longer than nothing"));
        }
        match (name, scopes) {
            (Some(name), Some(scopes)) if errors.is_empty() => {
                Ok(Self { name, scopes, components, environments, owner, expires_in })
            }
            _ => Err(FieldErrors(errors)),
        }
    }
}

/// The value of a member that is a text; a number is one too.
fn text<T>(field: &str, value: Option<Value>, errors: &mut Vec<FieldError>) -> Option<T>
where
    T: FromStr<Err: fmt::Display>,
{
    let text = match value? {
        Value::String(text) => text,
        Value::Number(number) if field == "expires_in" => text_of(&number),
        other => {
            errors.push(FieldError::wrong(field, format!("must be a JSON string, not {other}")));
            return None;
        }
    };
    text.parse().map_err(|error| errors.push(FieldError::wrong(field, error))).ok()
}

/// The values of a member that is a list of texts.
fn texts<T>(field: &str, value: Option<Value>, errors: &mut Vec<FieldError>) -> Option<Vec<T>>
where
    T: FromStr<Err: fmt::Display>,
{
    let values = match value? {
        Value::Array(values) => values,
        one => vec![one],
    };
    if values.len() > MAX_PATTERNS {
        errors.push(FieldError::wrong(
            field,
            format!("has {} entries; at most {MAX_PATTERNS} are allowed", values.len()),
        ));
        return None;
    }
    let before = errors.len();
    let read: Vec<T> = values.into_iter().filter_map(|value| text(field, Some(value), errors)).collect();
    (errors.len() == before).then_some(read)
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
