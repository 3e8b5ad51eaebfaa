use serde_json::{Value, json};
use steps_shared::view::{deployments, stats, steps, trend_tables};
use steps_shared::{DeploymentColumn, StepColumn, TrendAnswer};
use unicode_width::UnicodeWidthStr;

use super::super::samples::{answer, trend, with};
use super::super::text::unstyled;
use super::*;

const WIDE: Canvas = Canvas { fit: None, glyphs: Glyphs::Unicode };

fn plain(table: &Table, canvas: Canvas) -> String {
    unstyled(&lay_out(table, canvas))
}

#[test]
fn columns_go_by_rank_until_the_rest_has_room() {
    let columns = [
        TableColumn::text("component"),
        TableColumn::number("count"),
        TableColumn::number("p95").rank(2),
        TableColumn::whole("id").rank(1),
    ];
    let shown = |available| fit(&columns, &[30, 5, 7, 36], available);
    assert_eq!(shown(200), [true; 4]);
    assert_eq!(shown(68), [true; 4]);
    assert_eq!(shown(67), [true, true, false, true]);
    assert_eq!(shown(40), [true, true, false, false]);
    assert_eq!(shown(3), [true, true, false, false]);
}

#[test]
fn numbers_end_at_the_right() {
    let mut table = Table::new(vec![TableColumn::text("component"), TableColumn::number("count")]);
    table.rows = [["checkout", "7"], ["api", "1,234"]].map(|row| row.map(TableCell::from).to_vec()).to_vec();
    assert_eq!(plain(&table, WIDE), "component  count\ncheckout       7\napi        1,234\n");
}

#[test]
fn styles_leave_no_trace_where_they_are_not_wanted() {
    let mut table = Table::new(vec![TableColumn::text("version"), TableColumn::text("outcome")]);
    let row = |outcome: &str, meaning| vec![TableCell::from("1"), TableCell::of(outcome, meaning)];
    table.rows = vec![row("succeeded", Meaning::Good), row("failed", Meaning::Bad)];
    assert!(lay_out(&table, WIDE).as_str().contains('\u{1b}'));
    assert_eq!(plain(&table, WIDE), "version  outcome\n1        succeeded\n1        failed\n");
}

#[test]
fn steps_are_a_table() {
    let step = json!({"id": "0197a000-0000-7000-8000-000000000001", "component": "checkout", "environment": "production",
        "version": "4.2.0", "owner": "Ann B", "status": "building", "ts": "2026-01-05T09:30:00.123456Z", "run": "7"});
    let step = serde_json::from_value(step).unwrap();
    assert_eq!(
        plain(&steps::table(std::slice::from_ref(&step), &[]), WIDE),
        "started              component  version  status    duration  owner  environment  run\n\
         2026-01-05 09:30:00  checkout   4.2.0    building            Ann B  production   7\n"
    );
    let columns = [StepColumn::Run, StepColumn::StartedAt, StepColumn::DurationSeconds];
    assert_eq!(
        plain(&steps::table(&[step], &columns), WIDE),
        "run  started_at                   duration_seconds\n7    2026-01-05T09:30:00.123456Z\n"
    );
}

#[test]
fn deployments_are_a_table() {
    let deployment = |outcome: &str, duration: Value| {
        let deployment = json!({"id": "0197a000-0000-7000-8000-000000000001", "component": "checkout",
            "environment": "production", "version": "4.2.0", "owner": "ann", "run": null, "outcome": outcome,
            "status": "building", "started_at": "2026-01-05T09:30:00.123456Z", "ended_at": null,
            "duration_seconds": duration, "steps": 3});
        serde_json::from_value(deployment).unwrap()
    };
    let now = "2026-01-05 09:32:05.123456".parse().ok();
    let rows = [deployment("succeeded", json!(370)), deployment("running", Value::Null)];
    assert_eq!(
        plain(&deployments::table(&rows, &[], now), WIDE),
        "started              component  version  outcome        duration  owner  environment  id\n\
         2026-01-05 09:30:00  checkout   4.2.0    succeeded         6m10s  ann    production   0197a000-0000\n\
         2026-01-05 09:30:00  checkout   4.2.0    running    2m05s so far  ann    production   0197a000-0000\n"
    );
    let columns = [DeploymentColumn::DurationSeconds, DeploymentColumn::StartedAt, DeploymentColumn::Steps];
    assert_eq!(
        plain(&deployments::table(&[deployment("succeeded", json!(1.5))], &columns, None), WIDE),
        "duration_seconds  started_at                   steps\n             1.5  2026-01-05T09:30:00.123456Z      3\n"
    );
}

