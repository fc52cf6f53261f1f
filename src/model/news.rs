//! What somebody was told of a finding, and what has happened to it since.
//!
//! Why the last word is kept and not the list of words: after an outage, a restart or a full queue, whoever listens must
//! hear how things are, and what came to nothing in between may go untold.

use super::finding::{Finding, FindingId, State};
use super::fingerprint::Digest256;

/// What happened. The labels are a published interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    Opened,
    /// Another severity, certainty or membership, or a person's word that ended.
    Changed,
    Acknowledged,
    Resolved,
}

impl Happening {
    pub const ALL: [Self; 4] = [Self::Opened, Self::Changed, Self::Acknowledged, Self::Resolved];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Opened => "finding.opened",
            Self::Changed => "finding.changed",
            Self::Acknowledged => "finding.acknowledged",
            Self::Resolved => "finding.resolved",
        }
    }
}

/// What a receiver was told of a finding last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub finding: FindingId,
    pub acknowledged: bool,
    /// Of what is worth telling.
    pub digest: Digest256,
}

impl Told {
    /// Times and evidence change with every scan, and nobody is to be woken for that.
    pub fn of(finding: &Finding) -> Self {
        let claim = &finding.claim;
        let mut text = format!("{}\n{}\n", claim.severity, claim.certainty);
        for tenant in &claim.tenants {
            text.push_str(tenant.as_str());
            text.push('\n');
        }
        let acknowledged = finding.state == State::Acknowledged;
        if let Some(said) = finding.acknowledgement.as_ref().filter(|_| acknowledged) {
            text.push_str(&format!("{:?} {:?} {}\n", said.by, said.reason, said.until));
        }
        Self { finding: finding.id, acknowledged, digest: Digest256::of(text.as_bytes()) }
    }
}
