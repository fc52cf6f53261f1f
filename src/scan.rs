//! Visits every target once: as many at a time as is allowed, each under a deadline, until told to stop.
//!
//! Why the visit is a parameter: the engine knows turns, limits and time, and nothing of PostgreSQL. `ping`, `verify`
//! and the tests differ only in the closure that they pass.
//!
//! Invariants:
//! - one target, one observation: through timeout, panic, a name that does not resolve, and stop;
//! - one target is slow, hung or crowded, and no other waits for it longer than until it is overdue;
//! - a frozen server costs two deadlines, however many targets it has;
//! - at most `ScanLimits::sockets` connections are open at once, and at most `per_server` to one server;
//! - no task, address list or timer exists for a target before its turn: a hundred thousand wait in a few megabytes.

mod lag;
mod pace;
mod queue;
mod resolve;
pub mod server;
mod silence;
mod visits;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::lag::Heartbeat;
use self::pace::Pace;
use self::queue::{JobId, Queue, Room, ServerId};
use self::resolve::{NameId, Resolver};
use self::server::ServerKey;
use self::silence::Silence;
use self::visits::{Ending, Visits};
use crate::dsn::{Host, HostName};
use crate::model::observation::{Cause, Failure, Observation, Outcome};
use crate::model::tenant::TargetRef;
use crate::patience::Patience;

/// A visit that waits for us moves its own due time on as fast as the clock does: looking more often would only add to
/// what it waits for.
const SHORTEST_NAP: Duration = Duration::from_millis(5);

/// A target that is to be visited.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    pub target: TargetRef,
    /// As its connection string names them, in order.
    pub hosts: &'a [Host],
    /// The project that its address names: behind a shared pooler it tells the servers apart.
    pub project: Option<&'a str>,
}

#[derive(Clone, Copy, Debug)]
pub struct ScanLimits {
    /// Visits at once. More finish a distant fleet sooner and cost a socket and about 20 KB each.
    pub concurrency: NonZeroUsize,
    /// Visits to one server at once, overdue ones included.
    pub per_server: NonZeroUsize,
    /// Overdue visits that wait beside the `concurrency` others until their deadline.
    pub lane: usize,
    /// For one visit, and for one host name.
    pub timeout: Duration,
}

impl ScanLimits {
    /// The lane is twice as large as the rest: ten thousand targets of which every twentieth hangs fill it about once
    /// in a deadline.
    pub fn new(concurrency: NonZeroUsize, per_server: NonZeroUsize, timeout: Duration) -> Self {
        Self { concurrency, per_server, lane: concurrency.get().saturating_mul(2), timeout }
    }

    /// Connections that may be open at once: what the limit of file descriptors must allow, and a few dozen more.
    pub fn sockets(&self) -> usize {
        self.concurrency.get().saturating_add(self.lane)
    }
}

/// A target whose turn has come, and what its visit needs beside the target itself.
#[derive(Debug)]
pub struct Turn {
    pub target: TargetRef,
    /// Of each of the job's hosts, in the order in which they are to be tried; none for a socket, or for a name that
    /// does not resolve.
    pub addresses: Vec<Vec<SocketAddr>>,
    /// The visit adds to it what it waited for us.
    pub patience: Arc<Patience>,
}

