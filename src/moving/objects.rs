//! What stands in a database: its schemas, tables and the rest that a tenant may have, each with its owner.
//!
//! Why what belongs to an extension is left out: whoever creates the extension anew has it.

use serde::{Deserialize, Serialize};

use super::MoveError;
use super::session::Open;
use crate::probe::session::Rows;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    /// As whom we looked.
    pub role: Box<str>,
    /// A role whose name ends with ours as a word: in a dump's list of owners the two look alike.
    pub namesake: Option<Box<str>>,
    /// As the server counts it: 150018.
    pub server_version: u32,
    /// A Supabase project has roles that nobody else has.
    pub is_supabase: bool,
    pub schemas: Vec<Schema>,
    pub relations: Vec<Relation>,
    pub extensions: Vec<Extension>,
    /// Of our role.
    pub large_objects: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    pub name: Box<str>,
    pub owner: Box<str>,
    /// The extension that brought it.
    pub extension: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    pub schema: Box<str>,
    pub name: Box<str>,
    pub kind: RelationKind,
    pub owner: Box<str>,
    pub bytes: u64,
    /// As the planner estimates them; `None` before its first look.
    pub rows: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    Table,
    /// Its rows are those of its partitions.
    Partitioned,
    View,
    Materialised,
    Sequence,
    Foreign,
}

impl RelationKind {
    pub const fn label(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Partitioned => "partitioned table",
            Self::View => "view",
            Self::Materialised => "materialised view",
            Self::Sequence => "sequence",
            Self::Foreign => "foreign table",
        }
    }

    fn of(letter: &str) -> Option<Self> {
        Some(match letter {
            "r" => Self::Table,
            "p" => Self::Partitioned,
            "v" => Self::View,
            "m" => Self::Materialised,
            "S" => Self::Sequence,
            "f" => Self::Foreign,
            _ => return None,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    pub name: Box<str>,
    pub schema: Box<str>,
}

const FACTS: &str = "SELECT CURRENT_USER, pg_catalog.current_setting('server_version_num'), \
     EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'supabase_admin'), \
     (SELECT count(*) FROM pg_largeobject_metadata m JOIN pg_roles r ON r.oid = m.lomowner WHERE r.rolname = CURRENT_USER), \
     (SELECT min(rolname::text) FROM pg_roles WHERE right(rolname, length(CURRENT_USER) + 1) = ' ' || CURRENT_USER)";

/// Our own schema holds the stamp, and is never moved.
const SCHEMAS: &str = "SELECT n.nspname, pg_get_userbyid(n.nspowner), \
     (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid \
      WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid \
        AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' LIMIT 1) \
     FROM pg_namespace n \
     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'watertight') \
       AND n.nspname NOT LIKE 'pg\\_temp\\_%' AND n.nspname NOT LIKE 'pg\\_toast\\_temp\\_%' ORDER BY 1";

const RELATIONS: &str = "SELECT n.nspname, c.relname, c.relkind::text, pg_get_userbyid(c.relowner), \
     CASE WHEN c.relkind IN ('r', 'm') THEN pg_total_relation_size(c.oid) ELSE 0 END, \
     CASE WHEN c.relkind IN ('r', 'm') AND 0 <= c.reltuples THEN c.reltuples::int8 END \
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relpersistence <> 't' \
       AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'watertight') \
       AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid \
           AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e') ORDER BY 1, 2";

const EXTENSIONS: &str = "SELECT e.extname, n.nspname FROM pg_extension e \
     JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql' ORDER BY 1";

pub async fn look(open: &mut Open) -> Result<Objects, MoveError> {
    const WHAT: &str = "list what is there";
    let facts = open.ask(WHAT, FACTS).await?;
    let schemas = open.ask(WHAT, SCHEMAS).await?;
    let relations = open.ask(WHAT, RELATIONS).await?;
    let extensions = open.ask(WHAT, EXTENSIONS).await?;
    read(&facts, &schemas, &relations, &extensions).ok_or_else(|| open.nonsense(WHAT))
}

fn read(facts: &Rows, schemas: &Rows, relations: &Rows, extensions: &Rows) -> Option<Objects> {
    let facts = facts.first()?;
    Some(Objects {
        role: text(facts, 0)?,
        server_version: text(facts, 1)?.parse().ok()?,
        is_supabase: &*text(facts, 2)? == "t",
        namesake: text(facts, 4),
        large_objects: text(facts, 3)?.parse().ok()?,
        schemas: schemas
            .iter()
            .map(|row| {
                Some(Schema { name: text(row, 0)?, owner: text(row, 1)?, extension: text(row, 2) })
            })
            .collect::<Option<_>>()?,
        relations: relations.iter().map(|row| relation(row)).collect::<Option<_>>()?,
        extensions: extensions
            .iter()
            .map(|row| Some(Extension { name: text(row, 0)?, schema: text(row, 1)? }))
            .collect::<Option<_>>()?,
    })
}

fn relation(row: &[Option<String>]) -> Option<Relation> {
    Some(Relation {
        schema: text(row, 0)?,
        name: text(row, 1)?,
        kind: RelationKind::of(&text(row, 2)?)?,
        owner: text(row, 3)?,
        // Of one that was dropped meanwhile the server knows no size.
        bytes: text(row, 4).map_or(Some(0), |it| it.parse().ok())?,
        rows: text(row, 5).map_or(Some(None), |it| it.parse().ok().map(Some))?,
    })
}

fn text(row: &[Option<String>], column: usize) -> Option<Box<str>> {
    row.get(column)?.as_deref().map(Into::into)
}
