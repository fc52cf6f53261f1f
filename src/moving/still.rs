//! The old database while nobody writes to it: what is looked at once more before the registry leads away from it.
//!
//! Why its objects are listed again: a table that was made after the copy is in no list of tables that are compared.
//!
//! Why a table that we cannot lock is told and stops nothing: whoever may not write to it is not the one who does, and a
//! table that is only read is moved like any other.

use std::collections::{BTreeMap, BTreeSet};

use super::MoveError;
use super::objects::{self, RelationKind};
use super::selection::{Company, Selection, Wish, choose};
use super::session::Open;
use super::summary::cut;

/// Nobody writes to the chosen tables until the transaction ends; where it takes too long, it is an error. Says which could
/// not be held so, because our role may not write to them.
pub async fn hold(open: &mut Open, chosen: &Selection) -> Result<Vec<String>, MoveError> {
    const WHAT: &str = "keep writers away";
    let names = chosen.rows();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let each = format!(
        "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), \
         has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE') \
         FROM (VALUES {}) AS named (schema, name) JOIN pg_namespace n ON n.nspname = named.schema \
         JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = named.name AND c.relkind IN ('r', 'p') \
         ORDER BY 1",
        names.join(", ")
    );
    let (mut lockable, mut free) = (Vec::new(), Vec::new());
    for row in open.ask(WHAT, &each).await? {
        let mut cells = row.into_iter();
        let read = cells.next().flatten().zip(cells.next().flatten());
        let (table, ours) = read.ok_or_else(|| open.nonsense(WHAT))?;
        if ours == "t" { lockable.push(table) } else { free.push(table) }
    }
    if !lockable.is_empty() {
        open.ask(WHAT, &format!("LOCK TABLE {} IN SHARE MODE", lockable.join(", "))).await?;
    }
    Ok(free)
}

/// One sentence for each thing that would be chosen now and was not, or the other way round. Empty where all is as it was.
pub async fn strayed(
    open: &mut Open,
    chosen: &Selection,
    (wish, company): (&Wish, Company),
) -> Result<Vec<String>, MoveError> {
    let objects = objects::look(open).await?;
    Ok(match choose(&objects, wish, company) {
        Ok(now) => cut(apart(chosen, &now)),
        Err(against) => cut(against),
    })
}

fn apart(before: &Selection, now: &Selection) -> Vec<String> {
    let schemas = |it: &Selection| it.schemas.iter().cloned().collect::<BTreeSet<_>>();
    let (schemas_before, schemas_now) = (schemas(before), schemas(now));
    let mut told: Vec<String> = Vec::new();
    told.extend(
        schemas_now.difference(&schemas_before).map(|it| format!("schema {it}: it is new")),
    );
    told.extend(
        schemas_before.difference(&schemas_now).map(|it| format!("schema {it}: it is gone")),
    );
    let (kinds_before, kinds_now) = (kinds(before), kinds(now));
    for (name, kind) in &kinds_now {
        match kinds_before.get(name) {
            None => told.push(format!("{} {}.{}: it is new", kind.label(), name.0, name.1)),
            Some(before) if before != kind => told.push(format!(
                "{} {}.{}: it was a {}",
                kind.label(),
                name.0,
                name.1,
                before.label()
            )),
            Some(_) => {}
        }
    }
    let gone = kinds_before.iter().filter(|(name, _)| !kinds_now.contains_key(*name));
    told.extend(
        gone.map(|(name, kind)| format!("{} {}.{}: it is gone", kind.label(), name.0, name.1)),
    );
    told
}

fn kinds(chosen: &Selection) -> BTreeMap<(&str, &str), RelationKind> {
    chosen.relations.iter().map(|it| ((&*it.schema, &*it.name), it.kind)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::objects::Relation;
    use super::*;

    fn selection(relations: &[(&str, RelationKind)]) -> Selection {
        let relation = |(name, kind): &(&str, RelationKind)| Relation {
            schema: "acme".into(),
            name: (*name).into(),
            kind: *kind,
            owner: "acme".into(),
            bytes: 8192,
            rows: None,
        };
        Selection {
            schemas: vec!["acme".into()],
            relations: relations.iter().map(relation).collect(),
            ..Selection::default()
        }
    }

    #[track_caller]
    fn check(now: &Selection, expected: &[&str]) {
        let before = selection(&[("orders", RelationKind::Table), ("loud", RelationKind::View)]);
        assert_eq!(apart(&before, now), expected);
    }

    #[test]
    fn what_came_and_what_went_is_told() {
        let (orders, loud) = (("orders", RelationKind::Table), ("loud", RelationKind::View));
        let mut grown = selection(&[orders, loud]);
        grown.relations[0].bytes = 1 << 20;
        check(&grown, &[]);
        let late = selection(&[orders, loud, ("late", RelationKind::Table)]);
        check(&late, &["table acme.late: it is new"]);
        check(&selection(&[orders]), &["view acme.loud: it is gone"]);
        let made = selection(&[orders, ("loud", RelationKind::Materialised)]);
        check(&made, &["materialised view acme.loud: it was a view"]);
        let mut schemas = selection(&[orders, loud]);
        schemas.schemas.push("more".into());
        check(&schemas, &["schema more: it is new"]);
    }
}
