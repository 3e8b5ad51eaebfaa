//! Which paths there are, and what every request goes through: its id, its method, its line in the log.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Instant;

use hyper::body::Incoming;
use tower_service::Service;
use warp::http::{HeaderValue, Method, Request, header};
use warp::reply::Response;
use warp::{Filter, Reply};

use crate::app::state::State;
use crate::http::problem::ApiError;
use crate::http::{handlers, request_id};

/// Who answers, in every answer: `steps status` shows it.
const SERVER: &str = concat!("steps-server/", env!("CARGO_PKG_VERSION"));

/// A path, as it is logged, and the methods it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The path, with `{…}` for what varies.
    pub path: &'static str,
    /// The methods, as in an Allow header.
    pub allow: &'static str,
}

/// Every path. The filters of [`filter`] answer exactly these.
pub const ROUTES: [Route; 14] = [
    Route { path: "/", allow: "GET, HEAD" },
    Route { path: "/healthz", allow: "GET, HEAD" },
    Route { path: "/readyz", allow: "GET, HEAD" },
    Route { path: "/v1/steps", allow: "GET, HEAD, POST" },
    Route { path: "/v1/steps/batch", allow: "POST" },
    Route { path: "/v1/steps/count", allow: "GET, HEAD" },
    Route { path: "/v1/steps/{id}", allow: "GET, HEAD" },
    Route { path: "/v1/steps/{id}/finish", allow: "POST" },
    Route { path: "/v1/deployments", allow: "GET, HEAD" },
    Route { path: "/v1/deployments/count", allow: "GET, HEAD" },
    Route { path: "/v1/deployments/{id}", allow: "GET, HEAD" },
    Route { path: "/v1/stats", allow: "GET, HEAD" },
    Route { path: "/v1/trend", allow: "GET, HEAD" },
    Route { path: "/v1/check", allow: "GET, HEAD" },
];

impl Route {
    /// The route of a path: the first in [`ROUTES`] that matches.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        ROUTES.into_iter().find(|route| {
            let mut given = path.split('/');
            let matches = route.path.split('/').all(|part| match given.next() {
                Some(segment) => part == segment || (part.starts_with('{') && !segment.is_empty()),
                None => false,
            });
            matches && given.next().is_none()
        })
    }

    fn allows(self, method: &Method) -> bool {
        self.allow.split(", ").any(|allowed| allowed == method.as_str())
    }
}

/// All handlers. Rejections only say that another route may match; [`ApiError`] says what is wrong.
pub fn filter(state: State) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone + Send + 'static {
    // Recording comes first: it is what happens most.
    handlers::record::routes(&state)
        .or(handlers::batch::routes(&state))
        .or(handlers::finish::routes(&state))
        .or(handlers::list::routes(&state))
        .or(handlers::step::routes(&state))
        .or(handlers::deployments::routes(&state))
        .or(handlers::stats::routes(&state))
        .or(handlers::trend::routes(&state))
        .or(handlers::check::routes(&state))
        .or(handlers::health::routes(&state))
        .recover(|_| async { Ok::<_, Infallible>(ApiError::NoSuchPath.into_response()) })
}

/// Takes one request from its id to its line in the log.
///
/// # Errors
/// Never; the type is what hyper asks for.
pub async fn answer<S>(mut filter: S, mut request: Request<Incoming>, peer: SocketAddr) -> Result<Response, Infallible>
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible>,
{
    let began = Instant::now();
    let id = request_id::take_or_make(request.headers());
    let id_header = HeaderValue::from_str(&id);
    let method = request.method().clone();
    let route = Route::of(request.uri().path());
    let head = method == Method::HEAD;
    if head {
        *request.method_mut() = Method::GET;
    }
    let answer = async {
        match route {
            Some(route) if !route.allows(&method) => ApiError::Method(route.allow).into_response(),
            _ => filter.call(request).await.unwrap_or_else(|never| match never {}),
        }
    };
    let mut response = request_id::scope(id.clone(), answer).await;
    if head {
        // The headers of the GET, without its body.
        let (parts, _) = response.into_parts();
        response = Response::from_parts(parts, warp::reply::Response::default().into_body());
    }
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static(SERVER));
    if let Ok(id_header) = id_header {
        headers.insert(request_id::HEADER, id_header);
    }
    let route = route.map_or("unknown", |route| route.path);
    let ms = began.elapsed().as_secs_f64() * 1e3;
    tracing::info!(%id, %method, route, status = response.status().as_u16(), ms = (ms * 1e3).round() / 1e3, peer = %peer.ip(), "request");
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_route() {
        let path = |path| Route::of(path).map(|route| route.path);
        assert_eq!(path("/"), Some("/"));
        assert_eq!(path("/v1/steps"), Some("/v1/steps"));
        assert_eq!(path("/v1/steps/batch"), Some("/v1/steps/batch"));
        assert_eq!(path("/v1/steps/0197a000-0000-7000-8000-000000000001"), Some("/v1/steps/{id}"));
        for none in ["", "//", "/v1", "/v1/steps/", "/v1/steps/a/b", "/v2/steps"] {
            assert_eq!(path(none), None, "{none:?}");
        }
    }
}
