//! Reading for a caller: every query of a [`Reader`] is restricted to what the caller may see.

use std::sync::Arc;

use steps_shared::{Component, Environment, Glob, Timestamp};

use super::Store;

/// What a caller may see, and record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// All of it.
    Everything,
    /// What is within limits.
    Only(Arc<Limits>),
}

/// Of which components and environments a caller may see everything, and of all others nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// None is no limit.
    pub components: Vec<Glob>,
    /// None is no limit.
    pub environments: Vec<Glob>,
}

impl Access {
    /// Access within limits; without any it is access to everything.
    #[must_use]
    pub fn within(limits: Limits) -> Self {
        match limits.components.is_empty() && limits.environments.is_empty() {
            true => Self::Everything,
            false => Self::Only(Arc::new(limits)),
        }
    }

    /// Whether it is access to what is recorded of a component in an environment.
    #[must_use]
    pub fn may_see(&self, component: &Component, environment: &Environment) -> bool {
        self.may_see_component(component) && self.may_see_environment(environment)
    }

    /// Whether it is access to the component in some environment.
    #[must_use]
    pub fn may_see_component(&self, component: &Component) -> bool {
        self.limits().is_none_or(|limits| matches_any(&limits.components, component.as_str()))
    }

    /// Whether it is access to the environment for some component.
    #[must_use]
    pub fn may_see_environment(&self, environment: &Environment) -> bool {
        self.limits().is_none_or(|limits| matches_any(&limits.environments, environment.as_str()))
    }

    /// Whether it is access to the component in every environment.
    #[must_use]
    pub fn may_see_everywhere(&self, component: &Component) -> bool {
        let is_everywhere = |limits: &Limits| {
            limits.environments.is_empty() || limits.environments.iter().any(|glob| glob.as_str() == "*")
        };
        self.may_see_component(component) && self.limits().is_none_or(is_everywhere)
    }

    fn limits(&self) -> Option<&Limits> {
        match self {
            Self::Everything => None,
            Self::Only(limits) => Some(limits),
        }
    }
}

fn matches_any(globs: &[Glob], name: &str) -> bool {
    globs.is_empty() || globs.iter().any(|glob| glob.matches(name))
}

/// Reads what its caller may see.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) store: Store,
    pub(super) access: Access,
    /// What is running depends on when it is looked at.
    pub(super) now: Timestamp,
}

impl Store {
    /// Reads for a caller, at this time.
    #[must_use]
    pub fn reader(&self, access: &Access, now: Timestamp) -> Reader {
        Reader { store: self.clone(), access: access.clone(), now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_without_patterns_is_no_limit() {
        let globs = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let access = |components, environments| {
            Access::within(Limits { components: globs(components), environments: globs(environments) })
        };
        let sees = |access: &Access, component: &str, environment: &str| {
            access.may_see(&component.parse().unwrap(), &environment.parse().unwrap())
        };
        assert_eq!(access(&[], &[]), Access::Everything);
        let shop = access(&["shop", "acme/*"], &[]);
        assert!(sees(&shop, "shop", "production") && sees(&shop, "acme/a", "x"));
        assert!(!sees(&shop, "Shop", "production") && !sees(&shop, "acme", "x"));
        let staging = access(&[], &["staging*"]);
        assert!(sees(&staging, "shop", "staging-2") && !sees(&staging, "shop", "production"));
        let everywhere = |access: &Access| access.may_see_everywhere(&"shop".parse().unwrap());
        assert!(everywhere(&shop) && everywhere(&access(&[], &["a", "*"])) && !everywhere(&staging));
        let both = access(&["shop"], &["staging"]);
        assert!(sees(&both, "shop", "staging"));
        assert!(!sees(&both, "shop", "production") && !sees(&both, "bank", "staging"));
    }
}
