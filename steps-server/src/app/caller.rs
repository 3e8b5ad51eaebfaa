//! Who asks, and what they may do.

use std::sync::Arc;

use steps_shared::{
    CallerKind, Component, CurrentCaller, Environment, FieldError, FieldErrors, Owner, Scope, Scopes, Timestamp, Token,
};

use super::Access;
use crate::store::Limits;

/// Who asks, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// How the server knows them.
    pub kind: CallerKind,
    /// What they are called in the log and in answers.
    pub name: Arc<str>,
    /// What they may do; `None` is nothing.
    pub scopes: Option<Scopes>,
    /// What they may see, and record.
    pub access: Access,
    /// Who they record as; `None` is anybody.
    pub owner: Option<Owner>,
    /// From when on they may do nothing.
    pub expires_at: Option<Timestamp>,
}

impl Caller {
    /// Who sent nothing that says who they are, and may do these things.
    #[must_use]
    pub fn anonymous(scopes: Option<Scopes>) -> Self {
        let name = CallerKind::Anonymous.name().into();
        Self { kind: CallerKind::Anonymous, name, scopes, access: Access::Everything, owner: None, expires_at: None }
    }

    /// Who holds a token.
    #[must_use]
    pub fn of_token(token: &Token) -> Self {
        let Token { name, scopes, components, environments, owner, expires_at, .. } = token.clone();
        Self {
            kind: CallerKind::Token,
            name: name.as_str().into(),
            scopes: Some(scopes),
            access: Access::within(Limits { components, environments }),
            owner,
            expires_at,
        }
    }

    /// Whether they may do what needs this scope.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.as_ref().is_some_and(|scopes| scopes.permit(scope))
    }

    /// Whether they may do everything, without a limit. Who may less could give themselves more by making a token.
    #[must_use]
    pub fn may_manage_tokens(&self) -> bool {
        self.may(Scope::Admin) && self.access == Access::Everything && self.owner.is_none()
    }

    /// Whether their time is over at `now`.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }

    /// Checks the names that a caller records; without an environment it is of all of them.
    ///
    /// # Errors
    /// Each field that names what they may not record.
    pub fn check_names(
        &self,
        component: &Component,
        environment: Option<&Environment>,
        owner: &Owner,
    ) -> Result<(), FieldErrors> {
        let wrong =
            |field, name: &str| FieldError::wrong(field, format!("must be one that you may record, not {name:?}"));
        let access = &self.access;
        let of_component = (!access.may_see_component(component)).then(|| wrong("component", component.as_str()));
        let of_environment = match environment {
            Some(environment) => {
                (!access.may_see_environment(environment)).then(|| wrong("environment", environment.as_str()))
            }
            None => (of_component.is_none() && !access.may_see_everywhere(component))
                .then(|| FieldError::wrong("environment", "must be given: you may not record in every environment")),
        };
        let errors: Vec<FieldError> =
            of_component.into_iter().chain(of_environment).chain(self.check_owner(owner).err()).collect();
        if errors.is_empty() { Ok(()) } else { Err(FieldErrors(errors)) }
    }

    /// Checks the owner that a request names.
    ///
    /// # Errors
    /// The caller records as another one.
    pub fn check_owner(&self, owner: &Owner) -> Result<(), FieldError> {
        match self.owner.as_ref().filter(|own| *own != owner) {
            Some(own) => {
                Err(FieldError::wrong("owner", format!("must be {:?}, not {:?}", own.as_str(), owner.as_str())))
            }
            None => Ok(()),
        }
    }

    /// Gives fields without an owner the caller's own.
    pub fn add_owner(&self, fields: &mut Vec<(String, String)>) {
        if let Some(owner) = &self.owner
            && !fields.iter().any(|(field, _)| field == "owner")
        {
            fields.push(("owner".to_owned(), owner.as_str().to_owned()));
        }
    }

    /// What they are told about themselves, and about the database; `None` when they may do nothing.
    #[must_use]
    pub fn describe(&self, database: &str) -> Option<CurrentCaller> {
        let Self { kind, name, scopes, access, owner, expires_at } = self.clone();
        let limits = match access {
            Access::Everything => Limits::default(),
            Access::Only(limits) => Limits::clone(&limits),
        };
        let Limits { components, environments } = limits;
        Some(CurrentCaller {
            kind,
            name: name.to_string(),
            scopes: scopes?,
            components,
            environments,
            owner,
            expires_at,
            database: database.to_owned(),
        })
    }
}
