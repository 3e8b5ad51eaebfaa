//! The head of a request: how large it may be, and for which host it is.

use warp::http::{HeaderValue, Request, header};

use super::problem::ApiError;

/// The largest head of a request, in bytes (64 KiB).
pub const HEAD_BYTES: usize = 64 * 1024;
/// The most headers of a request.
pub const MAX_HEADERS: usize = 100;
/// The longest URL, in bytes (32 KiB): all fields of a step at their longest, each byte escaped, fit.
const URL_BYTES: usize = 32 * 1024;

/// How many bytes the head has, where it is not too large.
///
/// # Errors
/// The URL or the head is too long, or there are too many headers.
pub fn check<B>(request: &Request<B>) -> Result<usize, ApiError> {
    let bytes = bytes(request);
    match request.uri().path_and_query() {
        Some(path) if path.as_str().len() > URL_BYTES => Err(ApiError::UrlTooLong),
        _ if bytes > HEAD_BYTES || request.headers().len() > MAX_HEADERS => Err(ApiError::HeadTooLarge),
        _ => Ok(bytes),
    }
}

/// How long the head is without spare blanks, as HTTP/1.1 writes it. hyper stops reading a head that is larger than its buffer,
/// which is larger than it was asked to be when much arrives at once.
fn bytes<B>(request: &Request<B>) -> usize {
    let (uri, spaces_and_ends) = (request.uri(), "  HTTP/1.1\r\n\r\n".len());
    let uri = uri.scheme_str().map_or(0, |scheme| scheme.len() + 3)
        + uri.authority().map_or(0, |authority| authority.as_str().len())
        + uri.path_and_query().map_or(0, |path| path.as_str().len());
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    request.method().as_str().len() + uri + spaces_and_ends + headers.sum::<usize>()
}

/// Writes the host that the request is for into its `Host`: HTTP/2 has it in the URL, and so may HTTP/1.1, where the one in the
/// URL counts (RFC 9112, 3.2.2).
pub fn name_host<B>(request: &mut Request<B>) {
    let Some(authority) = request.uri().authority() else { return };
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        request.headers_mut().insert(header::HOST, host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str) -> Request<()> {
        Request::builder().uri(uri).header("host", "other").body(()).unwrap()
    }

    #[test]
    fn limits_of_a_head() {
        let of_path = |bytes: usize| check(&request(&format!("/{}", "x".repeat(bytes - 1))));
        assert!(of_path(URL_BYTES).is_ok());
        assert!(matches!(of_path(URL_BYTES + 1), Err(ApiError::UrlTooLong)));
        let mut large = request("/");
        large.headers_mut().insert("x", HeaderValue::from_str(&"x".repeat(HEAD_BYTES)).unwrap());
        assert!(matches!(check(&large), Err(ApiError::HeadTooLarge)));
        let mut many = request("/");
        for _ in 1..MAX_HEADERS {
            many.headers_mut().append("x", HeaderValue::from_static("1"));
        }
        assert!(check(&many).is_ok());
        many.headers_mut().append("x", HeaderValue::from_static("1"));
        assert!(matches!(check(&many), Err(ApiError::HeadTooLarge)));
    }

    #[test]
    fn the_host_in_the_url_counts() {
        for (uri, host) in [("/v1/steps", "other"), ("https://steps.example.com:7878/", "steps.example.com:7878")] {
            let mut request = request(uri);
            name_host(&mut request);
            assert_eq!(request.headers()["host"], host);
        }
    }
}
