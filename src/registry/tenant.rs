//! What a row means: one tenant, its targets, and how each is reached.
//!
//! Why a row with faults still becomes a tenant: a customer whose row cannot be read is a customer of whom nothing is
//! proven. Leaving it out would make the fleet look whole.
//!
//! Invariant: pure, and all faults of a row are told at once.

use std::sync::Arc;

use jiff::Timestamp;

use super::row::{Fault, RawRow};
use super::{Access, Login, LoginPassword, ProbeLogin};
use crate::dsn::Dsn;
use crate::model::address::Address;
use crate::model::tenant::{
    Maintenance, Origin, Particulars, Target, TargetName, Tenant, TenantId, normalise,
};
use crate::secret::{Secret, SecretRef};

/// Of a tenant that says none.
const ENVIRONMENT: &str = "production";
/// In bytes: a label's name or value, a name, a region. They stand in reports and metrics.
const LONGEST_TEXT: usize = 256;

/// Whether a row's passwords may name places on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Written by the operator: `${NAME}` and `file:/path` are read.
    References,
    /// From a table that the platform's own software writes: a password is a password, whatever it looks like, so that
    /// nobody who may sign up as a tenant can have this machine's files sent to a server of his own.
    Values,
}

/// A tenant, how to reach its targets, in their order, and what is wrong with its row.
#[derive(Debug)]
pub struct Built {
    pub tenant: Tenant,
    pub access: Vec<Access>,
    pub faults: Vec<Fault>,
}

pub fn build(row: &RawRow, origin: &Origin, trust: Trust, login: Option<&ProbeLogin>) -> Built {
    let mut faults = row.faults.clone();
    let id = id(row, origin).unwrap_or_else(|placeholder| {
        if !faults.iter().any(|it| it.key == "id" || it.key.is_empty()) {
            // Not repeated: where columns changed places, it is a URL with a password.
            let told = if row.id.is_empty() { "it is missing" } else { "it is no tenant id" };
            let remedy =
                "write 1 to 253 letters, digits, `-`, `_` and `.`, not beginning with `-` or `.`";
            faults.push(Fault::new("id", told, remedy));
        }
        placeholder
    });
    if row.monitor.as_ref().is_some_and(|it| it.user.is_empty() || it.password.is_empty()) {
        let remedy = "write both: `monitor = { user = \"…\", password = \"file:…\" }`";
        faults.push(Fault::new("monitor", "the user or the password is missing", remedy));
    }
    if row.password.as_deref().is_some_and(str::is_empty) {
        let remedy = "write \"${NAME}\", \"file:/path\" or the password, or remove the key";
        faults.push(Fault::new("password", "it is empty", remedy));
    }
    let ways = Ways { row, trust, login };
    let targets = ways.all(&mut faults);
    let mut tenant = Tenant {
        id,
        name: text("name", row.name.as_deref(), &mut faults),
        subdomain: subdomain(row, &mut faults),
        environment: text("environment", row.environment.as_deref(), &mut faults)
            .map_or_else(|| Arc::from(ENVIRONMENT), Arc::from),
        particulars: particulars(row, &mut faults).boxed(),
        origin: origin.clone(),
        stale: false,
        targets: Vec::new(),
    };
    for (name, value) in &row.labels {
        text(&format!("labels.{name}"), Some(value), &mut faults);
    }
    // A row whose owner or login is in doubt is not visited at all.
    let barred = faults.iter().find(|it| {
        matches!(it.key.as_str(), "" | "id" | "password")
            || it.key == "monitor"
            || it.key.starts_with("monitor.")
    });
    let barred: Option<Box<str>> = barred.map(|it| it.to_string().into());
    // Exactly as many as needed: a large fleet holds these for the whole scan.
    let mut access = Vec::with_capacity(targets.len());
    tenant.targets.reserve_exact(targets.len());
    for (name, mut way) in targets {
        // What the row calls its project is that of its own database; a further one may lie elsewhere.
        let own = !matches!(name, TargetName::Database(_));
        let project = row.project_id.as_deref().filter(|_| own);
        let address = if way.unusable.is_some() { no_address() } else { way.dsn.address(project) };
        way.unusable = way.unusable.or_else(|| barred.clone());
        tenant.targets.push(Target { name, address: Arc::new(address) });
        access.push(way);
    }
    Built { tenant, access, faults }
}

