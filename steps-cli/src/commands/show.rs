//! `steps show`.

use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Value, json};
use steps_shared::view::expected::left;
use steps_shared::view::timeline::timeline;
use steps_shared::{
    Deployment, DeploymentColumn, DeploymentDetail, DeploymentFilter, DeploymentOutcome, DeploymentQuery, Environment,
    Expected, IdPrefix, ListFormat, Order, StepColumn, StepFilter, StepId, Version,
};
use tokio::time::Instant;

use super::{listing, nothing, setup};
use crate::client::{Client, MAX_DOCUMENT, block_on, clock};
use crate::delivery::deliver_first;
use crate::error::{Error, NEXT_SENTENCE};
use crate::flags::{ConnectionFlags, check_safe};
use crate::terminal::canvas::{Canvas, Glyphs};
use crate::terminal::destination::Destination;
use crate::terminal::export::export;
use crate::terminal::painted::Painted;
use crate::terminal::{self, markdown, text, timeline::draw};

/// How wide a timeline of Markdown is, in characters: pages show so many beside each other.
const MARKDOWN_WIDTH: u16 = 100;

/// The flags of `steps show`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  steps show checkout               # the newest deployment of checkout
  steps show checkout 4.2.0 --environment staging
  steps show 0197a000-0000-7000-8000-000000000001
  steps show checkout --format csv  # its steps
  steps show checkout --left        # how much longer it takes

Each step has a bar to scale, its time, its share of the whole, and its usual time: the median of the last 20 \
successful deployments of the component in that environment. ▲ marks what took more than 1.5 times that, and a second \
longer. Steps within another one are indented, and ∥ marks \
those at the same time as others; '(gap)' is where none was open. Work, waiting (only statuses such as approval \
were open) and gaps add up to the duration.

How much longer a running deployment takes is told by the last 50 successful ones before it, in which step it is, and how long \
that has lasted: half of all take less than the time left, and four of five end within the range."
)]
pub struct Args {
    /// A deployment's id, or the first eight digits of it and more; or a component: then its newest deployment
    #[arg(value_name = "DEPLOYMENT-ID|COMPONENT")]
    what: String,
    /// The newest deployment of this version
    #[arg(value_name = "VERSION")]
    version: Option<Version>,
    /// The newest deployment in this environment
    #[arg(long, value_name = "NAME")]
    environment: Option<Environment>,
    /// Only how much longer it takes, in one line; with --format json as a document
    #[arg(long)]
    left: bool,
    /// How it is written [default: a table on a terminal, csv in a pipe]
    #[arg(long, value_name = "FORMAT")]
    format: Option<ShowFormat>,
    /// Of CSV: an apostrophe before each text that a spreadsheet would run as a formula
    #[arg(long)]
    safe: bool,
    /// Draw with ASCII characters only, as where the locale is not UTF-8
    #[arg(long)]
    ascii: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ShowFormat {
    /// A timeline to read
    Table,
    /// The same as a block of Markdown
    Markdown,
    /// The deployment with its steps, as one document
    Json,
    /// Its steps
    Csv,
}

/// Shows a deployment.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let Args { what, version, environment, left: is_left, format, safe, ascii } = args;
    let wanted = match (what.parse(), &version, &environment) {
        (Ok(prefix), None, None) => Wanted::new(&what, Some(prefix), DeploymentFilter::default())?,
        _ => {
            let base = StepFilter { version, environment, ..StepFilter::default() };
            Wanted::new(&what, None, DeploymentFilter { base, ..DeploymentFilter::default() })?
        }
    };
    let settings = setup::settings(connection)?;
    let (client, spool) = (setup::client(&settings)?, setup::spool(&settings)?);
    if is_left && matches!(format, Some(ShowFormat::Csv)) {
        return Err(Error::Usage("--left is a line, or --format json".to_owned()));
    }
    let default = if is_left || terminal::is_terminal() { ShowFormat::Table } else { ShowFormat::Csv };
    let format = format.unwrap_or(default);
    check_safe(safe, matches!(format, ShowFormat::Csv))?;
    block_on(async {
        if let Some(spool) = &spool {
            // What was just recorded is to be shown.
            deliver_first(spool, &client, Instant::now() + client.timeout()).await.iter().for_each(terminal::note);
        }
        let id = wanted.find(&client).await?;
        match format {
            _ if is_left => show_left(&client.expected(id).await?, format, Canvas::of_output(ascii)),
            ShowFormat::Table => show(&client, id, Canvas::of_output(ascii)).await,
            ShowFormat::Markdown => show(&client, id, Canvas::of_format(true, ascii)).await,
            ShowFormat::Json => document(&client, id).await,
            ShowFormat::Csv => steps(&client, id, ListFormat::Csv, safe).await,
        }
    })
}

/// A deployment as it is named: by its id or the beginning of it, or by its component.
#[derive(Debug)]
pub(super) enum Wanted {
    Id(StepId),
    /// The newest of the component; where there is none, the one whose id begins so.
    Newest(Box<DeploymentFilter>, Option<IdPrefix>),
}

