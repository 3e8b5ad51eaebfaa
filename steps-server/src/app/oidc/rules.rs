//! From the claims of a token to what its holder may do.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use steps_shared::{CallerKind, Glob, MAX_PATTERNS, Owner, Scopes, Timestamp};

use super::Refusal;
use crate::app::{Access, Caller};
use crate::store::Limits;

/// The claims of a token.
pub type Claims = Map<String, Value>;

/// The longest name of a caller, in characters.
const MOST_NAME: usize = 255;

/// What the holders of some tokens of an issuer may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "GivenRule")]
pub struct Rule {
    /// The tokens that it is about: each of these claims has a value that the pattern stands for.
    claims: BTreeMap<String, Glob>,
    /// What they permit.
    scopes: Scopes,
    /// Of which components; empty means of all.
    components: Vec<Template>,
    /// In which environments; empty means in all.
    environments: Vec<Template>,
    /// Who they record as.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<Template>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenRule {
    claims: BTreeMap<String, Glob>,
    scopes: Vec<steps_shared::Scope>,
    #[serde(default)]
    components: Vec<Template>,
    #[serde(default)]
    environments: Vec<Template>,
    owner: Option<Template>,
}

impl TryFrom<GivenRule> for Rule {
    type Error = String;
    fn try_from(given: GivenRule) -> Result<Self, String> {
        let GivenRule { claims, scopes, components, environments, owner } = given;
        if claims.is_empty() {
            // Whoever has an account at the issuer has tokens with any audience.
            return Err("a rule must name at least one claim, or every user of the issuer would be let in".to_owned());
        }
        if components.len() > MAX_PATTERNS || environments.len() > MAX_PATTERNS {
            return Err(format!("a rule has at most {MAX_PATTERNS} components and as many environments"));
        }
        let scopes = Scopes::try_from(scopes).map_err(|error| format!("scopes {error}"))?;
        Ok(Self { claims, scopes, components, environments, owner })
    }
}

impl Rule {
    /// Whether a token with these claims is one that the rule is about.
    pub fn matches(&self, claims: &Claims) -> bool {
        self.claims.iter().all(|(name, glob)| match claims.get(name) {
            Some(Value::Array(values)) => values.iter().filter_map(text).any(|value| glob.matches(&value)),
            Some(value) => text(value).is_some_and(|value| glob.matches(&value)),
            None => false,
        })
    }

    /// What the holder of a token with these claims may do.
    ///
    /// # Errors
    /// [`Refusal::Claim`]: a claim that the rule uses is missing, or cannot be used.
    pub fn caller(&self, claims: &Claims, expires_at: Timestamp) -> Result<Caller, Refusal> {
        let globs = |templates: &[Template]| -> Result<Vec<Glob>, Refusal> {
            let glob = |template: &Template| template.fill(claims)?.parse().map_err(|error| template.unusable(error));
            templates.iter().map(glob).collect()
        };
        let (components, environments) = (globs(&self.components)?, globs(&self.environments)?);
        let owner = match &self.owner {
            None => None,
            Some(template) => {
                let text = template.fill(claims)?;
                let owner: Owner = text.parse().map_err(|error| template.unusable(error))?;
                // Another text would be the name of somebody else.
                if owner.as_str() != text {
                    return Err(template.unusable("begins or ends with a blank"));
                }
                Some(owner)
            }
        };
        let subject = claims.get("sub").and_then(text).unwrap_or_default();
        let name: String = subject.chars().take(MOST_NAME).collect();
        Ok(Caller {
            kind: CallerKind::Oidc,
            name: name.into(),
            scopes: Some(self.scopes.clone()),
            access: Access::within(Limits { components, environments }),
            owner,
            expires_at: Some(expires_at),
        })
    }
}

/// The text of a claim that is no list and no object.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A text in which `{claim}` stands for the value of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template(Arc<[Part]>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Claim(String),
}

impl Template {
    fn fill(&self, claims: &Claims) -> Result<String, Refusal> {
        let mut filled = String::new();
        for part in self.0.iter() {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Claim(name) => {
                    let wrong = |reason| Refusal::Claim(format!("its claim {name:?} {reason}, and the rule needs it"));
                    let value = claims.get(name).and_then(text).ok_or_else(|| wrong("is missing or no text"))?;
                    // In a pattern it would stand for any text, and who chooses the value would choose what they may see.
                    if value.contains('*') {
                        return Err(wrong("has a *"));
                    }
                    if value.is_empty() {
                        return Err(wrong("is empty"));
                    }
                    filled.push_str(&value);
                }
            }
        }
        Ok(filled)
    }

    fn unusable(&self, reason: impl fmt::Display) -> Refusal {
        Refusal::Claim(format!("{self}, filled with its claims, {reason}"))
    }
}

impl FromStr for Template {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(|| format!("{text:?} has a {{ without a }}"))?;
            if name.is_empty() || name.contains('{') || before.contains('}') {
                return Err(format!("{text:?} has braces that are around no name of a claim"));
            }
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Claim(name.to_owned()));
            rest = after;
        }
        if rest.contains('}') {
            return Err(format!("{text:?} has a }} without a {{"));
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        match parts.is_empty() {
            true => Err("must not be empty".to_owned()),
            false => Ok(Self(parts.into())),
        }
    }
}

