//! `steps compare`.

use steps_shared::view::comparison::{sentence, table};
use steps_shared::{
    Comparison, ComparisonQuery, DeploymentFilter, Duration, Environment, IdPrefix, ListFormat, StepFilter, StepId,
};

use super::show::Wanted;
use super::{listing, setup};
use crate::client::{Client, block_on};
use crate::error::Error;
use crate::flags::{ConnectionFlags, OutputFlags};
use crate::terminal::canvas::Canvas;
use crate::terminal::destination::Destination;
use crate::terminal::export::export;
use crate::terminal::painted::Painted;
use crate::terminal::table::lay_out;
use crate::terminal::{self, text};

/// The flags of `steps compare`.
#[derive(Debug, clap::Args)]
#[command(
    disable_version_flag = true,
    after_help = "\
Examples:
  steps compare checkout  # the newest with the last successful one before it
  steps compare 0197a000-0000-7000-8000-000000000001
  steps compare 0197a000-0000-7000 0197a000-0000-7001
  steps compare checkout --format csv

Each instant counts for the step that the deployment waited for: of those that were open, the one that ended last. So the \
parts add up to the whole deployment, and their differences to the whole difference, exactly in csv and json. A step that \
others ran beside, and that nobody waited for, has 0. '(gaps)' is where none was open. All steps of one name count together."
)]
pub struct Args {
    /// A deployment's id, or the first eight digits of it and more; or a component: then its newest deployment that has ended
    #[arg(value_name = "DEPLOYMENT-ID|COMPONENT")]
    what: String,
    /// The one to compare with [default: the last successful one before it, of the component in the environment]
    #[arg(value_name = "DEPLOYMENT-ID|COMPONENT")]
    with: Option<String>,
    /// The newest deployment in this environment
    #[arg(long, value_name = "NAME")]
    environment: Option<Environment>,
    #[command(flatten)]
    output: OutputFlags,
}

/// Compares deployments.
pub fn run(args: Args, connection: &ConnectionFlags) -> Result<(), Error> {
    let Args { what, with, environment, output: place } = args;
    let format = place.choose()?;
    let settings = setup::settings(connection)?;
    let client = setup::client(&settings)?;
    block_on(async {
        let id = id_of(&client, &what, environment.as_ref()).await?;
        let with = match with {
            Some(with) => Some(id_of(&client, &with, environment.as_ref()).await?),
            None => None,
        };
        let query = ComparisonQuery {
            with: with.map(IdPrefix::from),
            format: Some(format.unwrap_or(ListFormat::Json)),
            safe: place.safe,
        };
        let Some(format) = format else {
            let comparison: Comparison = listing::one(&client, client.compare(id, &query).await?).await?;
            return show(&comparison, Canvas::of_format(place.is_markdown(), false));
        };
        let destination = Destination::open(place.path())?;
        export(&client, client.compare(id, &query).await?, format, destination).await.map(drop)
    })
}

/// The deployment whose id this is or begins, or the newest of a component that has ended.
async fn id_of(client: &Client, what: &str, environment: Option<&Environment>) -> Result<StepId, Error> {
    let base = StepFilter { environment: environment.cloned(), ..StepFilter::default() };
    let filter = DeploymentFilter { base, min_duration: Some(Duration::default()), ..DeploymentFilter::default() };
    Wanted::new(what, what.parse().ok(), filter)?.find(client).await
}

fn show(comparison: &Comparison, canvas: Canvas) -> Result<(), Error> {
    let told = Painted::lines(text::lines(&sentence(comparison), canvas));
    terminal::show(Painted::paragraphs([told, lay_out(&table(comparison), canvas)]))
}
