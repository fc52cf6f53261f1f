//! A project's server from its files to its end, in a task that owns it.
//!
//! Why one path for a new project and for one that a killed process has left half-made: what is not known to be whole is
//! made anew from nothing, so there is no state in between that would have to be understood.

use super::board::{Board, Standing};
use super::record::Record;
use super::told;
use crate::local::LocalError;
use crate::local::binaries::Binaries;
use crate::local::cluster::Cluster;
use crate::local::ground::Ground;

/// Of the cluster's files within the project's directory.
pub(super) const CLUSTER: &str = "data";
/// The application's role, and the database that it owns.
pub(super) const APPLICATION: &str = "app";

#[derive(Clone, Debug)]
pub(super) struct Life {
    pub(super) reference: Box<str>,
    pub(super) plot: Ground,
    pub(super) binaries: Binaries,
    pub(super) board: Board,
}

impl Life {
    /// Dropping this future ends the server.
    pub(super) async fn live(self, record: Record) {
        let error = match self.raise(record).await {
            Err(error) => error,
            Ok(mut cluster) => {
                self.board.stand(&self.reference, Standing::Ready);
                cluster.ended().await
            }
        };
        let why = told(&error);
        tracing::warn!(project = %self.reference, "a local database is down: {why}");
        self.board.stand(&self.reference, Standing::Failed(why));
    }

    async fn raise(&self, mut record: Record) -> Result<Cluster, LocalError> {
        let mut cluster = Cluster::lasting(&self.plot, &self.binaries, CLUSTER, record.port);
        if record.unmade.is_some() {
            self.coming("its files are being made");
            cluster.lay().await?;
        }
        self.coming("its server is starting");
        cluster.wake().await?;
        let port = cluster.port()?;
        if record.port != port || record.unmade.is_some() {
            if let Some(verifier) = record.unmade.take() {
                self.coming("its database is being made");
                cluster.create_role(APPLICATION, &verifier, "").await?;
                cluster.create_database(APPLICATION, APPLICATION).await?;
            }
            record.port = port;
            record.write(&self.plot)?;
            self.board.note(&self.reference, &record);
        }
        Ok(cluster)
    }

    fn coming(&self, what: &'static str) {
        self.board.stand(&self.reference, Standing::Coming(what));
    }
}
