//! One visit to one target: connect, ask once, leave; and what came of it as an observation.
//!
//! Why the client library does only the inner part: it speaks queries well, but would answer a server that asks for the
//! password in clear, has no deadline past the TCP connection, and hides where a server fell silent. So `connect` brings
//! the stream, `login` opens the door, `guard` counts along, `patience` keeps the time, and `cause` judges.
//!
//! Invariants:
//! - a target is hostile input: whatever it sends is one observation within the deadline, never a panic, and bounded
//!   in bytes;
//! - nothing is written and nothing stays behind, in the server or in a pooler;
//! - one round trip of queries, unless something is withheld: then a second one asks for the rest.

pub mod cause;
pub mod connect;
pub mod errand;
pub mod fingerprint;
pub mod guard;
pub mod login;
pub mod progress;
pub mod proof;
pub mod revisit;
pub mod scram;
pub mod session;
pub mod statement;
pub mod streams;
pub mod wire;
pub mod witness;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use self::cause::{Symptom, judge};
use self::connect::{Visitor, Way};
use self::fingerprint::Answer;
use self::progress::Progress;
use self::session::Session;
use crate::clock;
use crate::dsn::{Dsn, HostName, SessionAttrs};
use crate::model::address::Address;
use crate::model::observation::{
    Cause, Failure, Observation, Outcome, Reason, Sighting, Transport, Vitals,
};
use crate::model::tenant::{TargetRef, TenantId};
use crate::patience::Patience;
use crate::registry::Access;
use crate::secret::Secret;
use crate::tls::{RootError, Tls};

#[derive(Clone, Debug)]
pub struct ProbeOptions {
    /// Of the whole visit, without our own waiting.
    pub timeout: Duration,
    /// In PEM, trusted beside the system's roots.
    pub root_files: Vec<PathBuf>,
    /// How many passwords are stretched at the same time: as many as there are processors. At least one.
    pub crypto_permits: usize,
}

/// Makes visits. Built once: it holds the roots and the permits that all visits share.
#[derive(Debug)]
pub struct Prober {
    timeout: Duration,
    tls: Tls,
    permits: Arc<Semaphore>,
}

/// A host that answered, and what it said.
type Seen = (Session, Answer, i64);

impl Prober {
    pub fn new(options: &ProbeOptions) -> Result<Self, RootError> {
        Ok(Self {
            timeout: options.timeout,
            tls: Tls::new(&options.root_files)?,
            permits: Arc::new(Semaphore::new(options.crypto_permits.max(1))),
        })
    }

    /// For one visit.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Visits a target. `addresses[i]` are those of `access.dsn.hosts[i]`, in the order in which they are tried; a Unix
    /// socket needs none.
    pub async fn visit(
        &self,
        target: TargetRef,
        tenant: &TenantId,
        address: &Address,
        access: &Access,
        addresses: &[Vec<SocketAddr>],
        patience: &Arc<Patience>,
    ) -> Observation {
        let start = Instant::now();
        let before = patience.allowed();
        let outcome = match password(tenant, access) {
            Ok(password) => {
                self.look(address, access, addresses, patience, password.as_ref()).await
            }
            Err(reason) => Outcome::NotTried(reason),
        };
        let forgiven = patience.allowed().saturating_sub(before);
        Observation { target, took: start.elapsed().saturating_sub(forgiven), outcome }
    }

    /// Opens a session for a second look, within the deadline of a visit.
    pub async fn open(
        &self,
        tenant: &TenantId,
        address: &Address,
        access: &Access,
        addresses: &[Vec<SocketAddr>],
        patience: &Arc<Patience>,
    ) -> Result<Session, Failure> {
        let password = password(tenant, access)
            .map_err(|reason| Failure { cause: Cause::AuthFailed, detail: reason.text().into() })?;
        let progress = Progress::default();
        let visitor = self.visitor(access, password.as_ref(), patience, &progress);
        let opening = pin!(async {
            if access.dsn.session == SessionAttrs::Any {
                self.first_open(&visitor, addresses).await
            } else {
                self.first_fit(&visitor, addresses, &address.role)
                    .await
                    .map(|(session, ..)| session)
            }
        });
        match patience.within(self.timeout, opening).await {
            Ok(opened) => opened,
            Err(_elapsed) => Err(judge(&Symptom::Elapsed(progress.stage()))),
        }
    }

