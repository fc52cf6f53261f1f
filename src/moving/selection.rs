//! Which of a database's objects are the tenant's.
//!
//! Why a shared database is divided by owner: it is the only thing in the catalogue that says whose an object is. Where
//! two tenants come as one role nothing does, and whoever knows has to name what is to be moved.
//!
//! Why a provider's own schemas stop it: the new project has them too, filled and owned by the provider, and what a tenant
//! keeps there (its users, its files) is moved by the provider's own means or not at all.

use postgres_protocol::escape::escape_literal;
use serde::{Deserialize, Serialize};

use super::objects::{Extension, Objects, Relation, Schema};

/// What somebody wants to be moved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// Whatever is the tenant's.
    #[default]
    Own,
    /// These schemas, whole.
    Schemas(Vec<Box<str>>),
    /// Tables, views and sequences by these patterns, and what belongs to them.
    Tables(Vec<Box<str>>),
}

impl Wish {
    /// Whoever names neither wants whatever is the tenant's. Whoever may name both is refused before.
    pub fn of(schemas: Vec<Box<str>>, tables: Vec<Box<str>>) -> Self {
        match (schemas.is_empty(), tables.is_empty()) {
            (true, true) => Self::Own,
            (false, _) => Self::Schemas(schemas),
            (true, false) => Self::Tables(tables),
        }
    }
}

/// Who else is in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Company {
    Alone,
    /// Others, by roles of their own.
    Shared,
    /// Others, and one of them by the same role.
    SameRole,
    /// It could not be told.
    Unknown,
}

/// What is moved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Those that the moved objects lie in.
    pub schemas: Vec<Box<str>>,
    pub relations: Vec<Relation>,
    /// What lies in those schemas and stays.
    pub left: Vec<(Box<str>, Box<str>)>,
    pub part: Part,
    /// Whether somebody said which, so that large objects are those that the chosen tables name.
    pub named: bool,
    pub extensions: Vec<Extension>,
    pub large_objects: u64,
}

impl Selection {
    /// Its relations as rows of `VALUES`: `('schema', 'name')`.
    pub fn rows(&self) -> Vec<String> {
        let row = |it: &Relation| {
            format!("({}, {})", escape_literal(&it.schema), escape_literal(&it.name))
        };
        self.relations.iter().map(row).collect()
    }
}

/// Which part of the schemas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    #[default]
    Whole,
    /// What this role owns.
    OwnedBy(Box<str>),
    /// The relations alone, and what belongs to them.
    Relations,
}

/// Supabase's own, in a project of theirs.
const OF_SUPABASE: [&str; 14] = [
    "auth",
    "storage",
    "realtime",
    "_realtime",
    "extensions",
    "graphql",
    "graphql_public",
    "vault",
    "pgbouncer",
    "pgsodium",
    "pgsodium_masks",
    "supabase_functions",
    "net",
    "cron",
];

/// Roles that only a provider has: Amazon's, Google's and Microsoft's.
const OF_PROVIDERS: [&str; 3] = ["rdsadmin", "cloudsqladmin", "azuresu"];

/// Why a schema is not the application's; `None` where it is.
pub fn provider_owned(schema: &Schema, objects: &Objects) -> Option<String> {
    if let Some(extension) = &schema.extension {
        return Some(format!("it belongs to the extension {extension}"));
    }
    let owner = &*schema.owner;
    if owner.starts_with("supabase_") || OF_PROVIDERS.contains(&owner) {
        return Some(format!("it belongs to the provider's role {owner}"));
    }
    (objects.is_supabase && OF_SUPABASE.contains(&&*schema.name))
        .then(|| "Supabase keeps it for itself".to_owned())
}

