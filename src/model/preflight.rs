//! What is checked before a tenant is made, and how each check ended.
//!
//! Why a closed list: whoever fills in a form, an alert and a script match on these words.

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckName {
    SubdomainValid,
    SubdomainAvailable,
    NotInFlight,
    ProviderReachable,
    ProviderQuota,
    RegionAvailable,
    NameFreeAtProvider,
    SecretsWritable,
    SetupReady,
    NoExistingSharing,
    DatabaseReachable,
    DatabaseUnused,
    NoForeignStamp,
}

impl CheckName {
    pub const ALL: [Self; 13] = [
        Self::SubdomainValid,
        Self::SubdomainAvailable,
        Self::NotInFlight,
        Self::ProviderReachable,
        Self::ProviderQuota,
        Self::RegionAvailable,
        Self::NameFreeAtProvider,
        Self::SecretsWritable,
        Self::SetupReady,
        Self::NoExistingSharing,
        Self::DatabaseReachable,
        Self::DatabaseUnused,
        Self::NoForeignStamp,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            Self::SubdomainValid => "subdomain_valid",
            Self::SubdomainAvailable => "subdomain_available",
            Self::NotInFlight => "not_in_flight",
            Self::ProviderReachable => "provider_reachable",
            Self::ProviderQuota => "provider_quota",
            Self::RegionAvailable => "region_available",
            Self::NameFreeAtProvider => "name_free_at_provider",
            Self::SecretsWritable => "secrets_writable",
            Self::SetupReady => "setup_ready",
            Self::NoExistingSharing => "no_existing_sharing",
            Self::DatabaseReachable => "database_reachable",
            Self::DatabaseUnused => "database_unused",
            Self::NoForeignStamp => "no_foreign_stamp",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub name: CheckName,
    pub ok: bool,
    /// For people.
    pub detail: String,
}
