//! A tenant over time: a strip of what it was, and a line of how long it took to answer.
//!
//! Why the height tells the verdict too: a strip in three colours says nothing to whoever does not tell them apart.

use std::time::Duration;

use jiff::Timestamp;

use super::frame::Frame;
use super::moment::{self, Moment};
use super::words;
use crate::model::finding::{Health, Verdict};
use crate::model::fingerprint::Digest256;
use crate::model::observation::Cause;

/// Changes drawn and listed. More of them are a flapping tenant, which the latest show as well.
const CHANGES: usize = 40;
const MEASURED: usize = 120;
/// Of both drawings, in their own units.
const WIDTH: usize = 720;
const STRIP: usize = 36;
const LINE: usize = 60;
/// So that a short change is seen.
const LEAST: usize = 6;

/// What a tenant was from this moment on, until the next entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub at: Timestamp,
    pub verdict: Verdict,
    pub health: Health,
    pub cause: Option<Cause>,
    pub fingerprint: Option<Digest256>,
}

/// How long a visit took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    pub at: Timestamp,
    pub took: Duration,
}

pub(super) struct Strip {
    pub width: usize,
    pub height: usize,
    pub pieces: Vec<Piece>,
    pub from: String,
    /// The latest first.
    pub rows: Vec<Row>,
    pub left_out: usize,
}

pub(super) struct Piece {
    pub x: usize,
    pub width: usize,
    pub y: usize,
    pub height: usize,
    pub verdict: &'static str,
    pub title: String,
}

pub(super) struct Row {
    pub at: Moment,
    pub verdict: Verdict,
    pub health: Health,
    pub ails: &'static str,
    /// The digest's beginning; empty where no fingerprint was seen.
    pub fingerprint: String,
    /// Another database than at the entry before that showed one.
    pub moved: bool,
}

/// `latest_first` as the store tells it.
pub(super) fn strip(latest_first: &[Change], frame: &Frame<'_>) -> Option<Strip> {
    let shown = &latest_first[..latest_first.len().min(CHANGES)];
    let oldest = shown.last()?;
    let end = frame.now.max(shown[0].at);
    let whole = seconds(oldest.at, end).max(1);
    let free = WIDTH - LEAST * shown.len();
    let mut pieces = Vec::new();
    let (mut x, mut passed) = (0, 0);
    for (place, it) in shown.iter().enumerate().rev() {
        let until = if place == 0 { end } else { shown[place - 1].at };
        passed += seconds(it.at, until);
        let drawn = pieces.len() + 1;
        let to = LEAST * drawn + usize::try_from(passed * free as u64 / whole).unwrap_or(free);
        pieces.push(piece(it, x, to.min(WIDTH) - x));
        x = to.min(WIDTH);
    }
    Some(Strip {
        width: WIDTH,
        height: STRIP,
        pieces,
        from: moment::short(oldest.at),
        rows: rows(shown, frame),
        left_out: latest_first.len() - shown.len(),
    })
}

fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0)
}

fn piece(change: &Change, x: usize, width: usize) -> Piece {
    let height = match change.verdict {
        Verdict::Isolated => STRIP / 3,
        Verdict::Unverified => STRIP * 2 / 3,
        Verdict::Breached => STRIP,
    };
    Piece {
        x,
        width,
        y: STRIP - height,
        height,
        verdict: change.verdict.label(),
        title: format!(
            "{}, {} from {}",
            words::verdict(change.verdict),
            change.health.label(),
            moment::exact(change.at)
        ),
    }
}

fn rows(shown: &[Change], frame: &Frame<'_>) -> Vec<Row> {
    let before = |place: usize| shown[place + 1..].iter().find_map(|it| it.fingerprint);
    shown
        .iter()
        .enumerate()
        .map(|(place, it)| Row {
            at: frame.moment(it.at),
            verdict: it.verdict,
            health: it.health,
            ails: it.cause.map_or("", words::cause),
            fingerprint: it
                .fingerprint
                .map_or_else(String::new, |it| it.to_string()[..12].to_owned()),
            moved: it.fingerprint.zip(before(place)).is_some_and(|(now, before)| now != before),
        })
        .collect()
}

pub(super) struct Line {
    pub width: usize,
    pub height: usize,
    /// As a polyline's `points`, from the left to the right end.
    pub points: String,
    pub text: String,
}

/// `latest_first`. `None` where there is nothing to compare.
pub(super) fn line(latest_first: &[Latency]) -> Option<Line> {
    let shown = &latest_first[..latest_first.len().min(MEASURED)];
    let [latest, _, ..] = shown else { return None };
    let slowest = shown.iter().map(|it| it.took).max().unwrap_or_default();
    let fastest = shown.iter().map(|it| it.took).min().unwrap_or_default();
    let most = slowest.as_micros().max(1);
    let points = shown.iter().rev().enumerate().map(|(place, it)| {
        let x = place * WIDTH / (shown.len() - 1);
        let height = usize::try_from(it.took.as_micros() * (LINE as u128 - 4) / most).unwrap_or(0);
        format!("{x},{}", LINE - 2 - height)
    });
    Some(Line {
        width: WIDTH,
        height: LINE,
        points: points.collect::<Vec<_>>().join(" "),
        text: format!(
            "The last visit took {}; of the {} visits drawn the fastest took {} and the slowest {}.",
            millis(latest.took),
            shown.len(),
            millis(fastest),
            millis(slowest)
        ),
    })
}

pub(super) fn millis(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1e3)
}
