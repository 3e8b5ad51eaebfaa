use serde_json::json;

use super::*;
use crate::commands::show::timeline::tests::detail;

fn drawn(detail: &DeploymentDetail, width: usize, glyphs: Glyphs) -> String {
    draw(detail, "2026-01-05 09:33:20".parse().unwrap(), Canvas { width, glyphs, colours: false })
}

fn deployment() -> DeploymentDetail {
    let span = json!({"span": true, "outcome": "succeeded", "usual_seconds": 20.0});
    let steps = [
        ("started", 0, Some(100), json!({})),
        ("building", 0, Some(42), span.clone()),
        ("testing", 10, Some(30), span),
        ("migrating a very long way", 60, Some(100), json!({"span": true, "outcome": "failed"})),
        ("rolled_back", 100, Some(100), json!({})),
    ];
    let mut detail = detail("failed", Some(100), &steps);
    detail.usual = Duration::from_micros(80_000_000);
    detail
}

#[test]
fn a_timeline_at_80_columns() {
    let expected = "\
checkout 4.2.0 → production  failed (rolled_back)  in 1m40s  usually 1m20s
by Ann B  2026-01-05 09:30:00 UTC  0197a000-0000-7000-8000-000000000001

step                                                  time  share  usual
started                   ◆
building                  ██████████▌                42.0s    42%  20.0s  ▲ 2.1×
testing                     ▐████▌                   20.0s    20%  20.0s
waiting                              ░░░░            18.0s    18%
migrating a very long w…                 ██████████  40.0s    40%
rolled_back                                       ◆
";
    assert_eq!(drawn(&deployment(), 80, Glyphs::Unicode), expected);
}

#[test]
fn it_fits_whatever_the_width() {
    for width in [200, 80, 60, 45, 38] {
        for glyphs in [Glyphs::Unicode, Glyphs::Ascii] {
            let drawn = drawn(&deployment(), width, glyphs);
            let widest = drawn.lines().map(str::width).max();
            assert!(widest <= Some(width), "{width}: {drawn}");
            assert_eq!(drawn.is_ascii(), glyphs == Glyphs::Ascii, "{drawn}");
        }
    }
    // It does not panic where nothing fits.
    drawn(&deployment(), 1, Glyphs::Unicode);
}

#[test]
fn a_running_deployment_tells_the_time_left() {
    let mut running = detail("running", None, &[("building", 0, None, json!({}))]);
    assert!(drawn(&running, 80, Glyphs::Ascii).ends_with("no successful deployment to tell the time left by\n"));
    running.usual = Duration::from_micros(400_000_000);
    let text = drawn(&running, 80, Glyphs::Ascii);
    assert!(text.contains("running  for 3m20s  usually 6m40s"), "{text}");
    assert!(text.ends_with("\n\n###############...............  50%, about 3m20s left\n"), "{text}");
    running.usual = Duration::from_micros(100_000_000);
    assert!(drawn(&running, 80, Glyphs::Ascii).ends_with("  overdue by 1m40s\n"));
}
