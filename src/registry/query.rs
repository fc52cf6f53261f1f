//! Tenants from a query on the platform's own database.
//!
//! Why the rows come as JSON made by the server: a platform keeps its ids as text, numbers or UUIDs, and its endpoints as
//! JSON columns; one shape spares a decoder for each type that PostgreSQL has.
//!
//! Invariants:
//! - the transaction is read-only, has a statement time-out and is never committed;
//! - the connection is proven to lead to the server that the URL names: whoever could pose as the registry would choose
//!   whom our credentials are sent to.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use futures_util::TryStreamExt;
use serde_json::Value;
use tokio_postgres::Client;

use super::file::{MOST_ROWS, from_object};
use super::row::{Fault, KEYS, RawRow};
use crate::dsn::Dsn;
use crate::model::tenant::normalise;
use crate::tls::session::{self, SessionError};

/// Of all rows together, in bytes.
const LARGEST: usize = 256 * 1024 * 1024;

/// Of one row: a connection string and some labels are a thousandth of it, and whatever is kept is sealed as well.
const LONGEST: usize = 1024 * 1024;
/// For a server that has closed in good order to be read to the end.
const LAST_WORDS: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Without its source, because a server's message may quote a row.
    #[error("run the query on the platform's database: {0}")]
    Query(String),
    #[error("the query gives more than {MOST_ROWS} rows or {LARGEST} bytes")]
    TooLarge,
    #[error("end the connection to the platform's database")]
    Ended,
}

/// Reads all rows. The caller sets the deadline of the whole.
pub async fn read(
    dsn: &Dsn,
    query: &str,
    ca_file: Option<&Path>,
) -> Result<Vec<RawRow>, QueryError> {
    let (client, connection) = session::connect(dsn, ca_file).await?;
    drive(connection, rows(client, query)).await
}

/// The connection works only while it is polled; both end together.
async fn drive(
    connection: impl Future<Output = Result<(), tokio_postgres::Error>>,
    reading: impl Future<Output = Result<Vec<RawRow>, QueryError>>,
) -> Result<Vec<RawRow>, QueryError> {
    tokio::pin!(connection, reading);
    tokio::select! {
        biased;
        rows = &mut reading => rows,
        ended = &mut connection => match ended {
            Err(error) => Err(failed(error)),
            // The server closed in good order: what it had sent is still to be read.
            Ok(()) => tokio::time::timeout(LAST_WORDS, reading).await.map_err(|_| QueryError::Ended)?,
        },
    }
}

async fn rows(mut client: Client, query: &str) -> Result<Vec<RawRow>, QueryError> {
    let transaction = client.build_transaction().read_only(true).start().await;
    let transaction = transaction.map_err(failed)?;
    transaction.batch_execute("set local statement_timeout = '25s'").await.map_err(failed)?;
    let query = query.trim().trim_end_matches(';');
    // The line end closes a comment that the query may end with.
    let statement = format!(
        "select pg_catalog.row_to_json(watertight_row)::text from (\n{query}\n) as watertight_row limit {}",
        MOST_ROWS + 1
    );
    // Not prepared: a pooler in transaction mode may not know prepared statements.
    let none: [(&str, tokio_postgres::types::Type); 0] = [];
    let stream = transaction.query_typed_raw(&statement, none).await.map_err(failed)?;
    tokio::pin!(stream);
    let (mut rows, mut size) = (Vec::new(), 0_usize);
    let mut columns = BTreeSet::new();
    while let Some(row) = stream.try_next().await.map_err(failed)? {
        let text: &str = row.try_get(0).map_err(failed)?;
        size = size.saturating_add(text.len());
        if MOST_ROWS <= rows.len() || LARGEST < size {
            return Err(QueryError::TooLarge);
        }
        let number = u32::try_from(rows.len() + 1).ok();
        let mut row = match serde_json::from_str(text) {
            _ if LONGEST < text.len() => RawRow::unreadable(
                None,
                Fault::new("", "the row is longer than 1 MiB", "give no more than a tenant needs"),
            ),
            Ok(Value::Object(members)) => from_object(members, None),
            Ok(_) | Err(_) => RawRow::unreadable(
                None,
                Fault::new("", "the row is no JSON object", "name the query's columns"),
            ),
        };
        // A column that no row has is told once, not for each of ten thousand rows.
        row.faults.retain(|it| {
            let known = it.key.is_empty() || it.key.contains('.') || KEYS.contains(&&*it.key);
            known || columns.insert(it.key.clone())
        });
        row.line = number.filter(|_| normalise(&row.id).is_none());
        rows.push(row);
    }
    Ok(rows)
}

/// The message where it speaks of the statement or the login; else only the code.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn failed(error: tokio_postgres::Error) -> QueryError {
    let Some(server) = error.as_db_error() else {
        return QueryError::Query("the connection failed".to_owned());
    };
    let code = server.code().code();
    let harmless = ["25", "28", "3D", "42", "57"].iter().any(|it| code.starts_with(it));
    QueryError::Query(if harmless {
        format!("{} ({code})", server.message())
    } else {
        format!("SQLSTATE {code}")
    })
}
