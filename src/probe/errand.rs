//! Going to one database to do something there at an operator's word: as its application, and not as the scan's visitor.
//!
//! Why beside the visits: a scan looks with a role of its own that may not write, and asks once. What is done here is
//! done by the database's own role, and yet nobody is connected to in another way: the same TLS, the same refusal of
//! passwords in clear, the same bounds.
//!
//! Invariant: a host's name is looked up once, here; nothing that a tenant says leads us anywhere else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::Prober;
use super::cause::{Symptom, judge};
use super::session::Session;
use crate::dsn::{Dsn, DsnError, Host, HostName};
use crate::model::address::Address;
use crate::model::observation::Failure;
use crate::model::tenant::TenantId;
use crate::patience::Patience;
use crate::registry::{Access, Login, LoginPassword};
use crate::secret::Secret;

/// For all hosts' names together.
const LOOKUP: Duration = Duration::from_secs(5);

/// A way to a database, with the application's own login.
#[derive(Clone, Debug)]
pub struct Errand {
    tenant: TenantId,
    address: Address,
    access: Access,
}

impl Errand {
    /// `tenant` only names whose it is.
    pub fn by_url(tenant: &TenantId, url: &Secret) -> Result<Self, DsnError> {
        let dsn = Dsn::parse(url.expose())?;
        let address = dsn.address(None);
        let user = Arc::clone(&dsn.user);
        let login = Login { user, password: LoginPassword::Application };
        let access = Access { dsn, password: None, login, unusable: None };
        Ok(Self { tenant: tenant.clone(), address, access })
    }

    /// A target of the registry, as its application reaches it.
    pub fn of_application(tenant: &TenantId, address: &Address, access: &Access) -> Self {
        let user = Arc::clone(&access.dsn.user);
        let login = Login { user, password: LoginPassword::Application };
        let access = Access { login, ..access.clone() };
        Self { tenant: tenant.clone(), address: address.clone(), access }
    }

    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Within the prober's deadline for a visit, and `LOOKUP` before it.
    pub async fn open(&self, prober: &Prober) -> Result<Session, Failure> {
        let addresses = timeout(LOOKUP, addresses(&self.access.dsn));
        let addresses = addresses.await.map_err(|_elapsed| judge(&Symptom::NoAddress))?;
        let patience = Patience::new();
        // The next errand goes to the same server.
        patience.see_off();
        let (address, access) = (&self.address, &self.access);
        prober.open(&self.tenant, address, access, &addresses, &Arc::new(patience)).await
    }
}

/// Of each host in order; none where a name leads nowhere.
async fn addresses(dsn: &Dsn) -> Vec<Vec<SocketAddr>> {
    let mut all = Vec::with_capacity(dsn.hosts.len());
    for host in &dsn.hosts {
        all.push(of_host(host).await);
    }
    all
}

async fn of_host(host: &Host) -> Vec<SocketAddr> {
    if let Some(address) = host.address {
        return vec![SocketAddr::new(address, host.port)];
    }
    match &host.name {
        HostName::Ip(address) => vec![SocketAddr::new(*address, host.port)],
        HostName::Socket(_) => Vec::new(),
        HostName::Dns(name) => {
            let found = lookup_host((&**name, host.port)).await;
            found.map(Iterator::collect).unwrap_or_default()
        }
    }
}
