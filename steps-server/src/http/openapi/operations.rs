//! Each operation: what it does, what it is given, what it answers.

use steps_shared::{
    CheckQuery, ComparisonQuery, Deployment, DeploymentColumn, DeploymentFilter, DeploymentQuery, EventFilter,
    EventQuery, Filter as _, GroupBy, Note, NoteColumn, NoteFilter, NoteQuery, ProjectionQuery, StatsQuery, Step,
    StepColumn, StepFilter, StepQuery, TrendQuery,
};
use utoipa::openapi::path::Parameter;
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::response::ResponseBuilder;

use super::super::query::PARAMETERS_OF_ONE;
use super::{answers, bodies, parameters, state};

/// The groups of operations.
pub const TAGS: [(&str, &str); 6] = [
    ("Recording", "What happens is recorded, and never changed"),
    ("Reading", "Lists, and single steps and deployments"),
    ("Telling", "Statistics, trends and checks"),
    ("Tokens", "Who may do what"),
    ("Sessions", "How a page keeps who has signed in"),
    ("Server", "How the server is, and what it can do"),
];

/// An operation in words and schemas.
#[derive(Default)]
pub struct Described {
    pub tag: &'static str,
    pub summary: &'static str,
    pub about: &'static str,
    pub parameters: Vec<Parameter>,
    pub body: Option<RequestBody>,
    pub answers: Vec<(u16, ResponseBuilder)>,
}

fn recording(summary: &'static str, about: &'static str, body: RequestBody) -> Described {
    Described { tag: "Recording", summary, about, body: Some(body), ..Described::default() }
}

fn of(tag: &'static str, summary: &'static str, parameters: Vec<Parameter>, answer: ResponseBuilder) -> Described {
    Described { tag, summary, parameters, answers: vec![(200, answer)], ..Described::default() }
}

fn answering(described: Described, answers: impl IntoIterator<Item = (u16, ResponseBuilder)>) -> Described {
    Described { answers: answers.into_iter().collect(), ..described }
}

