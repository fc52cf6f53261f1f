//! The words for what is done with tenants: operations, their steps, and what is checked before.
//!
//! Why every list is matched in full: a new step or check without its words must not compile.

use std::borrow::Borrow;

use crate::model::operation::{OperationKind, OperationState, Step};
use crate::model::preflight::CheckName;

pub(super) fn kind(kind: impl Borrow<OperationKind>) -> &'static str {
    match kind.borrow() {
        OperationKind::Provision => "New tenant",
        OperationKind::Deprovision => "Removal",
        OperationKind::Rehome => "Move to a database of its own",
    }
}

pub(super) fn state(state: impl Borrow<OperationState>) -> &'static str {
    match state.borrow() {
        OperationState::Running => "Running",
        OperationState::Succeeded => "Succeeded",
        OperationState::RolledBack => "Rolled back",
        OperationState::Stuck => "Stuck",
    }
}

/// How it ended, in a sentence.
pub(super) const fn ended(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Provision => "The tenant is active, with a database that is proven its own.",
        OperationKind::Deprovision => {
            "The tenant is gone, and so is whatever was made for it here."
        }
        OperationKind::Rehome => "The tenant has moved to a database of its own.",
    }
}

/// What being undone has led to, in a sentence.
pub(super) const fn undone(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Provision => "Everything that it did was undone: nothing of it is left.",
        OperationKind::Deprovision => "The tenant was called back: it is as it was before.",
        OperationKind::Rehome => {
            "Everything that it did was undone: the tenant is where it was before."
        }
    }
}

/// What a person does who turns it back.
pub(super) const fn turn_back(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Provision | OperationKind::Rehome => "Cancel and undo",
        OperationKind::Deprovision => "Call the tenant back",
    }
}

pub(super) const fn step(step: Step) -> &'static str {
    match step {
        Step::Reserve => "Reserve the name",
        Step::CreateProject => "Create the project",
        Step::AwaitReady => "Wait until it is ready",
        Step::Connect => "Connect",
        Step::Stamp => "Stamp the database",
        Step::VerifyUnique => "Prove that nobody else has it",
        Step::HealthCheck => "Check its health",
        Step::Setup => "Set it up",
        Step::Activate => "Activate the tenant",
        Step::Copy => "Copy what the tenant has",
        Step::Compare => "Compare what arrived",
        Step::Switch => "Lead its users to the new database",
        Step::Suspend => "Lead nobody there any more",
        Step::Grace => "Wait, so that it can be called back",
        Step::Backup => "Keep a last backup",
        Step::DeleteProject => "Delete the project",
        Step::Bury => "Keep only that it was there",
    }
}

pub(super) const fn check(name: CheckName) -> &'static str {
    match name {
        CheckName::SubdomainValid => "Subdomain and name can be published",
        CheckName::SubdomainAvailable => "No tenant has the subdomain",
        CheckName::NotInFlight => "Nothing is being done with this tenant",
        CheckName::ProviderReachable => "The provider answers",
        CheckName::ProviderQuota => "There is room for another project",
        CheckName::RegionAvailable => "The region takes new projects",
        CheckName::NameFreeAtProvider => "No project has the name",
        CheckName::SecretsWritable => "Secrets can be kept",
        CheckName::SetupReady => "The setup is ready to run",
        CheckName::NoExistingSharing => "No tenants share a database now",
        CheckName::DatabaseReachable => "Your database answers",
        CheckName::DatabaseUnused => "No tenant uses your database",
        CheckName::NoForeignStamp => "Your database bears no other tenant's stamp",
    }
}
