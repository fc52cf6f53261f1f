//! Writes a stamp: an empty schema `watertight` and its comment, in one transaction, as the database's own role.
//!
//! Why in two halves: what is to be written is drawn from a look at the database within the transaction that writes it,
//! and the store must know the text before it stands there. So a draft is an open transaction, and whoever drops it has
//! written nothing.
//!
//! Invariants:
//! - another tenant's stamp is never written over, and neither is what somebody else keeps under our name;
//! - the transaction ends by itself, on both sides, when we are gone.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use super::key::StampKeys;
use super::text;
use crate::model::observation::{Cause, Failure};
use crate::model::stamp::{SeenStamp, Stamp, plain_project};
use crate::model::tenant::{TargetName, TenantId};
use crate::probe::Prober;
use crate::probe::errand::Errand;
use crate::probe::session::{Rows, Session};

#[derive(Debug, thiserror::Error)]
pub enum StampError {
    #[error("reach the database of {tenant} to stamp it: {}", .failure.detail)]
    Reach { tenant: TenantId, failure: Failure },
    #[error("look at the database of {tenant} to stamp it: {}", .failure.detail)]
    Look { tenant: TenantId, failure: Failure },
    #[error("the database of {tenant} was not stamped: {refusal}")]
    Refused { tenant: TenantId, refusal: Refusal },
    /// It may stand there all the same where the connection broke just then: the store knows it either way.
    #[error(
        "write the stamp of {tenant}: {}; where its role may not create a schema, `watertight stamp --plan` prints what another can run",
        .failure.detail
    )]
    Write { tenant: TenantId, failure: Failure },
}

/// Why a database is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it is a standby, and takes what its primary has: stamp that one")]
    Standby,
    #[error(
        "it bears the stamp of {0}: see `foreign_stamp` in the report before anything is written over it"
    )]
    Foreign(TenantId),
    #[error("its schema `watertight` has a comment that is no stamp: somebody else uses the name")]
    Occupied,
    #[error("its schema `watertight` is not empty: somebody else uses the name")]
    NotEmpty,
    #[error(
        "its schema `watertight` belongs to {owner}, and we are {user}: `watertight stamp --plan` prints what {owner} can run"
    )]
    OtherOwner { owner: String, user: String },
    #[error("its answer makes no sense")]
    Nonsense,
}

/// Who is going to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The role that we are logged in as.
    Ourselves,
    /// The platform's own migrations, as whoever they run.
    Platform,
}

/// A stamp for one database that is not written yet.
pub struct Draft {
    tenant: TenantId,
    text: Box<str>,
    /// The comment of the schema as it is; `None` where there is no schema.
    before: Option<Box<str>>,
    session: Session,
    limit: Duration,
}

/// Looks at the database, and draws a stamp for it where nothing stands against it. Within three of the prober's
/// deadlines.
pub async fn draft(
    prober: &Prober,
    keys: &StampKeys,
    errand: &Errand,
    writer: Writer,
    now: Timestamp,
) -> Result<Draft, StampError> {
    let (tenant, limit) = (errand.tenant(), prober.timeout());
    let opened = errand.open(prober).await;
    let mut session =
        opened.map_err(|failure| StampError::Reach { tenant: tenant.clone(), failure })?;
    let looked = look(&mut session, limit).await;
    let (rows, system_identifier) =
        looked.map_err(|failure| StampError::Look { tenant: tenant.clone(), failure })?;
    let judged = Place::read(&rows)
        .ok_or(Refusal::Nonsense)
        .and_then(|place| judge(&place, tenant, keys, writer).map(|()| place));
    let place = match judged {
        Ok(place) => place,
        Err(refusal) => {
            session.close().await;
            return Err(StampError::Refused { tenant: tenant.clone(), refusal });
        }
    };
    let stamp = Stamp {
        tenant: tenant.clone(),
        project: errand.address().project_id().map(plain_project),
        system_identifier,
        database_oid: Some(place.database_oid),
        nonce: URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>()).into(),
        at: now,
    };
    let before = place.schema.map(|it| it.comment.into());
    Ok(Draft { tenant: tenant.clone(), text: keys.sign(&stamp), before, session, limit })
}

