//! What a server's own log says of those who came to it.
//!
//! Why the log and not `pg_stat_activity`: it misses nobody, however short the stay, and asking it disturbs nothing.

use std::path::Path;

use watertight::local::cluster::Cluster;
use watertight::local::ground::Ground;

/// The log must tell comings and goings, and end with the name of the database.
pub(crate) fn keep_count(cluster: &mut Cluster) {
    cluster.set("log_connections", "on");
    cluster.set("log_disconnections", "on");
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Crowd {
    /// Connections that tenants' roles made.
    pub(crate) visits: usize,
    /// Of them, so many at once.
    pub(crate) peak: usize,
    /// Lines that speak of a server that is full.
    pub(crate) refusals: usize,
}

/// Those whose roles begin with `prefix`, from the line on that comes after `skip` lines.
pub(crate) fn crowd(ground: &Ground, cluster: &Cluster, prefix: &str, skip: usize) -> Crowd {
    let mut crowd = Crowd::default();
    let mut present = 0_usize;
    for line in lines(&ground.path().join(format!("{}.log", cluster.name()))).iter().skip(skip) {
        let ours = line.contains(&format!(" user={prefix}"));
        if line.contains("connection authorized:") && ours {
            crowd.visits += 1;
            present += 1;
            crowd.peak = crowd.peak.max(present);
        } else if line.contains("disconnection:") && ours {
            present = present.saturating_sub(1);
        } else if line.contains("too many") || line.contains("remaining connection slots") {
            crowd.refusals += 1;
        }
    }
    crowd
}

/// How many lines there are so far.
pub(crate) fn length(ground: &Ground, cluster: &Cluster) -> usize {
    lines(&ground.path().join(format!("{}.log", cluster.name()))).len()
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).expect("the server's log");
    text.lines().map(ToOwned::to_owned).collect()
}
