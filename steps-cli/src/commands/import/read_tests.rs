use chrono_tz::Tz;

use super::*;

fn begin(format: FileFormat, text: impl AsRef<[u8]>) -> Result<Rows, String> {
    let columns = Columns::new(Vec::new(), Tz::UTC).unwrap();
    Rows::begin(format, Box::new(io::Cursor::new(text.as_ref().to_vec())), columns, false)
}

fn all(format: FileFormat, text: impl AsRef<[u8]>) -> Vec<(u64, Result<String, String>)> {
    let mut rows = begin(format, text).unwrap();
    let mut found = Vec::new();
    while let Some((place, row)) = rows.next().unwrap() {
        found.push((place.line, row.map(|step| step.status.to_string())));
    }
    found
}

#[test]
fn bad_lines_stand_alone_and_are_numbered_as_an_editor_does() {
    let rows = all(
        FileFormat::Csv,
        b"component,version,owner,status,ts\r\n\
            c,1,o,one,2026-01-05 09:30:00\r\n\
            \r\n\
            c,1,o,\"two\nlines\",2026-01-05 09:30:00\r\n\
            c,1,o,ragged\r\n\
            c,1,\xFF,bytes,2026-01-05 09:30:00\r\n\
            c,1,o,last,2026-01-05 09:30:00",
    );
    let lines: Vec<_> = rows.iter().map(|(line, row)| (*line, row.is_ok())).collect();
    assert_eq!(lines, [(2, true), (4, false), (6, false), (7, false), (8, true)], "{rows:?}");
    assert_eq!(rows[2].1, Err("has 4 fields, but the header has 5".to_owned()));
    assert_eq!(rows[3].1, Err("owner is not UTF-8".to_owned()));
}

#[test]
fn an_empty_file_has_no_header() {
    assert!(begin(FileFormat::Csv, "").err().unwrap().contains("empty"));
}

#[test]
fn semicolons_and_tabs() {
    for separator in [";", "\t"] {
        let text = "component,version,owner,status,ts\nc,1,o,one,2026-01-05 09:30\n".replace(',', separator);
        assert_eq!(all(FileFormat::Csv, text), [(2, Ok("one".to_owned()))]);
    }
}

#[test]
fn json_lines_ignore_what_is_derived() {
    let text = "{\"component\":\"c\",\"version\":\"1\",\"owner\":\"o\",\"status\":\"one\",\
            \"ts\":\"2026-01-05T09:30:00Z\",\"run\":null,\"duration_seconds\":1.5,\"deployment_id\":7}\n\
            \n\
            {\"component\":\"c\"\n\
            {\"component\":1}\n\
            {\"component\":[1]}\n";
    let rows = all(FileFormat::Jsonl, text);
    assert_eq!(rows[0], (1, Ok("one".to_owned())));
    assert_eq!((rows[1].0, rows[2].0, rows.len()), (3, 4, 4));
    assert!(rows[1].1.as_ref().unwrap_err().contains("is not a JSON object"));
    assert!(rows[2].1.as_ref().unwrap_err().contains("Missing version parameter"));
    assert!(rows[3].1.as_ref().unwrap_err().contains("component must be a text or a number"));
}

#[test]
fn json_documents_name_line_and_element() {
    let step = |more: &str| format!("{{\"component\":\"c\",\"version\":1.10,\"owner\":\"o\",\"status\":\"s\",{more}}}");
    let text =
        format!("{{\"steps\":[\n{},{},\n7,{}]}}", step("\"ts\":1767605400"), step("\"run\":1"), step("\"steps\":3"));
    let mut rows = begin(FileFormat::Json, text).unwrap();
    let mut found = Vec::new();
    while let Some((place, row)) = rows.next().unwrap() {
        found.push(format!("{place} {}", row.map_or_else(|error| error, |step| step.version.to_string())));
    }
    assert_eq!(found[..2], ["2: step 1: 1.10", "2: step 2: ts is missing, and no time is guessed"]);
    assert!(found[2].starts_with("3: step 3: is not a JSON object"), "{found:?}");
    assert_eq!(found[3], "3: step 4: steps is of a list of deployments; a list of steps is read");
}

