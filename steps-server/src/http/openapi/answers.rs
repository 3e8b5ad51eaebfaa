//! The answers: what each endpoint says when it does what is asked, and every way in which it does not.

use steps_shared::openapi::{boolean, id, nullable, number, step_member, text};
use steps_shared::{DeploymentColumn, ListFormat, NoteColumn, Resource, Step, StepColumn};
use utoipa::PartialSchema;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::response::{Response, ResponseBuilder, Responses};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaFormat};
use utoipa::openapi::{Content, KnownFormat, Ref, RefOr, Schema};
use warp::http::Method;

use super::super::endpoints::Endpoint;
use super::super::needs::Needs;

/// The media type of errors.
const PROBLEM: &str = "application/problem+json";

/// An answer in one of the formats of a list. `json` is the schema of its JSON, `row` that of a line of JSONL.
pub fn list(about: &str, json: impl Into<RefOr<Schema>>) -> ResponseBuilder {
    let [csv, json_type, jsonl, xlsx] =
        [ListFormat::Csv, ListFormat::Json, ListFormat::Jsonl, ListFormat::Xlsx].map(ListFormat::media_type);
    let binary = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
    let csv = csv.split(';').next().unwrap_or_default();
    ResponseBuilder::new()
        .description(about)
        .content(csv, Content::new(Some(text().description(Some("RFC 4180, with a header")))))
        .content(json_type, Content::new(Some(json)))
        .content(jsonl, Content::new(Some(text().description(Some("One JSON object a line")))))
        .content(xlsx, Content::new(Some(binary)))
}

/// An answer that is one JSON document of this schema.
pub fn json(about: &str, schema: &str) -> ResponseBuilder {
    of(about, Ref::from_schema_name(schema))
}

/// The same of a schema that has no name.
pub fn of(about: &str, schema: impl Into<RefOr<Schema>>) -> ResponseBuilder {
    ResponseBuilder::new().description(about).content("application/json", Content::new(Some(schema)))
}

/// An answer that sends a browser on.
pub fn elsewhere(about: &str) -> ResponseBuilder {
    ResponseBuilder::new().description(about).header("Location", header(text(), "The path"))
}

/// The header with the cookie of a session.
pub fn cookie() -> Header {
    header(text(), "The session: HttpOnly, SameSite=Strict, and over TLS Secure")
}

/// A page or a text.
pub fn page(about: &str, media_type: &str) -> ResponseBuilder {
    ResponseBuilder::new().description(about).content(media_type, Content::new(Some(text())))
}

/// The document of a list: its name, and rows of this schema.
pub fn rows_of<R: Resource>(row: &str) -> ObjectBuilder {
    let rows = ArrayBuilder::new().items(Ref::from_schema_name(row));
    ObjectBuilder::new().property(R::NAME, rows).required(R::NAME)
}

/// A recorded step, and what can be asked of it. A deployment has the identity of its first step.
pub fn recorded(about: &str) -> ResponseBuilder {
    json(about, "Step")
        .header("Location", header(text(), "The path of the step"))
        .link("step", by_id("get_step"))
        .link("finish", by_id("finish_step"))
        .link("deployment", by_id("get_deployment"))
        .link("exclude", by_id("exclude_deployment"))
        .link("include", by_id("include_deployment"))
}

/// A recorded note, and what can be asked of it.
pub fn noted(about: &str) -> ResponseBuilder {
    json(about, "Note").link("remove", by_id("remove_note"))
}

/// The operation on what has just been made.
pub fn by_id(operation: &str) -> Link {
    LinkBuilder::new().operation_id(operation).parameter("id", "$response.body#/id").build()
}

fn header(schema: ObjectBuilder, about: &str) -> Header {
    HeaderBuilder::new().schema(Some(schema)).description(Some(about)).build()
}

/// The rows of lists, of which `columns` may choose some members.
pub fn rows() -> [(String, RefOr<Schema>); 3] {
    let mut step =
        ObjectBuilder::new().description(Some("A step of a list, with all its members, or those of columns"));
    for column in StepColumn::ALL {
        step = step.property(column.name(), step_member(*column));
    }
    let mut deployment =
        ObjectBuilder::new().description(Some("A deployment of a list, with all its members, or those of columns"));
    for column in DeploymentColumn::ALL {
        deployment = deployment.property(column.name(), deployment_member(*column));
    }
    let mut note =
        ObjectBuilder::new().description(Some("A note of a list, with all its members, or those of columns"));
    for column in NoteColumn::ALL {
        note = note.property(column.name(), note_member(*column));
    }
    let rows: [(&str, RefOr<Schema>); 3] =
        [("StepRow", step.into()), ("DeploymentRow", deployment.into()), ("NoteRow", note.into())];
    rows.map(|(name, schema)| (name.to_owned(), schema))
}

fn note_member(column: NoteColumn) -> RefOr<Schema> {
    use steps_shared::{Component, Environment, NoteText, Owner, Timestamp};
    match column {
        NoteColumn::At | NoteColumn::RecordedAt => Timestamp::schema(),
        NoteColumn::Until => nullable(Timestamp::schema()).into(),
        NoteColumn::Component => Component::schema(),
        NoteColumn::Environment => nullable(Environment::schema()).into(),
        NoteColumn::Text => NoteText::schema(),
        NoteColumn::Owner => Owner::schema(),
        NoteColumn::Id => id().into(),
    }
}

