//! Queries of lists: which rows, in what order, how many, in which format.

use std::borrow::Cow;

use crate::parameters::{put, read_parameters, replace, switch};
use crate::words::words;
use crate::{
    DeploymentColumn, DeploymentFilter, FieldError, FieldErrors, Filter, ListColumn, ListFormat, StepColumn, StepFilter,
};

words! {
    /// The order of a list: by `ts`, then by `id`.
    #[derive(Default)]
    Order {
        /// The oldest first.
        #[default]
        Ascending = "asc",
        /// The newest first.
        Descending = "desc",
    }
}

/// A list: which rows, in what order, how many, and how they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery<F, C> {
    /// Which rows.
    pub filter: F,
    /// In what order.
    pub order: Order,
    /// At most this many, from the beginning of that order.
    pub limit: Option<u64>,
    /// Only these columns, in this order; empty means those the format has by itself.
    pub columns: Vec<C>,
    /// The format; by default what the Accept header prefers, else CSV.
    pub format: Option<ListFormat>,
    /// CSV without what a spreadsheet runs as a formula.
    pub safe: bool,
}

/// A list of steps.
pub type StepQuery = ListQuery<StepFilter, StepColumn>;

/// A list of deployments.
pub type DeploymentQuery = ListQuery<DeploymentFilter, DeploymentColumn>;

impl<F: Default, C> Default for ListQuery<F, C> {
    fn default() -> Self {
        Self {
            filter: F::default(),
            order: Order::default(),
            limit: None,
            columns: Vec::new(),
            format: None,
            safe: false,
        }
    }
}

impl<F: Filter, C: ListColumn> ListQuery<F, C> {
    /// The names of its parameters beside those of the filter.
    pub const OWN_PARAMETERS: [&'static str; 5] = ["limit", "order", "columns", "format", "safe"];

    /// Reads the parameters of a query string. An empty value counts as not given, as in the old service.
    ///
    /// # Errors
    /// Every unknown, repeated or wrong parameter, all at once.
    pub fn from_parameters<'a>(
        parameters: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>,
    ) -> Result<Self, FieldErrors> {
        let mut query = Self::default();
        let known: Vec<&str> = F::PARAMETERS.iter().chain(&Self::OWN_PARAMETERS).copied().collect();
        read_parameters(parameters, &known, |name, value| query.set(name, value))?;
        Ok(query)
    }

    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), FieldError>> {
        if let Some(taken) = self.filter.set(name, value) {
            return Some(taken);
        }
        Some(match name {
            "limit" => match value.parse() {
                Ok(limit) if limit > 0 && i64::try_from(limit).is_ok() => {
                    self.limit = Some(limit);
                    Ok(())
                }
                _ => Err(FieldError::wrong(name, format!("must be a whole number from 1, not {value:?}"))),
            },
            "order" => replace(&mut self.order, name, value),
            "columns" => value
                .split(',')
                .map(|column| column.trim().parse())
                .collect::<Result<_, String>>()
                .map(|columns| self.columns = columns)
                .map_err(|error| FieldError::wrong(name, error)),
            "format" => put(&mut self.format, name, value),
            "safe" => switch(&mut self.safe, name, value),
            _ => return None,
        })
    }

    /// The parameters that describe this list.
    #[must_use]
    pub fn to_parameters(&self) -> Vec<(&'static str, String)> {
        let Self { filter, order, limit, columns, format, safe } = self;
        let mut parameters = filter.to_parameters();
        parameters.push(("order", order.to_string()));
        parameters.extend(limit.map(|limit| ("limit", limit.to_string())));
        parameters.extend(format.map(|format| ("format", format.to_string())));
        parameters.extend(safe.then(|| ("safe", safe.to_string())));
        if !columns.is_empty() {
            let names: Vec<_> = columns.iter().map(|column| column.name()).collect();
            parameters.push(("columns", names.join(",")));
        }
        parameters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[(&'static str, &'static str)]) -> Result<StepQuery, FieldErrors> {
        StepQuery::from_parameters(parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    #[test]
    fn comes_back_from_its_own_parameters() {
        let query = read(&[
            ("component", "a b"),
            ("version", "1"),
            ("owner", "o"),
            ("status", "s"),
            ("environment", "e"),
            ("run", "r"),
            ("start_datetime", "2026-01-05 09:30:00"),
            ("end_datetime", "2026-01-05 09:30:00"),
            ("limit", "5"),
            ("order", "desc"),
            ("columns", "ts, id"),
            ("format", "csv"),
            ("safe", "true"),
        ])
        .unwrap();
        assert_eq!(query.filter.until.unwrap().to_rfc3339(), "2026-01-05T09:30:00.999999Z");
        let parameters = query.to_parameters();
        assert_eq!(parameters.len(), StepFilter::PARAMETERS.len() + 5);
        let again = StepQuery::from_parameters(parameters.iter().map(|(name, value)| ((*name).into(), value.into())));
        assert_eq!(again, Ok(query));
    }

    #[test]
    fn a_misspelt_filter_is_refused_and_an_empty_one_ignored() {
        let error = read(&[("onwer", "ann")]).unwrap_err();
        assert_eq!(error.0[0].suggestion.as_deref(), Some("owner"));
        assert_eq!(read(&[("owner", ""), ("end_datetime", ""), ("limit", "")]), Ok(StepQuery::default()));
        assert!(read(&[("onwer", "")]).is_err());
        assert!(read(&[("start_datatetime", "2026-01-05 09:30:00")]).unwrap().filter.since.is_some());
    }

    #[test]
    fn names_every_wrong_parameter() {
        let error = read(&[
            ("limit", "0"),
            ("order", "up"),
            ("columns", "ts,x"),
            ("format", "pdf"),
            ("owner", "a"),
            ("owner", "b"),
        ])
        .unwrap_err();
        let fields: Vec<_> = error.0.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["limit", "order", "columns", "format", "owner"]);
    }
}
