//! What stands behind the `?` of a request.
//!
//! Why an unknown key is refused: `?stat=open` that is answered with everything is a script that is wrong and does not
//! know it.

use std::cmp::Reverse;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, de};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::problem::{Kind, Problem};
use crate::model::finding::{self, Finding, FindingId, Health, Severity, State, Verdict};
use crate::model::fingerprint::Digest256;
use crate::model::tenant::TenantId;
use crate::report::{Format, daily};

/// `T` denies unknown fields.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(it)| Self(it))
            .map_err(|error| Problem::new(Kind::Malformed, format!("the query: {}", cause(&error))))
    }
}

/// The innermost one: what stands around it is the library's own wording.
fn cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(deeper) => cause(deeper),
        None => error.to_string(),
    }
}

macro_rules! words {
    ($($name:ident: $type:ty = $what:literal, $parse:expr;)+) => { $(
        pub(super) fn $name<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<$type>, D::Error> {
            let text = String::deserialize(deserializer)?;
            let parsed: Option<$type> = $parse(&text);
            match parsed {
                Some(it) => Ok(Some(it)),
                None => Err(de::Error::custom(concat!("it is no ", $what))),
            }
        }
    )+ };
}

words! {
    kind: finding::Kind = "finding's kind", finding::Kind::parse;
    severity: Severity = "severity", Severity::parse;
    state: State = "finding's state", State::parse;
    verdict: Verdict = "verdict", Verdict::parse;
    health: Health = "health", Health::parse;
    tenant: TenantId = "tenant's id", |text: &str| TenantId::parse(text).ok();
    daily: Format = "format of this report", |text: &str| {
        Format::parse(text).filter(|it| daily::FORMATS.contains(it))
    };
    entry: u64 = "number of an entry", |text: &str| {
        text.parse().ok().and_then(|it: i64| u64::try_from(it).ok())
    };
    place: Place = "place in the list of findings", Place::parse;
}

/// Where a finding stands in the list: worst first, and then by what never changes, so that a page can go on after a
/// finding that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(Reverse<Severity>, finding::Kind, FindingId);

impl Place {
    pub(super) fn of(finding: &Finding) -> Self {
        Self(Reverse(finding.claim.severity), finding.claim.kind, finding.id)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let place = Self(
            Reverse(Severity::parse(parts.next()?)?),
            finding::Kind::parse(parts.next()?)?,
            FindingId(Digest256::parse(parts.next()?)?),
        );
        parts.next().is_none().then_some(place)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}.{}.{}", self.0.0, self.1, self.2)
    }
}

/// As the document tells it, with the words of the contract.
pub(super) fn place_schema() -> Object {
    let words =
        |labels: &mut dyn Iterator<Item = &'static str>| labels.collect::<Vec<_>>().join("|");
    let severities = words(&mut Severity::ALL.iter().map(|it| it.label()));
    let kinds = words(&mut finding::Kind::ALL.iter().map(|it| it.label()));
    let pattern = format!("^({severities})\\.({kinds})\\.[0-9a-f]{{64}}$");
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_as_it_is_written_and_worse_comes_first() {
        let place = |severity, kind| Place(Reverse(severity), kind, FindingId::first(kind, None));
        let worse = place(Severity::Critical, finding::Kind::SharedDatabase);
        let better = place(Severity::Low, finding::Kind::Degraded);
        assert!(worse < better);
        for it in [worse, better] {
            assert_eq!(Place::parse(&it.to_string()), Some(it));
        }
        for text in ["", "critical", "critical.shared_database", "critical.shared_database.zz"] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
        assert_eq!(Place::parse(&format!("{worse}.more")), None);
    }
}
