//! What a database says of its own identity, and what each part of it proves.
//!
//! Why so many parts: none proves sharing alone. The system identifier survives every copy of the data directory,
//! oids start at the same number in every cluster, addresses repeat behind proxies. Together they say which targets
//! *could* be one server; the witness decides.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// One database's identity at the time of one visit. `None` is "the role may not see it", never a default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Fixed at `initdb`, kept by every physical copy: equality groups candidates and proves nothing.
    pub system_identifier: Option<u64>,
    /// Fixed when the database was created; equal in unrelated fresh clusters.
    pub database_oid: Option<u32>,
    /// `current_database()`: where the server let us in, whatever the URL asked for.
    /// Shared with the address where they agree, as they nearly always do.
    pub database: Arc<str>,
    /// Grows with each promotion or point-in-time recovery.
    pub timeline: Option<u32>,
    pub in_recovery: Option<bool>,
    /// The postmaster's start, in microseconds since 1970: differs between any two running servers but for frozen
    /// copies of a machine; unchanged by a promotion or a crash of one backend.
    pub started_at: Option<i64>,
    /// As in `server_version_num`: 150018 is 15.18.
    pub server_version: u32,
    /// What the server sees as its own address: private, and repeated, behind proxies and in containers.
    pub server_address: Option<IpAddr>,
    pub server_port: Option<u16>,
    /// Insert position of a primary, replay position of a standby, in bytes.
    pub wal_position: Option<u64>,
    /// Running WAL senders; `None` where withheld.
    pub wal_senders: Option<u32>,
    /// A running WAL receiver: this standby streams from somebody.
    pub wal_receiver: Option<bool>,
    /// The comment of the schema `watertight`; empty where there is none.
    pub stamp: Option<Box<str>>,
}

impl Fingerprint {
    /// The digest of what identifies a database for good: neither a restart nor a failover nor a move to another
    /// address changes it.
    pub fn sha256(&self, project_id: Option<&str>) -> Digest256 {
        let mut canonical = String::from("watertight.fingerprint/v1\n");
        let mut line = |name: &str, value: Option<String>| {
            canonical.push_str(&format!("{name}={}\n", value.unwrap_or_default()));
        };
        line("system_identifier", self.system_identifier.map(|it| it.to_string()));
        line("database_oid", self.database_oid.map(|it| it.to_string()));
        line("database", Some(self.database.escape_default().to_string()));
        line("project_id", project_id.map(|it| it.escape_default().to_string()));
        Digest256::of(canonical.as_bytes())
    }

    /// `15.18` for 150018.
    pub fn version_text(&self) -> String {
        format!("{}.{}", self.server_version / 10_000, self.server_version % 10_000)
    }
}

/// A SHA-256, shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest256([u8; 32]);

impl Digest256 {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of a digest that was made elsewhere, such as a keyed one.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub fn parse(hex: &str) -> Option<Self> {
        if hex.len() != 64 || !hex.bytes().all(|it| it.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Digest256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest256 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Fingerprint {
        Fingerprint {
            system_identifier: Some(7_711_327_808_854_974_790),
            database_oid: Some(16_385),
            database: "acme".into(),
            timeline: Some(1),
            in_recovery: Some(false),
            started_at: Some(1_700_000_000_000_000),
            server_version: 150_018,
            server_address: None,
            server_port: None,
            wal_position: None,
            wal_senders: None,
            wal_receiver: None,
            stamp: None,
        }
    }

    #[test]
    fn a_restart_and_a_failover_keep_the_digest_and_a_new_identity_changes_it() {
        let before = example();
        let digest = before.sha256(None);
        let moved = Fingerprint {
            started_at: Some(1),
            timeline: Some(2),
            server_port: Some(1),
            ..before.clone()
        };
        assert_eq!(moved.sha256(None), digest);
        assert_ne!(
            Fingerprint { system_identifier: Some(1), ..before.clone() }.sha256(None),
            digest
        );
        assert_ne!(Fingerprint { database_oid: Some(1), ..before.clone() }.sha256(None), digest);
        assert_ne!(before.sha256(Some("ref")), digest);
    }

    #[test]
    fn a_database_name_cannot_imitate_another_line() {
        let plain = Fingerprint { database: "a\nproject_id=x".into(), ..example() };
        assert_ne!(
            plain.sha256(None),
            Fingerprint { database: "a".into(), ..example() }.sha256(Some("x"))
        );
    }

    #[test]
    fn a_digest_is_read_back_as_it_is_written() {
        let digest = Digest256::of(b"x");
        assert_eq!(Digest256::parse(&digest.to_string()), Some(digest));
        assert_eq!(Digest256::parse("zz"), None);
    }
}
