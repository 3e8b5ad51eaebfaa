//! What pages load: a style, a script and an icon, in the program, under names that change with their content.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use warp::http::{HeaderValue, header};
use warp::reply::Response;

use super::{gzip, takes_gzip};
use crate::http::context::Context;
use crate::http::problem::ApiError;
use crate::http::request::Request;

/// A file that pages load.
struct Asset {
    /// Its name with the hash of its content.
    name: String,
    media_type: &'static str,
    body: Bytes,
    compressed: Option<Bytes>,
}

/// How long a browser may keep one: for ever, because another content has another name.
const KEEP: &str = "public, max-age=31536000, immutable";

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        Asset::new("page", "css", "text/css; charset=utf-8", dense(include_str!("page.css"))),
        Asset::new("page", "js", "text/javascript; charset=utf-8", dense(include_str!("page.js"))),
        Asset::new("icon", "svg", "image/svg+xml", include_str!("icon.svg").trim().to_owned()),
    ]
});

impl Asset {
    fn new(name: &str, extension: &str, media_type: &'static str, text: String) -> Self {
        let hash = Sha256::digest(&text);
        let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let body = Bytes::from(text);
        let compressed = gzip(&body).map(Bytes::from);
        Self { name: format!("{name}-{hash}.{extension}"), media_type, body, compressed }
    }

    fn address(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// Without indentation and comments, each of which has a line of its own.
fn dense(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The address of the style.
pub fn style() -> String {
    ASSETS[0].address()
}

/// The address of the script.
pub fn script() -> String {
    ASSETS[1].address()
}

/// The address of the icon.
pub fn icon() -> String {
    ASSETS[2].address()
}

/// `GET /assets/{name}`.
pub async fn asset(_: Arc<Context>, request: Request) -> Result<Response, ApiError> {
    let name = request.parameter.as_deref().unwrap_or_default();
    let asset = ASSETS.iter().find(|asset| asset.name == name).ok_or(ApiError::NoSuchPath)?;
    let compressed = asset.compressed.clone().filter(|_| takes_gzip(&request.headers));
    let is_compressed = compressed.is_some();
    let mut response = Response::new(compressed.unwrap_or_else(|| asset.body.clone()).into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(KEEP));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if is_compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_loads_is_small() {
        let size = |asset: &Asset| asset.compressed.as_ref().map_or(0, Bytes::len);
        let [style, script, icon] = &*ASSETS;
        assert!(script.body.len() <= 4096, "the script has {} bytes", script.body.len());
        let whole: usize = [style, script, icon].map(size).iter().sum();
        assert!(whole <= 16 * 1024, "script and style have {whole} bytes compressed");
        assert!(!script.body.windows(4).any(|four| four == b"eval") && style.name.starts_with("page-"));
    }
}
