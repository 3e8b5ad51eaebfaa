//! What every request goes through: its id, its route, its line in the log.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt as _};
use hyper::body::{Body, Incoming};
use tower_service::Service;
use warp::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::activity::Activity;
use super::answering::{self, Answering};
use super::context::Context;
use super::endpoints::{Endpoint, Route, allowed_methods};
use super::problem::{self, ApiError, HEAD_BYTES};
use super::received::Received;
use super::request::Request;
use super::{auth, query, request_id};
use crate::app::Caller;

/// The Server header; `steps status` shows it.
const SERVER: &str = concat!("steps-server/", env!("CARGO_PKG_VERSION"));

/// Answers the requests that [`answer`] has found an endpoint for.
pub fn service(
    context: Arc<Context>,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone + Send + Sync + 'static {
    warp::ext::get::<&'static Endpoint>()
        .and(warp::ext::get::<IpAddr>())
        .and(warp::path::full())
        .and(query::raw())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |endpoint: &'static Endpoint, peer, path: FullPath, query: String, headers: HeaderMap, body| {
            let body = bytes(body).boxed();
            let context = Arc::clone(&context);
            async move {
                let caller = match auth::identify(&context, endpoint, peer, &headers).await {
                    Ok(caller) => caller,
                    Err(error) => return error.into_response(),
                };
                let answer = async {
                    auth::authorize(&context, endpoint, &caller)?;
                    let parameter = endpoint.parameter(path.as_str()).map(str::to_owned);
                    let request = Request { parameter, query, headers, caller: Arc::clone(&caller), body };
                    answering::reserve(&context, (endpoint.handler)(Arc::clone(&context), request).await?)
                };
                let mut response = answer.await.unwrap_or_else(ApiError::into_response);
                response.extensions_mut().insert(caller);
                response
            }
        })
}

fn bytes(body: impl Stream<Item = Result<impl Buf, warp::Error>>) -> impl Stream<Item = Result<Bytes, warp::Error>> {
    body.map(|chunk| chunk.map(|mut chunk| chunk.copy_to_bytes(chunk.remaining())))
}

/// Takes one request from its id to its line in the log; `service` is that of [`service`].
///
/// # Errors
/// Never; the type is what hyper asks for.
pub async fn answer<S>(
    mut service: S,
    request: warp::http::Request<Incoming>,
    activity: Arc<Activity>,
) -> Result<warp::http::Response<impl Body<Data = Bytes, Error = warp::Error> + Send + Unpin + use<S>>, Infallible>
where
    S: Service<warp::http::Request<Received>, Response = Response, Error = Infallible>,
{
    let began = Instant::now();
    activity.asks();
    let id = request_id::take_or_make(request.headers());
    let id_header = HeaderValue::from_str(&id);
    let method = request.method().clone();
    let route = Route::of(&method, request.uri().path());
    let client_waits = request.headers().contains_key(header::EXPECT);
    let head_fits = head_bytes(&request) <= HEAD_BYTES;
    let (parts, body) = request.into_parts();
    let body = Received::new(body, Arc::clone(&activity));
    let mut request = warp::http::Request::from_parts(parts, body.clone());
    let answer = async {
        match route {
            _ if !head_fits => ApiError::HeadTooLarge.into_response(),
            Route::Endpoint(endpoint) => {
                request.extensions_mut().insert(endpoint);
                request.extensions_mut().insert(activity.peer.ip());
                service.call(request).await.unwrap_or_else(|never| match never {})
            }
            Route::OtherMethod(path) => ApiError::Method(allowed_methods(path)).into_response(),
            Route::NoSuchPath => ApiError::NoSuchPath.into_response(),
        }
    };
    let mut response = request_id::scope(id.clone(), answer).await;
    // The rest of the body stands before the next request.
    if !body.finish(client_waits).await || !head_fits {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if method == Method::HEAD {
        // The headers of the GET, without its body.
        let (parts, _) = response.into_parts();
        response = Response::from_parts(parts, warp::reply::Response::default().into_body());
    }
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static(SERVER));
    if let Ok(id_header) = id_header {
        headers.insert(request_id::HEADER, id_header);
    }
    let caller = response.extensions_mut().remove::<Arc<Caller>>();
    let caller = caller.as_ref().map_or("", |caller| &*caller.name);
    let (operation, route) = (route.operation(), route.label());
    let ms = began.elapsed().as_secs_f64() * 1e3;
    let peer = activity.peer.ip();
    tracing::info!(%id, %method, route, operation, status = response.status().as_u16(), ms = (ms * 1e3).round() / 1e3, %peer, caller, "request");
    Ok(Answering::new(response, &activity))
}

/// How long the head is without spare blanks. hyper stops reading a head that is larger than its buffer, which is larger than
/// it was asked to be when much arrives at once.
fn head_bytes<B>(request: &warp::http::Request<B>) -> usize {
    let (uri, spaces_and_ends) = (request.uri(), "  HTTP/1.1\r\n\r\n".len());
    let uri = uri.scheme_str().map_or(0, |scheme| scheme.len() + 3)
        + uri.authority().map_or(0, |authority| authority.as_str().len())
        + uri.path_and_query().map_or(0, |path| path.as_str().len());
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    request.method().as_str().len() + uri + spaces_and_ends + headers.sum::<usize>()
}

/// The answer to what is no request, such as one with a head that is too large: an HTTP message as it is sent.
pub fn answer_no_request(status: u16, activity: &Activity) -> Vec<u8> {
    let id = request_id::make();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let body = problem::of_no_request(status, id.clone());
    let reason = status.canonical_reason().unwrap_or_default();
    tracing::info!(%id, status = status.as_u16(), peer = %activity.peer.ip(), "no request");
    format!(
        "HTTP/1.1 {} {reason}\r\nserver: {SERVER}\r\nx-request-id: {id}\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        status.as_u16(),
        body.len(),
    )
    .into_bytes()
}
