//! The fleet's verdicts over the last scans, as a drawing.
//!
//! Why bars that stand on each other: how many are breached is seen by height and place, so that nobody needs the colours.
//! The numbers stand beside the drawing in a table, for whoever does not see it.

use jiff::Timestamp;

use super::moment;
use crate::model::report::Summary;

/// Scans drawn.
const BARS: usize = 60;
/// Of the drawing, in its own units. One bar and its gap are `WIDTH / BARS`.
const WIDTH: usize = 720;
const HEIGHT: usize = 96;
const STEP: usize = WIDTH / BARS;
/// So that one tenant of ten thousand is seen.
const LEAST: usize = 4;
/// Rows of the table beside the drawing.
const ROWS: usize = 10;

/// A scan of the whole fleet, as it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub finished_at: Timestamp,
    pub summary: Summary,
}

pub(super) struct Trend {
    pub width: usize,
    pub height: usize,
    pub bars: Vec<Bar>,
    /// What the drawing says, in one sentence.
    pub text: String,
    /// When the first one drawn ended; empty while they do not fill the drawing.
    pub from: String,
    pub to: String,
    /// The latest first.
    pub rows: Vec<Row>,
}

/// One scan, from the top: what is breached hangs from the top, so that it stands out.
pub(super) struct Bar {
    pub x: usize,
    pub width: usize,
    pub title: String,
    pub parts: Vec<Part>,
}

pub(super) struct Part {
    pub verdict: &'static str,
    pub y: usize,
    pub height: usize,
}

pub(super) struct Row {
    pub at: String,
    pub summary: Summary,
}

/// `latest_first` as the store tells it. `None` where there is nothing to compare.
pub(super) fn draw(latest_first: &[Point]) -> Option<Trend> {
    let shown = latest_first.get(..latest_first.len().min(BARS))?;
    let [latest, .., oldest] = shown else { return None };
    let start = WIDTH - shown.len() * STEP;
    let bars = shown.iter().rev().enumerate().map(|(place, it)| bar(start + place * STEP, it));
    Some(Trend {
        width: WIDTH,
        height: HEIGHT,
        bars: bars.collect(),
        text: text(shown),
        from: if shown.len() == BARS { moment::short(oldest.finished_at) } else { String::new() },
        to: moment::short(latest.finished_at),
        rows: shown.iter().take(ROWS).map(row).collect(),
    })
}

fn row(point: &Point) -> Row {
    Row { at: moment::exact(point.finished_at), summary: point.summary }
}

fn text(shown: &[Point]) -> String {
    let breached = shown.iter().filter(|it| 0 < it.summary.breached).count();
    let unverified = shown
        .iter()
        .filter(|it| it.summary.breached == 0 && it.summary.isolated < it.summary.tenants)
        .count();
    format!(
        "Of the last {} scans of the whole fleet, {breached} found a breach and {unverified} more left somebody unverified.",
        shown.len()
    )
}

fn bar(x: usize, point: &Point) -> Bar {
    let it = &point.summary;
    let heights = heights([it.breached, it.unverified, it.isolated]);
    let mut y = 0;
    let mut parts = Vec::new();
    for (verdict, height) in ["breached", "unverified", "isolated"].into_iter().zip(heights) {
        if 0 < height {
            parts.push(Part { verdict, y, height });
        }
        y += height;
    }
    Bar {
        x,
        width: STEP - 2,
        title: format!(
            "{}: {} isolated, {} unverified, {} breached",
            moment::exact(point.finished_at),
            it.isolated,
            it.unverified,
            it.breached
        ),
        parts,
    }
}

/// Shares of the height; whoever is there at all gets at least `LEAST`, taken from the largest.
fn heights(counts: [usize; 3]) -> [usize; 3] {
    let total: usize = counts.iter().sum();
    if total == 0 {
        return [0; 3];
    }
    let mut heights = counts.map(|it| if it == 0 { 0 } else { (it * HEIGHT / total).max(LEAST) });
    let largest = (0..3).max_by_key(|it| counts[*it]).unwrap_or(0);
    let others: usize = (0..3).filter(|it| *it != largest).map(|it| heights[it]).sum();
    heights[largest] = HEIGHT - others;
    heights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_always_full_and_nobody_in_it_is_invisible() {
        for counts in [[1, 0, 9_999], [0, 0, 1], [5, 5, 5], [1, 1, 1_000_000], [3, 0, 0]] {
            let heights = heights(counts);
            assert_eq!(heights.iter().sum::<usize>(), HEIGHT, "{counts:?}");
            for (count, height) in counts.into_iter().zip(heights) {
                assert_eq!(0 < count, LEAST <= height, "{counts:?}");
            }
        }
        assert_eq!(heights([0; 3]), [0; 3]);
    }

    #[test]
    fn one_scan_is_no_trend_and_a_thousand_are_cut() {
        let point = Point { finished_at: Timestamp::UNIX_EPOCH, summary: Summary::default() };
        assert!(draw(&[]).is_none());
        assert!(draw(&[point]).is_none());
        let trend = draw(&vec![point; 1_000]).unwrap();
        assert_eq!((trend.bars.len(), trend.rows.len()), (BARS, ROWS));
        assert!(trend.bars.iter().all(|it| it.x + it.width <= WIDTH));
    }
}
