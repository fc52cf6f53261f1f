//! What went wrong with a request, as RFC 9457 says it.
//!
//! Why a closed list: a client acts on the `type`, and one that is made up on the spot is one that nobody can act on.
//! Why URNs: they promise no page, and so none that is gone one day.
//!
//! Invariants:
//! - a detail is in our own words and holds no secret, no path and no text of a tenant's server;
//! - what a person needs for mending our own faults goes to the log, with the request's id, and never to the peer.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::error::StoreError;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $status:ident $slug:literal $title:literal,)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind { $($(#[$doc])* $variant,)+ }

        impl Kind {
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$variant,)+];

            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            pub(crate) const fn uri(self) -> &'static str {
                match self { $(Self::$variant => concat!("urn:watertight:problem:", $slug),)+ }
            }

            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

kinds! {
    Malformed = BAD_REQUEST "malformed" "The request cannot be read",
    Unauthenticated = UNAUTHORIZED "unauthenticated" "A token is needed",
    NotAllowed = FORBIDDEN "not-allowed" "This token's role may not do that",
    CrossSite = FORBIDDEN "cross-site" "The request comes from another site, or from a page that has expired",
    UserToken = UNAUTHORIZED "user-token-refused" "The user's token leads nowhere",
    Contradicted = FORBIDDEN "contradicted" "The request names another tenant than its token",
    NoRoute = NOT_FOUND "no-such-route" "There is nothing at this address",
    Unknown = NOT_FOUND "unknown" "There is none of this name",
    NoProvisioning = NOT_FOUND "no-provisioning" "Nothing can be provisioned here",
    WrongMethod = METHOD_NOT_ALLOWED "wrong-method" "This address does not take that method",
    TooSlow = REQUEST_TIMEOUT "too-slow" "The request took too long to arrive",
    NotStanding = CONFLICT "not-standing" "The finding does not stand any more",
    NotActive = CONFLICT "tenant-not-active" "The tenant is not active",
    InFlight = CONFLICT "operation-in-flight" "Another operation of this tenant runs",
    NotOurs = CONFLICT "managed-elsewhere" "The tenant is managed elsewhere",
    TooLate = CONFLICT "too-late" "The operation cannot be turned back",
    Quarantined = LOCKED "quarantined" "The tenant shares its database with another, as was proven",
    TooLarge = PAYLOAD_TOO_LARGE "too-large" "The request's body is too large",
    WrongMedia = UNSUPPORTED_MEDIA_TYPE "wrong-media-type" "The body must be JSON",
    WrongHost = MISDIRECTED_REQUEST "wrong-host" "This host name is not ours",
    Invalid = UNPROCESSABLE_ENTITY "invalid" "The request says what cannot be",
    Preflight = UNPROCESSABLE_ENTITY "preflight-failed" "Something stands against the tenant",
    NoBackup = UNPROCESSABLE_ENTITY "no-backup" "The last backup cannot be made",
    Stays = UNPROCESSABLE_ENTITY "tenant-stays" "Something stands against moving the tenant",
    KeyReused = UNPROCESSABLE_ENTITY "idempotency-key-reused" "The key was used for another request",
    UnknownTenants = UNPROCESSABLE_ENTITY "unknown-tenants" "The registry does not hold these tenants",
    Refused = UNPROCESSABLE_ENTITY "configuration-refused" "The configuration was refused and the old one stays",
    TooMany = TOO_MANY_REQUESTS "too-many-requests" "Too many requests from this address",
    Fault = INTERNAL_SERVER_ERROR "fault" "A fault of our own",
    Overloaded = SERVICE_UNAVAILABLE "overloaded" "Too much is being done at once",
    NotReady = SERVICE_UNAVAILABLE "not-ready" "The daemon is not ready",
    NoKeys = SERVICE_UNAVAILABLE "no-keys" "The issuer's keys cannot be read",
    NoSecret = SERVICE_UNAVAILABLE "no-secret" "The tenant's password cannot be read",
    NoStore = SERVICE_UNAVAILABLE "store-unavailable" "The store cannot be used",
    ScanFailed = SERVICE_UNAVAILABLE "scan-failed" "The scan ended without a report",
    TimedOut = GATEWAY_TIMEOUT "timed-out" "The answer took too long",
}

/// Travels in the response's extensions until `finish` writes it out.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    pub(crate) detail: Cow<'static, str>,
    /// One by one: unknown names, refused settings.
    pub(crate) errors: Vec<String>,
    pub(crate) retry_after: Option<Duration>,
    /// For the log alone.
    pub(crate) cause: Option<Arc<anyhow::Error>>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), retry_after: None, cause: None }
    }

    #[must_use]
    pub(crate) fn with_errors(mut self, errors: Vec<String>) -> Self {
        self.errors = errors;
        self
    }

    #[must_use]
    pub(crate) fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// A fault of our own. What is known of it goes to the log.
    pub(crate) fn fault(cause: anyhow::Error) -> Self {
        if let Some(error) = cause.downcast_ref::<StoreError>() {
            let detail = store_detail(error);
            return Self { cause: Some(Arc::new(cause)), ..Self::new(Kind::NoStore, detail) };
        }
        let detail = "it is in the daemon's log under this request's id";
        Self { cause: Some(Arc::new(cause)), ..Self::new(Kind::Fault, detail) }
    }

    pub(crate) fn view(&self, request_id: &str) -> ProblemView {
        ProblemView {
            kind: self.kind.uri().into(),
            title: self.kind.title().into(),
            status: self.kind.status().as_u16(),
            detail: self.detail.clone().into_owned(),
            request_id: request_id.to_owned(),
            errors: self.errors.clone(),
        }
    }
}

/// What an operator can do about it, without the path that the log has.
const fn store_detail(error: &StoreError) -> &'static str {
    match error {
        StoreError::DiskFull { .. } => "there is no room on the store's disk; nothing was changed",
        StoreError::Damaged { .. } => "the store's file is damaged or gone",
        StoreError::NotWritable { .. } => "the store's file cannot be written",
        StoreError::Busy { .. } => "another process keeps the store locked; try again",
        _ => "the daemon's log says why, under this request's id",
    }
}

impl From<anyhow::Error> for Problem {
    fn from(cause: anyhow::Error) -> Self {
        Self::fault(cause)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemView {
    /// Stable: what a program acts on.
    #[serde(rename = "type")]
    #[schema(pattern = "^urn:watertight:problem:[a-z-]+$")]
    kind: Cow<'static, str>,
    title: Cow<'static, str>,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// One sentence on this occurrence.
    detail: String,
    /// Also in the answer's `x-request-id` and in the daemon's log.
    request_id: String,
    /// Each thing that is wrong, where there can be several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<String>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_has_a_type_of_its_own_and_the_status_of_an_error() {
        let types: BTreeSet<&str> = Kind::ALL.iter().map(|it| it.uri()).collect();
        assert_eq!(types.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!(kind.status().is_client_error() || kind.status().is_server_error(), "{kind:?}");
            assert!(!kind.title().is_empty());
        }
    }
}
