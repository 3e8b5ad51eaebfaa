//! Traces: a span for each request, within that of its caller (`traceparent`, W3C Trace Context), and one for each phase of it.

use std::time::{Duration, Instant};

use steps_shared::Timestamp;
use tokio::sync::mpsc;
use warp::http::{HeaderMap, HeaderName, Method, StatusCode};

use crate::app::Phase;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Operations that machines ask for all the time.
const UNTRACED: [&str; 3] = ["get_health", "get_readiness", "get_metrics"];

/// A span that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Of which trace.
    pub trace: u128,
    /// Its own id.
    pub id: u64,
    /// Within which span.
    pub parent: Option<u64>,
    /// What it is of.
    pub what: What,
    /// When it began.
    pub began: Timestamp,
    /// How long it took.
    pub took: Duration,
}

/// What a span is of.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A request.
    Request(RequestSpan),
    /// A phase of one.
    Phase(Phase),
}

/// What is told of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestSpan {
    /// Its method.
    pub method: Method,
    /// Its path, with names for what it holds.
    pub route: &'static str,
    /// The name of its operation; empty where there is none.
    pub operation: &'static str,
    /// Its id, as in the log.
    pub id: String,
    /// The status of the answer.
    pub status: StatusCode,
}

/// Hands spans on to who exports them.
#[derive(Debug)]
pub struct Traces {
    spans: mpsc::Sender<Span>,
    /// Of the traces that begin here, the share that is told.
    ratio: f64,
    now: fn() -> Timestamp,
}

/// A request that is traced.
#[derive(Debug)]
pub struct Trace {
    trace: u128,
    id: u64,
    parent: Option<u64>,
    began: (Timestamp, Instant),
}

impl Traces {
    /// Hands spans on to `spans`; those that find no room in it are left out.
    pub fn new(spans: mpsc::Sender<Span>, ratio: f64, now: fn() -> Timestamp) -> Self {
        Self { spans, ratio, now }
    }

    /// Begins to trace a request for an operation, where it is to be: as its caller has decided, else by the ratio.
    pub fn begin(&self, headers: &HeaderMap, operation: &str) -> Option<Trace> {
        if UNTRACED.contains(&operation) {
            return None;
        }
        let given = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(parse);
        let (trace, parent) = match given {
            Some((_, _, false)) => return None,
            Some((trace, parent, true)) => (trace, Some(parent)),
            None => {
                let low = random()?;
                if !is_within(low, self.ratio) {
                    return None;
                }
                (u128::from(random()?) << 64 | u128::from(low), None)
            }
        };
        Some(Trace { trace, id: random()?, parent, began: ((self.now)(), Instant::now()) })
    }

    /// Ends it.
    pub fn end(&self, trace: Trace, request: RequestSpan, phases: Vec<Phase>) {
        let Trace { trace, id, parent, began: (began, instant) } = trace;
        let after = |since: Instant| i64::try_from(since.duration_since(instant).as_micros()).unwrap_or_default();
        let took = instant.elapsed();
        let own = Span { trace, id, parent, what: What::Request(request), began, took };
        let phases = phases.into_iter().filter_map(|phase| {
            let began = Timestamp::saturating_from_micros(began.micros().saturating_add(after(phase.began)));
            let what = What::Phase(phase);
            Some(Span { trace, id: random()?, parent: Some(id), what, began, took: phase.took })
        });
        for span in std::iter::once(own).chain(phases) {
            // Without room it is left out: nothing waits for a collector. The exporter says that it does not answer.
            if self.spans.try_send(span).is_err() {
                return;
            }
        }
    }
}

/// None but 0, which is no id.
fn random() -> Option<u64> {
    getrandom::u64().ok().filter(|id| *id != 0)
}

/// Whether a trace is told, by the lower half of its id: so whoever has the same ratio decides alike.
fn is_within(low: u64, ratio: f64) -> bool {
    // The higher 53 bits are as many as a float has.
    ratio >= 1.0 || ((low >> 11) as f64) < ratio * (1_u64 << 53) as f64
}

/// The trace, the span and whether it is told, of `00-TRACE-SPAN-FLAGS`. A later version may have more behind these.
fn parse(text: &str) -> Option<(u128, u64, bool)> {
    let mut parts = text.split('-');
    let mut hex = |digits: usize| {
        let part = parts.next()?;
        let is_hex = part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_hex.then_some(part)
    };
    let (version, trace, span, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
    let trace = u128::from_str_radix(trace, 16).ok().filter(|trace| *trace != 0)?;
    let span = u64::from_str_radix(span, 16).ok().filter(|span| *span != 0)?;
    let flags = u8::from_str_radix(flags, 16).ok()?;
    let is_known = version != "ff" && (version != "00" || parts.next().is_none());
    is_known.then_some((trace, span, flags & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_read_as_trace_context_says() {
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        let read = |text: &str| parse(text).map(|(trace, span, told)| format!("{trace:032x} {span:016x} {told}"));
        assert_eq!(read(&format!("00-{trace}-{span}-01")), Some(format!("{trace} {span} true")));
        assert_eq!(read(&format!("00-{trace}-{span}-02")), Some(format!("{trace} {span} false")));
        assert_eq!(read(&format!("cc-{trace}-{span}-01-more")), Some(format!("{trace} {span} true")));
        for wrong in [
            String::new(),
            "x".repeat(1000),
            format!("00-{trace}-{span}"),
            format!("00-{trace}-{span}-01-more"),
            format!("ff-{trace}-{span}-01"),
            format!("00-{}-{span}-01", trace.to_uppercase()),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-+{}-{span}-01", &trace[1..]),
        ] {
            assert_eq!(read(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_ratio_tells_its_share() {
        assert!(is_within(u64::MAX, 1.0) && !is_within(0, 0.0) && is_within(0, 0.001));
        let told = (0..1024_u64).filter(|nth| is_within(nth << 54, 0.25)).count();
        assert_eq!(told, 256);
    }
}
