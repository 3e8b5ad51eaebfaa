//! The columns of an import, and how a row of them becomes a step.

use steps_shared::{FieldError, FieldErrors, ImportIds, NewStep, TimeError, TimeInterval, nearest};

/// The columns that a file may have.
pub const COLUMNS: [&str; 14] = [
    "component",
    "version",
    "owner",
    "status",
    "ts",
    "environment",
    "run",
    "attempt",
    "id",
    "started_at",
    "span",
    "outcome",
    "ended_at",
    "exit_code",
];

/// The columns of an export that are ignored, because the server derives them again.
pub const DERIVED: [&str; 3] = ["duration_seconds", "deployment_id", "result"];

/// The end of a step: recorded for spans that have ended, derived for all others.
const END: [&str; 3] = ["outcome", "ended_at", "exit_code"];

/// Reads a CSV header: the name of each column, or `None` for one that is ignored.
///
/// # Errors
/// Everything that is wrong with it, in one sentence.
pub fn header(names: impl IntoIterator<Item = String>) -> Result<Vec<Option<&'static str>>, String> {
    let mut wrong = Vec::new();
    let mut columns: Vec<Option<&'static str>> = Vec::new();
    for name in names {
        let name = name.trim().to_ascii_lowercase();
        if DERIVED.contains(&name.as_str()) {
            columns.push(None);
            continue;
        }
        match COLUMNS.into_iter().find(|column| *column == name) {
            None => wrong.push(unknown(&name)),
            Some(column) if columns.contains(&Some(column)) => wrong.push(format!("column {column:?} is there twice")),
            Some(column) => columns.push(Some(column)),
        }
    }
    let has = |column| columns.contains(&Some(column));
    // Where every name is unknown, the header itself is what is missing.
    if columns.is_empty() && !wrong.is_empty() {
        return Err(format!("the first line must name the columns: {}", COLUMNS.join(", ")));
    }
    for column in ["component", "version", "owner", "status"] {
        if !has(column) {
            wrong.push(format!("column {column:?} is missing"));
        }
    }
    if !has("ts") && !has("started_at") {
        wrong.push("column \"ts\" (or \"started_at\") is missing".to_owned());
    }
    if wrong.is_empty() { Ok(columns) } else { Err(wrong.join("; ")) }
}

fn unknown(name: &str) -> String {
    match nearest(name, &COLUMNS) {
        Some(near) => format!("unknown column {name:?}; did you mean {near:?}?"),
        None => format!("unknown column {name:?}; known are {}", COLUMNS.join(", ")),
    }
}

/// The step that a row describes. One without an `id` gets the id of its content and place.
///
/// # Errors
/// Everything that is wrong with the row, in one sentence.
pub fn step<'a>(fields: impl IntoIterator<Item = (&'a str, String)>, ids: &mut ImportIds) -> Result<NewStep, String> {
    let mut errors = Vec::new();
    let (mut ts, mut started_at) = (None, None);
    let mut others = Vec::new();
    for (name, value) in fields {
        let time = match name {
            "ts" => &mut ts,
            "started_at" => &mut started_at,
            name if COLUMNS.contains(&name) => {
                others.push((name, value));
                continue;
            }
            name => {
                errors.push(FieldError::unknown(name, &COLUMNS));
                continue;
            }
        };
        if time.replace(value).is_some() {
            errors.push(FieldError::repeated(name));
        }
    }
    let began = match start_time(ts.as_deref(), started_at.as_deref()) {
        Ok(moment) => Some(moment.start),
        Err(error) => {
            errors.push(error);
            None
        }
    };
    others.extend(began.map(|began| ("ts", began.to_string())));
    remove_derived_ends(&mut others);
    match (NewStep::from_fields(others), began) {
        (Ok(mut step), Some(began)) if errors.is_empty() => {
            if step.id.is_none() {
                step.id = Some(ids.next(&step, began));
            }
            Ok(step)
        }
        (step, _) => {
            errors.extend(step.err().map(|errors| errors.0).unwrap_or_default());
            Err(FieldErrors(errors).to_string())
        }
    }
}

/// Removes ends that were not recorded but derived: those of all steps but spans that have ended.
fn remove_derived_ends(fields: &mut Vec<(&str, String)>) {
    let span = fields.iter_mut().find(|(name, _)| *name == "span");
    let span = span.is_some_and(|(_, value)| {
        // Spreadsheets write TRUE.
        *value = value.trim().to_ascii_lowercase();
        !matches!(value.as_str(), "" | "false")
    });
    let outcome = fields.iter().find(|(name, _)| *name == "outcome").map_or("", |(_, value)| value.trim());
    if !span || matches!(outcome, "" | "unfinished") {
        fields.retain(|(name, _)| !END.contains(name));
    }
}