impl Wanted {
    /// # Errors
    /// The text is neither.
    pub(super) fn new(text: &str, prefix: Option<IdPrefix>, mut filter: DeploymentFilter) -> Result<Self, Error> {
        if let Some(id) = prefix.and_then(|prefix| prefix.whole()) {
            return Ok(Self::Id(id));
        }
        let component = text.parse().map_err(|error| Error::Usage(format!("the component {error}")))?;
        filter.base.component = Some(component);
        Ok(Self::Newest(filter.into(), prefix))
    }

    /// Asks the server which one it is.
    pub(super) async fn find(self, client: &Client) -> Result<StepId, Error> {
        match self {
            Self::Id(id) => Ok(id),
            Self::Newest(filter, None) => newest(client, *filter).await,
            Self::Newest(filter, Some(prefix)) => match newest_of(client, &filter).await? {
                Some(id) => Ok(id),
                None => client.deployment_id(prefix).await,
            },
        }
    }
}

async fn newest_of(client: &Client, filter: &DeploymentFilter) -> Result<Option<StepId>, Error> {
    let query = DeploymentQuery {
        filter: filter.clone(),
        order: Order::Descending,
        limit: Some(1),
        columns: Vec::<DeploymentColumn>::new(),
        format: Some(ListFormat::Jsonl),
        safe: false,
    };
    let found: Vec<Deployment> = listing::rows(client, client.list(&query).await?, 1).await?;
    Ok(found.first().map(|deployment| deployment.id))
}

/// The id of the newest deployment of the filter.
async fn newest(client: &Client, filter: DeploymentFilter) -> Result<StepId, Error> {
    if let Some(id) = newest_of(client, &filter).await? {
        return Ok(id);
    }
    let StepFilter { component, version, environment, .. } = filter.base.clone();
    let lists =
        component.as_ref().map(|component| format!("; 'steps deployments --component {component}' lists others"));
    let is_narrow = version.is_some() || environment.is_some();
    let names = [component.map(|name| name.to_string()), version.map(|name| name.to_string())];
    let names: Vec<_> = names.into_iter().flatten().collect();
    let place = environment.map(|environment| format!(" in {environment}")).unwrap_or_default();
    let mut told = vec![format!("there is no deployment of {}{place}", names.join(" "))];
    let unknown = nothing::never_recorded(client, &filter.base).await;
    if let Some(lists) = lists.filter(|_| is_narrow && unknown.is_empty()) {
        told[0] += &lists;
    }
    told.extend(unknown);
    Err(Error::Refused(told.join(NEXT_SENTENCE)))
}

/// In one line, or as a document.
fn show_left(expected: &Expected, format: ShowFormat, canvas: Canvas) -> Result<(), Error> {
    if let ShowFormat::Json = format {
        return print(expected);
    }
    terminal::show(Painted::lines([text::line(&left(expected), canvas.glyphs)]))
}

async fn steps(client: &Client, id: StepId, format: ListFormat, safe: bool) -> Result<(), Error> {
    let response = client.one::<DeploymentFilter>(id, format, safe, &[] as &[StepColumn]).await?;
    export(client, response, format, Destination::open(None)?).await.map(drop)
}

async fn show(client: &Client, id: StepId, canvas: Canvas) -> Result<(), Error> {
    let response = client.one::<DeploymentFilter>(id, ListFormat::Json, false, &[] as &[StepColumn]).await?;
    let now = clock(&response);
    let detail: DeploymentDetail = listing::one(client, response).await?;
    let expected = match detail.deployment.outcome {
        DeploymentOutcome::Running => expected(client, id).await?,
        _ => None,
    };
    let timeline = timeline(&detail, now).expecting(expected.as_ref());
    if canvas.is_markdown() {
        let canvas = Canvas { fit: Some(MARKDOWN_WIDTH), glyphs: Glyphs::Unicode };
        return terminal::show(markdown::block(&draw(&timeline, canvas)));
    }
    terminal::show(draw(&timeline, canvas))
}

/// The answer of the server; of a running deployment with `expected`.
async fn document(client: &Client, id: StepId) -> Result<(), Error> {
    let response = client.one::<DeploymentFilter>(id, ListFormat::Json, false, &[] as &[StepColumn]).await?;
    let body = client.body(response);
    body.expect_list(ListFormat::Json)?;
    let text = body.document(MAX_DOCUMENT).await?;
    let mut answer: serde_json::Map<String, Value> = serde_json::from_slice(&text).map_err(listing::unreadable)?;
    if answer.get("outcome").and_then(Value::as_str) != Some(DeploymentOutcome::Running.name()) {
        return terminal::print_data(&text, ListFormat::Json);
    }
    answer.insert("expected".to_owned(), json!(expected(client, id).await?));
    print(&answer)
}

/// How much longer a deployment takes; none of a server from before it told that.
async fn expected(client: &Client, id: StepId) -> Result<Option<Expected>, Error> {
    match client.expected(id).await {
        Ok(expected) => Ok(Some(expected)),
        Err(Error::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn print(document: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_vec_pretty(document);
    let mut text = text.map_err(|error| Error::Failed(format!("cannot be written as JSON: {error}")))?;
    text.push(b'\n');
    terminal::print_data(&text, ListFormat::Json)
}