/// The row's id, or one that stands for it: it stays the same while the row stands where it is.
pub fn id(row: &RawRow, origin: &Origin) -> Result<TenantId, TenantId> {
    TenantId::parse(&row.id).map_err(|_| placeholder(origin))
}

fn placeholder(origin: &Origin) -> TenantId {
    let file = origin.source.rsplit('/').next().unwrap_or_default();
    let word: String =
        file.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(60).collect();
    let line = origin.line.unwrap_or_default();
    TenantId::parse(&format!("unreadable-{word}-{line}"))
        .expect("letters, digits and dashes after a letter are an id")
}

struct Ways<'a> {
    row: &'a RawRow,
    trust: Trust,
    login: Option<&'a ProbeLogin>,
}

impl Ways<'_> {
    fn all(&self, faults: &mut Vec<Fault>) -> Vec<(TargetName, Access)> {
        let own = (TargetName::DatabaseUrl, self.row.database_url.as_deref());
        let endpoints = self
            .row
            .endpoints
            .iter()
            .map(|(name, url)| (TargetName::Endpoint(name.clone()), Some(&**url)));
        let databases = self
            .row
            .databases
            .iter()
            .map(|(name, url)| (TargetName::Database(name.clone()), Some(&**url)));
        // A target whose URL was no text is known by its fault alone.
        let unread: Vec<TargetName> = faults
            .iter()
            .filter(|it| it.key.contains('.'))
            .filter_map(|it| TargetName::parse(&it.key))
            .collect();
        let mut ways: Vec<(TargetName, Access)> = std::iter::once(own)
            .chain(endpoints)
            .chain(databases)
            .chain(unread.into_iter().map(|name| (name, None)))
            .map(|(name, url)| {
                let way = self.way(&name, url, faults);
                (name, way)
            })
            .collect();
        ways.sort_by(|a, b| a.0.cmp(&b.0));
        ways
    }

    fn way(&self, name: &TargetName, url: Option<&str>, faults: &mut Vec<Fault>) -> Access {
        let key = name.to_string();
        // Where the whole row is unreadable, nothing more is to be said of its parts.
        let known = faults.iter().find(|it| it.key.is_empty() || it.key == key).cloned();
        let problem = match (url, known) {
            (_, Some(fault)) => fault,
            (None, None) => {
                let fault = Fault::new(
                    &key,
                    "it is missing",
                    "write the connection URL of the tenant's database",
                );
                faults.push(fault.clone());
                fault
            }
            (Some(url), None) => match (Dsn::parse(url), name_fault(name)) {
                (Ok(dsn), None) => return self.access(name, dsn),
                (Ok(_), Some(fault)) => {
                    faults.push(fault.clone());
                    fault
                }
                (Err(error), _) => {
                    let fault = Fault::new(&key, error.to_string(), "mend the connection string");
                    faults.push(fault.clone());
                    fault
                }
            },
        };
        let dsn = unusable_dsn();
        let login = Login { user: "".into(), password: LoginPassword::Application };
        Access { dsn, password: None, login, unusable: Some(problem.to_string().into()) }
    }

    fn access(&self, name: &TargetName, dsn: Dsn) -> Access {
        let login = self.login(&dsn);
        // A further database that brings its own password keeps it.
        let apart = *name == TargetName::DatabaseUrl || dsn.password.is_none();
        let password = self.row.password.as_deref().filter(|_| apart).map(|it| self.secret(it));
        Access { dsn, password, login, unusable: None }
    }

    fn login(&self, dsn: &Dsn) -> Login {
        if let Some(monitor) = &self.row.monitor {
            let password = LoginPassword::Own(Box::new(self.secret(&monitor.password)));
            return Login { user: as_pooler_wants(&monitor.user, dsn), password };
        }
        match self.login {
            Some(login) => Login {
                user: as_pooler_wants(&login.user, dsn),
                password: LoginPassword::Derived(Arc::clone(&login.secret)),
            },
            None => Login { user: Arc::clone(&dsn.user), password: LoginPassword::Application },
        }
    }

    fn secret(&self, text: &str) -> SecretRef {
        match self.trust {
            Trust::References => SecretRef::parse(text),
            Trust::Values => SecretRef::Inline(Secret::new(text)),
        }
    }
}

