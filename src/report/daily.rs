//! The daily report: how isolated the fleet is, what changed since, and how much of it was looked at.
//!
//! Why beside the report of a scan: somebody who reads once a day asks what happened meanwhile, and a scan tells only
//! how it is now. Trouble that came and went between two readings stands in no single scan.
//!
//! Invariants:
//! - pure: made from values, so that the command, the API and a test tell the same;
//! - what is not known is said: that no scan ended, that records do not reach back far enough, how long nobody looked.

mod json;
mod markdown;
mod table;

use std::io::{self, BufWriter, Write};

use jiff::{SignedDuration, Timestamp};

use super::{BUFFER, Format, Style};
use crate::model::change::Change;
use crate::model::finding::{Finding, Verdict};
use crate::model::gate::Override;
use crate::model::report::{Coverage, Report, TenantReport};

/// What is remembered of the time between `since` and `now`.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    pub since: Timestamp,
    pub now: Timestamp,
    /// The last scan of the whole fleet, with the findings that stand now.
    pub report: Option<&'a Report>,
    /// Each with when. The latest first.
    pub resolved: &'a [(Finding, Timestamp)],
    /// The latest first; they may reach back further, or not so far.
    pub scans: &'a [ScanEnd],
    /// In any order; those of another time are left out.
    pub changes: &'a [Change],
    pub overrides: &'a [Override],
}

/// The end of one scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanEnd {
    pub at: Timestamp,
    pub partial: bool,
    pub verdict: Verdict,
}

/// What a person is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Daily<'a> {
    pub since: Timestamp,
    pub now: Timestamp,
    pub report: Option<&'a Report>,
    /// Zero before the first scan.
    pub coverage: Coverage,
    pub scans: Scans,
    /// Began since, and stands or stood. Worst first.
    pub opened: Vec<&'a Finding>,
    /// Stood before, and stands still. Worst first.
    pub standing: Vec<&'a Finding>,
    pub resolved: Vec<(&'a Finding, Timestamp)>,
    pub breached: Vec<&'a TenantReport>,
    pub unverified: Vec<&'a TenantReport>,
    /// Planned changes that held at some time since.
    pub changes: Vec<&'a Change>,
    /// Given since, or held since. The latest first.
    pub overrides: Vec<&'a Override>,
}

/// How often and how well the fleet was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scans {
    /// Of the whole fleet, by what they found.
    pub isolated: usize,
    pub breached: usize,
    pub unverified: usize,
    pub partial: usize,
    /// The longest time without the end of a scan of the whole fleet, up to now; of the time that the records cover.
    pub longest_gap: Option<SignedDuration>,
    /// Set where the records begin later than `since`: what was before is not counted.
    pub known_since: Option<Timestamp>,
}

impl Scans {
    pub const fn full(&self) -> usize {
        self.isolated + self.breached + self.unverified
    }
}

impl<'a> Daily<'a> {
    pub fn of(past: &Past<'a>) -> Self {
        let tenants = past.report.map_or(&[][..], |it| &it.tenants);
        let of = |verdict| tenants.iter().filter(move |it| it.isolation == verdict).collect();
        let unverified: Vec<&TenantReport> = of(Verdict::Unverified);
        let standing = past.report.into_iter().flat_map(Report::standing);
        let (mut opened, standing): (Vec<&Finding>, Vec<&Finding>) =
            standing.partition(|it| past.since <= it.first_seen);
        opened
            .extend(past.resolved.iter().map(|it| &it.0).filter(|it| past.since <= it.first_seen));
        opened.sort_by(|one, other| one.order().cmp(&other.order()));
        let resolved = past.resolved.iter().filter(|it| past.since <= it.1);
        let mut overrides: Vec<_> =
            past.overrides.iter().filter(|it| past.since < it.until && it.at <= past.now).collect();
        overrides.sort_by_key(|it| std::cmp::Reverse(it.at));
        Self {
            since: past.since,
            now: past.now,
            report: past.report,
            coverage: Coverage {
                verified: tenants.len() - unverified.len(),
                tenants: tenants.len(),
            },
            scans: scans(past),
            opened,
            standing,
            resolved: resolved.map(|(finding, at)| (finding, *at)).collect(),
            breached: of(Verdict::Breached),
            unverified,
            changes: past
                .changes
                .iter()
                .filter(|it| past.since <= it.until && it.from <= past.now)
                .collect(),
            overrides,
        }
    }

