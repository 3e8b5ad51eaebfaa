//! A JSON object as a list of fields, for the same checks as a query string or a form.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Number, Value};

use crate::{FieldError, FieldErrors, NewStep};

/// The most members of an object, far more than there are fields.
pub const MAX_FIELDS: usize = 64;

/// The members of a JSON object in the order they were written, repeated ones included.
#[derive(Debug)]
pub struct JsonFields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for JsonFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = JsonFields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object with the fields of a step")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<JsonFields, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    if members.len() == MAX_FIELDS {
                        return Err(M::Error::custom(format!("more than {MAX_FIELDS} members")));
                    }
                    members.push(member);
                }
                Ok(JsonFields(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl JsonFields {
    /// The same without the members of these names, whatever their type.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        self.0.retain(|(name, _)| !names.contains(&name.as_str()));
        self
    }

    /// The members as they are.
    pub(crate) fn into_members(self) -> Vec<(String, Value)> {
        self.0
    }

    /// The members as texts; `null` counts as not given, and only fields that hold a number or a boolean may be one in JSON.
    ///
    /// # Errors
    /// Every member of another type.
    pub fn into_texts(self) -> Result<Vec<(String, String)>, FieldErrors> {
        let mut texts = Vec::new();
        let mut errors = Vec::new();
        for (field, value) in self.0 {
            match value {
                Value::Null => {}
                Value::String(text) => texts.push((field, text)),
                Value::Number(number)
                    if matches!(field.as_str(), "age" | "duration" | "exit_code" | "attempt" | "ts" | "ended_at") =>
                {
                    texts.push((field, text_of(&number)));
                }
                Value::Bool(value) if field == "span" => texts.push((field, value.to_string())),
                other => errors.push(FieldError::wrong(&field, format!("must be a JSON string, not {other}"))),
            }
        }
        if errors.is_empty() { Ok(texts) } else { Err(FieldErrors(errors)) }
    }

    /// The step that the members describe.
    ///
    /// # Errors
    /// As [`NewStep::from_fields`], and members of the wrong type.
    pub fn into_new_step(self) -> Result<NewStep, FieldErrors> {
        NewStep::from_fields(self.into_texts()?)
    }
}

/// A number as a text without an exponent. In JSON a whole number is one, however it is written: `5.0` is 5.
pub(crate) fn text_of(number: &Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() => value.to_string(),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<NewStep, String> {
        let fields: JsonFields = serde_json::from_str(json).map_err(|error| error.to_string())?;
        fields.into_new_step().map_err(|error| error.to_string())
    }

    #[test]
    fn reads_what_a_step_writes() {
        let json = r#"{"id":"0197a000-0000-7000-8000-000000000001","component":"c","environment":"e","version":"1.10","owner":"o","status":"s","age":2.5,"run":null}"#;
        let step = read(json).unwrap();
        assert_eq!(read(&serde_json::to_string(&step).unwrap()), Ok(step));
    }

    #[test]
    fn refuses_more_members_than_there_can_be() {
        let object = |members: usize| {
            let members: Vec<_> = (0..members).map(|n| format!("\"x{n}\":1")).collect();
            serde_json::from_str::<JsonFields>(&format!("{{{}}}", members.join(",")))
        };
        assert!(object(MAX_FIELDS).is_ok());
        assert!(object(1_000_000).unwrap_err().to_string().contains("more than 64 members"));
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        let step = read(r#"{"component":"c","version":"1","owner":"o","status":"s","attempt":2.0,"age":5e0}"#).unwrap();
        assert_eq!(step.attempt.map(crate::Attempt::number), Some(2));
        assert!(read(r#"{"component":"c","version":"1","owner":"o","status":"s","age":1e-6}"#).is_ok());
        assert!(read(r#"{"component":"c","version":"1","owner":"o","status":"s","attempt":2.5}"#).is_err());
    }

    #[test]
    fn refuses_a_version_that_json_made_a_number() {
        let error = read(r#"{"component":"c","version":1.10,"owner":"o","status":"s"}"#).unwrap_err();
        assert!(error.starts_with("version must be a JSON string, not 1.1"), "{error}");
        assert!(read("[1]").unwrap_err().contains("a JSON object"));
        assert!(
            read(r#"{"component":"a","component":"b"}"#).unwrap_err().contains("component is given more than once")
        );
    }
}