/// A shared pooler finds the project by the user's suffix, so our own role needs the one that the application's has.
fn as_pooler_wants(user: &str, dsn: &Dsn) -> Arc<str> {
    let role = dsn.address(None).role;
    let suffix = dsn.user.strip_prefix(&*role).unwrap_or_default();
    if suffix.is_empty() || user.ends_with(suffix) {
        user.into()
    } else {
        format!("{user}{suffix}").into()
    }
}

/// Stands where no connection string could be read; never connected to, because its access is unusable.
fn unusable_dsn() -> Dsn {
    Dsn::parse("postgres://nobody@unreadable.invalid/none")
        .expect("a constant that libpq would take")
}

/// Of a target whose URL could not be read: it leads nowhere, so it is nobody's neighbour.
fn no_address() -> Address {
    let mut address = unusable_dsn().address(None);
    address.host = "".into();
    address.port = 0;
    address.database = "".into();
    address.role = "".into();
    address
}

/// A target's name stands in reports and metrics.
fn name_fault(name: &TargetName) -> Option<Fault> {
    let (TargetName::Endpoint(word) | TargetName::Database(word)) = name else { return None };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    // `duplicate-2` is what the targets of a second row with the same id are called.
    let fits = (1..=63).contains(&word.len())
        && word.chars().all(allowed)
        && !word.starts_with("duplicate-");
    (!fits).then(|| {
        Fault::new(
            &name.to_string(),
            "the name is not 1 to 63 letters, digits, `-` and `_`",
            "rename it",
        )
    })
}

fn text(key: &str, value: Option<&str>, faults: &mut Vec<Fault>) -> Option<Box<str>> {
    let value = value.map(str::trim).filter(|it| !it.is_empty())?;
    if LONGEST_TEXT < value.len() || value.chars().any(char::is_control) {
        let message = format!("it is longer than {LONGEST_TEXT} bytes or has control characters");
        faults.push(Fault::new(key, message, "shorten it to one line"));
        return None;
    }
    Some(value.into())
}

fn subdomain(row: &RawRow, faults: &mut Vec<Fault>) -> Option<Box<str>> {
    let raw = row.subdomain.as_deref().filter(|it| !it.trim().is_empty())?;
    let name = normalise(raw);
    if name.is_none() {
        faults.push(Fault::new("subdomain", "it is no DNS name", "write letters, digits and `-`"));
    }
    name.map(Into::into)
}

fn particulars(row: &RawRow, faults: &mut Vec<Fault>) -> Particulars {
    Particulars {
        clone_of: clone_of(row, faults),
        managed_by: text("managed_by", row.managed_by.as_deref(), faults),
        region: text("region", row.region.as_deref(), faults),
        labels: row.labels.clone(),
        maintenance: maintenance(row, faults),
    }
}

fn clone_of(row: &RawRow, faults: &mut Vec<Fault>) -> Option<TenantId> {
    let parsed = TenantId::parse(row.clone_of.as_deref().filter(|it| !it.trim().is_empty())?);
    if parsed.is_err() {
        faults.push(Fault::new("clone_of", "it is no tenant's id", "write the id of the original"));
    }
    parsed.ok()
}

fn maintenance(row: &RawRow, faults: &mut Vec<Fault>) -> Option<Maintenance> {
    let raw = row.maintenance.as_deref()?;
    let until = moment(&raw.until);
    if until.is_none() {
        let remedy =
            "write `until = 2026-12-01T04:00:00Z`, or a date: the start of that day in UTC";
        faults.push(Fault::new("maintenance.until", "it is no date or time", remedy));
    }
    if raw.reason.trim().is_empty() {
        faults.push(Fault::new(
            "maintenance.reason",
            "it is missing",
            "write why, for those who read the report",
        ));
    }
    Some(Maintenance { until: until?, reason: raw.reason.clone() })
}

/// RFC 3339, or a date: the start of that day in UTC.
pub fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let date: jiff::civil::Date = text.parse().ok()?;
        if text.len() != "2026-12-01".len() {
            return None;
        }
        jiff::tz::Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()
    })
}