    /// Whether somebody looked and nothing changed.
    fn is_quiet(&self) -> bool {
        0 < self.scans.full() && self.opened.is_empty() && self.resolved.is_empty()
    }

    /// The whole in one line, for a log.
    pub fn headline(&self) -> String {
        format!(
            "{}; {}; {} opened, {} resolved",
            self.verdict(),
            covered(self),
            super::layout::counted(self.opened.len(), "finding"),
            self.resolved.len()
        )
    }

    /// Without a scan nothing is proven.
    pub fn verdict(&self) -> Verdict {
        self.report.map_or(Verdict::Unverified, Report::verdict)
    }
}

fn scans(past: &Past<'_>) -> Scans {
    let mut scans = Scans::default();
    let mut later = past.now;
    let mut gap = |earlier: Timestamp| {
        let apart = later.duration_since(earlier);
        later = earlier;
        apart
    };
    let mut longest = None;
    for scan in past.scans.iter().filter(|it| past.since <= it.at) {
        if scan.partial {
            scans.partial += 1;
            continue;
        }
        longest = longest.max(Some(gap(scan.at)));
        match scan.verdict {
            Verdict::Isolated => scans.isolated += 1,
            Verdict::Breached => scans.breached += 1,
            Verdict::Unverified => scans.unverified += 1,
        }
    }
    let oldest = past.scans.last().map(|it| it.at);
    scans.known_since = oldest.filter(|it| past.since < *it);
    if scans.known_since.is_none() {
        longest = longest.max(Some(gap(past.since)));
    }
    Scans { longest_gap: longest, ..scans }
}

/// The formats in which it is told.
pub const FORMATS: [Format; 3] = [Format::Table, Format::Json, Format::Markdown];

/// Any other format than those of `FORMATS` is told as a table.
pub fn write(
    format: Format,
    daily: &Daily<'_>,
    style: Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let out = &mut BufWriter::with_capacity(BUFFER, out);
    match format {
        Format::Json => json::write(daily, out),
        Format::Markdown => markdown::write(daily, out),
        Format::Table | Format::Sarif | Format::Junit | Format::Github => {
            table::write(daily, style, out)
        }
    }?;
    out.flush()
}

/// `3 h 5 min`: in the two largest units, as a person says it.
fn spoken(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let units = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds % 60, "s")];
    let first = units.iter().position(|it| 0 < it.0).unwrap_or(units.len() - 1);
    let told = units.iter().skip(first).take(2).filter(|it| 0 < it.0);
    let told: Vec<_> = told.map(|(count, unit)| format!("{count} {unit}")).collect();
    if told.is_empty() { "0 s".to_owned() } else { told.join(" ") }
}

/// What the scans of the time amount to, in sentences.
fn looked(daily: &Daily<'_>) -> Vec<String> {
    let scans = &daily.scans;
    let mut sentences = vec![format!(
        "{} of the whole fleet: {} found a breach, {} left something unverified; {} of parts of it",
        super::layout::counted(scans.full(), "scan"),
        scans.breached,
        scans.unverified,
        scans.partial
    )];
    if let Some(gap) = scans.longest_gap {
        sentences.push(format!("the longest time without one: {}", spoken(gap)));
    }
    if let Some(known) = scans.known_since {
        sentences.push(format!("records reach back to {known} only"));
    }
    sentences
}

/// How old the last scan is, and how much of the fleet it verified.
fn covered(daily: &Daily<'_>) -> String {
    let Some(report) = daily.report else {
        return "no scan of the whole fleet has ended yet".to_owned();
    };
    format!(
        "{} of {} verified; the last scan of the whole fleet ended {} ago, at {}",
        daily.coverage.verified,
        super::layout::counted(daily.coverage.tenants, "tenant"),
        spoken(daily.now.duration_since(report.finished_at)),
        report.finished_at
    )
}
