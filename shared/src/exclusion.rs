//! That a deployment is left out of every figure, or in them again, as it is sent.

use serde::{Deserialize, Serialize};

use crate::fields::{required, sort};
use crate::name::Reason;
use crate::{FieldErrors, Owner};

/// Leaves a deployment out of every figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewExclusion {
    /// Why.
    pub reason: Reason,
    /// Who says so.
    pub owner: Owner,
}

/// Takes an exclusion back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewInclusion {
    /// Who says so.
    pub owner: Owner,
}

impl NewExclusion {
    /// Reads it from its fields.
    ///
    /// # Errors
    /// Every missing, wrong, repeated or unknown field, all at once.
    pub fn from_fields<K, V>(fields: impl IntoIterator<Item = (K, V)>) -> Result<Self, FieldErrors>
    where
        K: AsRef<str>,
        V: Into<String>,
    {
        let mut errors = Vec::new();
        let [reason, owner] = sort(&["reason", "owner"], fields, &mut errors);
        let read = (required("reason", reason, &mut errors), required("owner", owner, &mut errors));
        match read {
            (Some(reason), Some(owner)) if errors.is_empty() => Ok(Self { reason, owner }),
            _ => Err(FieldErrors(errors)),
        }
    }
}

impl NewInclusion {
    /// Reads it from its fields.
    ///
    /// # Errors
    /// As [`NewExclusion::from_fields`].
    pub fn from_fields<K, V>(fields: impl IntoIterator<Item = (K, V)>) -> Result<Self, FieldErrors>
    where
        K: AsRef<str>,
        V: Into<String>,
    {
        let mut errors = Vec::new();
        let [owner] = sort(&["owner"], fields, &mut errors);
        match required("owner", owner, &mut errors) {
            Some(owner) if errors.is_empty() => Ok(Self { owner }),
            _ => Err(FieldErrors(errors)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_needed_and_bounded() {
        let read = |fields: &[(&str, &str)]| NewExclusion::from_fields(fields.iter().copied());
        assert!(read(&[("reason", " a test "), ("owner", "ann")]).is_ok_and(|read| read.reason.as_str() == "a test"));
        let long = "x".repeat(1001);
        for wrong in [
            &[("owner", "ann")][..],
            &[("reason", " "), ("owner", "ann")],
            &[("reason", &long), ("owner", "ann")],
            &[("reason", "a test")],
            &[("reason", "a test"), ("owner", "ann"), ("why", "x")],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
        assert!(NewInclusion::from_fields([("owner", "ann")]).is_ok());
        assert!(NewInclusion::from_fields([("owner", "ann"), ("reason", "x")]).is_err());
    }
}
