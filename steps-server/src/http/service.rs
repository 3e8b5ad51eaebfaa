//! What every request goes through: its id, its route, its line in the log.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt as _};
use hyper::body::Incoming;
use tower_service::Service;
use warp::http::{HeaderMap, HeaderValue, Method, header};
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::context::Context;
use super::endpoints::{Endpoint, Route, allowed_methods};
use super::problem::ApiError;
use super::request::Request;
use super::{query, request_id};

/// The Server header; `steps status` shows it.
const SERVER: &str = concat!("steps-server/", env!("CARGO_PKG_VERSION"));

/// Answers the requests that [`answer`] has found an endpoint for.
pub fn service(
    context: Arc<Context>,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone + Send + Sync + 'static {
    warp::ext::get::<&'static Endpoint>()
        .and(warp::path::full())
        .and(query::raw())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(move |endpoint: &'static Endpoint, path: FullPath, query: String, headers: HeaderMap, body| {
            let body = bytes(body).boxed();
            let parameter = endpoint.parameter(path.as_str()).map(str::to_owned);
            let answer = (endpoint.handler)(Arc::clone(&context), Request { parameter, query, headers, body });
            async move { answer.await.unwrap_or_else(ApiError::into_response) }
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
    mut request: warp::http::Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response, Infallible>
where
    S: Service<warp::http::Request<Incoming>, Response = Response, Error = Infallible>,
{
    let began = Instant::now();
    let id = request_id::take_or_make(request.headers());
    let id_header = HeaderValue::from_str(&id);
    let method = request.method().clone();
    let route = Route::of(&method, request.uri().path());
    let answer = async {
        match route {
            Route::Endpoint(endpoint) => {
                request.extensions_mut().insert(endpoint);
                service.call(request).await.unwrap_or_else(|never| match never {})
            }
            Route::OtherMethod(path) => ApiError::Method(allowed_methods(path)).into_response(),
            Route::NoSuchPath => ApiError::NoSuchPath.into_response(),
        }
    };
    let mut response = request_id::scope(id.clone(), answer).await;
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
    let (operation, route) = (route.operation(), route.label());
    let ms = began.elapsed().as_secs_f64() * 1e3;
    tracing::info!(%id, %method, route, operation, status = response.status().as_u16(), ms = (ms * 1e3).round() / 1e3, peer = %peer.ip(), "request");
    Ok(response)
}
