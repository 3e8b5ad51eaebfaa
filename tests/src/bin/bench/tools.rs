//! Running other programs, and small statistics.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use futures_util::future::join_all;
use serde_json::Value;
use steps_tests::Server;
use steps_tests::faults::PrivateDatabase;

/// The middle of some numbers; the mean of the two in the middle of an even number of them.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => f64::midpoint(numbers[middle - 1], numbers[middle]),
        _ => numbers[middle],
    }
}

/// The number below which a share of the numbers lies; the nearest of them.
pub fn percentile(mut numbers: Vec<f64>, share: f64) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let last = numbers.len().saturating_sub(1);
    numbers.get((share * last as f64).ceil() as usize).copied().unwrap_or(f64::NAN)
}

/// What a program prints; one that fails is an error with what it said.
pub fn output_of(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{command:?} does not start"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}: {said}", output.status);
    String::from_utf8(output.stdout).with_context(|| format!("{command:?} prints no UTF-8"))
}

/// A MariaDB client program, connected to the server of a `mysql://root@HOST:PORT/…` URL.
pub fn mariadb(program: &str, url: &str) -> anyhow::Result<Command> {
    let url = reqwest::Url::parse(url)?;
    let mut command = Command::new(program);
    command.args(["--no-defaults", "--protocol=tcp", "--user=root"]);
    command.arg(format!("--host={}", url.host_str().context("a host")?));
    command.arg(format!("--port={}", url.port().context("a port")?));
    Ok(command)
}

/// What a statement answers, without a header.
pub fn query(url: &str, statement: &str) -> anyhow::Result<String> {
    output_of(mariadb("mariadb", url)?.args(["--batch", "--skip-column-names", &database(url), "-e", statement]))
}

/// The name of the database in a URL.
pub fn database(url: &str) -> String {
    let path = url.rsplit('/').next().unwrap_or_default();
    path.split('?').next().unwrap_or_default().to_owned()
}

/// Which database this is measured on.
pub fn product() -> &'static str {
    PrivateDatabase::product()
}

/// A duration in milliseconds, for a table.
pub fn ms(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

/// Records these steps; an error, with what was refused, unless all of them are new.
pub async fn record_all(server: &Server, steps: &[Value]) -> anyhow::Result<()> {
    let answer = server.batch(steps).await;
    ensure!(answer.recorded == steps.len() as u64, "of {} steps not all were recorded: {answer:?}", steps.len());
    Ok(())
}

/// Steps that several clients record at the same time for so long, each with a pause after each: how many milliseconds each took. A client
/// has a component and a version.
pub async fn record_together(
    server: &Server,
    clients: &[(String, String)],
    pause: Duration,
    time: Duration,
) -> anyhow::Result<Vec<f64>> {
    let start = Instant::now();
    let clients = clients.iter().map(|(component, version)| async move {
        let mut took = Vec::new();
        while start.elapsed() < time {
            let began = Instant::now();
            let fields = [("component", &**component), ("version", version), ("owner", "ann"), ("status", "building")];
            let answer = server.record(&fields).await;
            ensure!(answer.status == 201, "{}", answer.text());
            took.push(began.elapsed().as_secs_f64() * 1e3);
            tokio::time::sleep(pause).await;
        }
        Ok(took)
    });
    let took: Vec<Vec<f64>> = join_all(clients).await.into_iter().collect::<anyhow::Result<_>>()?;
    Ok(took.concat())
}
