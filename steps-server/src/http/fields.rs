//! The fields of a POST: from the query string, a form, or JSON.

use steps_shared::JsonFields;

use super::body::MediaType;
use super::problem::ApiError;
use super::query;

/// As many fields as a step usually has.
const USUAL: usize = 8;
/// The largest body, in bytes: far more than the longest fields need.
pub const MAX_BYTES: usize = 64 * 1024;

/// The fields of the query string and of the body together; each may be given once.
///
/// # Errors
/// The body is of another type, or cannot be understood.
pub fn read(query: &str, media_type: &MediaType, body: &[u8]) -> Result<Vec<(String, String)>, ApiError> {
    let mut fields: Vec<(String, String)> = Vec::with_capacity(USUAL);
    let mut add = |encoded| -> Result<(), ApiError> {
        fields.extend(query::pairs(encoded)?.map(|(name, value)| (name.into_owned(), value.into_owned())));
        Ok(())
    };
    add(query.as_bytes())?;
    match media_type {
        _ if body.is_empty() => {}
        MediaType::Form => add(body)?,
        MediaType::Json => {
            let json: JsonFields = serde_json::from_slice(body)
                .map_err(|error| ApiError::Malformed(format!("the body is not a JSON object of fields: {error}")))?;
            fields.extend(json.into_texts()?);
        }
        MediaType::Missing | MediaType::Ndjson | MediaType::Other => {
            return Err(ApiError::MediaType(
                "application/json or application/x-www-form-urlencoded, and say so in Content-Type",
            ));
        }
    }
    Ok(fields)
}
