//! How much of what was recorded is not in the deployments yet.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::FieldErrors;
use crate::parameters::{put, read_parameters};

/// How much waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProjectionQuery {
    /// Only what waits up to this change: the `last` of an earlier answer.
    pub until: Option<i64>,
}

/// The answer of `GET /v1/projection`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Projection {
    /// How many changes wait to be folded into deployments.
    pub waiting: u64,
    /// The newest of them. Given as `until`, it tells how many of those that wait now are left.
    pub last: Option<i64>,
}

impl ProjectionQuery {
    /// The names of its parameters.
    pub const PARAMETERS: [&'static str; 1] = ["until"];

    /// Reads the parameters of a query string. An empty value counts as not given.
    ///
    /// # Errors
    /// Every unknown, repeated or wrong parameter, all at once.
    pub fn from_parameters<'a>(
        parameters: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Self, FieldErrors> {
        let mut query = Self::default();
        read_parameters(parameters, &Self::PARAMETERS, |name, value| {
            (name == "until").then(|| put(&mut query.until, name, value))
        })?;
        Ok(query)
    }

    /// The parameters that describe this query.
    #[must_use]
    pub fn to_parameters(self) -> Option<(&'static str, String)> {
        self.until.map(|until| ("until", until.to_string()))
    }
}
