//! The ledger's entries as rows: what is searched by stands in columns, the rest as JSON.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{RowError, micros, parse, tenant, text, time, word};
use crate::model::finding::Severity;
use crate::model::issue::{Entry, News, Place, Remark, Standing, Subject};

const ENTRY: &str = "an issue";

/// The columns of an entry's row as they are read.
pub(in crate::store) struct Columns {
    pub(in crate::store) row: i64,
    pub(in crate::store) subject: String,
    pub(in crate::store) repository: Box<str>,
    pub(in crate::store) issue: Option<i64>,
    pub(in crate::store) url: Option<Box<str>>,
    pub(in crate::store) standing: String,
    pub(in crate::store) since: i64,
    pub(in crate::store) body: String,
}

#[derive(Deserialize, Serialize)]
struct Body {
    said: Option<NewsRow>,
    turn: u32,
    remark: Option<RemarkRow>,
    reminders: u32,
    reminded: Option<i64>,
    misses: u32,
    follows: Option<u64>,
}

#[derive(Deserialize, Serialize)]
struct NewsRow {
    severity: String,
    tenants: Vec<String>,
    evidence: BTreeSet<String>,
    acknowledged: Option<i64>,
}

#[derive(Deserialize, Serialize)]
struct RemarkRow {
    key: Box<str>,
    confirmed: bool,
}

/// The `body` column.
pub(in crate::store) fn entry_text(entry: &Entry) -> Result<String, RowError> {
    let news = |it: &News| NewsRow {
        severity: it.severity.label().to_owned(),
        tenants: it.tenants.iter().map(ToString::to_string).collect(),
        evidence: it.evidence.clone(),
        acknowledged: it.acknowledged.map(micros),
    };
    let remark = |it: &Remark| RemarkRow { key: it.key.clone(), confirmed: it.confirmed };
    let body = Body {
        said: entry.said.as_ref().map(news),
        turn: entry.turn,
        remark: entry.remark.as_ref().map(remark),
        reminders: entry.reminders,
        reminded: entry.reminded.map(micros),
        misses: entry.misses,
        follows: entry.follows,
    };
    text(ENTRY, &body)
}

pub(in crate::store) fn entry(columns: &Columns) -> Result<Entry, RowError> {
    let body: Body = parse(ENTRY, &columns.body)?;
    let place = match (columns.issue, &columns.url) {
        (Some(number), Some(url)) => {
            let number = u64::try_from(number).map_err(|_| RowError::Range { what: ENTRY })?;
            Some(Place { number, url: url.clone() })
        }
        _ => None,
    };
    Ok(Entry {
        row: columns.row,
        subject: word("an issue's subject", &columns.subject, Subject::parse)?,
        repository: columns.repository.clone(),
        issue: place,
        standing: word("an issue's standing", &columns.standing, Standing::parse)?,
        since: time("since", columns.since)?,
        said: body.said.map(news).transpose()?,
        turn: body.turn,
        remark: body.remark.map(|it| Remark { key: it.key, confirmed: it.confirmed }),
        reminders: body.reminders,
        reminded: body.reminded.map(|it| time("reminded", it)).transpose()?,
        misses: body.misses,
        follows: body.follows,
    })
}

fn news(row: NewsRow) -> Result<News, RowError> {
    Ok(News {
        severity: word("severity", &row.severity, Severity::parse)?,
        tenants: row.tenants.iter().map(|it| tenant(it)).collect::<Result<_, _>>()?,
        evidence: row.evidence,
        acknowledged: row.acknowledged.map(|it| time("acknowledged", it)).transpose()?,
    })
}
