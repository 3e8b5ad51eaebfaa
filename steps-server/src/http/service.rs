//! What every request goes through: its id, its route, its line in the log.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt as _};
use hyper::body::{Body, Incoming};
use tower_service::Service;
use warp::http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::activity::{Activity, Exchange};
use super::answering::{self, Answering};
use super::client::{Client, Front};
use super::context::Context;
use super::endpoints::{Endpoint, Route, allowed_methods};
use super::problem::{self, ApiError};
use super::received::Received;
use super::request::Request;
use super::trace::RequestSpan;
use super::{auth, head, page, query, request_id, security_headers};
use crate::app::{Caller, collect_phases};

/// Answers the requests that [`answer`] has found an endpoint for.
pub fn service(
    context: Arc<Context>,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone + Send + Sync + 'static {
    warp::ext::get::<&'static Endpoint>()
        .and(warp::ext::get::<Client>())
        .and(warp::path::full())
        .and(query::raw())
        .and(warp::header::headers_cloned())
        .and(warp::body::stream())
        .then(
            move |endpoint: &'static Endpoint,
                  client: Client,
                  path: FullPath,
                  query: String,
                  headers: HeaderMap,
                  body| {
                let body = bytes(body).boxed();
                let context = Arc::clone(&context);
                async move {
                    let refused = Refused::new(endpoint.is_page, &headers, path.as_str(), &query);
                    let caller =
                        match auth::identify(&context, (endpoint.needs, endpoint.is_read()), &client, &headers).await {
                            Ok(caller) => caller,
                            Err(error) => return refused.answer(error, &context),
                        };
                    let answer = async {
                        auth::authorize(&context, endpoint.needs, &caller)?;
                        let parameter = endpoint.parameter(path.as_str()).map(str::to_owned);
                        let (caller, now) = (Arc::clone(&caller), context.app.now());
                        let request = Request { parameter, query, headers, client, now, caller, body };
                        let answer = (endpoint.handler)(Arc::clone(&context), request).await?;
                        answering::reserve(&context, client.is_stream, answer)
                    };
                    let mut response = answer.await.unwrap_or_else(|error| refused.answer(error, &context));
                    response.extensions_mut().insert(caller);
                    response
                }
            },
        )
}

/// How a refusal is answered: as a page where a page was asked for, else as a problem document.
enum Refused {
    Problem,
    Page { headers: HeaderMap, address: String },
}

impl Refused {
    fn new(is_page: bool, headers: &HeaderMap, path: &str, query: &str) -> Self {
        let address = || if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        if is_page { Self::Page { headers: headers.clone(), address: address() } } else { Self::Problem }
    }

