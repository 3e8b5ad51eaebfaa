//! The description of the API (OpenAPI 3.1), made of the table of endpoints and of the contract's types.

mod answers;
mod bodies;
mod operations;
mod page;
mod parameters;

use std::sync::OnceLock;

use bytes::Bytes;
use steps_shared::openapi::{boolean, integer, sent_names, text};
use steps_shared::{
    BatchAnswer, CheckAnswer, Comparison, CreatedToken, CurrentCaller, Deployment, DeploymentDetail, Expected, Problem,
    Projection, RemovedDeployment, RemovedNote, Reset, Scope, StatsAnswer, Step, TokenList, TrendAnswer,
};
use utoipa::openapi::path::{Operation, OperationBuilder, PathItem, Paths};
use utoipa::openapi::schema::{Components, ObjectBuilder};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Info, License, OpenApi, RefOr, Schema, Tag};
use utoipa::{PartialSchema, ToSchema};
use warp::http::Method;

use super::context::Description;
use super::endpoints::{ENDPOINTS, Endpoint};
use super::needs::Needs;
use operations::Described;

/// The name of the security scheme of programs.
const BEARER: &str = "token";

/// The same of pages.
const SESSION: &str = "session";

const ABOUT: &str = "\
Records the steps of deployments, and tells how long deployments take and how they grow.

Times are RFC 3339 in UTC, durations are seconds. Errors are problem documents (RFC 9457). An unknown, repeated or wrong \
parameter or member is refused, and an empty parameter counts as not given. Each GET answers HEAD as well. The fields of a POST \
to a step or a deployment may stand in its query string too, each once.";

/// The description, as long as callers without a token are let in (`open`), or for those with one.
pub fn document(is_open: bool) -> OpenApi {
    let mut paths = Paths::new();
    for endpoint in ENDPOINTS {
        let item = paths.paths.entry(endpoint.path.to_owned()).or_default();
        add(item, endpoint, operation(endpoint, is_open));
    }
    let mut info = Info::new("steps", env!("CARGO_PKG_VERSION"));
    info.description = Some(ABOUT.to_owned());
    let mut license = License::new("MIT");
    license.identifier = Some("MIT".to_owned());
    info.license = Some(license);
    let mut document = OpenApi::new(info, paths);
    document.components = Some(components());
    document.tags = Some(operations::TAGS.iter().map(|(name, about)| tag(name, about)).collect());
    document
}

/// The same as JSON, made once.
pub fn json(is_open: bool) -> Bytes {
    static DOCUMENTS: [OnceLock<Bytes>; 2] = [const { OnceLock::new() }; 2];
    let made = DOCUMENTS[usize::from(is_open)].get_or_init(|| {
        let mut text = document(is_open).to_pretty_json().unwrap_or_default();
        text.push('\n');
        text.into()
    });
    made.clone()
}

/// How the description is made.
pub const DESCRIPTION: Description = Description { json, page: page::html, policy: page::policy };

fn tag(name: &str, about: &str) -> Tag {
    let mut tag = Tag::new(name);
    tag.description = Some(about.to_owned());
    tag
}

fn add(item: &mut PathItem, endpoint: &Endpoint, operation: Operation) {
    match endpoint.method {
        Method::POST => item.post = Some(operation),
        Method::DELETE => item.delete = Some(operation),
        _ => item.get = Some(operation),
    }
}

fn operation(endpoint: &Endpoint, is_open: bool) -> Operation {
    let Described { tag, summary, about, parameters, body, answers } = operations::describe(endpoint.operation);
    let mut operation = OperationBuilder::new()
        .operation_id(Some(endpoint.operation))
        .tag(tag)
        .summary(Some(summary))
        .request_body(body)
        .responses(answers::all(endpoint, answers));
    if !about.is_empty() {
        operation = operation.description(Some(about));
    }
    let in_path = endpoint.path.contains('{').then(|| parameters::in_path(endpoint.path));
    for parameter in in_path.into_iter().chain(parameters) {
        operation = operation.parameter(parameter);
    }
    let scopes: Vec<&str> = match endpoint.needs {
        Needs::Nothing => return operation.securities(Some([])).build(),
        Needs::Caller => Vec::new(),
        Needs::Scopes(scopes) => scopes.iter().map(|scope| scope.name()).collect(),
    };
    let open = is_open.then(SecurityRequirement::default);
    let known = [BEARER, SESSION].map(|scheme| SecurityRequirement::new(scheme, scopes.iter().copied()));
    operation.securities(Some(open.into_iter().chain(known))).build()
}

fn components() -> Components {
    let mut components = Components::new();
    let mut schemas: Vec<(String, RefOr<Schema>)> = Vec::new();
    let mut add = |name: String, schema: RefOr<Schema>, more: fn(&mut Vec<(String, RefOr<Schema>)>)| {
        schemas.push((name, schema));
        more(&mut schemas);
    };
    macro_rules! answers {
        ($($Type:ty),+ $(,)?) => {
            $(add(<$Type as ToSchema>::name().into_owned(), <$Type as PartialSchema>::schema(), <$Type as ToSchema>::schemas);)+
        };
    }
    answers!(
        Problem,
        Step,
        BatchAnswer,
        Deployment,
        DeploymentDetail,
        Comparison,
        Expected,
        RemovedDeployment,
        RemovedNote,
        Reset,
        StatsAnswer,
        TrendAnswer,
        CheckAnswer,
        Projection,
        TokenList,
        CreatedToken,
        CurrentCaller,
    );
    schemas.push(("Count".to_owned(), count().into()));
    schemas.push(("Scope".to_owned(), Scope::schema()));
    components.schemas.extend(schemas);
    components.schemas.extend(sent_names());
    components.schemas.extend(bodies::schemas());
    components.schemas.extend(answers::rows());
    components.responses.extend(answers::problem_responses());
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    bearer.description = Some(
        "A token of this server (steps token create), or one of a configured issuer of OpenID Connect. A requirement names the \
         scopes that it must have."
            .to_owned(),
    );
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    let about = "The cookie of POST /login, which browsers keep; without TLS its name is steps-session. It permits what its token does";
    let cookie = ApiKeyValue::with_description("__Host-steps-session", about);
    components.add_security_scheme(SESSION, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    components
}

/// How many rows there are.
fn count() -> ObjectBuilder {
    ObjectBuilder::new()
        .property("count", integer(0, i64::MAX).description(Some("How many")))
        .property(
            "exact",
            boolean().description(Some("Whether the server counted to the end; else there are at least so many")),
        )
        .required("count")
        .required("exact")
        .description(Some("How many rows a filter finds"))
}

/// A word that says how the server is.
pub(super) fn state(word: &'static str) -> ObjectBuilder {
    ObjectBuilder::new().property("status", text().enum_values(Some([word]))).required("status")
}

#[cfg(test)]
mod tests;
