//! Takes a stamp of ours out of a database that somebody brought and that did not become a tenant's.
//!
//! Why what stood there before is put back: the database was its owner's before it was offered to us, and a creation that
//! was undone must leave no trace of itself.
//!
//! Invariants:
//! - only a text that this store has written is taken away, and only where it stands as it was written;
//! - a schema that somebody has put something into meanwhile stays, without our text.

use postgres_protocol::escape::escape_literal;

use super::write::{Place, StampError, look};
use crate::probe::Prober;
use crate::probe::errand::Errand;

/// `ours` are the texts that may be ours; `before` is the comment of the schema as it was, `None` where there was no
/// schema. Within three of the prober's deadlines.
pub async fn erase(
    prober: &Prober,
    errand: &Errand,
    ours: &[Box<str>],
    before: Option<&str>,
) -> Result<(), StampError> {
    let (tenant, limit) = (errand.tenant(), prober.timeout());
    let opened = errand.open(prober).await;
    let mut session =
        opened.map_err(|failure| StampError::Reach { tenant: tenant.clone(), failure })?;
    let looked = look(&mut session, limit).await;
    let (rows, _) =
        looked.map_err(|failure| StampError::Look { tenant: tenant.clone(), failure })?;
    let schema = Place::read(&rows).and_then(|it| it.schema);
    let found = schema.filter(|it| ours.iter().any(|text| **text == *it.comment));
    let written = match found.map(|it| sql(it.filled, before)) {
        Some(statement) => session.ask(&format!("{statement}; COMMIT"), limit).await.map(drop),
        None => Ok(()),
    };
    session.close().await;
    written.map_err(|failure| StampError::Write { tenant: tenant.clone(), failure })
}

fn sql(filled: bool, before: Option<&str>) -> String {
    match before {
        None if !filled => "DROP SCHEMA watertight".to_owned(),
        None | Some("") => "COMMENT ON SCHEMA watertight IS NULL".to_owned(),
        // One that means the same under every setting of `standard_conforming_strings`: a message is read whole before
        // anything that it sets is set.
        Some(text) => format!("COMMENT ON SCHEMA watertight IS {}", escape_literal(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stood_there_is_put_back() {
        assert_eq!(sql(false, None), "DROP SCHEMA watertight");
        assert_eq!(sql(true, None), "COMMENT ON SCHEMA watertight IS NULL");
        assert_eq!(sql(false, Some("")), "COMMENT ON SCHEMA watertight IS NULL");
        assert!(sql(false, Some("it's")).ends_with("IS 'it''s'"));
        let hostile = sql(false, Some(r"a\'; DROP TABLE customers; --"));
        assert!(hostile.ends_with(r"IS  E'a\\''; DROP TABLE customers; --'"), "{hostile}");
    }
}
