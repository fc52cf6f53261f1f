//! One visit to the source or to the new database, as the application, in one transaction.
//!
//! Why every setting that shapes a value's text is pinned: two servers show one row differently, and a checksum over texts
//! must not depend on who shows them. Why `row_security` is off: rows that a policy hides would be missed in silence; so it
//! is an error.
//!
//! Why a value that the server quotes is not repeated: a row's text is the tenant's, and an error is read by others.

use std::time::Duration;

use postgres_protocol::escape::{escape_identifier, escape_literal};
use tokio::time::Instant;

use super::MoveError;
use crate::model::tenant::TenantId;
use crate::probe::Prober;
use crate::probe::errand::Errand;
use crate::probe::session::{Rows, Session};
use crate::secret::Secret;

const PINNED: &str = "SET LOCAL search_path = pg_catalog; SET LOCAL row_security = off; \
     SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'iso_8601'; \
     SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = 'hex'; SET LOCAL lc_monetary = 'C'; \
     SET LOCAL lock_timeout = '30s'; SET LOCAL jit = off";

/// The class of errors whose messages quote the values that they reject.
const QUOTING: &str = "22";

/// Whose database, and as whom.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub prober: &'a Prober,
    pub tenant: &'a TenantId,
    pub url: &'a Secret,
    /// For errors: `the old database`.
    pub of: &'static str,
    pub deadline: Instant,
}

/// How the transaction is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode<'a> {
    /// One view from its beginning to its end.
    Snapshot,
    /// The view of another transaction.
    Of(&'a str),
    /// Each statement sees what is there now.
    Now,
    Writes,
}

/// An open transaction. Whoever drops it has changed nothing.
pub struct Open {
    session: Session,
    of: &'static str,
    deadline: Instant,
}

impl Place<'_> {
    pub async fn open(&self, mode: Mode<'_>) -> Result<Open, MoveError> {
        let errand = Errand::by_url(self.tenant, self.url)
            .map_err(|source| MoveError::Url { of: self.of, source })?;
        let opened = errand.open(self.prober).await;
        let session =
            opened.map_err(|failure| MoveError::Reach { of: self.of, detail: failure.detail })?;
        let mut open = Open { session, of: self.of, deadline: self.deadline };
        let begin = match mode {
            Mode::Snapshot => "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY".to_owned(),
            Mode::Of(snapshot) => format!(
                "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET TRANSACTION SNAPSHOT {}",
                escape_literal(snapshot)
            ),
            Mode::Now => "BEGIN READ ONLY".to_owned(),
            Mode::Writes => "BEGIN READ WRITE".to_owned(),
        };
        let millis = open.left().as_millis().clamp(1, i32::MAX as u128);
        let begin = format!(
            "{begin}; {PINNED}; SET LOCAL statement_timeout = {millis}; \
             SET LOCAL idle_in_transaction_session_timeout = {millis}"
        );
        open.ask("begin to look", &begin).await?;
        Ok(open)
    }
}

impl Open {
    pub async fn ask(&mut self, what: &'static str, sql: &str) -> Result<Rows, MoveError> {
        let asked = self.session.run(sql, self.left()).await;
        asked.map_err(|trouble| {
            let detail = match &trouble.code {
                Some(code) if code.starts_with(QUOTING) => {
                    format!("the server says {code}, and its message would quote a value")
                }
                _ => trouble.failure.detail.to_string(),
            };
            MoveError::Sql { what, of: self.of, detail: detail.into() }
        })
    }

    pub fn nonsense(&self, what: &'static str) -> MoveError {
        MoveError::Nonsense { what, of: self.of }
    }

    pub async fn close(self) {
        self.session.close().await;
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// `"schema"."name"`.
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", escape_identifier(schema), escape_identifier(name))
}
