//! The benchmark: `steps` beside the tools it is to be measured with, on one machine in one run.
//!
//! Each case is a file with a function that returns its [`Figure`]s; they are printed as a table as soon as
//! they are measured.

mod ask;
mod before;
#[path = "../../calibration.rs"]
mod calibration;
mod eta;
mod events;
mod export;
mod fold;
mod machine;
mod page;
mod post;
mod record;
mod spool;
mod stream;
mod token;
mod tools;
mod trend;

use anyhow::{Context, bail, ensure};
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;

use crate::before::Before;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Seconds of load, for each measurement.
    pub seconds: u64,
    /// Measurements of each thing, in turn with what it is compared with.
    pub rounds: usize,
    /// Pairs of commands.
    pub pairs: usize,
    /// Rows of an export, and steps of an import.
    pub rows: usize,
    /// Steps of the history that is asked about; `BENCH_STEPS` says another number.
    pub steps: u64,
}

/// One line of the table.
#[derive(Debug)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// How `steps` did.
    pub steps: String,
    /// How the other tool did.
    pub beside: String,
    /// `steps` in terms of the other tool.
    pub ratio: String,
    /// What is to be reached, and whether it is.
    pub target: Option<(&'static str, bool)>,
}

/// What is measured without arguments, in this order.
const CASES: [&str; 12] =
    ["record", "spool", "post", "token", "export", "fold", "stream", "ask", "trend", "page", "eta", "events"];

fn main() -> anyhow::Result<()> {
    let full = Size { seconds: 6, rounds: 3, pairs: 200, rows: 1_000_000, steps: 10_000_000 };
    let quick = Size { seconds: 1, rounds: 1, pairs: 20, rows: 20_000, steps: 60_000 };
    let is_quick = std::env::var_os("BENCH_QUICK").is_some_and(|value| !value.is_empty());
    let mut size = if is_quick { quick } else { full };
    if let Ok(steps) = std::env::var("BENCH_STEPS") {
        size.steps = steps.parse().context("BENCH_STEPS is a number")?;
    }

    let mut cases: Vec<String> = std::env::args().skip(1).collect();
    if cases.is_empty() {
        cases = CASES.map(str::to_owned).to_vec();
    }
    let before = std::env::var_os("BENCH_BEFORE").filter(|file| !file.is_empty()).map(|file| {
        let output = std::fs::read_to_string(&file).with_context(|| file.display().to_string());
        output.map(|output| Before::read(&output))
    });
    let before = before.transpose()?;
    println!("{}", machine::speed()?);
    let mut failed = Vec::new();
    for case in &cases {
        eprintln!("measuring: {case}");
        let measured = match case.as_str() {
            "post" => post::measure(size),
            "token" => token::measure(size),
            "record" => record::measure(size),
            "spool" => spool::measure(size),
            "export" => export::measure(size),
            "fold" => fold::measure(size),
            "stream" => stream::measure(size),
            "ask" => ask::measure(size),
            "trend" => trend::measure(size),
            "page" => page::measure(size),
            "eta" => eta::measure(size),
            "events" => events::measure(size),
            other => bail!("no case {other:?}; there are {}", CASES.join(", ")),
        };
        // What has been measured stays, whatever fails after it.
        match measured {
            Ok(figures) => println!("{}", table(&figures, before.as_ref())),
            Err(error) => {
                eprintln!("{case}: {error:#}");
                failed.push(case.as_str());
            }
        }
    }
    if is_quick {
        println!("BENCH_QUICK: too short for figures to rely on.");
    }
    ensure!(failed.is_empty(), "not measured: {}", failed.join(", "));
    Ok(())
}

fn table(figures: &[Figure], before: Option<&Before>) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    let mut header = vec!["what", "steps", "beside it", "ratio", "target", ""];
    if before.is_some() {
        header.extend(["before", "now / before"]);
    }
    table.set_header(header);
    for Figure { what, steps, beside, ratio, target } in figures {
        let (target, met) = match target {
            Some((target, true)) => (*target, "reached"),
            Some((target, false)) => (*target, "MISSED"),
            None => ("", ""),
        };
        let mut row = [what, steps, beside, ratio, target, met].map(str::to_owned).to_vec();
        if let Some(before) = before {
            row.extend(<[String; 2]>::from(before.beside(what, steps)));
        }
        table.add_row(row);
    }
    table
}
