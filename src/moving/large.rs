//! Large objects, read from the one database in pieces and written to the other under their old numbers.
//!
//! Why by their owner, and by the columns that name them where somebody has named tables: nothing else says whose they are.
//!
//! Why the reader comes anew after some pieces: what a server may send in one visit is bounded.

use postgres_protocol::escape::{escape_identifier, escape_literal};

use super::MoveError;
use super::selection::{Part, Selection};
use super::session::{Mode, Open, Place, qualified};

/// In bytes, of one object.
const PIECE: usize = 256 * 1024;
/// Read in one visit, in letters as they are sent.
const A_VISIT: usize = 400 * 1024;
/// Numbers in one answer.
const AT_ONCE: usize = 2_000;

const READ: &str = "read large objects";
const WRITE: &str = "write large objects";

/// What stands behind `FROM` for those that belong to the selection, as `m`.
pub async fn which(open: &mut Open, chosen: &Selection) -> Result<String, MoveError> {
    let owned = "pg_largeobject_metadata m WHERE m.lomowner = (SELECT oid FROM pg_roles WHERE rolname = CURRENT_USER)";
    if chosen.part != Part::Relations && !chosen.named {
        return Ok(owned.to_owned());
    }
    let names = chosen.rows();
    if names.is_empty() {
        return Ok(format!("{owned} AND false"));
    }
    let columns = format!(
        "SELECT n.nspname, c.relname, a.attname FROM (VALUES {}) AS named (schema, name) \
         JOIN pg_namespace n ON n.nspname = named.schema \
         JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = named.name AND c.relkind = 'r' \
         JOIN pg_attribute a ON a.attrelid = c.oid AND 0 < a.attnum AND NOT a.attisdropped \
         JOIN pg_type t ON t.oid = a.atttypid WHERE t.typname IN ('oid', 'lo') ORDER BY 1, 2, 3",
        names.join(", ")
    );
    let mut told = Vec::new();
    for row in open.ask(READ, &columns).await? {
        let cell = |column: usize| row.get(column).cloned().flatten();
        let read = cell(0).zip(cell(1)).zip(cell(2));
        let ((schema, table), column) = read.ok_or_else(|| open.nonsense(READ))?;
        told.push(format!(
            "SELECT {}::oid FROM ONLY {}",
            escape_identifier(&column),
            qualified(&schema, &table)
        ));
    }
    if told.is_empty() {
        return Ok(format!("{owned} AND false"));
    }
    Ok(format!("{owned} AND m.oid IN ({})", told.join(" UNION ")))
}

/// Copies those of the snapshot. What the new database had of an attempt before goes first.
pub async fn copy(
    source: &Place<'_>,
    snapshot: &str,
    chosen: &Selection,
    new: &Place<'_>,
) -> Result<u64, MoveError> {
    let mut writer = new.open(Mode::Writes).await?;
    let unlink = "SELECT count(lo_unlink(m.oid)) FROM pg_largeobject_metadata m \
         WHERE m.lomowner = (SELECT oid FROM pg_roles WHERE rolname = CURRENT_USER)";
    writer.ask(WRITE, unlink).await?;
    let mut reader = Reader { source, snapshot, open: None, read: 0 };
    let which = which(reader.visit().await?, chosen).await?;
    let (mut last, mut copied) = (0_u32, 0);
    loop {
        let sql = format!(
            "SELECT m.oid, COALESCE(obj_description(m.oid, 'pg_largeobject'), '') FROM {which} \
             AND {last} < m.oid::int8 ORDER BY m.oid LIMIT {AT_ONCE}"
        );
        let found = reader.ask(&sql).await?;
        if found.is_empty() {
            break;
        }
        for row in found {
            let number = row.first().cloned().flatten().and_then(|it| it.parse().ok());
            last = number.ok_or(MoveError::Nonsense { what: READ, of: source.of })?;
            let comment = row.get(1).cloned().flatten().unwrap_or_default();
            one(&mut reader, &mut writer, last, &comment).await?;
            copied += 1;
        }
    }
    writer.ask(WRITE, "COMMIT").await?;
    writer.close().await;
    reader.leave().await;
    Ok(copied)
}

async fn one(
    reader: &mut Reader<'_>,
    writer: &mut Open,
    number: u32,
    comment: &str,
) -> Result<(), MoveError> {
    writer.ask(WRITE, &format!("SELECT lo_create({number})")).await?;
    if !comment.is_empty() {
        let sql = format!("COMMENT ON LARGE OBJECT {number} IS {}", escape_literal(comment));
        writer.ask(WRITE, &sql).await?;
    }
    let mut from = 0;
    loop {
        let sql = format!("SELECT encode(lo_get({number}, {from}, {PIECE}), 'base64')");
        let piece = reader.ask(&sql).await?.into_iter().flatten().next().flatten();
        let piece = piece.unwrap_or_default();
        if piece.is_empty() {
            return Ok(());
        }
        // Letters of base64 and line ends: nothing in it ends the constant.
        let put = format!("SELECT lo_put({number}, {from}, decode('{piece}', 'base64'))");
        writer.ask(WRITE, &put).await?;
        from += PIECE;
    }
}

/// Visits the source as often as it takes.
struct Reader<'a> {
    source: &'a Place<'a>,
    snapshot: &'a str,
    open: Option<Open>,
    read: usize,
}

impl Reader<'_> {
    async fn ask(&mut self, sql: &str) -> Result<crate::probe::session::Rows, MoveError> {
        let rows = self.visit().await?.ask(READ, sql).await?;
        self.read += rows.iter().flatten().flatten().map(|it| it.len() + 16).sum::<usize>();
        Ok(rows)
    }

    async fn visit(&mut self) -> Result<&mut Open, MoveError> {
        if A_VISIT < self.read
            && let Some(before) = self.open.take()
        {
            before.close().await;
            self.read = 0;
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => self.source.open(Mode::Of(self.snapshot)).await?,
        };
        Ok(self.open.insert(open))
    }

    async fn leave(self) {
        if let Some(open) = self.open {
            open.close().await;
        }
    }
}
