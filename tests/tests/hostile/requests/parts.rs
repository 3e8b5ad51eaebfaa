//! What requests are made of.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::Value;
use steps_tests::server::Builder;

/// A request, not yet written.
#[derive(Debug, Clone)]
pub struct Hostile {
    /// Which endpoint, unless `place` says it.
    pub endpoint: Index,
    /// The method and the path.
    pub place: Option<(&'static str, &'static str)>,
    /// `None`: the method of the endpoint.
    pub method: Option<&'static str>,
    /// The segment of the path that varies.
    pub id: Vec<u8>,
    pub query: Vec<u8>,
    pub headers: Vec<(&'static str, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// A byte of a URL that ends neither it nor the line.
fn in_url(byte: u8) -> bool {
    byte > b' ' && byte != 0x7f
}

fn percent_encoded(text: &[u8]) -> Vec<u8> {
    let encode =
        |byte: &u8| if byte.is_ascii_alphanumeric() { vec![*byte] } else { format!("%{byte:02X}").into_bytes() };
    text.iter().flat_map(encode).collect()
}

/// Every name of a parameter and of a member that the server describes, and some that mean nothing.
static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let description: Value = serde_json::from_str(&Builder::bare().run("openapi").ok()).expect("it is JSON");
    let mut names: BTreeSet<String> = ["component[]", "", "__proto__"].map(str::to_owned).into();
    add_names(&description, &mut names);
    assert!(["start_datetime", "min_change", "with", "reason"].iter().all(|name| names.contains(*name)), "{names:?}");
    names.into_iter().collect()
});

/// Adds the names of parameters, which have a place, and of the members of objects.
fn add_names(described: &Value, names: &mut BTreeSet<String>) {
    if let (Some(name), Some(_)) = (described["name"].as_str(), described["in"].as_str()) {
        names.insert(name.to_owned());
    }
    if let Some(members) = described["properties"].as_object() {
        names.extend(members.keys().cloned());
    }
    match described {
        Value::Array(parts) => parts.iter().for_each(|part| add_names(part, names)),
        Value::Object(parts) => parts.values().for_each(|part| add_names(part, names)),
        _ => {}
    }
}

/// Values that mean something somewhere, and what attackers try.
const VALUES: &[&str] = &[
    "checkout",
    "1",
    "ann",
    "started",
    "succeeded",
    "failed",
    "production",
    "asc",
    "desc",
    "csv",
    "json",
    "jsonl",
    "xlsx",
    "true",
    "false",
    "component",
    "status",
    "owner",
    "environment",
    "day",
    "week",
    "month",
    "sprint",
    "component,week",
    "component,status,day",
    "day,week,month",
    "2026-01-05T09:30:00Z",
    "2026-01-05",
    "2026-01-05 09:30:00",
    "1970-01-01",
    "0000-00-00",
    "9999-12-31T23:59:59Z",
    "-262144-01-01T00:00:00Z",
    "1767605400",
    "90d",
    "1y",
    "10m",
    "1s",
    "0s",
    "292277026596y",
    "18446744073709551615s",
    "p0",
    "p95",
    "p100",
    "median",
    "20%",
    "-1%",
    "1e309%",
    "5%/week",
    "NaN",
    "Infinity",
    "1e308",
    "-0",
    "0",
    "-1",
    "18446744073709551616",
    "9223372036854775807",
    "Europe/Berlin",
    "UTC",
    "../../etc/passwd",
    "' OR 1=1 --",
    "\" OR \"\"=\"",
    "1; DROP TABLE steps",
    "<script>alert(1)</script>",
    "%00",
    "\0",
    "\u{202e}",
    "\u{feff}",
    "💥",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "=cmd|' /C calc'!A0",
    "\r\nX: y",
];

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => select(VALUES).prop_map(|value| value.as_bytes().to_vec()),
        2 => any::<String>().prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..40),
        1 => (select(VALUES), 1..2000_usize).prop_map(|(value, times)| value.repeat(times).into_bytes()[..].iter().copied().take(20_000).collect()),
    ]
}

fn pairs() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![9 => select(NAMES.as_slice()).prop_map(String::into_bytes), 1 => text()];
    vec((name, text()), 0..8).prop_map(|pairs| {
        let pairs = pairs.iter().map(|(name, value)| [percent_encoded(name), percent_encoded(value)].join(&b'='));
        pairs.collect::<Vec<_>>().join(&b'&')
    })
}

fn query() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![8 => pairs(), 1 => vec(any::<u8>().prop_filter("a URL", |byte| in_url(*byte)), 0..200)]
}

