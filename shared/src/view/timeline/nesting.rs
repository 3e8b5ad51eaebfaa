//! Which steps lie within others, and which run beside each other.

use super::{Row, RowKind};

/// A step is a wrapper when the steps within it take at least this share of its time: a `steps run` around others.
pub const WRAPPED: f64 = 0.8;

/// Of more rows, nothing is found out: each is compared with each.
const MAX_ROWS: usize = 1000;

/// Puts into each row how deep it lies, and whether it runs beside another one.
pub(super) fn find(rows: &mut [Row]) {
    let bars: Vec<(usize, f64, f64)> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| {
            matches!(row.kind, RowKind::Took | RowKind::Failed | RowKind::Waited | RowKind::Unfinished | RowKind::Open)
        })
        .map(|(at, row)| (at, row.from, row.to))
        .collect();
    if bars.len() > MAX_ROWS {
        return;
    }
    let wrappers: Vec<(usize, f64, f64)> = bars.iter().filter(|outer| is_wrapper(outer, &bars)).copied().collect();
    for bar in &bars {
        rows[bar.0].depth = wrappers.iter().filter(|outer| is_within(bar, outer)).count();
    }
    for (at, from, to) in &bars {
        let depth = rows[*at].depth;
        let is_beside = |(other, begin, end): &(usize, f64, f64)| {
            other != at && rows[*other].depth == depth && from.max(*begin) < to.min(*end)
        };
        rows[*at].is_parallel = bars.iter().any(is_beside);
    }
}

fn is_within(inner: &(usize, f64, f64), outer: &(usize, f64, f64)) -> bool {
    inner.0 != outer.0 && outer.1 <= inner.1 && inner.2 <= outer.2 && (outer.1, outer.2) != (inner.1, inner.2)
}

fn is_wrapper(outer: &(usize, f64, f64), bars: &[(usize, f64, f64)]) -> bool {
    let mut within: Vec<(f64, f64)> =
        bars.iter().filter(|inner| is_within(inner, outer)).map(|(_, from, to)| (*from, *to)).collect();
    within.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (mut covered, mut until) = (0.0, outer.1);
    for (from, to) in within {
        covered += (to - from.max(until)).max(0.0);
        until = until.max(to);
    }
    let length = outer.2 - outer.1;
    length > 0.0 && covered >= WRAPPED * length
}