impl TryFrom<String> for Template {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.to_string()
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Claim(name) => write!(f, "{{{name}}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn rule(toml: &str) -> Rule {
        toml::from_str(toml).unwrap()
    }

    fn claims(value: Value) -> Claims {
        value.as_object().unwrap().clone()
    }

    const SHOP: &str = r#"
        claims = { repository = "acme/*", environment = "production" }
        scopes = ["record"]
        components = ["{repository}", "{repository}/*"]
        environments = ["{environment}"]
        owner = "{actor}"
    "#;

    fn of_shop() -> Claims {
        claims(json!({"sub": "repo:acme/shop", "repository": "acme/shop", "environment": "production", "actor": "ann"}))
    }

    #[test]
    fn claims_become_limits() {
        let rule = rule(SHOP);
        assert!(rule.matches(&of_shop()));
        let caller = rule.caller(&of_shop(), Timestamp::default()).unwrap();
        let sees = |component: &str, environment: &str| {
            caller.access.may_see(&component.parse().unwrap(), &environment.parse().unwrap())
        };
        assert!(sees("acme/shop", "production") && sees("acme/shop/api", "production"));
        assert!(!sees("acme/shop2", "production") && !sees("acme/shop", "staging") && !sees("acme", "production"));
        assert_eq!((caller.owner.unwrap().as_str(), &*caller.name), ("ann", "repo:acme/shop"));
    }

    #[test]
    fn other_claims_are_let_in_by_no_rule() {
        let rule = rule(SHOP);
        for (name, value) in [
            ("repository", json!("acme-evil/shop")),
            ("repository", json!("Acme/shop")),
            ("repository", json!("evil/acme/shop")),
            ("repository", json!(null)),
            ("repository", json!({"acme/shop": true})),
            ("environment", json!("production2")),
            ("environment", json!(["staging"])),
        ] {
            let mut claims = of_shop();
            claims.insert(name.to_owned(), value);
            assert!(!rule.matches(&claims), "{claims:?}");
        }
        let mut without = of_shop();
        without.remove("repository");
        assert!(!rule.matches(&without));
    }

    #[test]
    fn a_claim_widens_nothing() {
        let rule = rule(
            "claims = { sub = '*' }\nscopes = ['read']\ncomponents = ['{repository}']\nenvironments = ['{environment}']\nowner = '{actor}'",
        );
        assert!(rule.caller(&of_shop(), Timestamp::default()).is_ok());
        for (name, value) in [
            ("environment", json!("*")),
            ("environment", json!("prod*")),
            ("environment", json!("")),
            ("environment", json!(" production")),
            ("repository", json!("acme/*")),
            ("repository", json!(["acme/shop"])),
            ("repository", json!("a\u{0}")),
            ("repository", json!("a".repeat(256))),
            ("actor", json!(" ann")),
            ("actor", json!("")),
            ("actor", json!("\u{200b}")),
        ] {
            let mut claims = of_shop();
            claims.insert(name.to_owned(), value);
            let refused = rule.caller(&claims, Timestamp::default());
            assert!(matches!(refused, Err(Refusal::Claim(_))), "{claims:?}");
        }
        let mut without = of_shop();
        without.remove("actor");
        assert!(rule.caller(&without, Timestamp::default()).is_err());
    }

    #[test]
    fn lists_numbers_and_flags_are_compared() {
        let rule = rule("claims = { groups = 'deploy*', protected = 'true', project_id = '7' }\nscopes = ['read']");
        assert!(rule.matches(&claims(json!({"groups": ["x", "deployers"], "protected": true, "project_id": 7}))));
        assert!(rule.matches(&claims(json!({"groups": ["deploy"], "protected": "true", "project_id": "7"}))));
        assert!(!rule.matches(&claims(json!({"groups": ["x"], "protected": true, "project_id": 7}))));
        assert!(!rule.matches(&claims(json!({"groups": ["deploy"], "protected": false, "project_id": 7}))));
        assert!(!rule.matches(&claims(json!({"groups": ["deploy"], "protected": true, "project_id": 70}))));
    }

    #[test]
    fn a_rule_that_lets_everybody_in_or_cannot_be_filled_is_refused() {
        for wrong in [
            "claims = {}\nscopes = ['read']",
            "claims = { sub = '' }\nscopes = ['read']",
            "claims = { sub = '*' }\nscopes = []",
            "claims = { sub = '*' }\nscopes = ['write']",
            "claims = { sub = '*' }\nscopes = ['read']\ncomponent = ['a']",
            "claims = { sub = '*' }\nscopes = ['read']\ncomponents = ['{a']",
            "claims = { sub = '*' }\nscopes = ['read']\ncomponents = ['a}']",
            "claims = { sub = '*' }\nscopes = ['read']\ncomponents = ['{}']",
            "claims = { sub = '*' }\nscopes = ['read']\ncomponents = ['']",
            "claims = { sub = '*' }\nscopes = ['read']\nowner = 'a}b{c}'",
        ] {
            assert!(toml::from_str::<Rule>(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_template_is_written_as_it_was_read(text in "[a{}b*]{0,8}") {
            if let Ok(template) = text.parse::<Template>() {
                prop_assert_eq!(template.to_string(), text);
            }
        }
    }
}