/// When the step began. `started_at` is exact; `ts` may be the same time in whole seconds.
fn start_time(ts: Option<&str>, started_at: Option<&str>) -> Result<TimeInterval, FieldError> {
    let read = |name: &str, text: Option<&str>| {
        let text = text.filter(|text| !text.trim().is_empty());
        text.map(|text| text.parse().map_err(|error: TimeError| FieldError::wrong(name, error))).transpose()
    };
    let (ts, started_at): (Option<TimeInterval>, Option<TimeInterval>) =
        (read("ts", ts)?, read("started_at", started_at)?);
    match (ts, started_at) {
        (None, None) => Err(FieldError::wrong("ts", "is missing, and no time is guessed")),
        (Some(moment), None) | (None, Some(moment)) => Ok(moment),
        (Some(ts), Some(exact)) => {
            let second = |moment: TimeInterval| moment.start.micros() / 1_000_000;
            if second(ts) == second(exact) {
                return Ok(exact);
            }
            let reason = format!("({}) and ts ({}) are different times", exact.start, ts.start);
            Err(FieldError::wrong("started_at", reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(header_line: &str) -> Result<Vec<Option<&'static str>>, String> {
        header(header_line.split(',').map(str::to_owned))
    }

    fn row(fields: &[(&'static str, &str)]) -> Result<NewStep, String> {
        let good = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", "s")];
        let fields = good.iter().chain(fields).map(|(name, value)| (*name, (*value).to_owned()));
        step(fields, &mut ImportIds::default())
    }

    #[test]
    fn columns_come_in_any_order_and_derived_ones_are_ignored() {
        let columns = names("ts, Status,deployment_id,owner,version,component").unwrap();
        let expected = [Some("ts"), Some("status"), None, Some("owner"), Some("version"), Some("component")];
        assert_eq!(columns, expected);
    }

    #[test]
    fn a_wrong_header_is_told_whole() {
        let error = names("compnent,version,owner,owner").unwrap_err();
        for part in [
            "unknown column \"compnent\"; did you mean \"component\"?",
            "column \"owner\" is there twice",
            "column \"component\" is missing",
            "column \"status\" is missing",
            "column \"ts\" (or \"started_at\") is missing",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(names("checkout,1,ann,building,2026-01-05 09:30:00").unwrap_err().starts_with("the first line"));
    }

    #[test]
    fn the_exact_time_wins_and_must_agree() {
        let ts = |fields: &[(&'static str, &str)]| {
            row(fields).map(|step| serde_json::to_value(step).unwrap()["ts"].as_str().unwrap().to_owned())
        };
        let exact = "2026-01-05T09:30:00.123456Z";
        assert_eq!(ts(&[("ts", "2026-01-05 09:30:00"), ("started_at", exact)]).unwrap(), exact);
        assert_eq!(ts(&[("started_at", exact)]).unwrap(), exact);
        assert_eq!(ts(&[("ts", "2026-01-05 09:30:00.5"), ("started_at", "")]).unwrap(), "2026-01-05T09:30:00.500000Z");
        let error = ts(&[("ts", "2026-01-05 09:30:01"), ("started_at", exact)]).unwrap_err();
        assert!(error.contains("are different times"), "{error}");
        assert_eq!(ts(&[("ts", " ")]).unwrap_err(), "ts is missing, and no time is guessed");
        assert_eq!(ts(&[]).unwrap_err(), "ts is missing, and no time is guessed");
    }

    #[test]
    fn all_that_is_wrong_with_a_row_is_told() {
        let error = row(&[("ts", "soon"), ("environment", "a\tb"), ("colour", "red"), ("age", "1")]).unwrap_err();
        for part in ["ts is not a time", "environment has a control", "parameter \"colour\"", "parameter \"age\""] {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn only_a_span_that_was_told_its_end_keeps_it() {
        let end = |fields: &[(&'static str, &str)]| {
            let more = [("started_at", "2026-01-05T09:30:00Z"), ("ended_at", "2026-01-05T09:31:00Z")];
            let step = row(&more.iter().chain(fields).copied().collect::<Vec<_>>())?;
            Ok::<_, String>((step.span, step.finish.map(|finish| finish.exit_code)))
        };
        assert_eq!(end(&[]), Ok((false, None)));
        assert_eq!(end(&[("span", "false"), ("outcome", ""), ("exit_code", "")]), Ok((false, None)));
        assert_eq!(end(&[("span", "TRUE"), ("outcome", "")]), Ok((true, None)));
        assert_eq!(end(&[("span", "true"), ("outcome", "unfinished")]), Ok((true, None)));
        assert_eq!(end(&[("span", "true"), ("outcome", "succeeded")]), Ok((true, Some(None))));
        assert_eq!(end(&[("span", "true"), ("outcome", "failed"), ("exit_code", "3")]), Ok((true, Some(Some(3)))));
        assert!(end(&[("span", "yes")]).unwrap_err().contains("span"));
        assert!(end(&[("span", "true"), ("outcome", "maybe")]).unwrap_err().contains("outcome must be"));
    }

    #[test]
    fn an_id_is_kept_and_a_missing_one_follows_from_the_row() {
        let ts = ("ts", "2026-01-05 09:30:00");
        let id = "0197a000-0000-7000-8000-000000000001";
        assert_eq!(row(&[ts, ("id", id)]).unwrap().id.unwrap().to_string(), id);
        assert_eq!(row(&[ts]).unwrap().id, row(&[ts, ("id", ""), ("run", "")]).unwrap().id);
        assert!(row(&[ts]).unwrap().id.is_some());
    }
}