/// Visits each job once and tells each observation to `ended` as soon as it is made. They are returned in the order
/// in which they ended.
pub async fn scan<V, F>(
    jobs: &[Job<'_>],
    limits: ScanLimits,
    stop: &CancellationToken,
    ended: impl FnMut(&Observation),
    visit: V,
) -> Vec<Observation>
where
    V: Fn(Turn) -> F,
    F: Future<Output = Observation> + Send + 'static,
{
    scan_with(resolve::system, jobs, limits, stop, ended, visit).await
}

/// `scan` with another resolver than the system's.
async fn scan_with<L, R, V, F>(
    lookup: L,
    jobs: &[Job<'_>],
    limits: ScanLimits,
    stop: &CancellationToken,
    ended: impl FnMut(&Observation),
    visit: V,
) -> Vec<Observation>
where
    L: Fn(Box<str>) -> R,
    R: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
    V: Fn(Turn) -> F,
    F: Future<Output = Observation> + Send + 'static,
{
    let mut pass = Pass::new(jobs, limits, Resolver::new(limits.timeout, lookup), ended);
    pass.locate_all();
    let mut stopped = pin!(stop.cancelled());
    let mut alarm = pin!(sleep_until(Instant::now()));
    let mut armed = false;
    let mut heartbeat = Heartbeat::new();
    while !stop.is_cancelled() {
        pass.start_visits(&visit);
        if pass.visits.is_empty() && pass.resolver.is_done() {
            break;
        }
        // Only ever set while it is unset: visits end and begin a thousand times between two alarms, and the oldest
        // one's time hardly moves.
        let overdue_after = pass.pace.overdue_after();
        if !armed && let Some(due) = pass.visits.next_overdue(overdue_after) {
            alarm.as_mut().reset(due.max(Instant::now() + SHORTEST_NAP));
            armed = true;
        }
        tokio::select! {
            biased;
            () = &mut stopped => (),
            late = heartbeat.late() => {
                if !late.is_zero() {
                    pass.visits.forgive(late);
                }
            }
            Some(ending) = pass.visits.ended() => pass.ended(ending),
            Some(name) = pass.resolver.answered() => pass.resolved(name),
            () = &mut alarm, if armed => {
                armed = false;
                for job in pass.visits.overdue(overdue_after) {
                    pass.queue.overdue(job);
                }
            }
        }
    }
    pass.finish().await
}

/// One scan under way.
struct Pass<'a, L, E> {
    jobs: &'a [Job<'a>],
    limits: ScanLimits,
    queue: Queue,
    visits: Visits,
    pace: Pace,
    silence: Silence,
    resolver: Resolver<'a, L>,
    /// Who waits for which name, by `NameId`.
    waiting: Vec<Vec<JobId>>,
    servers: HashMap<ServerKey<'a>, ServerId, foldhash::fast::RandomState>,
    ended: E,
    observations: Vec<Observation>,
}

