//! The names in a path: of a tenant, a finding, a scan or an operation.
//!
//! Why what is no name at all is answered as a name that nobody has: to whoever asks, there is none of it either way.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use super::problem::{Kind, Problem};
use super::state::Shared;
use crate::model::finding::FindingId;
use crate::model::fingerprint::Digest256;
use crate::model::operation::OperationId;
use crate::model::tenant::TenantId;

/// Of a scan's id, in characters. Ours have 16.
const LONGEST_SCAN: usize = 64;

#[derive(Debug)]
pub(super) struct TenantName(pub(super) TenantId);

#[derive(Debug)]
pub(super) struct FindingName(pub(super) FindingId);

#[derive(Debug)]
pub(super) struct ScanName(pub(super) String);

#[derive(Debug)]
pub(super) struct OperationName(pub(super) OperationId);

impl FromRequestParts<Arc<Shared>> for TenantName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Problem> {
        let name = segment(parts).await.and_then(|it| TenantId::parse(&it).ok());
        name.map(Self).ok_or_else(no_tenant)
    }
}

impl FromRequestParts<Arc<Shared>> for FindingName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Problem> {
        let name = segment(parts).await.and_then(|it| Digest256::parse(&it));
        name.map(|it| Self(FindingId(it))).ok_or_else(no_finding)
    }
}

impl FromRequestParts<Arc<Shared>> for ScanName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Problem> {
        segment(parts).await.filter(|it| is_scan(it)).map(Self).ok_or_else(no_scan)
    }
}

impl FromRequestParts<Arc<Shared>> for OperationName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Problem> {
        let name = segment(parts).await.and_then(|it| OperationId::parse(&it).ok());
        name.map(Self).ok_or_else(no_operation)
    }
}

async fn segment(parts: &mut Parts) -> Option<String> {
    Path::<String>::from_request_parts(parts, &()).await.ok().map(|Path(it)| it)
}

pub(super) fn is_scan(text: &str) -> bool {
    (1..=LONGEST_SCAN).contains(&text.len())
        && text.bytes().all(|it| it.is_ascii_digit() || it.is_ascii_lowercase())
}

pub(super) fn no_tenant() -> Problem {
    Problem::new(Kind::Unknown, "the registry does not hold this tenant, and no scan has seen it")
}

pub(super) fn no_finding() -> Problem {
    Problem::new(Kind::Unknown, "there is no finding of this id, or it was resolved long ago")
}

pub(super) fn no_scan() -> Problem {
    Problem::new(Kind::Unknown, "there is no scan of this id, or its report is no longer kept")
}

pub(super) fn no_operation() -> Problem {
    Problem::new(Kind::Unknown, "there is no operation of this id, or it ended long ago")
}
