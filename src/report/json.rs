//! `watertight.report/v1`: the report for other people's scripts, and back.
//!
//! Why the shape has types of its own: the contract's names must not change because a field of the model is renamed,
//! and the core knows no serde. The document is written tenant by tenant, so that a second copy of a large report
//! never exists.
//!
//! Invariants:
//! - what is written is read back equal, but for what the contract does not carry: positions in the write-ahead log
//!   and the stamp;
//! - reading is total: any text gives a report or an error. Fields that this version does not know are ignored, words
//!   that it does not know are errors.

mod read;
pub mod view;
pub mod words;

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use self::view::{FindingView, ScanView, SummaryView, TenantView};
use crate::model::finding::Finding;
use crate::model::report::{Report, TenantReport};

pub const SCHEMA: &str = "watertight.report/v1";

#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    #[error("read a report as JSON")]
    Syntax(#[source] serde_json::Error),
    #[error("the report is of schema {0:?}, and this version reads {SCHEMA:?}")]
    Schema(String),
    #[error("the report's `{field}` cannot be {found:?}")]
    Value { field: &'static str, found: String },
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    verdict: &'static str,
    scan: ScanView<'a>,
    summary: SummaryView,
    warnings: &'a [String],
    #[serde(serialize_with = "one_by_one")]
    tenants: &'a [TenantReport],
    #[serde(serialize_with = "one_after_another")]
    findings: &'a [Finding],
}

pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let document = Document {
        schema: SCHEMA,
        verdict: report.verdict().label(),
        scan: ScanView::of(report),
        summary: SummaryView::from(report.summary()),
        warnings: &report.warnings,
        tenants: &report.tenants,
        findings: &report.findings,
    };
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn one_by_one<S: Serializer>(tenants: &[TenantReport], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(tenants.iter().map(TenantView::of))
}

fn one_after_another<S: Serializer>(
    findings: &[Finding],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(findings.iter().map(FindingView::of))
}

/// One finding as it stands in the document.
pub fn finding(finding: &Finding) -> impl Serialize + use<'_> {
    FindingView::of(finding)
}

/// The counts as they stand in the document.
pub fn summary(report: &Report) -> impl Serialize + use<> {
    SummaryView::from(report.summary())
}

/// Reads a report back. The caller bounds the length of the text; what is built from it is of the same order.
pub fn parse(text: &str) -> Result<Report, ParseError> {
    read::report(text)
}
