//! The table of endpoints. The router, the Allow header and the log's label come from it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use warp::http::Method;
use warp::reply::Response;

use super::context::Context;
use super::handlers::{
    badge, batch, check, deployments, description, events, health, login, metrics, notes, projection, stats, steps,
    tokens, trend,
};
use super::needs::{ADMIN, CALLER, NOTHING, Needs, READ, RECORD, RECORD_AND_READ};
use super::page;
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
    /// Whether it is a page for people: what is refused is a page, too.
    pub is_page: bool,
}

macro_rules! endpoints {
    ($is_page:literal: $($method:ident $path:literal $operation:literal $needs:ident $handler:path;)+) => {
        &[$(Endpoint {
            method: Method::$method,
            path: $path,
            operation: $operation,
            needs: $needs,
            handler: |context, request| Box::pin($handler(context, request)),
            is_page: $is_page,
        }),+]
    };
}

/// Every endpoint. Of the paths that match, the first counts. Recording is first, because it happens most.
pub static ENDPOINTS: &[Endpoint] = endpoints! { false:
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
    GET "/metrics" "get_metrics" READ metrics::metrics;
    GET "/openapi.json" "get_description" NOTHING description::json;
    GET "/docs" "get_docs" NOTHING description::page;
};

/// Every page. They are for people alone: not in the description of the API, and no command asks for them. Who opens `/` in a browser
/// gets the page, and everybody else the endpoint.
pub static PAGES: &[Endpoint] = endpoints! { true:
    GET "/" "home_page" READ page::home::page;
    GET "/component" "component_page" READ page::component::page;
    GET "/deployments" "deployments_page" READ page::deployments::page;
    GET "/deployments/{id}" "deployment_page" READ page::deployment::page;
    GET "/deployments/{id}/compare" "compare_page" READ page::compare::page;
    GET "/trend" "trend_page" READ page::trend::page;
    GET "/stats" "stats_page" READ page::stats::page;
    GET "/check" "check_page" READ page::check::page;
    GET "/assets/{name}" "page_asset" NOTHING page::assets::asset;
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
    /// Finds the endpoint of a request; `is_for_browser`: pages come first.
    pub fn of(method: &Method, path: &str, is_for_browser: bool) -> Self {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let tables = if is_for_browser { [PAGES, ENDPOINTS] } else { [ENDPOINTS, PAGES] };
        let all = || tables.into_iter().flatten();
        let Some(first) = all().find(|endpoint| endpoint.matches(path)) else { return Self::NoSuchPath };
        let mut same_path = all().filter(|endpoint| endpoint.path == first.path);
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
    let pages = PAGES.iter().filter(|page| ENDPOINTS.iter().all(|endpoint| endpoint.path != page.path));
    for endpoint in ENDPOINTS.iter().chain(pages).filter(|endpoint| endpoint.path == path) {
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
        match Route::of(&method, path, false) {
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
        let Route::Endpoint(finish) = Route::of(&Method::POST, "/v1/steps/7/finish", false) else {
            panic!("no endpoint")
        };
        assert_eq!((finish.operation, finish.parameter("/v1/steps/7/finish")), ("finish_step", Some("7")));
    }

    #[test]
    fn allow_names_every_method() {
        assert_eq!(allowed_methods("/v1/steps"), "GET, HEAD, POST");
        assert_eq!(allowed_methods("/v1/steps/batch"), "POST");
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let names: BTreeSet<_> = ENDPOINTS.iter().chain(PAGES).map(|endpoint| endpoint.operation).collect();
        assert_eq!(names.len(), ENDPOINTS.len() + PAGES.len());
    }

    #[test]
    fn a_browser_gets_pages() {
        let operation = |path, is_for_browser| Route::of(&Method::GET, path, is_for_browser).operation();
        assert_eq!((operation("/", true), operation("/", false)), ("home_page", "hello"));
        assert_eq!((operation("/trend", false), operation("/v1/trend", true)), ("trend_page", "get_trend"));
        assert_eq!((allowed_methods("/"), allowed_methods("/trend")), ("GET, HEAD".to_owned(), "GET, HEAD".to_owned()));
    }

    #[test]
    fn the_readme_tells_every_page() {
        let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
        let section = readme.split("\n## ").find(|section| section.starts_with("The page")).unwrap();
        let told: BTreeSet<&str> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `"))
            .filter_map(|line| line.split(['`', '?']).next())
            .collect();
        let served: BTreeSet<&str> = PAGES.iter().filter(|page| page.needs != NOTHING).map(|page| page.path).collect();
        assert_eq!(told, served);
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