impl Draft {
    /// What the store is to remember before it is written.
    pub fn intended(&self, target: &TargetName) -> SeenStamp {
        SeenStamp { tenant: self.tenant.clone(), target: target.clone(), text: self.text.clone() }
    }

    /// What it would be written over: see `erase`.
    pub fn before(&self) -> Option<&str> {
        self.before.as_deref()
    }

    /// For whoever writes it instead of us.
    pub fn sql(&self) -> String {
        sql(&self.text)
    }

    /// Writes it, and reads it back before it counts.
    pub async fn write(mut self) -> Result<(), StampError> {
        let statement = format!("{}\n{COMMENT};", sql(&self.text));
        let written = match self.session.ask(&statement, self.limit).await {
            Ok(rows) if cell(&rows, 0) == Some(&self.text) => {
                self.session.ask("COMMIT", self.limit).await.map(drop)
            }
            Ok(_) => Err(Failure {
                cause: Cause::QueryFailed,
                detail: "what was written is not what stands there".into(),
            }),
            Err(failure) => Err(failure),
        };
        self.session.close().await;
        written.map_err(|failure| StampError::Write { tenant: self.tenant, failure })
    }

    /// Leaves the database as it is.
    pub async fn leave(self) {
        self.session.close().await;
    }
}

/// The text has no letter that would end the literal.
fn sql(text: &str) -> String {
    format!("CREATE SCHEMA IF NOT EXISTS watertight;\nCOMMENT ON SCHEMA watertight IS '{text}';")
}

const COMMENT: &str =
    "SELECT pg_catalog.obj_description(pg_catalog.to_regnamespace('watertight'), 'pg_namespace')";

/// An object in a schema depends on it; that is how any kind of one is found.
const LOOK: &str = "SELECT d.oid, pg_catalog.pg_is_in_recovery(), CURRENT_USER, \
     COALESCE(pg_catalog.obj_description(n.oid, 'pg_namespace'), ''), \
     pg_catalog.pg_get_userbyid(n.nspowner), \
     pg_catalog.pg_has_role(n.nspowner, 'USAGE'), \
     EXISTS (SELECT 1 FROM pg_catalog.pg_depend p WHERE p.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass \
         AND p.refobjid = n.oid AND p.deptype = 'n') \
     FROM pg_catalog.pg_database d \
     LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = 'watertight' \
     WHERE d.datname = pg_catalog.current_database()";

const SYSTEM: &str = "SELECT system_identifier FROM pg_catalog.pg_control_system()";

/// Begins the transaction; then what stands there, and the server's identifier where the role may see it.
pub(super) async fn look(
    session: &mut Session,
    limit: Duration,
) -> Result<(Rows, Option<u64>), Failure> {
    let millis = limit.as_millis().clamp(1, i32::MAX as u128);
    let begin = format!(
        "BEGIN; SET LOCAL statement_timeout = {millis}; SET LOCAL lock_timeout = {millis}; \
         SET LOCAL idle_in_transaction_session_timeout = {millis}; SET LOCAL search_path = pg_catalog; {LOOK}"
    );
    let rows = session.ask(&begin, limit).await?;
    let seen = session.run(&format!("SAVEPOINT watertight; {SYSTEM}"), limit).await;
    let identifier = match seen {
        Ok(rows) => cell(&rows, 0).and_then(|it| it.parse::<i64>().ok()),
        Err(trouble) if trouble.code.as_deref() == Some("42501") => {
            session.ask("ROLLBACK TO SAVEPOINT watertight", limit).await?;
            None
        }
        Err(trouble) => return Err(trouble.failure),
    };
    Ok((rows, identifier.map(i64::cast_unsigned)))
}

fn cell(rows: &Rows, column: usize) -> Option<&str> {
    rows.first()?.get(column)?.as_deref()
}

/// What stands there now.
#[derive(Debug)]
pub(super) struct Place {
    database_oid: u32,
    standby: bool,
    user: String,
    pub(super) schema: Option<Schema>,
}

#[derive(Debug)]
pub(super) struct Schema {
    pub(super) comment: String,
    owner: String,
    /// We are its owner, or may act as one.
    ours: bool,
    pub(super) filled: bool,
}

