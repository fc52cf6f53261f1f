//! What each kind of finding says, in one place for every format that explains it.
//!
//! Why not in the model: the detector decides on kinds and never on their prose.

use crate::model::finding::{Kind, Severity};

/// A label as words: `shared_database` is `Shared database`.
pub fn plain(label: &str) -> String {
    let spaced = label.replace('_', " ");
    let mut letters = spaced.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// One sentence: what a finding of this kind says.
pub const fn meaning(kind: Kind) -> &'static str {
    match kind {
        Kind::SharedDatabase => "The tenants read and write the same database.",
        Kind::SharedReplication => {
            "The tenants read the same live data: one is a standby of the other's cluster, or both are standbys of one primary."
        }
        Kind::SharedCluster => "Different databases of one running server.",
        Kind::SharedProject => "Two tenants name the same project at the provider.",
        Kind::ForeignStamp => {
            "The database bears another tenant's stamp, or one stamp stands in two databases: a wrong restore or a swapped URL."
        }
        Kind::StampMissing => {
            "The registry says that the database was stamped, and it is not, or its stamp does not verify."
        }
        Kind::WrongDatabase => {
            "The server led to another database than the URL names, or two endpoints of one tenant differ."
        }
        Kind::RegistryConflict => {
            "Two rows of the registry are one tenant after normalising, or a row contradicts itself."
        }
        Kind::CrossTenantAccess => "One tenant's credentials open another tenant's database.",
        Kind::FingerprintDrift => {
            "The database behind a tenant is not the one registered or last seen, and nobody recorded the change."
        }
        Kind::SharedCredentials => "Two tenants use the same user and password.",
        Kind::DatabaseHandedOutTwice => {
            "Provisioning was given a database that another tenant uses; it was rolled back and nobody was routed there."
        }
        Kind::OperationStuck => "A provisioning step could be neither completed nor undone.",
        Kind::OffboardedReachable => "The database of a tenant that left still answers.",
        Kind::MonitorSuspect => {
            "So much of the fleet failed at once that the monitor's own side is the likelier cause."
        }
        Kind::DataBridge => {
            "A foreign server, dblink or subscription leads from one tenant's database into another's."
        }
        Kind::ClonedLineage => {
            "Separate running clusters with one ancestor: they have the same system identifier."
        }
        Kind::OverPrivilegedRole => {
            "The tenant's own role is superuser, or can read past its own database."
        }
        Kind::InsecureTransport => "No TLS, or a certificate that does not verify.",
        Kind::PublicExposure => "The database accepts the world where the policy says it must not.",
        Kind::SharedHost => "Different clusters on one server address.",
        Kind::Unhealthy => "The tenant's database cannot serve.",
        Kind::Degraded => "The tenant's database serves, but a limit is near.",
        Kind::OrphanedProject => "A project at the provider that no tenant owns.",
        Kind::MissingProject => "A tenant's project no longer exists at the provider.",
    }
}

/// The severity that the contract gives to the kind; the worst one where it depends.
pub const fn usual_severity(kind: Kind) -> Severity {
    match kind {
        Kind::SharedDatabase
        | Kind::SharedReplication
        | Kind::SharedCluster
        | Kind::SharedProject
        | Kind::ForeignStamp
        | Kind::WrongDatabase
        | Kind::CrossTenantAccess
        | Kind::DatabaseHandedOutTwice
        | Kind::OperationStuck
        | Kind::MissingProject => Severity::Critical,
        Kind::RegistryConflict
        | Kind::FingerprintDrift
        | Kind::SharedCredentials
        | Kind::MonitorSuspect
        | Kind::DataBridge
        | Kind::SharedHost
        | Kind::Unhealthy => Severity::High,
        Kind::StampMissing
        | Kind::OffboardedReachable
        | Kind::ClonedLineage
        | Kind::OverPrivilegedRole
        | Kind::InsecureTransport
        | Kind::PublicExposure
        | Kind::OrphanedProject => Severity::Medium,
        Kind::Degraded => Severity::Low,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_words() {
        assert_eq!(plain("shared_database"), "Shared database");
        assert_eq!(plain(""), "");
    }
}
