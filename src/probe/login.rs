//! The password that a visit logs in with.
//!
//! Why apart: it is read anew for every visit, so that a rotated secret needs no restart, and a secret that cannot be
//! read is our own trouble, never the tenant's.

use crate::model::tenant::TenantId;
use crate::registry::{Access, LoginPassword};
use crate::secret::{Secret, SecretRef};

/// `None`: the login has no password. The error names the place of an unreadable secret, never its value.
pub fn password(_tenant: &TenantId, access: &Access) -> Result<Option<Secret>, Box<str>> {
    match (&access.login.password, &access.password) {
        (LoginPassword::Application, None) => Ok(access.dsn.password.clone()),
        (LoginPassword::Application, Some(place))
        | (LoginPassword::Own(place) | LoginPassword::Derived(place), _) => read(place).map(Some),
    }
}

/// The single place to join with the registry: `access.login_password(tenant)` takes the place of `password` above.
fn read(place: &SecretRef) -> Result<Secret, Box<str>> {
    match place {
        SecretRef::Inline(secret) => Ok(secret.clone()),
        SecretRef::Environment(name) => Err(format!("environment variable {name}").into()),
        SecretRef::File(path) => Err(format!("file {}", path.display()).into()),
    }
}
