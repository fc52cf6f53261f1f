//! Who is hit by a finding, and since when.
//!
//! Why a member's own beginning may differ from the finding's: a group grows, and who joined it yesterday has a shorter
//! time to look back on.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::frame::Frame;
use super::moment::Moment;
use super::table;
use super::verdict;
use crate::model::finding::{Finding, Health, Verdict};
use crate::model::tenant::TenantId;

/// Members listed before the rest is counted.
const LISTED: usize = 200;

pub(super) struct Blast<'a> {
    pub members: Vec<Member<'a>>,
    pub left_out: usize,
}

pub(super) struct Member<'a> {
    pub id: &'a TenantId,
    pub name: String,
    pub environment: &'a str,
    pub verdict: Verdict,
    pub health: Health,
    pub since: Moment,
}

pub(super) fn radius<'a>(
    frame: &Frame<'a>,
    finding: &'a Finding,
    since: &BTreeMap<TenantId, Timestamp>,
) -> Blast<'a> {
    let all = &finding.claim.tenants;
    let members = all.iter().take(LISTED).map(|id| {
        let report = frame.standing.and_then(|it| it.tenant(id));
        let registered = frame.standing.and_then(|it| it.registered(id));
        let began = since.get(id).copied().unwrap_or(finding.first_seen);
        Member {
            id,
            name: table::name(registered),
            environment: registered.map_or("", |it| &it.environment),
            verdict: report
                .map_or(Verdict::Unverified, |it| verdict::aged(it.isolation, frame.is_stale())),
            health: report
                .map_or(Health::Unknown, |it| verdict::aged_health(it.health, frame.is_stale())),
            since: frame.moment(began.max(finding.first_seen)),
        }
    });
    Blast { members: members.collect(), left_out: all.len().saturating_sub(LISTED) }
}
