//! Exporting traces to a collector: OTLP over HTTP, as JSON (`ExportTraceServiceRequest` of opentelemetry-proto 1).
//!
//! The libraries of OpenTelemetry for this are fifteen crates more to compile, generated code of its protocol among them, and a layer
//! that every span of the log would pass. What is sent is the few objects below.

use std::env;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Url, redirect};
use serde_json::{Value, json};
use steps_shared::{Timestamp, innermost};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::settings::Settings;
use crate::app::Phase;
use crate::http::{RequestSpan, Span, Traces, What};

/// Spans that wait to be sent; more are left out.
const WAITING: usize = 8192;
/// Spans that are sent together.
const BATCH: usize = 512;
/// How long the first of them waits for others.
const COLLECT: Duration = Duration::from_secs(1);
/// How long a collector may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Pauses between tries; after the last, what was to be sent is given up.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];
/// How long the last spans may take at the end.
const LAST: Duration = Duration::from_secs(1);

/// Sends spans until it is told to finish.
#[derive(Debug)]
pub struct Exporter {
    finish: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Where spans are sent, and what all of them have in common.
struct Target {
    client: reqwest::Client,
    url: Url,
    resource: Value,
    /// Whether the last try has failed.
    is_failing: bool,
}

/// Starts to export where a collector is named: by the settings, or by OpenTelemetry's own variables.
///
/// # Errors
/// The address or a variable cannot be understood.
pub fn start(settings: &Settings, now: fn() -> Timestamp) -> anyhow::Result<Option<(Traces, Exporter)>> {
    let Some(url) = endpoint(settings.otlp_endpoint.as_deref())? else { return Ok(None) };
    // Another one may be installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut client = reqwest::Client::builder()
        .user_agent(concat!("steps-server/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .default_headers(headers()?)
        .timeout(TIMEOUT);
    if url.scheme() == "http" {
        // Nothing is sent over TLS.
        client = client.tls_certs_only([]);
    }
    tracing::info!(collector = %shown(&url), "traces are exported");
    let target = Target { client: client.build()?, url, resource: resource(), is_failing: false };
    let (sender, spans) = mpsc::channel(WAITING);
    let (finish, finished) = oneshot::channel();
    let task = tokio::spawn(export(target, spans, finished));
    Ok(Some((Traces::new(sender, ratio()?, now), Exporter { finish, task })))
}

/// Looks whether what [`start`] reads can be understood.
///
/// # Errors
/// The address or a variable cannot.
pub fn check(given: Option<&str>) -> anyhow::Result<()> {
    if endpoint(given)?.is_some() {
        headers().and(ratio())?;
    }
    Ok(())
}

impl Exporter {
    /// Sends what waits, and ends.
    pub async fn finish(self) {
        // It may have ended.
        let _ = self.finish.send(());
        let _: Result<_, _> = timeout(LAST, self.task).await;
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// Where traces are sent: `/v1/traces` below the address of a collector, or the address that is for traces alone.
fn endpoint(given: Option<&str>) -> anyhow::Result<Option<Url>> {
    let parse = |name: &str, text: &str| {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.ok_or_else(|| {
            anyhow::anyhow!("{name}: {text:?} is not the address of a collector; write http://localhost:4318")
        })
    };
    let below = |name: &str, text: &str| {
        let mut url = parse(name, text)?;
        let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
        url.set_path(&path);
        Ok(Some(url))
    };
    if let Some(text) = given {
        return below("--otlp-endpoint", text);
    }
    let is_off = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || variable("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
    if is_off {
        return Ok(None);
    }
    let (traces, all) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT");
    match (variable(traces), variable(all)) {
        (Some(text), _) => parse(traces, &text).map(Some),
        (None, Some(text)) => below(all, &text),
        (None, None) => Ok(None),
    }
}

/// `OTEL_EXPORTER_OTLP_HEADERS`: `name=value,…`, percent-encoded, such as a token for the collector.
fn headers() -> anyhow::Result<HeaderMap> {
    let name = "OTEL_EXPORTER_OTLP_HEADERS";
    let mut headers = HeaderMap::new();
    for (key, value) in pairs(&variable(name).unwrap_or_default()) {
        // A value may be a secret, so that none is shown.
        let wrong = || anyhow::anyhow!("{name}: what it says of {key:?} is not a header");
        let key = HeaderName::try_from(&key).map_err(|_| wrong())?;
        let mut value = HeaderValue::try_from(value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

/// `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`.
fn resource() -> Value {
    let name = variable("OTEL_SERVICE_NAME").unwrap_or_else(|| "steps-server".to_owned());
    let given = pairs(&variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default());
    let own = [("service.name", name), ("service.version", env!("CARGO_PKG_VERSION").to_owned())];
    let own = own.map(|(key, value)| (key.to_owned(), value));
    let is_own = |key: &str| own.iter().any(|(known, _)| known == key);
    let attributes: Vec<Value> =
        own.iter().chain(given.iter().filter(|(key, _)| !is_own(key))).map(|(key, value)| text(key, value)).collect();
    json!({"attributes": attributes})
}

/// `OTEL_TRACES_SAMPLER` and its argument: the share of the traces that begin here which is told, 1 unless said.
fn ratio() -> anyhow::Result<f64> {
    match variable("OTEL_TRACES_SAMPLER").as_deref() {
        None | Some("always_on" | "parentbased_always_on") => Ok(1.0),
        Some("always_off" | "parentbased_always_off") => Ok(0.0),
        Some("traceidratio" | "parentbased_traceidratio") => {
            let text = variable("OTEL_TRACES_SAMPLER_ARG").unwrap_or_else(|| "1".to_owned());
            let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
            ratio.ok_or_else(|| anyhow::anyhow!("OTEL_TRACES_SAMPLER_ARG: {text:?} is not a share from 0 to 1"))
        }
        Some(other) => {
            anyhow::bail!("OTEL_TRACES_SAMPLER: {other:?} is none that is known; write parentbased_traceidratio")
        }
    }
}

/// `key=value,…` with percent-encoded values.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8_lossy().into_owned();
        Some((key.trim().to_owned(), value))
    };
    text.split(',').filter_map(pair).collect()
}

/// The address without a password.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // It has a host, so it can have none of these.
    let _: Result<(), ()> = url.set_password(None).and_then(|()| url.set_username(""));
    url.set_query(None);
    url.into()
}

async fn export(mut target: Target, mut spans: mpsc::Receiver<Span>, mut finish: oneshot::Receiver<()>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut is_last = false;
    while !is_last {
        let collect = async {
            let mut more = spans.recv_many(&mut batch, BATCH).await > 0;
            let fill = async {
                while more && batch.len() < BATCH {
                    more = spans.recv_many(&mut batch, BATCH).await > 0;
                }
            };
            let _: Result<(), _> = timeout(COLLECT, fill).await;
            more
        };
        tokio::select! {
            more = collect => is_last = !more,
            _ = &mut finish => is_last = true,
        }
        while is_last && let Ok(span) = spans.try_recv() {
            batch.push(span);
        }
        if !batch.is_empty() {
            target.send(&batch).await;
            batch.clear();
        }
    }
}

/// Why spans were not taken.
struct Failed {
    error: String,
    /// Trying again may help.
    may_pass: bool,
}

impl Target {
    /// Sends spans. What the collector does not take is given up, and that is said once.
    async fn send(&mut self, spans: &[Span]) {
        let body = request(&self.resource, spans).to_string();
        let mut pauses = PAUSES.iter();
        let error = loop {
            let Err(failed) = self.post(body.clone()).await else { break None };
            match pauses.next().filter(|_| failed.may_pass && !self.is_failing) {
                Some(pause) => sleep(*pause).await,
                None => break Some(failed.error),
            }
        };
        let has_failed = std::mem::replace(&mut self.is_failing, error.is_some());
        match error {
            None if has_failed => tracing::info!("the collector takes traces again"),
            None => {}
            Some(error) if has_failed => tracing::debug!(%error, spans = spans.len(), "traces were given up"),
            Some(error) => {
                tracing::warn!(%error, spans = spans.len(), "the collector does not take traces; they are given up until it does");
            }
        }
    }

    async fn post(&self, body: String) -> Result<(), Failed> {
        let post = self.client.post(self.url.clone()).header("content-type", "application/json").body(body);
        let failed = |error: reqwest::Error| Failed { error: innermost(&error), may_pass: true };
        let status = post.send().await.map_err(failed)?.status();
        // Those after which OTLP says to try again.
        let may_pass = matches!(status.as_u16(), 429 | 502 | 503 | 504);
        if status.is_success() { Ok(()) } else { Err(Failed { error: format!("it answers {status}"), may_pass }) }
    }
}

/// An `ExportTraceServiceRequest`. Ids are hexadecimal, and 64-bit numbers are texts, as OTLP's JSON wants them.
fn request(resource: &Value, spans: &[Span]) -> Value {
    let spans: Vec<Value> = spans.iter().map(span).collect();
    let scope = json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": spans}]}]})
}

fn span(span: &Span) -> Value {
    /// `SPAN_KIND_INTERNAL`, `SPAN_KIND_SERVER` and `STATUS_CODE_ERROR`.
    const INTERNAL: u8 = 1;
    const SERVER: u8 = 2;
    const ERROR: u8 = 2;
    let Span { trace, id, parent, what, began, took } = span;
    let began = i128::from(began.micros()) * 1000;
    let ended = began + i128::try_from(took.as_nanos()).unwrap_or_default();
    let (name, kind, attributes, has_failed) = match what {
        What::Request(RequestSpan { method, route, operation, id, status }) => {
            let attributes = vec![
                text("http.request.method", method.as_str()),
                text("http.route", route),
                json!({"key": "http.response.status_code", "value": {"intValue": status.as_u16().to_string()}}),
                text("steps.operation", operation),
                text("steps.request_id", id),
            ];
            (format!("{method} {route}"), SERVER, attributes, status.is_server_error())
        }
        What::Phase(Phase { name, has_failed, .. }) => ((*name).to_owned(), INTERNAL, Vec::new(), *has_failed),
    };
    let mut told = json!({
        "traceId": format!("{trace:032x}"), "spanId": format!("{id:016x}"), "name": name, "kind": kind,
        "startTimeUnixNano": began.to_string(), "endTimeUnixNano": ended.to_string(), "attributes": attributes,
    });
    if let Some(parent) = parent {
        told["parentSpanId"] = format!("{parent:016x}").into();
    }
    if has_failed {
        told["status"] = json!({"code": ERROR});
    }
    told
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_go_below_the_address_of_the_collector() {
        let of =
            |text: &str| endpoint(Some(text)).map(|url| url.unwrap().to_string()).map_err(|error| error.to_string());
        assert_eq!(of("http://localhost:4318").unwrap(), "http://localhost:4318/v1/traces");
        assert_eq!(of("https://otel.example.com/base/").unwrap(), "https://otel.example.com/base/v1/traces");
        for wrong in ["", "localhost:4318", "grpc://localhost:4317", "http://"] {
            assert!(of(wrong).unwrap_err().contains("write http://localhost:4318"), "{wrong}");
        }
    }

    #[test]
    fn pairs_are_percent_encoded() {
        let read = pairs("Authorization=Bearer%20a%3Db, x-tenant = acme ,nothing,");
        let expected = [("Authorization", "Bearer a=b"), ("x-tenant", "acme")];
        assert_eq!(read, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }
}