    async fn look(
        &self,
        address: &Address,
        access: &Access,
        addresses: &[Vec<SocketAddr>],
        patience: &Arc<Patience>,
        password: Option<&Secret>,
    ) -> Outcome {
        let start = Instant::now();
        let progress = Progress::default();
        let visitor = self.visitor(access, password, patience, &progress);
        // Pinned here: handed on by value it would stand in every caller's state, and so in memory, once more.
        let looking = pin!(self.first_fit(&visitor, addresses, &address.role));
        let (session, answer, skew) = match patience.within(self.timeout, looking).await {
            Ok(Ok(seen)) => seen,
            Ok(Err(failure)) => return Outcome::Failed(failure),
            Err(_elapsed) => return Outcome::Failed(judge(&Symptom::Elapsed(progress.stage()))),
        };
        let sighting = sighting(&session, address, answer, skew);
        // What is left of the deadline bounds the leaving; the answer is safe already.
        let left = self.timeout.saturating_sub(start.elapsed());
        tokio::time::timeout(left, session.close()).await.unwrap_or_default();
        Outcome::Seen(Box::new(sighting))
    }

    fn visitor<'a>(
        &'a self,
        access: &'a Access,
        password: Option<&'a Secret>,
        patience: &'a Arc<Patience>,
        progress: &'a Progress,
    ) -> Visitor<'a> {
        let (tls, permits) = (&self.tls, &self.permits);
        Visitor {
            dsn: &access.dsn,
            user: &access.login.user,
            password,
            tls,
            permits,
            patience,
            progress,
        }
    }

    /// The first host that lets us in, without asking it anything.
    async fn first_open(
        &self,
        visitor: &Visitor<'_>,
        addresses: &[Vec<SocketAddr>],
    ) -> Result<Session, Failure> {
        let mut worst: Option<Failure> = None;
        for (way, limit) in self.ways(visitor.dsn, addresses) {
            match visitor.go(way, limit).await {
                Ok(session) => return Ok(session),
                Err(failure) if goes_on(failure.cause) => worst = Some(telling(worst, failure)),
                Err(failure) => return Err(failure),
            }
        }
        Err(worst.unwrap_or_else(|| judge(&Symptom::NoAddress)))
    }

    /// The first host that lets us in and is what `target_session_attrs` asks for.
    async fn first_fit(
        &self,
        visitor: &Visitor<'_>,
        addresses: &[Vec<SocketAddr>],
        role: &str,
    ) -> Result<Seen, Failure> {
        let wanted = visitor.dsn.session;
        let mut worst: Option<Failure> = None;
        let mut second_best = None;
        for (way, limit) in self.ways(visitor.dsn, addresses) {
            let seen = match visitor.go(way, limit).await {
                Ok(session) => self.ask_once(visitor, session, role).await,
                Err(failure) => Err(failure),
            };
            match seen {
                Ok(seen) if fits(wanted, &seen.1) => return Ok(seen),
                Ok(seen) if wanted == SessionAttrs::PreferStandby => {
                    second_best = second_best.or(Some(seen));
                }
                Ok((session, answer, _)) => {
                    session.close().await;
                    worst = Some(telling(worst, unsuitable(wanted, &answer)));
                }
                Err(failure) if goes_on(failure.cause) => worst = Some(telling(worst, failure)),
                Err(failure) => return Err(failure),
            }
        }
        second_best.ok_or_else(|| worst.unwrap_or_else(|| judge(&Symptom::NoAddress)))
    }

    /// The one question. Where something is withheld, a second one asks for the rest.
    async fn ask_once(
        &self,
        visitor: &Visitor<'_>,
        mut session: Session,
        role: &str,
    ) -> Result<Seen, Failure> {
        visitor.progress.reach(progress::Stage::Query);
        let mut sent = clock::now();
        let mut rows = session.query(&statement::lean(role, self.timeout)).await;
        if rows.as_ref().is_err_and(|it| it.code.as_deref().is_some_and(is_withheld)) {
            sent = clock::now();
            rows = session.query(&statement::guarded(role, self.timeout)).await;
        }
        let received = clock::now();
        let rows = rows.map_err(|it| it.failure)?;
        let answer =
            fingerprint::read(&rows).map_err(|it| judge(&Symptom::Nonsense(&it.to_string())))?;
        let middle = i64::midpoint(sent.as_microsecond(), received.as_microsecond());
        Ok((session, answer, middle))
    }

    /// Every address of every host, each with its share of the time for connecting: one that swallows packets must
    /// leave time for the next.
    fn ways<'a>(
        &self,
        dsn: &'a Dsn,
        addresses: &'a [Vec<SocketAddr>],
    ) -> impl Iterator<Item = (Way<'a>, Option<Duration>)> {
        let ways: Vec<_> = dsn
            .hosts
            .iter()
            .enumerate()
            .flat_map(|(index, host)| {
                let socket = matches!(host.name, HostName::Socket(_)).then_some(None);
                let resolved = addresses.get(index).filter(|_| socket.is_none());
                let resolved = resolved.into_iter().flatten().copied().map(Some);
                socket.into_iter().chain(resolved).map(move |address| Way { host, address })
            })
            .collect();
        let count = u32::try_from(ways.len()).unwrap_or(u32::MAX);
        let share = (1 < count).then(|| self.timeout / count);
        let limit = dsn.connect_timeout.or(share);
        ways.into_iter().map(move |way| (way, limit))
    }
}

