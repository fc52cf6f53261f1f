//! What must hold when nothing runs any more: every tenant whole with a database of its own, or gone without a trace but
//! the record of its operation.
//!
//! Why each wrong is gathered and not the first told: what a seed broke is understood from all of it.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OpenFlags};
use watertight::model::operation::{Operation, OperationId, OperationKind, OperationState};
use watertight::registry::row::RawRow;
use watertight::secret::Secret;
use watertight::store::Store;
use watertight::store::url::StoreUrl;

use crate::fake_supabase::TOKEN;
use crate::fake_supabase::projects::{Fate, Project};
use crate::stage::Stage;
use crate::witness;

/// What there is, seen from outside.
struct Seen {
    operations: Vec<Operation>,
    tenants: BTreeMap<String, RawRow>,
    /// Those that somebody pays for, and whose deletion was refused.
    living: Vec<Project>,
    protected: BTreeSet<String>,
    /// Those to which a row of somebody else leads.
    intruded: BTreeSet<String>,
}

/// Everything that is not as it must be.
pub(crate) async fn wrongs(stage: &Stage) -> Vec<String> {
    let seen = look(stage);
    let mut wrongs = Vec::new();
    wrongs.extend(seen.living.iter().filter_map(|it| unowned(stage, &seen, it)));
    wrongs.extend(seen.operations.iter().filter_map(|it| untrue(&seen, it)));
    wrongs.extend(claims(stage, &seen));
    wrongs.extend(homes(stage, &seen).await);
    for customer in &stage.customers {
        wrongs.extend(witness::touched(&customer.url, customer.id).await);
    }
    wrongs.extend(secrets(stage));
    wrongs
}

fn look(stage: &Stage) -> Seen {
    let store = Store::open(&StoreUrl::Sqlite(stage.program.path("watertight.db")), None).unwrap();
    let rows: Vec<(_, RawRow)> = store.tenants().unwrap();
    let world = stage.fake.world();
    let refused = world
        .asked
        .iter()
        .filter(|it| it.request.method == "DELETE" && matches!(it.status, 400 | 403));
    Seen {
        operations: store.operations(1_000).unwrap(),
        tenants: rows.into_iter().map(|(id, row)| (id.to_string(), row)).collect(),
        living: world.living().cloned().collect(),
        protected: refused.filter_map(|it| it.request.path.last().cloned()).collect(),
        intruded: stage.intruded.lock().unwrap().clone(),
    }
}

impl Seen {
    fn maker(&self, project: &Project) -> Option<&Operation> {
        let id = OperationId::in_name(&project.name)?;
        self.operations.iter().find(|it| it.id == id)
    }

    /// Whether an operation could only end with a project that stays, and says so itself: what the seed made impossible
    /// of one project excuses nothing that went wrong with another.
    fn excused(&self, operation: &Operation) -> bool {
        let Some((_, why)) = operation.stuck_at() else { return false };
        self.living.iter().any(|it| {
            let of_it = self.maker(it).is_some_and(|maker| {
                maker.id == operation.id
                    || operation.kind == OperationKind::Deprovision
                        && maker.tenant == operation.tenant
            });
            let taken = |other: &Project| other.fate == Fate::InUse(it.reference.clone());
            let is_anothers = matches!(it.fate, Fate::InUse(_))
                || self.living.iter().any(taken)
                || self.intruded.contains(&it.reference);
            let is_kept = self.protected.contains(&it.reference)
                && (why.contains("Project is protected") || why.contains("Forbidden resource"));
            let is_left = is_anothers
                && why.contains(&it.reference)
                && why.contains("its database is that of");
            of_it && (is_kept || is_left)
        })
    }
}

/// A project that nobody has: no customer, no tenant, and no operation that says that it is stuck.
fn unowned(stage: &Stage, seen: &Seen, project: &Project) -> Option<String> {
    if stage.customers.iter().any(|it| it.reference == project.reference) {
        return None;
    }
    let named = format!("the project {} ({}) {:?}", project.name, project.reference, project.fate);
    let Some(maker) = seen.maker(project) else { return Some(format!("{named} is nobody's")) };
    let has = |row: &RawRow| row.project_id.as_deref() == Some(&*project.reference);
    if seen.tenants.get(maker.tenant.as_str()).is_some_and(has) {
        return None;
    }
    let says_so = seen.operations.iter().any(|it| {
        it.state == OperationState::Stuck && (it.id == maker.id || it.tenant == maker.tenant)
    });
    (!says_so).then(|| format!("{named} is left, its operation {}", maker.state.label()))
}