    fn answer(&self, error: ApiError, context: &Context) -> Response {
        match self {
            Self::Problem => error.into_response(),
            Self::Page { headers, address } => page::refusal::answer(headers, address, error, context.app.now()),
        }
    }
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
    activity: Arc<Activity>,
    front: Arc<Front>,
) -> Result<warp::http::Response<impl Body<Data = Bytes, Error = warp::Error> + Send + Unpin + use<S>>, Infallible>
where
    S: Service<warp::http::Request<Received>, Response = Response, Error = Infallible>,
{
    let began = Instant::now();
    let exchange = Exchange::begin(&activity);
    let is_stream = request.version() == Version::HTTP_2;
    let id = request_id::take_or_make(request.headers());
    let id_header = HeaderValue::from_str(&id);
    let method = request.method().clone();
    let route = Route::of(&method, request.uri().path(), page::is_for_browser(request.headers()));
    let traces = front.traces.as_ref().filter(|_| !activity.is_own);
    let trace = traces.and_then(|traces| traces.begin(request.headers(), route.operation()));
    let client_waits = request.headers().contains_key(header::EXPECT);
    head::name_host(&mut request);
    let head = head::check(&request).and_then(|bytes| front.reserve_head(is_stream, bytes));
    let client = front.client(&activity, request.headers(), is_stream);
    let binds_to_tls = client.has_tls && !security_headers::is_for_localhost(request.headers());
    let (parts, body) = request.into_parts();
    let body = Received::new(body, Arc::clone(&exchange));
    let mut request = warp::http::Request::from_parts(parts, body.clone());
    // The rest of a head that is too large has not been read.
    let must_close = matches!(head, Err(ApiError::HeadTooLarge));
    // Pinned here, so that a pointer is handed to what is around it, and not all of it copied.
    let answer = pin!(async {
        match (head, route) {
            (Err(error), _) => error.into_response(),
            (Ok(_held), Route::Endpoint(endpoint)) => {
                request.extensions_mut().insert(endpoint);
                request.extensions_mut().insert(client);
                service.call(request).await.unwrap_or_else(|never| match never {})
            }
            (Ok(_), Route::OtherMethod(path)) => ApiError::Method(allowed_methods(path)).into_response(),
            (Ok(_), Route::NoSuchPath) => ApiError::NoSuchPath.into_response(),
        }
    });
    let (mut response, phases) = collect_phases(trace.is_some(), request_id::scope(id.clone(), answer)).await;
    let caller = response.extensions_mut().remove::<Arc<Caller>>();
    let caller = caller.as_ref().map_or("", |caller| &*caller.name);
    // The rest of the body stands before the next request of the connection; HTTP/2 tells them apart.
    if (!body.finish(client_waits).await || must_close) && !is_stream {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if method == Method::HEAD {
        // The headers of the GET, without its body and what is held for it.
        let (mut parts, _) = response.into_parts();
        parts.extensions.clear();
        response = Response::from_parts(parts, warp::reply::Response::default().into_body());
    }
    let headers = response.headers_mut();
    security_headers::add(headers, binds_to_tls);
    if let Ok(id_header) = id_header {
        headers.insert(request_id::HEADER, id_header);
    }
    let (operation, route) = (route.operation(), route.label());
    let took = began.elapsed();
    let ms = took.as_secs_f64() * 1e3;
    let peer = client.address;
    if let (Some(traces), Some(trace)) = (traces, trace) {
        let (id, method, status) = (id.clone(), method.clone(), response.status());
        traces.end(trace, RequestSpan { method, route, operation, id, status }, phases);
    }
    if !activity.is_own {
        front.metrics.answered(operation, response.status().as_u16(), took);
        tracing::info!(%id, %method, route, operation, status = response.status().as_u16(), ms = (ms * 1e3).round() / 1e3, %peer, caller, "request");
    }
    Ok(Answering::new(response, exchange, is_stream))
}

/// The answer to what is no request, such as one with a head that is too large: an HTTP message as it is sent.
pub fn answer_no_request(status: u16, activity: &Activity) -> Vec<u8> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    no_request(status, problem::detail_of_no_request(status), activity.is_tls, activity)
}

/// The answer to who does not speak TLS where it is spoken.
pub fn answer_without_tls(activity: &Activity) -> Vec<u8> {
    let detail = "this port speaks TLS; use https:// instead of http://";
    no_request(StatusCode::BAD_REQUEST, detail, false, activity)
}

fn no_request(status: StatusCode, detail: &str, has_tls: bool, activity: &Activity) -> Vec<u8> {
    let id = request_id::make();
    let body = problem::of_no_request(status, detail, id.clone());
    let reason = status.canonical_reason().unwrap_or_default();
    tracing::info!(%id, status = status.as_u16(), peer = %activity.peer.ip().to_canonical(), "no request");
    let mut answer = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16());
    for (name, value) in security_headers::lines(has_tls) {
        // Writing to a text cannot fail.
        let _ = write!(answer, "{name}: {value}\r\n");
    }
    let _ = write!(
        answer,
        "x-request-id: {id}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len(),
    );
    answer.into_bytes()
}
