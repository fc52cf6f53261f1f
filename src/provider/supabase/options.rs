//! How Supabase is spoken to: where, as whom, and how fast.

use std::time::Duration;

use crate::dsn::TlsMode;
use crate::secret::SecretRef;

#[derive(Clone, Debug, PartialEq)]
pub struct SupabaseOptions {
    /// `https://api.supabase.com`, without a slash at its end.
    pub api_url: Box<str>,
    /// Read anew for each request.
    pub token: SecretRef,
    /// The organisation's slug.
    pub organization: Box<str>,
    pub region: Box<str>,
    pub connection: Connection,
    /// A database's host is one of these, or below one.
    pub trusted_hosts: Vec<Box<str>>,
    /// Of the URLs that are given out; what lies on this machine is spoken to without.
    pub tls: TlsMode,
    pub pace: PaceOptions,
}

/// The way to a database that its tenant's URL takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connection {
    /// Through the shared pooler, each session with a connection of its own: reachable over IPv4.
    #[default]
    SessionPooler,
    /// The database's own host, which without an add-on has an IPv6 address alone.
    Direct,
}

impl Connection {
    pub const ALL: [Self; 2] = [Self::SessionPooler, Self::Direct];

    pub const fn label(self) -> &'static str {
        match self {
            Self::SessionPooler => "session_pooler",
            Self::Direct => "direct",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }

    /// What has to be well before the way can be taken.
    pub(super) const fn services(self) -> &'static [&'static str] {
        match self {
            Self::SessionPooler => &["db", "pooler"],
            Self::Direct => &["db"],
        }
    }
}

/// Times and counts, all of which a rehearsal shortens by one factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PaceOptions {
    /// Requests of one operation on one project or organisation in a minute. With `burst` it stays under the 120 that are
    /// published, which count for everything that the same user does.
    pub per_minute: u32,
    /// At once, after a time of quiet.
    pub burst: u32,
    pub minute: Duration,
    /// For its turn within our own budget, a request waits at most so long.
    pub patience: Duration,
    /// Whatever Supabase says.
    pub longest_wait: Duration,
    /// Of one request, from connecting to the last byte. A project is made in seconds.
    pub timeout: Duration,
    /// Before a read is tried again; doubled for each.
    pub retry: Duration,
    /// Of the waits that Supabase names; 1 outside of rehearsals.
    pub said: f64,
}

impl Default for PaceOptions {
    fn default() -> Self {
        Self {
            per_minute: 80,
            burst: 30,
            minute: Duration::from_mins(1),
            patience: Duration::from_secs(30),
            longest_wait: Duration::from_mins(5),
            timeout: Duration::from_mins(1),
            retry: Duration::from_secs(1),
            said: 1.0,
        }
    }
}

impl PaceOptions {
    /// The same, with every time but the request's own multiplied by `factor`.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self {
            minute: self.minute.mul_f64(factor),
            patience: self.patience.mul_f64(factor),
            longest_wait: self.longest_wait.mul_f64(factor),
            retry: self.retry.mul_f64(factor),
            said: self.said * factor,
            ..self
        }
    }
}
