//! What operations are carried out with, and for how long each part of them is waited for.
//!
//! Why one time and all others in proportion to it: an operator knows how long a project of their provider takes, and
//! nothing of how often it should be looked at.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::backup::BackupOptions;
use crate::provider::Provider;
use crate::setup::SetupPlan;
use crate::stamp::key::StampKeyRefs;

/// Replaced whole when the configuration is reloaded.
#[derive(Debug)]
pub struct Equipment {
    pub provider: Arc<dyn Provider>,
    pub options: ProvisionOptions,
}

#[derive(Clone, Debug)]
pub struct ProvisionOptions {
    /// Projects at the provider, at most; `None` where only the provider knows.
    pub quota: Option<usize>,
    /// From the provider's word that it makes a project to one that can be used.
    pub ready_timeout: Duration,
    /// How old the fleet's last scan may be for a new tenant to be made beside it.
    pub fresh: Duration,
    /// What is run in each new database; `None` for nothing.
    pub setup: Option<SetupPlan>,
    /// Whether each new database is stamped.
    pub stamp: bool,
    pub stamp_keys: StampKeyRefs,
    /// Of tenants that leave.
    pub backup: BackupOptions,
    /// Trusted where a connection string names no roots, by the programs that read and write dumps.
    pub roots: Option<PathBuf>,
}

impl ProvisionOptions {
    /// Within which a write whose answer was lost shows at the provider, or never: its lists lag, and a request may
    /// still be on its way when its sender has given up.
    pub fn settling(&self) -> Duration {
        self.ready_timeout / 10
    }

    /// For a database that is there to answer, and for its uniqueness to be proven.
    pub fn answering(&self) -> Duration {
        self.ready_timeout / 3
    }

    /// How long undoing is tried before a person is called.
    pub fn undoing(&self) -> Duration {
        self.ready_timeout * 4
    }

    /// For all that a tenant has to be copied.
    pub fn moving(&self) -> Duration {
        self.ready_timeout * 16
    }

    /// Between two looks: at the beginning, and at most.
    pub fn looks(&self) -> (Duration, Duration) {
        (self.ready_timeout / 450, self.ready_timeout / 60)
    }
}