#[test]
fn statistics_are_a_table() {
    let stats = json!({"by": ["component", "week"], "stats": [
        {"group": {"component": "checkout", "week": "2026-01-05"}, "count": 1234, "succeeded": 1200, "failed": 34,
            "running": 0, "abandoned": 0, "failure_rate": 0.02755, "mean_seconds": 370, "p50_seconds": 300,
            "p90_seconds": 500.5, "p95_seconds": 600, "p99_seconds": 900, "max_seconds": 7500},
        {"group": {"component": "api", "week": "2026-01-05"}, "count": 1, "succeeded": 0, "failed": 0, "running": 0,
            "abandoned": 0, "failure_rate": null, "mean_seconds": null, "p50_seconds": null, "p90_seconds": null,
            "p95_seconds": null, "p99_seconds": null, "max_seconds": null}]});
    assert_eq!(
        plain(&stats::table(&serde_json::from_value(stats).unwrap()), WIDE),
        "component  week        count  succeeded  failed  failure rate   mean    p50    p90     p95     p99    max\n\
         checkout   2026-01-05  1,234      1,200      34          2.8%  6m10s  5m00s  8m21s  10m00s  15m00s  2h05m\n\
         api        2026-01-05      1          0       0\n"
    );
}

fn several() -> TrendAnswer {
    let little = with(&[
        ("/component", json!("mailer")),
        ("/verdict", json!("not enough data")),
        ("/growth", json!(null)),
        ("/cause", json!(null)),
        ("/change_points", json!([])),
        ("/periods", json!([{"start": "2026-10-05T00:00:00Z", "deployments": 1, "median_seconds": 60}])),
    ]);
    let steady = with(&[
        ("/component", json!("a-component-with-a-long-name")),
        ("/verdict", json!("steady")),
        ("/growth/percent_per_week", json!({"value": -0.2, "low": -0.7, "high": 0.3})),
    ]);
    answer(&[trend(), steady, little], "week")
}

#[test]
fn the_overview_of_trends_tells_all_where_nothing_has_to_fit() {
    let expected = "\
component                     deploys  start    now  per week  95% within   verdict          cause          weeks    changed     at version  level
checkout                           12  6m10s  8m42s     +3.8%  2.9–4.7      growing          71% migrating  ▄ ▄   █  2026-09-25  4.12.0      6m20s → 8m30s
a-component-with-a-long-name       12  6m10s  8m42s     -0.2%  -0.7 to 0.3  steady                          ▄ ▄   █  2026-09-25  4.12.0      6m20s → 8m30s
mailer                             12  6m10s  8m42s                         not enough data                      █
";
    assert_eq!(plain(&trend_tables::overview(&several()), WIDE), expected);
}

#[test]
fn the_overview_of_trends_fits_80_columns() {
    for glyphs in [Glyphs::Unicode, Glyphs::Ascii] {
        let table = plain(&trend_tables::overview(&several()), Canvas { fit: Some(80), glyphs });
        let rows: Vec<_> = table.lines().filter(|line| !line.starts_with('(')).collect();
        assert!(rows.iter().all(|line| line.width() <= 80), "{table}");
        assert!(rows[0].contains("verdict          cause"), "{table}");
        assert!(rows[1].contains("71% migrating") && rows[1].contains("+3.8%"), "{table}");
        assert_eq!(table.is_ascii(), glyphs == Glyphs::Ascii, "{table}");
    }
}

#[test]
fn an_environment_is_told_where_it_is_not_the_default_one() {
    let answer = answer(&[trend(), with(&[("/environment", json!("staging"))])], "week");
    let table = trend_tables::overview(&answer);
    assert!(plain(&table, WIDE).starts_with("component  environment  deploys"));
    let narrow = plain(&table, Canvas { fit: Some(80), ..WIDE });
    assert!(narrow.starts_with("component  environment") && narrow.contains("checkout   staging"), "{narrow}");
}

#[test]
fn the_parts_of_a_cause_add_up_to_the_total() {
    let answer = answer(&[trend()], "sprint");
    let expected = "\
step        before  after  change  share  note
migrating    1m00s  2m37s  +1m37s    71%
(gaps)       10.0s  1m00s  +50.0s    36%
smoke-test   0.00s  30.0s  +30.0s    22%  new
building     5m02s  4m22s  -40.0s   -29%
total        6m12s  8m29s  +2m17s   100%
";
    assert_eq!(plain(&trend_tables::cause_table(&answer.trends[0]).unwrap(), WIDE), expected);
}
