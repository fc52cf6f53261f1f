//! Operations as somebody looks for them: a page of those that fit.
//!
//! Why only the page is read: they are kept for a year, and each comes with its log.

use rusqlite::params_from_iter;

use super::Store;
use super::error::StoreError;
use super::operations::{COLUMNS, head, with_log};
use crate::model::operation::{Operation, OperationKind, OperationState};
use crate::model::tenant::TenantId;

/// Which operations are looked for. Each part that is there narrows them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    pub kind: Option<OperationKind>,
    pub state: Option<OperationState>,
    pub tenant: Option<&'a TenantId>,
    /// Stands somewhere in the tenant's id.
    pub part: &'a str,
}

/// One page of a list.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Rows that come before it.
    pub before: usize,
    pub rows: usize,
}

const WANTED: &str = "WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR state = ?2)
     AND (?3 IS NULL OR tenant = ?3) AND instr(tenant, ?4) > 0";

impl Wanted<'_> {
    /// As `WANTED` takes them. Every id holds the empty text.
    fn columns(&self) -> [Option<&str>; 4] {
        let kind = self.kind.map(OperationKind::label);
        let state = self.state.map(OperationState::label);
        [kind, state, self.tenant.map(TenantId::as_str), Some(self.part)]
    }
}

impl Store {
    /// How many operations are as they are wanted.
    pub fn count_operations(&self, wanted: &Wanted<'_>) -> Result<usize, StoreError> {
        self.read("count the operations", |transaction| {
            let sql = format!("SELECT count(*) FROM operations {WANTED}");
            let mut select = transaction.prepare_cached(&sql)?;
            let count: i64 =
                select.query_row(params_from_iter(wanted.columns()), |it| it.get(0))?;
            Ok(usize::try_from(count).unwrap_or_default())
        })
    }

    /// Those that are as they are wanted, the latest first.
    pub fn wanted_operations(
        &self,
        wanted: &Wanted<'_>,
        window: Window,
    ) -> Result<Vec<Operation>, StoreError> {
        self.read("read the operations", |transaction| {
            let Window { before, rows } = window;
            let sql = format!(
                "SELECT {COLUMNS} FROM operations {WANTED}
                 ORDER BY number DESC LIMIT {rows} OFFSET {before}"
            );
            let mut select = transaction.prepare(&sql)?;
            let heads: Vec<_> = select
                .query_and_then(params_from_iter(wanted.columns()), head)?
                .collect::<Result<_, _>>()?;
            heads.into_iter().map(|it| with_log(transaction, it)).collect()
        })
    }
}