/// An operation whose end is not what is there.
fn untrue(seen: &Seen, operation: &Operation) -> Option<String> {
    let tenant = operation.tenant.as_str();
    let later =
        |it: &&Operation| it.tenant == operation.tenant && operation.started_at < it.started_at;
    let is_last = !seen.operations.iter().any(|it| later(&it));
    let is_there = seen.tenants.contains_key(tenant);
    let makes = operation.kind == OperationKind::Provision;
    let right = match operation.state {
        OperationState::Running => false,
        OperationState::Stuck => seen.excused(operation),
        OperationState::Succeeded => !is_last || is_there == makes,
        OperationState::RolledBack => !is_last || !makes || !is_there || was_there(seen, operation),
    };
    (!right).then(|| format!("{tenant} is there: {is_there}, after {operation:#?}"))
}

/// Another one made it before.
fn was_there(seen: &Seen, operation: &Operation) -> bool {
    seen.operations.iter().any(|it| {
        it.tenant == operation.tenant
            && it.id != operation.id
            && it.state == OperationState::Succeeded
    })
}

/// What the store keeps of operations that are over with nothing left.
fn claims(stage: &Stage, seen: &Seen) -> Vec<String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let store = Connection::open_with_flags(stage.program.path("watertight.db"), flags).unwrap();
    let mut wrongs = Vec::new();
    for (sql, what) in [
        ("SELECT operation, identity FROM claims", "claims"),
        ("SELECT operation, reference FROM projects WHERE gone_at IS NULL", "has"),
    ] {
        let mut select = store.prepare(sql).unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        for (id, name) in rows.map(|it| it.unwrap()) {
            let (id, name): (String, String) = (id, name);
            let maker = seen.operations.iter().find(|it| it.id.as_str() == id);
            let stays = maker.is_some_and(|it| {
                it.state == OperationState::Stuck
                    || it.state == OperationState::Succeeded
                        && (seen.tenants.contains_key(it.tenant.as_str())
                            || seen.operations.iter().any(|other| {
                                other.tenant == it.tenant && other.state == OperationState::Stuck
                            }))
            });
            if !stays {
                let end = maker.map(|it| it.state.label());
                wrongs.push(format!("the operation {id} is {end:?} and still {what} {name}"));
            }
        }
    }
    wrongs
}

/// Each tenant has one database, with its own setup in it, and nobody else has that one.
async fn homes(stage: &Stage, seen: &Seen) -> Vec<String> {
    let mut wrongs = Vec::new();
    let mut holders: BTreeMap<String, String> = BTreeMap::new();
    let customers = stage.customers.iter().map(|it| (it.id.to_owned(), it.url.clone()));
    let made = seen.tenants.iter().map(|(id, row)| {
        (id.clone(), Secret::new(row.database_url.as_deref().unwrap_or_default()))
    });
    for (id, url) in customers.chain(made) {
        match witness::which(&url).await {
            Ok(database) => {
                if let Some(other) = holders.insert(database, id.clone()) {
                    wrongs.push(format!("{id} and {other} have one database"));
                }
            }
            Err(error) => wrongs.push(format!("{id} has no database: {error}")),
        }
        match witness::whose(&url).await {
            Ok(whose) if whose == [id.clone()] => {}
            other => wrongs.push(format!("{id} lives in {other:?}")),
        }
    }
    for tenant in seen.tenants.keys() {
        let owned = seen.living.iter().filter(|it| {
            seen.maker(it).is_some_and(|maker| {
                maker.tenant.as_str() == tenant && maker.state == OperationState::Succeeded
            })
        });
        if owned.count() != 1 {
            wrongs.push(format!("{tenant} has not one project"));
        }
    }
    wrongs
}

/// Passwords and the token, where anybody could read them.
fn secrets(stage: &Stage) -> Vec<String> {
    let mut secrets: Vec<String> =
        stage.fake.world().projects.values().map(|it| it.password.clone()).collect();
    secrets.push(TOKEN.to_owned());
    let said = stage.said.lock().unwrap();
    let mut wrongs = Vec::new();
    for secret in &secrets {
        if let Some(line) = said.iter().find(|it| it.contains(secret)) {
            wrongs.push(format!("{secret} is told: {line}"));
        }
        for name in ["watertight.db", "watertight.db-wal"] {
            let bytes = std::fs::read(stage.program.path(name)).unwrap_or_default();
            if String::from_utf8_lossy(&bytes).contains(secret) {
                wrongs.push(format!("{secret} lies open in {name}"));
            }
        }
    }
    wrongs
}
