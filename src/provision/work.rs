//! What an operation needs and nobody is shown: what was asked, the password that was drawn, and where it led.
//!
//! Why it is kept sealed before anything is asked of a provider: a provider never tells a password again, and a project
//! whose password died with the process would be nobody's.
//!
//! Invariant: no `Debug`. Whatever holds one cannot be written to a log by accident.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use rand::distr::{Alphanumeric, SampleString};
use serde::{Deserialize, Serialize};

use crate::model::fingerprint::Digest256;
use crate::model::tenant::{InvalidTenantId, TenantId};
use crate::moving::selection::{Company, Selection, Wish};
use crate::moving::summary::Summary;
use crate::registry::row::{RawMonitor, RawRow};
use crate::secret::Secret;

/// Letters and digits, so that it needs no escaping in any URL: 190 bits.
const PASSWORD_LENGTH: usize = 32;

/// A tenant as somebody asks for it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Request {
    pub subdomain: Box<str>,
    pub name: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Box<str>, Box<str>>,
    /// A database that the caller brings instead of a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_url: Option<Box<str>>,
}

impl Request {
    pub fn tenant(&self) -> Result<TenantId, InvalidTenantId> {
        TenantId::parse(&self.subdomain)
    }

    /// Tells whether two requests ask the same.
    pub fn digest(&self) -> Digest256 {
        // A map of texts in order: it is always written, and always the same.
        Digest256::of(&serde_json::to_vec(self).unwrap_or_default())
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Work {
    pub request: Request,
    /// Of the database's application role; empty where the caller brings a database.
    password: String,
    /// The provider's name for the project.
    #[serde(default)]
    pub reference: Option<Box<str>>,
    /// Of the database, for the application.
    #[serde(default)]
    url: Option<String>,
    /// What our stamp was written over, in a database that was brought.
    #[serde(default)]
    pub stamped_over: Option<StampedOver>,
    /// Of a tenant that leaves.
    #[serde(default)]
    pub leaving: Option<Leaving>,
    /// Of a tenant that moves.
    #[serde(default)]
    pub moving: Option<Box<Moving>>,
}

/// What is kept of a tenant that leaves, until it is gone.
#[derive(Clone, Serialize, Deserialize)]
pub struct Leaving {
    /// As the registry had it.
    #[serde(default)]
    pub row: Option<RawRow>,
    /// Until then it can be called back, in microseconds since 1970.
    pub until: i64,
    /// Where its last backup goes; `None` for none.
    #[serde(default)]
    pub backup: Option<PathBuf>,
}

/// What stood in the stamp's place before.
#[derive(Clone, Serialize, Deserialize)]
pub struct StampedOver {
    /// The comment of its schema; `None` where there was no schema.
    pub comment: Option<Box<str>>,
}

/// What is kept of a tenant that moves. It stays when the operation has ended: nothing else knows the way to the database
/// that was left behind.
#[derive(Clone, Serialize, Deserialize)]
pub struct Moving {
    pub tenant: Box<str>,
    /// As the registry had it.
    pub before: RawRow,
    /// Of the old database, for the application.
    url: String,
    pub wish: Wish,
    pub company: Company,
    /// As they were when it was copied.
    #[serde(default)]
    pub chosen: Option<Selection>,
    #[serde(default)]
    pub summary: Option<Summary>,
    /// What is left to do behind the switch; `None` where that is done, or not due.
    #[serde(default)]
    pub farewell: Option<Farewell>,
}

/// Due from the moment in which the registry leads elsewhere.
#[derive(Clone, Serialize, Deserialize)]
pub struct Farewell {
    /// Of the tenant, in the old database.
    #[serde(default)]
    pub stamp: Option<Box<str>>,
}

impl Moving {
    pub fn new(before: RawRow, url: &Secret, wish: Wish, company: Company) -> Self {
        let tenant = before.id.clone();
        let url = url.expose().to_owned();
        Self { tenant, before, url, wish, company, chosen: None, summary: None, farewell: None }
    }

    pub fn url(&self) -> Secret {
        Secret::new(self.url.as_str())
    }
}

/// Whom a new database is looked at as while its tenant still has another one: compared with that one, too.
pub fn stand_in(tenant: &TenantId) -> TenantId {
    // Only an id that is as long as one can be leaves no room.
    TenantId::parse(&format!("{tenant}.rehome")).unwrap_or_else(|_| tenant.clone())
}

impl Work {
    pub fn new(request: Request) -> Self {
        let password = Alphanumeric.sample_string(&mut rand::rng(), PASSWORD_LENGTH);
        let url = request.database_url.as_deref().map(str::to_owned);
        Self {
            request,
            password,
            reference: None,
            url,
            stamped_over: None,
            leaving: None,
            moving: None,
        }
    }

    /// Of a tenant that can be called back until then, and whose last backup goes there.
    pub fn leaving(tenant: &TenantId, until: Timestamp, backup: Option<PathBuf>) -> Self {
        let request = Request {
            subdomain: tenant.as_str().into(),
            name: tenant.as_str().into(),
            environment: None,
            labels: BTreeMap::new(),
            database_url: None,
        };
        let leaving = Some(Leaving { row: None, until: until.as_microsecond(), backup });
        Self { leaving, password: String::new(), ..Self::new(request) }
    }

    pub fn moving(moving: Moving) -> Self {
        let name = |it: &Option<Box<str>>| it.clone().unwrap_or_else(|| moving.tenant.clone());
        let request = Request {
            subdomain: name(&moving.before.subdomain),
            name: name(&moving.before.name),
            environment: moving.before.environment.clone(),
            labels: moving.before.labels.clone(),
            database_url: None,
        };
        Self { moving: Some(Box::new(moving)), ..Self::new(request) }
    }

    pub fn password(&self) -> Secret {
        Secret::new(self.password.as_str())
    }

    pub fn url(&self) -> Option<Secret> {
        self.url.as_deref().map(Secret::new)
    }

    pub fn led_to(&mut self, url: &Secret) {
        self.url = Some(url.expose().to_owned());
    }

    /// As the registry would have it once it is active.
    pub fn row(&self, tenant: &TenantId) -> RawRow {
        if let Some(moving) = &self.moving {
            return self.moved(moving);
        }
        RawRow {
            id: tenant.as_str().into(),
            database_url: self.url.as_deref().map(Into::into),
            subdomain: Some(self.request.subdomain.clone()),
            name: Some(self.request.name.clone()),
            environment: self.request.environment.clone(),
            labels: self.request.labels.clone(),
            project_id: self.reference.clone(),
            ..RawRow::default()
        }
    }

    /// Further ways to the old database, a password apart from its URL and a login of ours there lead nowhere now.
    fn moved(&self, moving: &Moving) -> RawRow {
        RawRow {
            database_url: self.url.as_deref().map(Into::into),
            project_id: self.reference.clone(),
            password: None,
            endpoints: BTreeMap::new(),
            monitor: None,
            region: None,
            ..moving.before.clone()
        }
    }

    /// As it is visited before it is active: with its own login, because ours may only come with the setup.
    pub fn row_to_look_at(&self, tenant: &TenantId, user: &str, password: &Secret) -> RawRow {
        let monitor = RawMonitor { user: user.into(), password: password.expose().into() };
        let row = match &self.moving {
            None => self.row(tenant),
            // It is to be a copy, and bears the tenant's stamp already.
            Some(moving) => RawRow {
                id: tenant.as_str().into(),
                database_url: self.url.as_deref().map(Into::into),
                project_id: self.reference.clone(),
                clone_of: Some(moving.tenant.clone()),
                ..RawRow::default()
            },
        };
        RawRow { monitor: Some(Box::new(monitor)), ..row }
    }
}
