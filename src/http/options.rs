//! What the configuration says of the HTTP side.
//!
//! Why swapped whole: a reload that gave a request the new tokens with the old hosts would be a state that nobody wrote.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::certificates;
use super::role::Role;
use crate::gate::GateOptions;
use crate::model::policy::Exception;
use crate::route::keyring::Source;
use crate::route::token::Rules;
use crate::secret::SecretRef;

#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Names that the `Host` header may say beside any address; lower case, without a port.
    pub hosts: Vec<String>,
    pub tokens: Vec<Token>,
    pub metrics: Access,
    /// Certificate and key, in PEM. Without them, plain HTTP.
    pub tls: Option<Tls>,
    pub gate: Gate,
    /// What GitHub signs its deliveries with. Without it, none is taken.
    pub webhook_secret: Option<SecretRef>,
    pub limits: Limits,
    /// `None` where nobody is routed.
    pub routing: Option<Routing>,
    /// A second path of what is done with tenants. The one of the start holds.
    pub tenant_path: Option<Box<str>>,
}

/// Which tokens of users lead somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    pub rules: Rules,
    pub source: Source,
    /// Whether a tenant that was proven to share is led nowhere.
    pub quarantine: bool,
}

/// What the gate judges by.
#[derive(Clone, Debug)]
pub struct Gate {
    pub options: GateOptions,
    /// Of the policy in effect.
    pub exceptions: Vec<Exception>,
}

impl Default for Gate {
    /// As the configuration has it by default.
    fn default() -> Self {
        let options = GateOptions { max_age: SignedDuration::from_mins(30), min_coverage: 0.98 };
        Self { options, exceptions: Vec::new() }
    }
}

/// Who holds it is let in. The token itself is stored nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub name: Box<str>,
    pub role: Role,
    pub sha256: [u8; 32],
}

/// Who may read the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    #[default]
    Open,
    Viewer,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// What one listener takes at once. Each is far above what a platform's dashboards, scrapers and people need, and small
/// enough that whoever goes past it takes memory and time from nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of a request's body, in bytes: a list of a thousand tenants is a tenth of it.
    pub body: usize,
    /// Open connections. Each costs a file descriptor and some 20 kB.
    pub connections: usize,
    /// Requests in the works; further ones are told to come back.
    pub requests: usize,
    /// Requests of one peer in a second. A peer is an address, or a network of 64 bits.
    pub rate: u32,
    /// How far one peer may get ahead of its rate.
    pub burst: u32,
    /// Wrong tokens of one peer in a minute; further ones are told to wait.
    pub refusals: u32,
    /// For a request's head, and for the next request of a connection that is kept.
    pub head: Duration,
    /// For a request's body, and for a peer to take in any part of an answer.
    pub transfer: Duration,
    /// For an answer.
    pub answer: Duration,
    /// For one who waits for a scan; after that the answer is where to look.
    pub wait: Duration,
    /// Requests that wait for a scan.
    pub waiters: usize,
}

impl Limits {
    /// Of the socket: whoever can open it could write the store as well, and imports a whole registry in one request.
    pub(super) const LOCAL: Self = Self {
        body: 256 * 1024 * 1024,
        answer: Duration::from_mins(1),
        transfer: Duration::from_mins(1),
        ..Self::USUAL
    };

    const USUAL: Self = Self {
        body: 64 * 1024,
        connections: 1_000,
        requests: 256,
        rate: 2_000,
        burst: 4_000,
        refusals: 30,
        head: Duration::from_secs(20),
        transfer: Duration::from_secs(20),
        answer: Duration::from_secs(30),
        wait: Duration::from_mins(10),
        waiters: 64,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::USUAL
    }
}

impl Options {
    /// Why the daemon must not start with these on `listen`, or not take them up; empty where it may. Reads the files
    /// of the certificate.
    pub fn problems(&self, listen: SocketAddr) -> Vec<String> {
        let mut problems = Vec::new();
        if self.tokens.is_empty() && !listen.ip().is_loopback() {
            problems.push(format!(
                "http.listen: {listen} can be reached by others, and no token is configured; write [[http.tokens]], or listen on 127.0.0.1"
            ));
        }
        for (place, token) in self.tokens.iter().enumerate() {
            let earlier = &self.tokens[..place];
            if earlier.iter().any(|it| it.name == token.name) {
                problems.push(format!(
                    "http.tokens: two are named {:?}; the name stands in the records, so give each its own",
                    token.name
                ));
            }
            if let Some(twin) = earlier.iter().find(|it| it.sha256 == token.sha256) {
                problems.push(format!(
                    "http.tokens: {:?} and {:?} are one token; give each its own",
                    twin.name, token.name
                ));
            }
        }
        problems.extend(self.tls.as_ref().and_then(certificates::problem));
        problems
    }

    /// Whose token it is. Every token is compared, and each in the same time, so that how long it takes tells nothing.
    pub(super) fn token(&self, presented: &[u8; 32]) -> Option<&Token> {
        let mut found = None;
        for token in &self.tokens {
            if bool::from(token.sha256.ct_eq(presented)) {
                found = Some(token);
            }
        }
        found
    }
}

pub(super) fn sha256(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: &str, text: &str) -> Token {
        Token { name: name.into(), role: Role::Viewer, sha256: sha256(text.as_bytes()) }
    }

    #[track_caller]
    fn check(tokens: Vec<Token>, listen: &str, expected: &[&str]) {
        let options = Options { tokens, ..Options::default() };
        let problems = options.problems(listen.parse().unwrap());
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn an_address_that_others_reach_is_refused_without_a_token() {
        check(vec![], "127.0.0.1:9877", &[]);
        check(vec![], "[::1]:9877", &[]);
        check(vec![], "0.0.0.0:9877", &["can be reached by others"]);
        check(vec![], "[::]:9877", &["can be reached by others"]);
        check(vec![token("ci", "a")], "0.0.0.0:9877", &[]);
    }

    #[test]
    fn two_tokens_of_one_name_or_one_value_are_refused() {
        check(vec![token("ci", "a"), token("ci", "b")], "127.0.0.1:1", &["two are named"]);
        check(vec![token("ci", "a"), token("page", "a")], "127.0.0.1:1", &["are one token"]);
    }

    #[test]
    fn a_token_is_found_by_what_it_is_and_by_nothing_like_it() {
        let options =
            Options { tokens: vec![token("one", "a"), token("two", "b")], ..Options::default() };
        let found = |text: &str| options.token(&sha256(text.as_bytes())).map(|it| &*it.name);
        assert_eq!(found("a"), Some("one"));
        assert_eq!(found("b"), Some("two"));
        assert_eq!(found("ab"), None);
        assert_eq!(found(""), None);
    }
}
