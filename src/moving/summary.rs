//! What a selection holds, in a few numbers that are equal where the data are.
//!
//! Why a sum of hashes: it does not depend on the order of the rows, which no two copies have in common, and counts a row
//! that is there twice as two. Why the server computes it: the rows stay where they are.
//!
//! Invariant: no value of a row is in it.

use std::collections::BTreeMap;

use postgres_protocol::escape::escape_literal;
use serde::{Deserialize, Serialize};

use super::MoveError;
use super::large;
use super::objects::RelationKind;
use super::selection::{Part, Selection};
use super::session::{Open, qualified};

/// Of differences, told at once.
const TOLD_AT_MOST: usize = 10;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// By `schema.table`.
    pub tables: BTreeMap<String, Tally>,
    /// The value that each stands at.
    pub sequences: BTreeMap<String, String>,
    /// Columns, indexes, constraints and what else there is beside the rows.
    pub parts: BTreeMap<String, Tally>,
    pub large_objects: Tally,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub count: u64,
    /// The sum of a 64-bit hash of each, as the server writes it.
    pub sum: Box<str>,
}

/// Which of the two databases is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Source,
    /// Everything in it belongs to one role.
    New,
}

const WHAT: &str = "count and sum up";

pub async fn take(open: &mut Open, chosen: &Selection, side: Side) -> Result<Summary, MoveError> {
    let mut summary = Summary::default();
    for relation in &chosen.relations {
        let name = qualified(&relation.schema, &relation.name);
        let key = format!("{}.{}", relation.schema, relation.name);
        match relation.kind {
            RelationKind::Table => {
                let sql = format!(
                    "SELECT count(*), {} FROM ONLY {name} AS \"watertight row\"",
                    sum("\"watertight row\"::text")
                );
                summary.tables.insert(key, tally(open, &sql).await?);
            }
            RelationKind::Sequence => {
                let sql = format!("SELECT last_value || ' ' || is_called FROM {name}");
                let rows = open.ask(WHAT, &sql).await?;
                let value = rows.into_iter().flatten().next().flatten();
                let value = value.ok_or_else(|| open.nonsense(WHAT))?;
                summary.sequences.insert(key, value);
            }
            // Their rows are those of others, or are made anew.
            RelationKind::Partitioned
            | RelationKind::View
            | RelationKind::Materialised
            | RelationKind::Foreign => {}
        }
    }
    for row in open.ask(WHAT, &parts(chosen, side)).await? {
        let cell = |column: usize| row.get(column).cloned().flatten();
        let read = cell(0).zip(cell(1).and_then(|it| it.parse().ok())).zip(cell(2));
        let ((part, count), sum) = read.ok_or_else(|| open.nonsense(WHAT))?;
        summary.parts.insert(part, Tally { count, sum: sum.into() });
    }
    let which = large::which(open, chosen).await?;
    let sql = format!(
        "SELECT count(*), {} FROM {which}",
        sum("m.oid::text || ' ' || encode(sha256(lo_get(m.oid)), 'hex')")
    );
    summary.large_objects = tally(open, &sql).await?;
    Ok(summary)
}

async fn tally(open: &mut Open, sql: &str) -> Result<Tally, MoveError> {
    let rows = open.ask(WHAT, sql).await?;
    let cell = |column: usize| rows.first()?.get(column)?.clone();
    let read = cell(0).and_then(|it| it.parse().ok()).zip(cell(1));
    let (count, sum) = read.ok_or_else(|| open.nonsense(WHAT))?;
    Ok(Tally { count, sum: sum.into() })
}

fn sum(of: &str) -> String {
    format!("COALESCE(sum(hashtextextended({of}, 0)::numeric), 0)::text")
}

/// Names alone: how a definition is spelt differs between versions of the server.
fn parts(chosen: &Selection, side: Side) -> String {
    let of_relations = |part: &str, name: &str, from: &str| {
        format!(
            "SELECT '{part}', count(*)::text, {} FROM chosen c {from}",
            sum(&format!("c.path || ' ' || {name}"))
        )
    };
    let values = chosen.rows();
    // No relation has an empty name.
    let values = if values.is_empty() { "('', '')".to_owned() } else { values.join(", ") };
    let mut told = vec![
        of_relations("relations", "c.relkind::text", ""),
        of_relations(
            "columns",
            "a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull",
            "JOIN pg_attribute a ON a.attrelid = c.oid AND 0 < a.attnum AND NOT a.attisdropped",
        ),
        // Where columns were dropped, a copy numbers them anew.
        of_relations("defaults", "''", "JOIN pg_attrdef d ON d.adrelid = c.oid"),
        of_relations(
            "indexes",
            "i.relname",
            "JOIN pg_index x ON x.indrelid = c.oid JOIN pg_class i ON i.oid = x.indexrelid",
        ),
        of_relations(
            "constraints",
            "k.conname",
            "JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x')",
        ),
        of_relations(
            "triggers",
            "t.tgname",
            "JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal",
        ),
        of_relations("policies", "p.polname", "JOIN pg_policy p ON p.polrelid = c.oid"),
        of_relations(
            "comments",
            "s.description",
            "JOIN pg_description s ON s.classoid = 'pg_class'::regclass AND s.objoid = c.oid",
        ),
    ];
    if chosen.part != Part::Relations {
        told.extend(of_schemas(chosen, side));
    }
    format!(
        "WITH named (schema, name) AS (VALUES {values}), chosen AS (\
         SELECT c.oid, c.relkind, n.nspname || '.' || c.relname AS path FROM named \
         JOIN pg_namespace n ON n.nspname = named.schema \
         JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = named.name) {}",
        told.join(" UNION ALL ")
    )
}

