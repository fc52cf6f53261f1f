//! The name of one request, in the answer, in the log and in a problem.
//!
//! Why a peer may choose it: whoever calls us has a log too, and one name in both is what a person looks for. Why only a
//! short and harmless one: it is written into both.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const NAME: HeaderName = HeaderName::from_static("x-request-id");

/// In characters: a UUID is 36, a trace's id 32.
const LONGEST: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(Box<str>);

impl RequestId {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(NAME).and_then(|it| it.to_str().ok()).filter(|it| harmless(it));
        match given {
            Some(given) => Self(given.into()),
            None => Self(format!("{:032x}", rand::random::<u128>()).into()),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("only what a header may hold was let in")
    }
}

fn harmless(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len())
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(given: &str, taken: bool) {
        let headers = [(NAME, HeaderValue::from_bytes(given.as_bytes()).unwrap())];
        let id = RequestId::of(&headers.into_iter().collect());
        assert_eq!(id.as_str() == given, taken, "{given}: {id:?}");
        assert!(harmless(id.as_str()));
    }

    #[test]
    fn a_short_and_harmless_one_is_taken_and_any_other_replaced() {
        check("0b7c1a52-5b0e-4c57-9d2e-2f4f0e0a1b11", true);
        check(&"a".repeat(64), true);
        check(&"a".repeat(65), false);
        check("a b", false);
        check("<script>", false);
        check("", false);
        check("å", false);
    }

    #[test]
    fn two_that_are_made_differ() {
        let headers = HeaderMap::new();
        assert_ne!(RequestId::of(&headers), RequestId::of(&headers));
    }
}
