//! The table of endpoints. The router, the Allow header and the log's label come from it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use warp::http::Method;
use warp::reply::Response;

use super::context::Context;
use super::handlers::{
    badge, batch, check, deployments, description, events, health, login, notes, projection, stats, steps, tokens,
    trend,
};
use super::needs::{ADMIN, CALLER, NOTHING, Needs, READ, RECORD, RECORD_AND_READ};
use super::problem::ApiError;
use super::request::Request;

/// Answers the requests to an endpoint.
type Handler = fn(Arc<Context>, Request) -> BoxFuture<'static, Result<Response, ApiError>>;

/// A method of a path.
pub struct Endpoint {
    /// The method. An endpoint of GET answers HEAD as well.
    pub method: Method,
    /// The path, with `{…}` for a segment that varies.
    pub path: &'static str,
    pub operation: &'static str,
    pub needs: Needs,
    pub handler: Handler,
}

macro_rules! endpoints {
    ($($method:ident $path:literal $operation:literal $needs:ident $handler:path;)+) => {
        &[$(Endpoint {
            method: Method::$method,
            path: $path,
            operation: $operation,
            needs: $needs,
            handler: |context, request| Box::pin($handler(context, request)),
        }),+]
    };
}

/// Every endpoint. Of the paths that match, the first counts. Recording is first, because it happens most.
pub static ENDPOINTS: &[Endpoint] = endpoints! {
    POST "/v1/steps" "record_step" RECORD steps::record;
    GET "/v1/steps" "list_steps" READ steps::list;
    POST "/v1/steps/batch" "record_batch" RECORD batch::record;
    GET "/v1/steps/count" "count_steps" READ steps::count;
    GET "/v1/steps/{id}" "get_step" READ steps::one;
    POST "/v1/steps/{id}/finish" "finish_step" RECORD steps::finish;
    GET "/v1/deployments" "list_deployments" READ deployments::list;
    GET "/v1/deployments/count" "count_deployments" READ deployments::count;
    GET "/v1/deployments/{id}" "get_deployment" READ deployments::one;
    GET "/v1/deployments/{id}/expected" "get_expected" READ deployments::expected;
    GET "/v1/deployments/{id}/compare" "compare_deployments" READ deployments::compare;
    POST "/v1/deployments/{id}/exclude" "exclude_deployment" RECORD_AND_READ deployments::exclude;
    POST "/v1/deployments/{id}/include" "include_deployment" RECORD_AND_READ deployments::include;
    POST "/v1/notes" "record_note" RECORD notes::record;
    GET "/v1/notes" "list_notes" READ notes::list;
    GET "/v1/notes/count" "count_notes" READ notes::count;
    DELETE "/v1/notes/{id}" "remove_note" RECORD_AND_READ notes::remove;
    GET "/v1/events" "watch_events" READ events::watch;
    GET "/v1/stats" "get_stats" READ stats::stats;
    GET "/v1/trend" "get_trend" READ trend::trend;
    GET "/v1/check" "check_budget" READ check::check;
    GET "/v1/projection" "get_projection" READ projection::projection;
    GET "/v1/tokens" "list_tokens" ADMIN tokens::list;
    POST "/v1/tokens" "create_token" ADMIN tokens::create;
    GET "/v1/tokens/current" "get_caller" CALLER tokens::current;
    DELETE "/v1/tokens/{id}" "revoke_token" ADMIN tokens::revoke;
    GET "/login" "login_page" NOTHING login::page;
    POST "/login" "login" NOTHING login::login;
    POST "/logout" "logout" NOTHING login::logout;
    GET "/badge/{component}.svg" "get_badge" NOTHING badge::badge;
    GET "/" "hello" NOTHING health::hello;
    GET "/healthz" "get_health" NOTHING health::alive;
    GET "/readyz" "get_readiness" NOTHING health::ready;
    GET "/openapi.json" "get_description" NOTHING description::json;
    GET "/docs" "get_docs" NOTHING description::page;
};