fn password(tenant: &TenantId, access: &Access) -> Result<Option<Secret>, Reason> {
    if let Some(why) = &access.unusable {
        return Err(Reason::RowUnusable(why.clone()));
    }
    access
        .login_password(tenant)
        .map_err(|error| Reason::SecretUnreadable(error.to_string().into()))
}

/// Whether the next host may do better. As in libpq, a refused login is final: the hosts are one service.
fn goes_on(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::ConnectionRefused
            | Cause::Unreachable
            | Cause::Timeout
            | Cause::StartingUp
            | Cause::ShuttingDown
            | Cause::ServerCrashed
    )
}

/// A missing privilege, a missing object, a value that this server cannot take, or a promotion in between.
fn is_withheld(code: &str) -> bool {
    matches!(
        code,
        "42501" | "42883" | "42P01" | "42703" | "42704" | "0A000" | "22P05" | "22021" | "55000"
    )
}

/// Of two failures the one that came further; of equals the earlier host's, which is the one that should have served.
fn telling(earlier: Option<Failure>, later: Failure) -> Failure {
    let reached = |it: &Failure| match it.cause {
        Cause::ConnectionRefused | Cause::Unreachable | Cause::Timeout => 0,
        Cause::StartingUp | Cause::ShuttingDown | Cause::ServerCrashed => 1,
        _ => 2,
    };
    earlier.filter(|it| reached(&later) <= reached(it)).unwrap_or(later)
}

fn fits(wanted: SessionAttrs, answer: &Answer) -> bool {
    let read_only = answer.read_only == Some(true);
    let standby = answer.fingerprint.in_recovery == Some(true);
    match wanted {
        SessionAttrs::Any => true,
        SessionAttrs::ReadWrite => !read_only,
        SessionAttrs::ReadOnly => read_only,
        SessionAttrs::Primary => !standby,
        SessionAttrs::Standby | SessionAttrs::PreferStandby => standby,
    }
}

fn unsuitable(wanted: SessionAttrs, answer: &Answer) -> Failure {
    let primary = answer.fingerprint.in_recovery == Some(false);
    let (wanted, read_only) = match wanted {
        SessionAttrs::Any => ("any", false),
        SessionAttrs::ReadWrite => ("read-write", primary),
        SessionAttrs::ReadOnly => ("read-only", false),
        SessionAttrs::Primary => ("primary", false),
        SessionAttrs::Standby => ("standby", false),
        SessionAttrs::PreferStandby => ("prefer-standby", false),
    };
    judge(&Symptom::Unsuitable { wanted, primary_is_read_only: read_only })
}

/// `middle` is our own clock half-way through the question, in microseconds.
fn sighting(session: &Session, address: &Address, mut answer: Answer, middle: i64) -> Sighting {
    let path = session.path();
    if answer.fingerprint.database == address.database {
        answer.fingerprint.database = Arc::clone(&address.database);
    }
    Sighting {
        transport: Transport {
            peer: path.peer,
            encryption: path.encryption,
            direct: path.local_port.is_some() && path.local_port == answer.client_port,
        },
        vitals: Vitals {
            read_only: answer.read_only,
            connections: answer.connections,
            max_connections: answer.max_connections,
            transaction_age: answer.transaction_age,
            clock_skew_millis: answer.clock.map(|it| it.saturating_sub(middle) / 1_000),
        },
        powers: answer.powers,
        fingerprint: Arc::new(answer.fingerprint),
    }
}
