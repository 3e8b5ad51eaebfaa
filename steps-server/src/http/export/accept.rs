//! Which format an Accept header prefers.

use steps_shared::ListFormat;
use warp::http::{HeaderMap, header};

/// The format that the Accept header prefers; `None` when it names none of ours, as `*/*` does.
#[must_use]
pub fn accepted(headers: &HeaderMap) -> Option<ListFormat> {
    let ranges = headers
        .get_all(header::ACCEPT)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    let mut best: Option<(f32, ListFormat)> = None;
    for range in ranges {
        let mut parts = range.split(';').map(str::trim);
        let Some(format) = parts.next().and_then(format_of) else { continue };
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
        if quality > best.map_or(0.0, |(best, _)| best) {
            best = Some((quality, format));
        }
    }
    best.map(|(_, format)| format)
}

fn format_of(essence: &str) -> Option<ListFormat> {
    match essence.to_ascii_lowercase().as_str() {
        "text/csv" => Some(ListFormat::Csv),
        "application/json" => Some(ListFormat::Json),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Some(ListFormat::Jsonl),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => Some(ListFormat::Xlsx),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_one_with_the_highest_quality() {
        let accept = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, header::HeaderValue::from_static(text));
            accepted(&headers)
        };
        assert_eq!(accept("application/json"), Some(ListFormat::Json));
        assert_eq!(accept("text/csv;q=0.5, application/x-ndjson;q=0.9"), Some(ListFormat::Jsonl));
        assert_eq!(accept("text/html, application/json;q=0, */*"), None);
        assert_eq!(accept("*/*"), None);
    }
}
