//! What is there of our projects, and what that means.

use jiff::Timestamp;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use super::failure::Broken;
use crate::provider::{Project, ProjectState, Readiness};

/// What a project's mark begins with; the moment of its making follows.
pub(super) const MARK: &str = "made by watertight at ";

/// Of a name, for the server's advisory locks. The number is of no meaning, but ours.
pub(super) const KEY: &str = "pg_catalog.hashtextextended($1, 5731)";

const QUESTION: &str = "
    select r.rolname::text,
           pg_catalog.shobj_description(r.oid, 'pg_authid'),
           case when d.oid is null then 'none' when d.datdba <> r.oid then 'another''s'
                when d.datallowconn then 'open' else 'closed' end,
           exists (
               select from pg_catalog.pg_locks l
               where l.locktype = 'advisory' and l.granted and l.objsubid = 1
                 and l.database = (select oid from pg_catalog.pg_database
                                   where datname = pg_catalog.current_database())
                 and ((l.classid::pg_catalog.int8 << 32) | l.objid::pg_catalog.int8)
                     = pg_catalog.hashtextextended(r.rolname::text, 5731))
    from pg_catalog.pg_roles r left join pg_catalog.pg_database d on d.datname = r.rolname
    where pg_catalog.starts_with(pg_catalog.shobj_description(r.oid, 'pg_authid'), $1)
      and ($2 is null or r.rolname = $2)
    order by r.rolname";

/// A role that bears our mark, and its database.
#[derive(Clone, Debug)]
pub(super) struct Found {
    name: Box<str>,
    created_at: Option<Timestamp>,
    pub(super) database: Database,
    work: Work,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Database {
    None,
    /// Of that name, and not the role's: not ours to touch.
    Another,
    /// It takes no connections: its making was not done, or its deletion was.
    Closed,
    Open,
}

/// Whether somebody holds the project's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Idle,
    UnderWay,
}

pub(super) async fn all(client: &Client) -> Result<Vec<Found>, Broken> {
    ask(client, None).await
}

pub(super) async fn one(client: &Client, name: &str) -> Result<Option<Found>, Broken> {
    Ok(ask(client, Some(name)).await?.into_iter().next())
}

async fn ask(client: &Client, name: Option<&str>) -> Result<Vec<Found>, Broken> {
    // Not prepared: a pooler in transaction mode may not know prepared statements.
    let rows = client.query_typed(QUESTION, &[(&MARK, Type::TEXT), (&name, Type::TEXT)]).await?;
    rows.iter().map(|row| found(row).map_err(Broken::Server)).collect()
}

fn found(row: &Row) -> Result<Found, tokio_postgres::Error> {
    let (name, mark): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Found {
        name: name.into(),
        created_at: mark.strip_prefix(MARK).and_then(|it| it.parse().ok()),
        database: match row.try_get(2)? {
            "none" => Database::None,
            "open" => Database::Open,
            "closed" => Database::Closed,
            _ => Database::Another,
        },
        work: if row.try_get(3)? { Work::UnderWay } else { Work::Idle },
    })
}

impl Found {
    pub(super) fn project(&self) -> Project {
        Project {
            reference: self.name.clone(),
            name: self.name.clone(),
            region: None,
            state: match self.readiness() {
                Readiness::Ready => ProjectState::Active,
                Readiness::Coming(_) => ProjectState::Coming,
                Readiness::Failed(_) | Readiness::Absent => ProjectState::Failed,
            },
            created_at: self.created_at,
            branch: false,
        }
    }

    pub(super) fn readiness(&self) -> Readiness {
        match (self.database, self.work) {
            // The last step opens it, so an open one is whole.
            (Database::Open, _) => Readiness::Ready,
            (Database::Another, _) => {
                Readiness::Failed("a database of its name belongs to another role".into())
            }
            (Database::None | Database::Closed, Work::UnderWay) => {
                Readiness::Coming("somebody is at work on its database".into())
            }
            (Database::None, Work::Idle) => {
                Readiness::Failed("its making was broken off before it had a database".into())
            }
            (Database::Closed, Work::Idle) => {
                Readiness::Failed("its making was broken off, or it was closed since".into())
            }
        }
    }
}
