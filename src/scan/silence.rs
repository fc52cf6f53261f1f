//! Which servers are frozen: those that let visit after visit pass without a byte.
//!
//! Why: of a server with forty databases only a few are visited at once, so a frozen one would cost ten deadlines, and
//! the report would wait for nothing but silence. More silent visits than it gets at once cannot all have been made in
//! one deadline: after two deadlines of silence the rest are told what those were told.
//!
//! Why a byte decides and not the timeout: a pooler or proxy that answers at all may hang for one database and serve
//! the next.
//!
//! Invariants: a server that ever sent a byte in this scan is never given up; a target that has another way to go is
//! always visited.

use std::time::Duration;

use super::Job;
use super::queue::ServerId;
use crate::dsn::HostName;
use crate::model::observation::{Cause, Failure, Outcome};

pub(crate) struct Silence {
    /// Visits that one server gets at once.
    at_once: usize,
    servers: Vec<Heard>,
}

#[derive(Clone, Copy)]
enum Heard {
    Nothing { visits: usize },
    Something,
}

impl Silence {
    pub(crate) fn new(per_server: usize) -> Self {
        Self { at_once: per_server, servers: Vec::new() }
    }

    /// A visit to this server ended.
    pub(crate) fn learn(&mut self, server: ServerId, silent: bool) {
        let known = self.servers.len().max(server as usize + 1);
        self.servers.resize(known, Heard::Nothing { visits: 0 });
        let here = &mut self.servers[server as usize];
        match here {
            Heard::Nothing { visits } if silent => *visits += 1,
            Heard::Nothing { .. } | Heard::Something => *here = Heard::Something,
        }
    }

    /// What is told of a target whose one server is frozen, in place of a visit.
    pub(crate) fn verdict(
        &self,
        server: ServerId,
        job: &Job<'_>,
        addresses: usize,
        deadline: Duration,
    ) -> Option<Outcome> {
        let one_way = matches!(job.hosts, [host] if addresses == 1 || matches!(host.name, HostName::Socket(_)));
        match self.servers.get(server as usize)? {
            Heard::Nothing { visits } if self.at_once < *visits && one_way => {
                let detail = format!(
                    "no answer in time: {visits} visits to this server heard nothing within {deadline:?} each, so no further one was made"
                );
                Some(Outcome::Failed(Failure { cause: Cause::Timeout, detail: detail.into() }))
            }
            Heard::Nothing { .. } | Heard::Something => None,
        }
    }
}
