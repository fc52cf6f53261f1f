//! Who the tenants are: every source merged into one snapshot.

use crate::dsn::Dsn;
use crate::model::tenant::{Duplicate, Tenant};
use crate::secret::SecretRef;

/// The registry at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Sorted by id.
    pub tenants: Vec<Tenant>,
    /// How to reach them: `access[tenant][target]`, as `TargetRef` points.
    pub access: Vec<Vec<Access>>,
    pub duplicates: Vec<Duplicate>,
    /// In sentences: stale sources, rows that could not be used.
    pub warnings: Vec<String>,
}

/// How to reach one target, and whose credentials are judged.
#[derive(Clone, Debug)]
pub struct Access {
    /// Hosts, database, TLS and options. Its `user` and `password` are the application's.
    pub dsn: Dsn,
    /// The application's password where it stands apart from the URL.
    pub password: Option<SecretRef>,
    /// Whom we log in as.
    pub login: Login,
    /// Why this target cannot be visited, where the row is unusable.
    pub unusable: Option<Box<str>>,
}

#[derive(Clone, Debug)]
pub struct Login {
    /// As the server or pooler in front of it wants it: a shared pooler's `.<project>` suffix included.
    pub user: Box<str>,
    pub password: LoginPassword,
}

#[derive(Clone, Debug)]
pub enum LoginPassword {
    /// The application's own: the one apart from the URL, else the one in it, else none.
    Application,
    /// Of a role of our own (`monitor`).
    Own(SecretRef),
    /// `probe.login`: base64url(HMAC-SHA-256(secret, tenant id)).
    Derived(SecretRef),
}