/// What is to be moved, or one sentence for each thing that stands against it.
pub fn choose(objects: &Objects, wish: &Wish, company: Company) -> Result<Selection, Vec<String>> {
    let ours: Vec<&Schema> =
        objects.schemas.iter().filter(|it| provider_owned(it, objects).is_none()).collect();
    let lies_in_ours = |it: &&Relation| ours.iter().any(|schema| schema.name == it.schema);
    let all = objects.relations.iter().filter(lies_in_ours);
    match (wish, company) {
        (Wish::Own, Company::Alone) => {
            let schemas = ours.iter().map(|it| it.name.clone()).collect();
            filled(objects, wish, Part::Whole, schemas, all.cloned().collect())
        }
        (Wish::Own, Company::Shared) => {
            if let Some(other) = &objects.namesake {
                let why = format!(
                    "in a list of owners the role {} cannot be told from the role {other}",
                    objects.role
                );
                return Err(undecided(objects, &why));
            }
            let relations: Vec<_> = all.filter(|it| it.owner == objects.role).cloned().collect();
            let holds = |schema: &Schema| {
                schema.owner == objects.role || relations.iter().any(|it| it.schema == schema.name)
            };
            let schemas = ours.iter().filter(|it| holds(it)).map(|it| it.name.clone()).collect();
            filled(objects, wish, Part::OwnedBy(objects.role.clone()), schemas, relations)
        }
        (Wish::Own, Company::SameRole) => Err(undecided(
            objects,
            "another tenant comes by the same role, so nothing here says whose an object is",
        )),
        (Wish::Own, Company::Unknown) => {
            Err(undecided(objects, "it could not be told who else is in this database"))
        }
        (Wish::Schemas(names), _) => {
            let strange: Vec<String> = names
                .iter()
                .filter(|name| !ours.iter().any(|it| it.name == **name))
                .map(|it| format!("there is no schema {it} of the application's in it"))
                .collect();
            if !strange.is_empty() {
                return Err(strange);
            }
            let relations = all.filter(|it| names.contains(&it.schema)).cloned().collect();
            filled(objects, wish, Part::Whole, names.clone(), relations)
        }
        (Wish::Tables(patterns), _) => {
            let all: Vec<&Relation> = all.collect();
            let strange: Vec<String> = patterns
                .iter()
                .filter(|pattern| !all.iter().any(|it| is_meant(pattern, it)))
                .map(|it| format!("no table, view or sequence in it is called {it}"))
                .collect();
            if !strange.is_empty() {
                return Err(strange);
            }
            let meant = |it: &&Relation| patterns.iter().any(|pattern| is_meant(pattern, it));
            let relations: Vec<Relation> = all.into_iter().filter(meant).cloned().collect();
            let mut schemas: Vec<Box<str>> = relations.iter().map(|it| it.schema.clone()).collect();
            schemas.dedup();
            filled(objects, wish, Part::Relations, schemas, relations)
        }
    }
}

fn filled(
    objects: &Objects,
    wish: &Wish,
    part: Part,
    schemas: Vec<Box<str>>,
    relations: Vec<Relation>,
) -> Result<Selection, Vec<String>> {
    if relations.is_empty() && part != Part::Whole {
        let why = format!("nothing in it belongs to the role {}", objects.role);
        return Err(undecided(objects, &why));
    }
    let stays = |it: &&Relation| schemas.contains(&it.schema) && !relations.contains(it);
    let left = objects.relations.iter().filter(stays);
    let left = left.map(|it| (it.schema.clone(), it.name.clone())).collect();
    Ok(Selection {
        left,
        schemas,
        relations,
        part,
        named: *wish != Wish::Own,
        extensions: objects.extensions.clone(),
        large_objects: objects.large_objects,
    })
}

/// With all that there is, so that whoever knows can name what is the tenant's.
fn undecided(objects: &Objects, why: &str) -> Vec<String> {
    let mut told = vec![format!("{why}: name what is to be moved with --schema or --table")];
    for schema in &objects.schemas {
        told.push(format!("schema {} of {}", schema.name, schema.owner));
        let lies_in_it = objects.relations.iter().filter(|it| it.schema == schema.name);
        told.extend(lies_in_it.map(|it| {
            format!(
                "{} {}.{} of {}, {} bytes",
                it.kind.label(),
                it.schema,
                it.name,
                it.owner,
                it.bytes
            )
        }));
    }
    told
}

/// `orders`, `public.orders`, `acme_*`; `*` stands for any letters and `?` for one.
fn is_meant(pattern: &str, relation: &Relation) -> bool {
    let full = format!("{}.{}", relation.schema, relation.name);
    matches(pattern.as_bytes(), full.as_bytes())
        || (!pattern.contains('.') && matches(pattern.as_bytes(), relation.name.as_bytes()))
}

fn matches(pattern: &[u8], name: &[u8]) -> bool {
    // Where a star may still take more: behind it in the pattern, and so far in the name.
    let (mut at, mut seen, mut star) = (0, 0, None);
    while seen < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, seen));
                at += 1;
            }
            Some(letter) if *letter == b'?' || *letter == name[seen] => {
                at += 1;
                seen += 1;
            }
            _ => match star {
                Some((behind, taken)) => {
                    star = Some((behind, taken + 1));
                    at = behind;
                    seen = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|it| *it == b'*')
}

#[cfg(test)]
mod tests;