#[test]
fn json_lines_of_spans_have_truth_values_and_numbers() {
    let line = |more: &str| {
        let line = format!(
            "{{\"component\":\"c\",\"version\":\"1\",\"owner\":\"o\",\"status\":\"s\",\
                \"ts\":\"2026-01-05T09:30:00Z\",\"ended_at\":\"2026-01-05T09:31:00Z\",\"duration_seconds\":60,{more}}}"
        );
        let mut columns = Columns::new(Vec::new(), Tz::UTC).unwrap();
        json_step(line.as_bytes(), &mut columns).map(|step| (step.span, step.finish.is_some()))
    };
    assert_eq!(line("\"span\":true,\"outcome\":\"failed\",\"exit_code\":3"), Ok((true, true)));
    assert_eq!(line("\"span\":true,\"outcome\":\"unfinished\",\"exit_code\":null"), Ok((true, false)));
    assert_eq!(line("\"span\":false,\"outcome\":null,\"exit_code\":null"), Ok((false, false)));
}

fn ids(rows: &[(&str, u32)]) -> Vec<(String, String)> {
    let mut text = "component,version,owner,status,ts\n".to_owned();
    for (status, second) in rows {
        let row = if *status == "bad" {
            "c,1,o\n".to_owned()
        } else {
            format!("c,1,o,{status},2026-01-05 09:30:{second:02}\n")
        };
        text.push_str(&row);
    }
    let mut rows = Numbered::new(begin(FileFormat::Csv, text).unwrap());
    let mut found = Vec::new();
    while let Some((_, row)) = rows.next().unwrap() {
        let row = row.map(|step| (step.id.unwrap().to_string(), step.status.to_string()));
        found.push(row.unwrap_or_else(|_| (String::new(), "bad".to_owned())));
    }
    found
}

#[test]
fn a_file_that_begins_with_the_newest_gives_the_same_ids() {
    let mut rows = [("a", 1), ("b", 1), ("c", 2), ("d", 2), ("e", 2), ("f", 3)];
    let forward = ids(&rows);
    assert!(forward.is_sorted(), "{forward:?}");
    rows.reverse();
    let mut backward = ids(&rows);
    assert_eq!(
        backward.iter().map(|(_, status)| status.as_str()).collect::<String>(),
        "fedcba",
        "the order of the file"
    );
    backward.reverse();
    assert_eq!(backward, forward);
    let with_a_bad_line = ids(&[("f", 3), ("e", 2), ("d", 2), ("bad", 0), ("c", 2), ("b", 1), ("a", 1)]);
    assert!(forward.iter().all(|row| with_a_bad_line.contains(row)), "{with_a_bad_line:?}");
    // In no order: that of the file.
    let mixed = ids(&[("x", 3), ("a", 1), ("b", 1), ("y", 2)]);
    assert!(mixed[1] < mixed[2]);
}

#[test]
fn batches_are_limited() {
    let mut text = b"component,version,owner,status,ts,colour\n".to_vec();
    for row in 0..2500 {
        text.extend_from_slice(format!("c,1,o,s{row},2026-01-05 09:30:00,red\n").as_bytes());
    }
    let (sender, mut receiver) = mpsc::channel(10);
    send(Numbered::new(begin(FileFormat::Csv, text).unwrap()), &sender);
    drop(sender);
    let mut sizes = Vec::new();
    while let Some(batch) = receiver.blocking_recv() {
        let batch = batch.unwrap();
        assert_eq!(batch.body.split(|byte| *byte == b'\n').count(), batch.places.len() + 1);
        sizes.push((batch.places.len(), batch.last_line, batch.notes.len()));
    }
    assert_eq!(sizes, [(1000, 1001, 1), (1000, 2001, 0), (500, 2501, 0)]);
}

#[test]
fn a_row_and_its_reason_have_limits() {
    let long = "x".repeat(MAX_ROW_BYTES - 100);
    let rows = all(FileFormat::Jsonl, format!("{{\"component\":\"{long}\"}}\n"));
    let reason = rows[0].1.as_ref().unwrap_err();
    assert!(reason.chars().count() <= MAX_REASON + 1, "{reason}");
    let mut rows = begin(FileFormat::Jsonl, format!("\n{{\"a\":\"{long}{long}\"}}")).unwrap();
    assert_eq!(rows.next().unwrap_err().to_string(), "line 2 is longer than 1 MiB");
}