/// Describes an operation of the table of endpoints. One that is not known is described by nothing; a test finds it.
pub fn describe(operation: &str) -> Described {
    let steps = parameters::names(StepColumn::ALL);
    let deployments = parameters::names(DeploymentColumn::ALL);
    match operation {
        "record_step" => answering(
            recording(
                "Record a step",
                "The same id with the same content again changes nothing, and is answered 200.",
                bodies::json("NewStep"),
            ),
            [(201, answers::recorded("It is recorded now")), (200, answers::recorded("It was recorded before"))],
        ),
        "record_batch" => answering(
            recording(
                "Record many steps",
                "Each is recorded or refused by itself; the answer tells what became of each.",
                bodies::batch(),
            ),
            [(200, answers::json("What became of each", "BatchAnswer"))],
        ),
        "finish_step" => answering(
            recording(
                "Record the end of a span",
                "An end never changes: another one is answered 409.",
                bodies::json("NewFinish"),
            ),
            [(200, answers::json("The step with its end", "Step"))],
        ),
        "exclude_deployment" => answering(
            recording(
                "Leave a deployment out of every figure",
                "It stays, and is listed and shown with the reason.",
                bodies::json("NewExclusion"),
            ),
            [(200, answers::json("The deployment", "Deployment"))],
        ),
        "include_deployment" => answering(
            recording("Take an exclusion back", "", bodies::json("NewInclusion")),
            [(200, answers::json("The deployment", "Deployment"))],
        ),
        "record_note" => answering(
            recording(
                "Record a note",
                "It marks a moment or a span of a component on its pictures. The same id with the same content again changes nothing, \
                 and is answered 200.",
                bodies::json("NewNote"),
            ),
            [(201, answers::noted("It is recorded now")), (200, answers::noted("It was recorded before"))],
        ),
        "remove_note" => answering(
            Described { tag: "Recording", summary: "Remove a note", ..Described::default() },
            [(204, ResponseBuilder::new().description("It is on no picture any more"))],
        ),
        "list_notes" => of(
            "Reading",
            "List notes",
            parameters::of(
                NoteFilter::PARAMETERS.iter().copied().chain(NoteQuery::OWN_PARAMETERS),
                &parameters::names(NoteColumn::ALL),
            ),
            answers::list("The notes", answers::rows_of::<Note>("NoteRow")),
        ),
        "count_notes" => of(
            "Reading",
            "Count notes",
            parameters::of(NoteFilter::PARAMETERS.iter().copied(), &[]),
            answers::json("How many", "Count"),
        ),
        "list_steps" => of(
            "Reading",
            "List steps",
            parameters::of(StepFilter::PARAMETERS.iter().copied().chain(StepQuery::OWN_PARAMETERS), &steps),
            answers::list("The steps", answers::rows_of::<Step>("StepRow")),
        ),
        "count_steps" => of(
            "Reading",
            "Count steps",
            parameters::of(StepFilter::PARAMETERS.iter().copied(), &[]),
            answers::json("How many", "Count"),
        ),
        "get_step" => of(
            "Reading",
            "Get a step",
            parameters::of(PARAMETERS_OF_ONE, &steps),
            answers::list("The step", answers::one_step()),
        ),
        "list_deployments" => of(
            "Reading",
            "List deployments",
            parameters::of(
                DeploymentFilter::PARAMETERS.iter().copied().chain(DeploymentQuery::OWN_PARAMETERS),
                &deployments,
            ),
            answers::list("The deployments", answers::rows_of::<Deployment>("DeploymentRow")),
        ),
        "count_deployments" => of(
            "Reading",
            "Count deployments",
            parameters::of(DeploymentFilter::PARAMETERS.iter().copied(), &[]),
            answers::json("How many", "Count"),
        ),
        "get_deployment" => of(
            "Reading",
            "Get a deployment with its steps",
            parameters::of(PARAMETERS_OF_ONE, &steps),
            answers::list(
                "The deployment with its timeline; in the other formats its steps",
                utoipa::openapi::Ref::from_schema_name("DeploymentDetail"),
            ),
        ),
        "get_expected" => of(
            "Telling",
            "How much longer a running deployment takes",
            Vec::new(),
            answers::json("The time left with its range, and what each step does", "Expected"),
        ),
        "compare_deployments" => Described {
            about: "Without another one it is compared with the last successful one before it, of the component in the environment.",
            ..of(
                "Telling",
                "Compare two deployments step by step",
                parameters::of(ComparisonQuery::PARAMETERS, &[]),
                answers::list("A row for each step", utoipa::openapi::Ref::from_schema_name("Comparison")),
            )
        },
        "watch_events" => Described {
            about: "Server-sent events: each has the id to resume from, its name (step, deployment, removed, note, note_removed or \
                reset) and one JSON document. Without an id it begins now. A reset says that something was missed: list what is of interest. \
                Lines that begin with a colon, and ids without data, come while nothing happens. The id may stand in the header \
                Last-Event-ID as well, which is stronger.",
            ..of(
                "Reading",
                "Watch steps and deployments as they happen",
                parameters::of(EventFilter::PARAMETERS.into_iter().chain(EventQuery::OWN_PARAMETERS), &[]),
                answers::page("The events, without an end", "text/event-stream"),
            )
        },
        "get_stats" => of(
            "Telling",
            "Statistics of deployments",
            parameters::of(
                DeploymentFilter::PARAMETERS.iter().copied().chain(StatsQuery::OWN_PARAMETERS),
                &parameters::names(GroupBy::ALL),
            ),
            answers::list("A row for each group", utoipa::openapi::Ref::from_schema_name("StatsAnswer")),
        ),
        "get_trend" => of(
            "Telling",
            "How durations grow, and what makes them",
            parameters::of(TrendQuery::PARAMETERS, &["week"]),
            answers::list("A row for each trend", utoipa::openapi::Ref::from_schema_name("TrendAnswer")),
        ),
        "check_budget" => of(
            "Telling",
            "Whether the newest deployment is within its budget",
            parameters::requiring("component", parameters::of(CheckQuery::PARAMETERS, &[])),
            answers::json("The result of each limit", "CheckAnswer"),
        ),
        "get_projection" => of(
            "Server",
            "How much of what was recorded is not in the deployments yet",
            parameters::of(ProjectionQuery::PARAMETERS, &["change"]),
            answers::json("How many changes wait", "Projection"),
        ),
        "list_tokens" => of("Tokens", "List tokens", Vec::new(), answers::json("Each token, by name", "TokenList")),
        "create_token" => answering(
            Described {
                tag: "Tokens",
                summary: "Make a token",
                about: "Its text is in this answer, and in no other.",
                body: Some(bodies::json("NewToken")),
                ..Described::default()
            },
            [(
                201,
                answers::json("The token with its text", "CreatedToken").link("revoke", answers::by_id("revoke_token")),
            )],
        ),
        "get_caller" => of(
            "Tokens",
            "Whom the server takes the caller for",
            Vec::new(),
            answers::json("The caller", "CurrentCaller"),
        ),
        "revoke_token" => answering(
            Described { tag: "Tokens", summary: "End a token", ..Described::default() },
            [(204, ResponseBuilder::new().description("It is valid no more"))],
        ),
        "login_page" => answering(
            Described {
                tag: "Sessions",
                summary: "A page that asks for a token",
                parameters: vec![parameters::next()],
                ..Described::default()
            },
            [
                (200, answers::page("A page", "text/html")),
                (303, answers::elsewhere("To `next`, for who has a session already")),
            ],
        ),
        "login" => answering(
            Described {
                tag: "Sessions",
                summary: "Exchange a token for a session",
                about: "A session is a cookie that permits what the token does, for twelve hours at most.",
                body: Some(bodies::form_or_json("NewSession")),
                ..Described::default()
            },
            [
                (
                    200,
                    answers::json("The session's cookie, and the caller; to JSON", "CurrentCaller")
                        .header("Set-Cookie", answers::cookie()),
                ),
                (303, answers::elsewhere("The session's cookie; to a form").header("Set-Cookie", answers::cookie())),
            ],
        ),
        "logout" => answering(
            Described { tag: "Sessions", summary: "End a session", ..Described::default() },
            [
                (
                    204,
                    ResponseBuilder::new().description("It is valid no more").header("Set-Cookie", answers::cookie()),
                ),
                (303, answers::elsewhere("The same, to who accepts a page").header("Set-Cookie", answers::cookie())),
            ],
        ),
        "get_badge" => answering(
            Described {
                tag: "Telling",
                summary: "A picture for a README",
                about: "The median of the component's deployments now and how it grows, in words; without a token. Only where the \
                    server has badges of it (--badges); elsewhere it is answered as a path that is not there. With If-None-Match it \
                    is answered 304 where it is the same.",
                parameters: parameters::of(["environment"], &[]),
                ..Described::default()
            },
            [
                (200, answers::page("The badge, which may be kept for five minutes", "image/svg+xml")),
                (304, ResponseBuilder::new().description("It is the one that is known")),
            ],
        ),
        "hello" => of("Server", "A greeting", Vec::new(), answers::page("A line of text", "text/plain")),
        "get_health" => of("Server", "Whether the process lives", Vec::new(), answers::of("It does", state("ok"))),
        "get_readiness" => {
            of("Server", "Whether the server can record", Vec::new(), answers::of("It can", state("ready")))
        }
        "get_metrics" => answering(
            Described {
                tag: "Server",
                summary: "Figures for whoever operates the server",
                about: "Requests, recording, the projection, the database, and the last deployments of at most 200 components and \
                    environments. They are of the whole server, so a token must have no components and no environments.",
                ..Described::default()
            },
            [(200, answers::page("The text format of OpenMetrics", "application/openmetrics-text"))],
        ),
        "get_description" => of(
            "Server",
            "This description",
            Vec::new(),
            answers::of("OpenAPI 3.1", utoipa::openapi::schema::ObjectBuilder::new()),
        ),
        "get_docs" => of("Server", "This description, for people", Vec::new(), answers::page("A page", "text/html")),
        _ => Described::default(),
    }
}
