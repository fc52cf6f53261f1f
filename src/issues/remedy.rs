//! What to do about each kind of finding, for whoever makes a claim without steps of its own.
//!
//! Why the detector's steps come first: they name the tenants and the case at hand. These know the kind alone, and are
//! there so that no issue ever ends at "something is wrong".

use crate::model::finding::{Finding, Kind};

/// The steps in order, each a sentence with its commands between backticks.
pub fn steps(finding: &Finding) -> Vec<String> {
    let given = &finding.claim.remediation;
    if given.is_empty() {
        usual(finding.claim.kind).iter().map(|it| (*it).to_owned()).collect()
    } else {
        given.clone()
    }
}

const fn usual(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::SharedDatabase
        | Kind::SharedReplication
        | Kind::SharedCluster
        | Kind::SharedProject
        | Kind::SharedHost => &[
            "Stop writes of all but the rightful owner: every further row has to be told apart later.",
            "Find in the registry and in the provisioning log which row was given the wrong connection URL.",
            "Give each other tenant a database of its own: `watertight rehome TENANT --dry-run` shows what would be moved, and without `--dry-run` it is copied, compared and switched.",
            "Rotate the passwords that both knew, and run `watertight verify` until it is clean.",
        ],
        Kind::ForeignStamp | Kind::WrongDatabase | Kind::FingerprintDrift => &[
            "Stop routing the tenant there before users see another's rows.",
            "Ask who restored, moved or re-created this database, and compare the time with the deployment and provider logs.",
            "Correct the URL or restore the tenant's own data, and run `watertight verify` until it is clean.",
        ],
        Kind::StampMissing => &[
            "Find out whether the database was re-created or restored since it was stamped: `watertight check TENANT` shows since when its server runs.",
            "If it is the tenant's own, stamp it again: `watertight stamp --plan` shows what that would write.",
        ],
        Kind::RegistryConflict => &[
            "Open the rows named in the evidence and decide which of them is right.",
            "Correct or remove the other: until then nobody can say whose database it is.",
        ],
        Kind::CrossTenantAccess => &[
            "Take the access away at once: `REVOKE CONNECT ON DATABASE … FROM …`, and rotate the password that opened it.",
            "Look in the server's log for sessions of that role in the other tenant's database since it could enter.",
            "Give each tenant a role that owns nothing beyond its own database, and run `watertight verify`.",
        ],
        Kind::SharedCredentials => &[
            "Give each tenant a password of its own, and update the secret store and whatever holds pooled connections.",
            "Find what wrote the same password twice (a template, a copied secret), or it will come back.",
        ],
        Kind::DatabaseHandedOutTwice => &[
            "Nobody was routed there: the operation was rolled back. Do not repeat it before the cause is known.",
            "Compare the database's fingerprint with the tenant that uses it: `watertight check TENANT`.",
            "Ask the provider how one database could be handed out twice, and keep the evidence of this issue for that.",
        ],
        Kind::OperationStuck => &[
            "Read the operation's steps on the status page: the first one that failed, and the undo that failed after it.",
            "Finish or undo that step by hand at the provider; delete a project only if its name carries this operation's id.",
            "Then remove the leftovers from the registry, and run `watertight verify`.",
        ],
        kind => beside(kind),
    }
}

/// What is no sharing, or not of tenants alone.
const fn beside(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::OffboardedReachable => &[
            "Confirm that the tenant has left and that nothing of theirs must be kept.",
            "Take a last backup where the contract asks for one, and delete the database or its project.",
        ],
        Kind::MonitorSuspect => &[
            "Look at the monitor's own way out first: name resolution, routes, egress rules, expired authorities.",
            "Try one of the tenants from another machine with `psql`. If it answers there, mend this one.",
        ],
        Kind::DataBridge => &[
            "List what leads out: `SELECT srvname, srvoptions FROM pg_foreign_server` and `SELECT subname, subenabled FROM pg_subscription`.",
            "Drop the bridge, or move it to a database that belongs to no tenant.",
            "Rotate the password that it held: whoever could read the bridge could read it.",
        ],
        Kind::ClonedLineage => &[
            "Nothing leaks now. Find out whether they were made from an empty image or from a tenant's data.",
            "If one holds another tenant's data, delete what is not its own; if the copy is deliberate, say so with `clone_of`.",
        ],
        Kind::OverPrivilegedRole => &[
            "Give the application a role without powers: `CREATE ROLE app LOGIN NOSUPERUSER NOCREATEROLE NOREPLICATION`.",
            "Keep the powerful role for migrations, with its secret apart from the application's.",
        ],
        Kind::InsecureTransport => &[
            "Use `sslmode=verify-full` in the tenant's URL, with the authority's certificate where it is private.",
            "Switch on SSL enforcement at the provider, or `hostssl` in pg_hba.conf.",
        ],
        Kind::PublicExposure => &[
            "Restrict who may connect: the provider's network restrictions, or the firewall and pg_hba.conf of your own server.",
            "Look in the server's log for logins from addresses that are not yours.",
        ],
        Kind::Unhealthy | Kind::Degraded => &[
            "See it for yourself with `watertight check TENANT`, or with `psql` from the application's network.",
            "Look at the provider's status page and at the server's log.",
        ],
        Kind::OrphanedProject => &[
            "Find out whose it is from `watertight orphans list` and the provider's audit log.",
            "If it is nobody's, `watertight orphans delete REFERENCE` shows what stands against deleting it; if it is yours and no tenant, name it in `provider.ignore` with a reason and an end.",
        ],
        // Of the kinds that are left, the last.
        _ => &[
            "Stop routing the tenant: its database is gone, and errors are better than an empty one.",
            "Look in the provider's audit log for who deleted the project; some providers can restore one for a while.",
            "Restore the last backup into a new project, and correct the registry.",
        ],
    }
}