impl Place {
    pub(super) fn read(rows: &Rows) -> Option<Self> {
        let yes = |column| Some(cell(rows, column)? == "t");
        let text = |column| cell(rows, column).map(ToOwned::to_owned);
        let schema = || {
            let (owner, ours, filled) = (text(4)?, yes(5)?, yes(6)?);
            Some(Schema { comment: text(3)?, owner, ours, filled })
        };
        Some(Self {
            database_oid: cell(rows, 0)?.parse().ok()?,
            standby: yes(1)?,
            user: text(2)?,
            schema: schema(),
        })
    }
}

/// What stands against writing.
fn judge(
    place: &Place,
    tenant: &TenantId,
    keys: &StampKeys,
    writer: Writer,
) -> Result<(), Refusal> {
    if place.standby {
        return Err(Refusal::Standby);
    }
    let Some(schema) = &place.schema else { return Ok(()) };
    if !schema.comment.is_empty() {
        // Without our signature it may be a stamp of a key that was lost. Whose it says it is, is then still respected.
        let named = text::read(keys, &schema.comment).map(|it| it.tenant);
        match named.or_else(|| text::claimed_tenant(&schema.comment)) {
            None => return Err(Refusal::Occupied),
            Some(other) if other != *tenant => return Err(Refusal::Foreign(other)),
            Some(_) => {}
        }
    }
    if schema.filled {
        return Err(Refusal::NotEmpty);
    }
    if writer == Writer::Ourselves && !schema.ours {
        let (owner, user) = (schema.owner.clone(), place.user.clone());
        return Err(Refusal::OtherOwner { owner, user });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn id(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    fn keys(letter: &str) -> StampKeys {
        StampKeys::new(&Secret::new(letter.repeat(32)), None).unwrap()
    }

    fn stamp(keys: &StampKeys, tenant: &str) -> String {
        let stamp = Stamp {
            tenant: id(tenant),
            project: None,
            system_identifier: None,
            database_oid: Some(5),
            nonce: "n".into(),
            at: "2026-11-27T02:00:00Z".parse().unwrap(),
        };
        keys.sign(&stamp).into()
    }

    /// One row as the server gives it: the schema's comment, its owner, whether it is ours and whether it is filled.
    #[track_caller]
    fn check(schema: Option<(&str, &str, &str)>, writer: Writer, expected: &Result<(), Refusal>) {
        let text = |it: &str| Some(it.to_owned());
        let mut row = vec![text("5"), text("f"), text("app")];
        row.extend(match schema {
            None => vec![text(""), None, None, text("f")],
            Some((comment, ours, filled)) => {
                vec![text(comment), text("boss"), text(ours), text(filled)]
            }
        });
        let place = Place::read(&vec![row]).unwrap();
        assert_eq!(judge(&place, &id("acme"), &keys("a"), writer), *expected);
    }

    #[test]
    fn an_empty_schema_of_ours_is_stamped_and_stamped_again() {
        check(None, Writer::Ourselves, &Ok(()));
        check(Some(("", "t", "f")), Writer::Ourselves, &Ok(()));
        check(Some((&stamp(&keys("a"), "acme"), "t", "f")), Writer::Ourselves, &Ok(()));
        // Of a key that was lost.
        check(Some((&stamp(&keys("b"), "acme"), "t", "f")), Writer::Ourselves, &Ok(()));
    }

    #[test]
    fn what_is_not_ours_is_left_as_it_is() {
        for writer in [Writer::Ourselves, Writer::Platform] {
            for key in ["a", "b"] {
                let theirs = stamp(&keys(key), "globex");
                check(Some((&theirs, "t", "f")), writer, &Err(Refusal::Foreign(id("globex"))));
            }
            check(Some(("a comment", "t", "f")), writer, &Err(Refusal::Occupied));
            check(Some(("", "t", "t")), writer, &Err(Refusal::NotEmpty));
        }
        let other = Refusal::OtherOwner { owner: "boss".to_owned(), user: "app".to_owned() };
        check(Some(("", "f", "f")), Writer::Ourselves, &Err(other));
        check(Some(("", "f", "f")), Writer::Platform, &Ok(()));
    }
}
