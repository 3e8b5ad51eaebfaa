use super::*;

fn columns(renamed: &[&str]) -> Columns {
    Columns::new(renamed.iter().map(|text| text.parse().unwrap()).collect(), Tz::UTC).unwrap()
}

fn header(renamed: &[&str], line: &str) -> Result<(Vec<String>, Option<String>), String> {
    let names: Vec<_> = line.split(',').map(str::to_owned).collect();
    let mut columns = columns(renamed);
    let header = columns.header(&names)?;
    Ok((header.iter().map(|known| known.join("+")).collect(), columns.left_aside()))
}

fn step(columns: &Columns, fields: &[(&'static str, &str)]) -> Result<NewStep, String> {
    let good = [("component", "c"), ("version", "1"), ("owner", "o"), ("status", "s")];
    columns.step(good.iter().chain(fields).map(|(name, value)| (*name, (*value).to_owned())))
}

fn row(fields: &[(&'static str, &str)]) -> Result<NewStep, String> {
    step(&columns(&[]), fields)
}

#[test]
fn columns_come_in_any_order_and_derived_ones_are_ignored() {
    let (found, told) = header(&[], "ts, Status,deployment_id,owner,version,component").unwrap();
    assert_eq!(found, ["ts", "status", "", "owner", "version", "component"]);
    assert_eq!(told, None);
}

#[test]
fn a_wrong_header_is_told_whole() {
    let error = header(&[], "compnent,version,owner,owner").unwrap_err();
    for part in [
        "unknown column \"compnent\"; did you mean \"component\"?",
        "column \"owner\" is there twice",
        "column \"component\" is missing",
        "column \"status\" is missing",
        "column \"ts\" (or \"started_at\") is missing",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(header(&[], "checkout,1,ann,building,2026-01-05 09:30:00").unwrap_err().starts_with("the first line"));
    let error = header(&[], "component,version,started_at,outcome,status,owner,steps,id").unwrap_err();
    assert!(error.contains("a list of deployments"), "{error}");
}

#[test]
fn unknown_columns_are_left_aside_and_named() {
    let (found, told) = header(&[], "component,version,owner,status,ts,Colour,enviroment").unwrap();
    assert_eq!(found, ["component", "version", "owner", "status", "ts", "", ""]);
    let expected =
        "left aside: columns \"Colour\", \"enviroment\" (--map environment=enviroment takes it as environment)";
    assert_eq!(told.unwrap(), expected);
    let mut columns = columns(&[]);
    assert_eq!(columns.member("status").unwrap(), ["status"]);
    assert!(columns.member("colour").unwrap().is_empty() && columns.member("colour").unwrap().is_empty());
    assert_eq!(columns.notes(), ["left aside: column \"colour\""]);
    assert!(columns.notes().is_empty());
}

#[test]
fn columns_may_be_called_otherwise() {
    let map = ["run=pipeline_id", "status=name", "started_at=Begin", "outcome=status"];
    let (found, told) = header(&map, "component,version,owner,pipeline_id,NAME,begin,status,run").unwrap();
    assert_eq!(found, ["component", "version", "owner", "run", "status", "started_at", "outcome", ""]);
    assert_eq!(told.unwrap(), "left aside: column \"run\"", "another column is the run");
    let error = header(&["run=pipelin"], "component,version,owner,status,ts,pipeline").unwrap_err();
    assert!(error.contains("--map run=pipelin: there is no column \"pipelin\""), "{error}");
    assert_eq!(header(&["version=sha", "run=sha"], "component,sha,owner,status,ts").unwrap().0[1], "version+run");
    assert!("statuss=x".parse::<Renamed>().unwrap_err().contains("did you mean \"status\""));
    for wrong in ["status", "status=", "=x"] {
        assert!(wrong.parse::<Renamed>().is_err(), "{wrong}");
    }
    assert!(Columns::new(vec!["run=a".parse().unwrap(), "run=b".parse().unwrap()], Tz::UTC).is_err());
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
fn times_without_a_zone_are_of_the_one_that_is_given() {
    let berlin = Columns::new(Vec::new(), Tz::Europe__Berlin).unwrap();
    let begin_and_end = [("ts", "2026-07-01 12:00:00"), ("ended_at", "2026-07-01 12:01"), ("outcome", "success")];
    let json = serde_json::to_value(step(&berlin, &begin_and_end).unwrap()).unwrap();
    assert_eq!(
        (&json["ts"], &json["ended_at"]),
        (&"2026-07-01T10:00:00.000000Z".into(), &"2026-07-01T10:01:00.000000Z".into())
    );
    let error = step(&berlin, &[("ts", "2026-10-25 02:30:00")]).unwrap_err();
    assert!(error.starts_with("ts is there twice, because clocks were put back"), "{error}");
}

#[test]
fn all_that_is_wrong_with_a_row_is_told() {
    let error =
        row(&[("ts", "soon"), ("environment", "a\tb"), ("outcome", "success"), ("ended_at", "later")]).unwrap_err();
    for part in ["ts is not a time", "environment has a control", "ended_at is not a time: \"later\""] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(row(&[("ts", "2026-01-05 09:30"), ("run", "1"), ("run", "2")]).unwrap_err().contains("more than once"));
}

fn end(columns: &Columns, fields: &[(&'static str, &str)]) -> Result<(bool, Option<String>), String> {
    let more = [("started_at", "2026-01-05T09:30:00Z"), ("ended_at", "2026-01-05T09:31:00Z")];
    let step = step(columns, &more.iter().chain(fields).copied().collect::<Vec<_>>())?;
    let finish = step.finish.map(|finish| match finish.exit_code {
        Some(code) => format!("{} {code}", finish.outcome),
        None => finish.outcome.to_string(),
    });
    Ok((step.span, finish))
}

#[test]
fn only_a_span_that_was_told_its_end_keeps_it() {
    let end = |fields: &[(&'static str, &str)]| end(&columns(&[]), fields);
    let told = |outcome: &str| Ok((true, Some(outcome.to_owned())));
    assert_eq!(end(&[]), Ok((false, None)));
    assert_eq!(end(&[("span", "false"), ("outcome", ""), ("exit_code", "")]), Ok((false, None)));
    assert_eq!(end(&[("span", "false"), ("outcome", "success")]), Ok((false, None)));
    assert_eq!(end(&[("span", "TRUE"), ("outcome", "")]), Ok((true, None)));
    assert_eq!(end(&[("span", "true"), ("outcome", "unfinished")]), Ok((true, None)));
    assert_eq!(end(&[("span", "true"), ("outcome", "succeeded")]), told("succeeded"));
    assert_eq!(end(&[("span", "true"), ("outcome", "failed"), ("exit_code", "3")]), told("failed 3"));
    assert_eq!(end(&[("span", "true"), ("outcome", "SUCCESS")]), told("succeeded"));
    assert_eq!(end(&[("span", ""), ("outcome", "failure")]), told("failed"));
    assert_eq!(end(&[("outcome", "Timed out")]), told("failed"));
    assert_eq!(end(&[("outcome", "unfinished")]), Ok((false, None)));
    assert!(end(&[("span", "yes")]).unwrap_err().contains("span"));
    assert!(end(&[("span", "true"), ("outcome", "maybe")]).unwrap_err().contains("outcome must be"));
}

#[test]
fn an_end_that_is_mapped_is_one() {
    let mapped = columns(&["ended_at=end"]);
    let mut silent = columns(&["ended_at=end"]);
    assert_eq!(end(&silent, &[]), Ok((true, Some("succeeded".to_owned()))));
    assert!(silent.notes().concat().contains("taken for succeeded") && silent.notes().is_empty());
    assert_eq!(end(&mapped, &[("outcome", "failure")]), Ok((true, Some("failed".to_owned()))));
    assert_eq!(end(&mapped, &[("outcome", "")]), Ok((true, None)), "not known yet");
    let duration = columns(&["duration=seconds"]);
    let fields = [("started_at", "2026-01-05T09:30:00Z"), ("duration", "90")];
    let json = serde_json::to_value(step(&duration, &fields).unwrap()).unwrap();
    assert!(
        columns(&["status=name"])
            .header(&["name".to_owned(), "status".to_owned()])
            .unwrap_err()
            .contains("unknown: \"status\"")
    );
    assert_eq!((&json["duration"], &json["outcome"]), (&90.0.into(), &"succeeded".into()));
}
