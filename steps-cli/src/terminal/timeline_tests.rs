use serde_json::{Value, json};
use steps_shared::view::timeline::timeline;

use super::super::samples;
use super::super::text::unstyled;
use super::*;

fn drawn(detail: &Value, width: u16, glyphs: Glyphs) -> String {
    let detail = serde_json::from_value(detail.clone()).unwrap();
    let timeline = timeline(&detail, "2026-01-05 09:33:20".parse().unwrap());
    unstyled(&draw(&timeline, Canvas { fit: Some(width), glyphs }))
}

#[test]
fn a_timeline_at_80_columns() {
    let expected = "\
checkout 4.2.0 → production  failed (rolled_back)  in 1m40s  usually 1m20s
by Ann B  2026-01-05 09:30:00 UTC  0197a000-0000-7000-8000-000000000001

step                                          time  share  usual
started                   ◆
∥ building                ███████▏           42.0s    42%  20.0s  ▲ 2.1×
∥ testing                  ▕███▏             20.0s    20%  20.0s
(gap)                            ░░░         18.0s    18%
migrating a very long w…            ███████  40.0s    40%                 failed
rolled_back                               ◆

`migrating a very long way` failed
";
    assert_eq!(drawn(&samples::deployment(), 80, Glyphs::Unicode), expected);
}

#[test]
fn it_fits_whatever_the_width() {
    for width in [200, 80, 60, 45, 38] {
        for glyphs in [Glyphs::Unicode, Glyphs::Ascii] {
            let drawn = drawn(&samples::deployment(), width, glyphs);
            let widest = drawn.lines().map(str::width).max();
            assert!(widest <= Some(width.into()), "{width}: {drawn}");
            assert_eq!(drawn.is_ascii(), glyphs == Glyphs::Ascii, "{drawn}");
        }
    }
    // It does not panic where nothing fits.
    drawn(&samples::deployment(), 1, Glyphs::Unicode);
}

#[test]
fn a_running_deployment_tells_the_time_left() {
    let mut running = samples::deployment();
    for (member, value) in [
        ("outcome", json!("running")),
        ("status", json!("building")),
        ("ended_at", Value::Null),
        ("duration_seconds", Value::Null),
        ("usual_seconds", Value::Null),
    ] {
        running[member] = value;
    }
    let steps = running["timeline"].as_array_mut().unwrap();
    steps.truncate(1);
    steps[0]["ended_at"] = Value::Null;
    assert!(drawn(&running, 80, Glyphs::Ascii).ends_with("no successful deployment to tell the time left by\n"));
    running["usual_seconds"] = json!(400);
    let text = drawn(&running, 80, Glyphs::Ascii);
    assert!(text.contains("running  for 3m20s  usually 6m40s"), "{text}");
    assert!(text.ends_with("\n\n###############...............  50%, about 3m20s left\n"), "{text}");
    running["usual_seconds"] = json!(100);
    assert!(drawn(&running, 80, Glyphs::Ascii).ends_with("  overdue by 1m40s\n"));
}