/// What a request is for.
#[derive(Clone, Copy)]
pub enum Route {
    /// An endpoint.
    Endpoint(&'static Endpoint),
    /// A path that is there, but not with this method.
    OtherMethod(&'static str),
    /// No such path.
    NoSuchPath,
}

impl Route {
    /// Finds the endpoint of a request.
    pub fn of(method: &Method, path: &str) -> Self {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let Some(first) = ENDPOINTS.iter().find(|endpoint| endpoint.matches(path)) else { return Self::NoSuchPath };
        let mut same_path = ENDPOINTS.iter().filter(|endpoint| endpoint.path == first.path);
        same_path.find(|endpoint| endpoint.method == *method).map_or(Self::OtherMethod(first.path), Self::Endpoint)
    }

    /// The path as it is logged.
    pub fn label(self) -> &'static str {
        match self {
            Self::Endpoint(endpoint) => endpoint.path,
            Self::OtherMethod(path) => path,
            Self::NoSuchPath => "unknown",
        }
    }

    /// The name of the operation; empty where there is no endpoint.
    pub fn operation(self) -> &'static str {
        match self {
            Self::Endpoint(endpoint) => endpoint.operation,
            Self::OtherMethod(_) | Self::NoSuchPath => "",
        }
    }
}

/// The methods of a path, as in an Allow header.
pub fn allowed_methods(path: &str) -> String {
    let mut methods: Vec<&str> = Vec::new();
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.path == path) {
        methods.push(endpoint.method.as_str());
        if endpoint.method == Method::GET {
            methods.push(Method::HEAD.as_str());
        }
    }
    methods.sort_unstable();
    methods.join(", ")
}

impl Endpoint {
    /// Whether it changes nothing.
    pub fn is_read(&self) -> bool {
        self.method == Method::GET
    }

    fn matches(&self, path: &str) -> bool {
        let mut segments = path.split('/');
        let matches = self.path.split('/').all(|expected| match segments.next() {
            Some(segment) => expected == segment || (expected.starts_with('{') && !segment.is_empty()),
            None => false,
        });
        matches && segments.next().is_none()
    }

    /// The segment of a path that varies.
    pub fn parameter<'a>(&self, path: &'a str) -> Option<&'a str> {
        let mut segments = self.path.split('/').zip(path.split('/'));
        segments.find(|(expected, _)| expected.starts_with('{')).map(|(_, segment)| segment)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn label(method: Method, path: &str) -> Option<(&'static str, bool)> {
        match Route::of(&method, path) {
            Route::NoSuchPath => None,
            route => Some((route.label(), matches!(route, Route::Endpoint(_)))),
        }
    }

    #[test]
    fn a_request_has_one_route() {
        assert_eq!(label(Method::GET, "/"), Some(("/", true)));
        assert_eq!(label(Method::HEAD, "/v1/steps"), Some(("/v1/steps", true)));
        assert_eq!(label(Method::POST, "/v1/steps/batch"), Some(("/v1/steps/batch", true)));
        assert_eq!(label(Method::GET, "/v1/steps/batch"), Some(("/v1/steps/batch", false)));
        let id = "/v1/steps/0197a000-0000-7000-8000-000000000001";
        assert_eq!(label(Method::GET, id), Some(("/v1/steps/{id}", true)));
        for none in ["", "//", "/v1", "/v1/steps/", "/v1/steps/a/b", "/v2/steps"] {
            assert_eq!(label(Method::GET, none), None, "{none:?}");
        }
    }

    #[test]
    fn the_path_holds_the_id() {
        let Route::Endpoint(finish) = Route::of(&Method::POST, "/v1/steps/7/finish") else { panic!("no endpoint") };
        assert_eq!((finish.operation, finish.parameter("/v1/steps/7/finish")), ("finish_step", Some("7")));
    }

    #[test]
    fn allow_names_every_method() {
        assert_eq!(allowed_methods("/v1/steps"), "GET, HEAD, POST");
        assert_eq!(allowed_methods("/v1/steps/batch"), "POST");
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let names: BTreeSet<_> = ENDPOINTS.iter().map(|endpoint| endpoint.operation).collect();
        assert_eq!(names.len(), ENDPOINTS.len());
    }

    #[test]
    fn the_readme_describes_every_endpoint_and_no_other() {
        let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
        let section = readme.split("\n## ").find(|section| section.starts_with("The HTTP API")).unwrap();
        let calls = section.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
        let described: BTreeSet<(&str, &str)> = calls
            .flat_map(|calls| calls.split('`'))
            .filter_map(|call| call.split_once(' '))
            .filter(|(method, _)| ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(method))
            .map(|(method, path)| (method, path.split('?').next().unwrap_or(path)))
            .collect();
        let served: BTreeSet<_> = ENDPOINTS.iter().map(|endpoint| (endpoint.method.as_str(), endpoint.path)).collect();
        assert_eq!(described, served);
    }
}