/// What lies in the schemas and belongs to no relation.
fn of_schemas(chosen: &Selection, side: Side) -> [String; 2] {
    let names: Vec<String> = chosen.schemas.iter().map(|it| escape_literal(it)).collect();
    let names = if names.is_empty() { "''".to_owned() } else { names.join(", ") };
    let owned = |owner: &str| match (&chosen.part, side) {
        (Part::OwnedBy(role), Side::Source) => {
            format!("AND pg_get_userbyid({owner}) = {}", escape_literal(role))
        }
        _ => String::new(),
    };
    let not_brought = |class: &str| {
        format!(
            "AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = '{class}'::regclass \
             AND d.objid = o.oid AND d.deptype = 'e')"
        )
    };
    let functions = format!(
        "SELECT 'functions', count(*)::text, {} FROM pg_proc o JOIN pg_namespace n ON n.oid = o.pronamespace \
         WHERE n.nspname IN ({names}) {} {}",
        sum(
            "n.nspname || '.' || o.proname || '(' || pg_get_function_identity_arguments(o.oid) || ')'"
        ),
        owned("o.proowner"),
        not_brought("pg_proc")
    );
    let types = format!(
        "SELECT 'types', count(*)::text, {} FROM pg_type o JOIN pg_namespace n ON n.oid = o.typnamespace \
         WHERE n.nspname IN ({names}) AND o.typtype IN ('d', 'e', 'r') {} {}",
        sum("n.nspname || '.' || o.typname"),
        owned("o.typowner"),
        not_brought("pg_type")
    );
    [functions, types]
}

/// One sentence for each thing that is not the same, of `after` against `before`. Empty where all is.
pub fn differences(before: &Summary, after: &Summary) -> Vec<String> {
    let mut told = Vec::new();
    let tables = before.tables.iter().map(|(name, it)| (name, it, after.tables.get(name)));
    told.extend(tables.filter_map(|(name, it, other)| differs(name, "rows", it, other)));
    let values = before.sequences.iter().map(|(name, it)| (name, it, after.sequences.get(name)));
    let moved = values.filter(|(_, it, other)| Some(*it) != *other);
    told.extend(moved.map(|(name, ..)| format!("the sequence {name} stands at another value")));
    let parts = before.parts.iter().map(|(name, it)| (name, it, after.parts.get(name)));
    told.extend(parts.filter_map(|(name, it, other)| differs(name, "of them", it, other)));
    let large =
        differs("large objects", "of them", &before.large_objects, Some(&after.large_objects));
    told.extend(large);
    cut(told)
}

/// The first of them, and how many more there are.
pub fn cut(mut told: Vec<String>) -> Vec<String> {
    let more = told.len().saturating_sub(TOLD_AT_MOST);
    told.truncate(TOLD_AT_MOST);
    if 0 < more {
        told.push(format!("and {more} more"));
    }
    told
}

fn differs(name: &str, what: &str, before: &Tally, after: Option<&Tally>) -> Option<String> {
    match after {
        None => Some(format!("{name}: it is not there")),
        Some(after) if after.count != before.count => {
            Some(format!("{name}: {} {what} and not {}", after.count, before.count))
        }
        Some(after) => {
            (after.sum != before.sum).then(|| format!("{name}: as many {what}, and not the same"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(rows: u64, sum: &str, value: &str, large: u64) -> Summary {
        let tally = |count, sum: &str| Tally { count, sum: sum.into() };
        Summary {
            tables: [("acme.orders".to_owned(), tally(rows, sum))].into(),
            sequences: [("acme.orders_id_seq".to_owned(), value.to_owned())].into(),
            parts: [("indexes".to_owned(), tally(2, "7"))].into(),
            large_objects: tally(large, "0"),
        }
    }

    #[track_caller]
    fn check(after: &Summary, expected: &[&str]) {
        assert_eq!(differences(&summary(3, "9", "3 true", 1), after), expected);
    }

    #[test]
    fn every_kind_of_difference_is_told() {
        check(&summary(3, "9", "3 true", 1), &[]);
        check(&summary(2, "9", "3 true", 1), &["acme.orders: 2 rows and not 3"]);
        check(&summary(3, "8", "3 true", 1), &["acme.orders: as many rows, and not the same"]);
        let moved = "the sequence acme.orders_id_seq stands at another value";
        check(&summary(3, "9", "4 true", 1), &[moved]);
        check(&summary(3, "9", "3 true", 0), &["large objects: 0 of them and not 1"]);
        let lost = [
            "acme.orders: it is not there",
            moved,
            "indexes: it is not there",
            "large objects: 0 of them and not 1",
        ];
        check(&Summary::default(), &lost);
    }

    #[test]
    fn a_long_list_is_cut() {
        let tables = (0..30).map(|it| (format!("t{it}"), Tally::default())).collect();
        let before = Summary { tables, ..Summary::default() };
        let told = differences(&before, &Summary::default());
        assert_eq!((told.len(), told.last().unwrap().as_str()), (11, "and 20 more"));
    }
}