impl<'a, L, R, E> Pass<'a, L, E>
where
    L: Fn(Box<str>) -> R,
    R: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
    E: FnMut(&Observation),
{
    fn new(jobs: &'a [Job<'a>], limits: ScanLimits, resolver: Resolver<'a, L>, ended: E) -> Self {
        let ScanLimits { concurrency, per_server, lane, timeout } = limits;
        Self {
            jobs,
            limits,
            queue: Queue::new(Room { concurrency, per_server, lane }, jobs.len()),
            visits: Visits::default(),
            pace: Pace::new(timeout),
            silence: Silence::new(per_server.get()),
            resolver,
            waiting: Vec::new(),
            servers: HashMap::default(),
            ended,
            observations: Vec::with_capacity(jobs.len()),
        }
    }

    fn locate_all(&mut self) {
        for (job, it) in (0..).zip(self.jobs) {
            for name in it.hosts.iter().filter_map(name_to_ask) {
                self.resolver.want(name);
            }
            self.locate(job);
        }
    }

    fn resolved(&mut self, name: NameId) {
        let waiting = self.waiting.get_mut(name).map(std::mem::take).unwrap_or_default();
        for job in waiting {
            self.locate(job);
        }
    }

    /// Puts the job in the queue of its server, or in that of the first name that is not answered yet.
    fn locate(&mut self, job: JobId) {
        let hosts = self.jobs[job as usize].hosts;
        if let Some(name) =
            hosts.iter().filter_map(name_to_ask).find_map(|it| self.resolver.open(it))
        {
            let known = self.waiting.len().max(name + 1);
            self.waiting.resize_with(known, Vec::new);
            self.waiting[name].push(job);
            return;
        }
        match self.server(job) {
            Some(key) => {
                let unseen = ServerId::try_from(self.servers.len()).unwrap_or(ServerId::MAX);
                let server = *self.servers.entry(key).or_insert(unseen);
                self.queue.add(job, server);
            }
            None => self.note(job, self.unresolved(job)),
        }
    }

    /// The server of the first host that can be reached at all.
    fn server(&self, job: JobId) -> Option<ServerKey<'a>> {
        let Job { hosts, project, .. } = self.jobs[job as usize];
        hosts.iter().find_map(|host| match &host.name {
            HostName::Socket(directory) => {
                Some(ServerKey::of_socket(directory, host.port, project))
            }
            HostName::Dns(_) | HostName::Ip(_) => {
                ServerKey::of_addresses(self.addresses(host), project)
            }
        })
    }

    /// In the resolver's order, which is the order of preference.
    fn addresses(&self, host: &'a Host) -> impl Iterator<Item = SocketAddr> {
        let (given, asked) = match (&host.name, host.address) {
            (HostName::Socket(_), _) => (None, None),
            (_, Some(ip)) => (Some(ip), None),
            (HostName::Ip(ip), None) => (Some(*ip), None),
            (HostName::Dns(name), None) => (None, self.resolver.answer(name)),
        };
        let asked = asked.and_then(|it| it.as_ref().ok()).into_iter().flat_map(|it| it.iter());
        given.into_iter().chain(asked.copied()).map(|ip| SocketAddr::new(ip, host.port))
    }

    fn start_visits<V, F>(&mut self, visit: &V)
    where
        V: Fn(Turn) -> F,
        F: Future<Output = Observation> + Send + 'static,
    {
        while let Some(job) = self.queue.next() {
            let Job { target, hosts, .. } = self.jobs[job as usize];
            let addresses: Vec<Vec<SocketAddr>> =
                hosts.iter().map(|it| self.addresses(it).collect()).collect();
            if let Some(outcome) = self.frozen(job, addresses.iter().map(Vec::len).sum()) {
                self.note(job, Observation { target, took: Duration::ZERO, outcome });
                continue;
            }
            let patience = Arc::new(Patience::new());
            if self.queue.is_crowded(job) {
                patience.see_off();
            }
            let turn = Turn { target, addresses, patience: Arc::clone(&patience) };
            self.visits.start((job, target), patience, self.limits.timeout, visit(turn));
        }
    }

    fn frozen(&mut self, job: JobId, addresses: usize) -> Option<Outcome> {
        let server = self.queue.server(job)?;
        let timeout = self.limits.timeout;
        let verdict = self.silence.verdict(server, &self.jobs[job as usize], addresses, timeout)?;
        if self.visits.any_heard(|it| self.queue.server(it) == Some(server)) {
            self.silence.learn(server, false);
            return None;
        }
        Some(verdict)
    }

    fn ended(&mut self, Ending { job, observation, silent }: Ending) {
        if let Some(server) = self.queue.server(job) {
            self.silence.learn(server, silent);
        }
        self.note(job, observation);
    }

    fn note(&mut self, job: JobId, observation: Observation) {
        self.queue.finished(job);
        if matches!(observation.outcome, Outcome::Seen(_)) {
            self.pace.learn(observation.took);
        }
        (self.ended)(&observation);
        self.observations.push(observation);
    }

    fn unresolved(&self, job: JobId) -> Observation {
        let Job { target, hosts, .. } = self.jobs[job as usize];
        let why = hosts.iter().filter_map(name_to_ask).find_map(|name| {
            let why = self.resolver.answer(name)?.as_ref().err()?;
            Some(format!("host name {name} does not resolve: {why}"))
        });
        let detail = why.unwrap_or_else(|| "it names no host".to_owned()).into();
        let outcome = Outcome::Failed(Failure { cause: Cause::DnsFailed, detail });
        Observation { target, took: Duration::ZERO, outcome }
    }

    /// What is left when the scan was stopped; otherwise nothing is.
    async fn finish(mut self) -> Vec<Observation> {
        for ending in self.visits.stop().await {
            self.note(ending.job, ending.observation);
        }
        for job in self.queue.drain() {
            self.note(job, visits::cancelled(self.jobs[job as usize].target));
        }
        self.observations
    }
}

/// The name that must be resolved before this host can be visited.
fn name_to_ask(host: &Host) -> Option<&str> {
    match &host.name {
        HostName::Dns(name) if host.address.is_none() => Some(name),
        HostName::Dns(_) | HostName::Ip(_) | HostName::Socket(_) => None,
    }
}

#[cfg(test)]
mod tests;