fn deployment_member(column: DeploymentColumn) -> RefOr<Schema> {
    use steps_shared::{DeploymentOutcome, Duration, Retry, Timestamp};
    let as_step = |column| step_member(column);
    match column {
        DeploymentColumn::Component => as_step(StepColumn::Component),
        DeploymentColumn::Version => as_step(StepColumn::Version),
        DeploymentColumn::Owner => as_step(StepColumn::Owner),
        DeploymentColumn::Environment => as_step(StepColumn::Environment),
        DeploymentColumn::Status => as_step(StepColumn::Status),
        DeploymentColumn::Run => as_step(StepColumn::Run),
        DeploymentColumn::Attempt => as_step(StepColumn::Attempt),
        DeploymentColumn::StartedAt => Timestamp::schema(),
        DeploymentColumn::EndedAt => nullable(Timestamp::schema()).into(),
        DeploymentColumn::Outcome => DeploymentOutcome::schema(),
        DeploymentColumn::Retry => nullable(Retry::schema()).into(),
        DeploymentColumn::Steps => number().into(),
        DeploymentColumn::Id => id().into(),
        DeploymentColumn::ClocksDiffer | DeploymentColumn::LooksConcurrent => boolean().into(),
        DeploymentColumn::Excluded => nullable(text()).into(),
        DeploymentColumn::DurationSeconds
        | DeploymentColumn::WorkSeconds
        | DeploymentColumn::WaitingSeconds
        | DeploymentColumn::GapSeconds => nullable(Duration::schema()).into(),
    }
}

/// The step alone, as its own JSON, or with the columns that were chosen.
pub fn one_step() -> Schema {
    steps_shared::openapi::either([Step::schema(), RefOr::Ref(Ref::from_schema_name("StepRow"))].map(|schema| {
        match schema {
            RefOr::T(schema) => schema,
            RefOr::Ref(reference) => utoipa::openapi::schema::AllOfBuilder::new().item(reference).build().into(),
        }
    }))
}

/// All answers of an endpoint: those of success, and the problems that it may have.
pub fn all(endpoint: &Endpoint, successes: Vec<(u16, ResponseBuilder)>) -> Responses {
    let mut responses = Responses::new();
    let mut add =
        |status: u16, response: Response| drop(responses.responses.insert(status.to_string(), response.into()));
    for (status, response) in successes {
        add(status, with_headers(response).build());
    }
    for status in problems(endpoint) {
        responses.responses.insert(status.to_string(), RefOr::Ref(Ref::from_response_name(problem_name(status))));
    }
    responses
}

fn problem_name(status: u16) -> String {
    format!("Problem{status}")
}

/// The answers that are problems, by their names.
pub fn problem_responses() -> impl Iterator<Item = (String, RefOr<Response>)> {
    PROBLEMS.iter().map(|(status, about)| {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        let mut response = with_headers(ResponseBuilder::new().description(*about).content(PROBLEM, problem));
        if matches!(status, 429 | 503) {
            let seconds = steps_shared::openapi::integer(0, i64::MAX);
            response = response.header("Retry-After", header(seconds, "In how many seconds to try again"));
        }
        if *status == 401 {
            response = response.header("WWW-Authenticate", header(text(), "Bearer (RFC 6750)"));
        }
        (problem_name(*status), response.into())
    })
}

/// Every problem, by its status.
const PROBLEMS: [(u16, &str); 14] = [
    (400, "A parameter, a field or the body is wrong; every wrong one is named"),
    (401, "A token is needed, or the one that was sent is not accepted"),
    (403, "The token lacks a scope, or may not see or record this"),
    (404, "There is none with this id"),
    (408, "The body did not arrive in time"),
    (409, "Something else is recorded under the same identity or name; of a comparison, one of both has no duration"),
    (413, "The body is too large"),
    (414, "The address of the request is too long"),
    (415, "The body is of another type, or compressed"),
    (421, "A server without tokens answers only to names of its own machine"),
    (429, "Too many requests, or too many wrong tokens"),
    (431, "The head of the request is too large"),
    (500, "A fault of the server"),
    (503, "The server is busy, stops, or its database does not answer; nothing was recorded"),
];

/// What every answer has.
fn with_headers(response: ResponseBuilder) -> ResponseBuilder {
    response.header("X-Request-Id", header(text().min_length(Some(1)), "The id of the request, as in the server's log"))
}

/// The statuses of the problems that an endpoint may have.
fn problems(endpoint: &Endpoint) -> Vec<u16> {
    let mut problems = vec![414, 431];
    if endpoint.needs == Needs::Nothing && endpoint.method == Method::POST {
        problems.extend([400, 401, 403, 408, 413, 415, 429, 500, 503]);
        return problems;
    }
    if endpoint.needs == Needs::Nothing {
        problems.extend((endpoint.path == "/readyz").then_some(503));
        problems.extend(endpoint.path.contains('{').then_some([400, 404, 500, 503]).into_iter().flatten());
        return problems;
    }
    problems.extend([400, 401, 403, 421, 429, 500, 503]);
    problems.extend(endpoint.path.contains('{').then_some(404));
    problems.extend(endpoint.path.ends_with("/compare").then_some(409));
    if endpoint.method == Method::POST {
        problems.extend([408, 409, 413, 415]);
    }
    problems
}