fn json() -> impl Strategy<Value = Value> {
    let text = text().prop_map(|text| Value::from(String::from_utf8_lossy(&text).into_owned()));
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from)
    ];
    let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number, text];
    leaf.prop_recursive(4, 64, 8, |inner| {
        let name = prop_oneof![select(NAMES.as_slice()), any::<String>()];
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((name, inner), 0..8).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A step that is right but for some of its fields.
fn almost_a_step() -> impl Strategy<Value = Value> {
    vec((select(NAMES.as_slice()), json()), 0..3).prop_map(|changes| {
        let mut step = serde_json::json!({"component": "c", "version": "1", "owner": "o", "status": "s"});
        changes.into_iter().for_each(|(name, value)| step[name] = value);
        step
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let of_json = |value: Value| value.to_string().into_bytes();
    prop_oneof![
        3 => Just(Vec::new()),
        3 => almost_a_step().prop_map(of_json),
        2 => vec(almost_a_step(), 0..5).prop_map(|steps| Value::from(steps).to_string().into_bytes()),
        2 => vec(almost_a_step(), 0..5).prop_map(|steps| steps.iter().map(|step| format!("{step}\n")).collect::<String>().into_bytes()),
        2 => json().prop_map(of_json),
        2 => pairs(),
        1 => vec(any::<u8>(), 0..300),
        1 => (1..3000_usize, select(vec!["[", "{\"a\":", "\"", "é", "\n", "\0"])).prop_map(|(times, text)| text.repeat(times).into_bytes()),
    ]
}

fn header() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let content_types = select(vec![
        "application/json",
        "application/x-www-form-urlencoded",
        "application/x-ndjson",
        "text/plain",
        "multipart/form-data",
        "application/json; charset=utf-16",
    ]);
    let names = select(vec![
        "Accept",
        "Accept-Encoding",
        "Accept-Language",
        "Authorization",
        "Content-Encoding",
        "Content-Type",
        "Cookie",
        "Expect",
        "Forwarded",
        "If-Match",
        "If-Modified-Since",
        "If-None-Match",
        "Origin",
        "Range",
        "Referer",
        "TE",
        "Upgrade",
        "User-Agent",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-HTTP-Method-Override",
        "X-Request-Id",
        "X-Whatever",
    ]);
    let value = prop_oneof![
        3 => text(),
        1 => select(vec!["*/*", "text/csv;q=0.5,*;q=0", "bytes=0-", "gzip", "identity", "100-continue", "websocket", "h2c", "null", "Bearer steps_x"])
            .prop_map(|value| value.as_bytes().to_vec()),
    ];
    // A header ends with its line.
    let value =
        value.prop_map(|value| value.into_iter().filter(|byte| *byte >= b' ' && *byte != 0x7f).take(4000).collect());
    prop_oneof![
        1 => content_types.prop_map(|value| ("Content-Type", value.as_bytes().to_vec())),
        1 => (names, value),
    ]
}

/// A request at any endpoint.
pub fn hostile() -> impl Strategy<Value = Hostile> {
    let methods =
        select(vec!["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"]);
    let method = prop_oneof![5 => Just(None), 1 => methods.prop_map(Some)];
    let id = prop_oneof![
        Just(b"0197a000-0000-7000-8000-000000000001".to_vec()),
        any::<u128>().prop_map(|id| uuid::Uuid::from_u128(id).to_string().into_bytes()),
        text().prop_map(|text| percent_encoded(&text)),
        vec(any::<u8>().prop_filter("a URL", |byte| in_url(*byte)), 1..20),
    ];
    let anywhere = (any::<Index>(), method, id, query(), vec(header(), 0..4), body()).prop_map(
        |(endpoint, method, id, query, headers, body)| Hostile {
            endpoint,
            place: None,
            method,
            id,
            query,
            headers,
            body,
        },
    );
    prop_oneof![4 => anywhere, 1 => recording()]
}

/// A request to record that is right but for some of it.
fn recording() -> impl Strategy<Value = Hostile> {
    let json = almost_a_step().prop_map(|step| ("/v1/steps", "application/json", step.to_string()));
    let lines = vec(almost_a_step(), 1..5).prop_map(|steps| {
        let lines = steps.iter().map(|step| format!("{step}\n")).collect();
        ("/v1/steps/batch", "application/x-ndjson", lines)
    });
    let query = prop_oneof![3 => Just(Vec::new()), 1 => pairs()];
    (any::<Index>(), prop_oneof![json, lines], query, vec(header(), 0..2)).prop_map(
        |(endpoint, (path, media_type, body), query, mut headers)| {
            headers.retain(|(name, _)| *name != "Content-Type");
            headers.push(("Content-Type", media_type.as_bytes().to_vec()));
            let (place, body) = (Some(("POST", path)), body.into_bytes());
            Hostile { endpoint, place, method: None, id: Vec::new(), query, headers, body }
        },
    )
}
