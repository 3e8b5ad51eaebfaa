//! Made-up inputs for whole minutes: `make security` runs these. No reader may panic, hang or lose its place.

use std::io::{Seek as _, Write as _};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Tries inputs until the time is over that `STEPS_CAMPAIGN_SECONDS` gives.
pub fn campaign<S: Strategy>(name: &str, inputs: S, check: impl Fn(S::Value)) {
    let seconds = std::env::var("STEPS_CAMPAIGN_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(5);
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < Duration::from_secs(seconds) {
        let config = Config { cases: 500, failure_persistence: None, ..Config::default() };
        let tried = TestRunner::new(config).run(&inputs, |input| {
            check(input);
            Ok(())
        });
        tried.unwrap_or_else(|error| panic!("{name}: {error}"));
        count += 500;
    }
    println!("campaign: {count} {name}");
}

/// Bytes that are nearly a file of rows, and any others.
fn files() -> impl Strategy<Value = Vec<u8>> {
    let csv = "(component|version|owner|status|ts|id|span|outcome|ended_at|x|\"|,|;|\t|\n|\r|=|'|[0-9]|\u{feff}){0,60}";
    let json = "(\\{|\\}|\\[|\\]|\"component\":|\"status\":|\"ts\":|\"steps\":|\"x\"|,|:|[0-9]|null|\n|\\\\u[0-9a-f]{4}){0,60}";
    let rows = "component,version,owner,status,ts\r?\n(([a-z'\"=]{0,4},){4}[0-9TZ:. -]{0,24}\r?\n){0,6}";
    prop_oneof![
        csv.prop_map(String::into_bytes),
        json.prop_map(String::into_bytes),
        rows.prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..300),
    ]
}

#[test]
#[ignore = "takes minutes"]
fn campaign_of_imports() {
    campaign("files to import", (files(), 0..3_usize, any::<bool>()), |(bytes, format, is_safe)| {
        crate::commands::import::read_whatever_it_is(&bytes, format, is_safe);
    });
}

#[test]
#[ignore = "takes minutes"]
fn campaign_of_spool_entries() {
    let line = prop_oneof![
        "[0-9a-f]{8} \\{\"queued_at\":[0-9]{1,20},\"step\":\\{(\"(age|id|ts|status)\":(\"[a-z0-9]{0,8}\"|[0-9.e+-]{1,12}),?){0,4}\\}\\}\n"
            .prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..200),
    ];
    campaign("spool entries", (proptest::collection::vec(line, 0..6), any::<bool>()), |(lines, right)| {
        // With their own checksum, so that more than the first bytes is read.
        let lines = lines.into_iter().map(|line| match (right, line.get(9..)) {
            (true, Some(json)) => {
                let json = json.strip_suffix(b"\n").unwrap_or(json);
                [format!("{:08x} ", crc32fast::hash(json)).as_bytes(), json, b"\n"].concat()
            }
            _ => line,
        });
        crate::delivery::read_whatever_it_is(&lines.collect::<Vec<_>>().concat());
    });
}

/// A file with this content, from its beginning.
pub fn file(content: &[u8]) -> std::fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    file
}
