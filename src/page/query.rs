//! What a list is asked to show, as it stands in the address.
//!
//! Why in the address: a filtered list can be sent to a colleague, kept as a bookmark and gone back to, with no script and
//! nothing remembered on the server.
//!
//! Invariant: whatever is not understood is as if it were not there; no address is an error.

use std::fmt::Write as _;

use crate::model::finding::{Health, Kind, Severity, State, Verdict};
use crate::model::operation::{OperationKind, OperationState};

/// Characters of a search: more than any name that is searched for.
const LONGEST: usize = 100;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// A part of an id, a name, a subdomain or a summary.
    pub q: String,
    pub verdict: Option<Verdict>,
    pub health: Option<Health>,
    pub kind: Option<Kind>,
    pub severity: Option<Severity>,
    pub state: Option<State>,
    /// Of an operation. It stands in the address as a finding's kind does, and no word is both.
    pub operation_kind: Option<OperationKind>,
    pub operation_state: Option<OperationState>,
    pub environment: String,
    pub sort: Sort,
    /// Counted from 1. Past the last one, the last is shown.
    pub page: Page,
}

/// In which order. A list that does not know an order takes `Worst`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Worst first; among equals, the newest.
    #[default]
    Worst,
    Newest,
    Tenant,
    Slowest,
}

impl Sort {
    pub const ALL: [Self; 4] = [Self::Worst, Self::Newest, Self::Tenant, Self::Slowest];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Worst => "worst",
            Self::Newest => "newest",
            Self::Tenant => "tenant",
            Self::Slowest => "slowest",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }

    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Worst => "Worst first",
            Self::Newest => "Newest first",
            Self::Tenant => "By tenant",
            Self::Slowest => "Slowest first",
        }
    }
}

/// A page of a list, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Page(pub usize);

impl Default for Page {
    fn default() -> Self {
        Self(1)
    }
}

impl Query {
    /// From the pairs of an address, already decoded. Of a name that stands twice the last one counts.
    pub fn parse<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut query = Self::default();
        for (name, value) in pairs {
            query.take(name.as_ref(), value.as_ref());
        }
        query
    }

    fn take(&mut self, name: &str, value: &str) {
        match name {
            "q" => self.q = value.trim().chars().take(LONGEST).collect(),
            "verdict" => self.verdict = Verdict::parse(value),
            "health" => self.health = Health::parse(value),
            "kind" => {
                self.kind = Kind::parse(value);
                self.operation_kind = OperationKind::parse(value);
            }
            "severity" => self.severity = Severity::parse(value),
            "state" => {
                self.state = State::parse(value);
                self.operation_state = OperationState::parse(value);
            }
            "environment" => self.environment = value.chars().take(LONGEST).collect(),
            "sort" => self.sort = Sort::parse(value).unwrap_or_default(),
            "page" => self.page = Page(value.parse().unwrap_or(1).max(1)),
            _ => {}
        }
    }

    /// Whether it leaves anything out.
    pub(super) fn filters(&self) -> bool {
        *self != Self { sort: self.sort, page: self.page, ..Self::default() }
    }

    #[must_use]
    pub(super) fn at(&self, page: usize) -> Self {
        Self { page: Page(page), ..self.clone() }
    }

    /// The address of a list at `path` that shows this. Nothing that is as it is by default stands there.
    pub(super) fn link(&self, path: &str) -> String {
        let mut link = path.to_owned();
        let mut put = |name: &str, value: &str| {
            if !value.is_empty() {
                link.push(if link.contains('?') { '&' } else { '?' });
                link.push_str(name);
                link.push('=');
                encode(value, &mut link);
            }
        };
        put("q", &self.q);
        put("verdict", self.verdict.map_or("", Verdict::label));
        put("health", self.health.map_or("", Health::label));
        put("kind", self.kind.map_or("", Kind::label));
        put("severity", self.severity.map_or("", Severity::label));
        put("state", self.state.map_or("", State::label));
        put("kind", self.operation_kind.map_or("", OperationKind::label));
        put("state", self.operation_state.map_or("", OperationState::label));
        put("environment", &self.environment);
        put("sort", if self.sort == Sort::default() { "" } else { self.sort.label() });
        if self.page != Page::default() {
            put("page", &self.page.0.to_string());
        }
        link
    }
}

/// Everything but letters, digits and `-._~` as `%XX`.
fn encode(text: &str, link: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            link.push(char::from(byte));
        } else {
            write!(link, "%{byte:02X}").expect("a string takes everything");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pairs: &[(&str, &str)], expected: &str) {
        let query = Query::parse(pairs.iter().copied());
        let link = query.link("/");
        assert_eq!(link, expected);
    }

    #[test]
    fn what_is_asked_for_is_in_the_address_and_nothing_else() {
        check(&[], "/");
        check(&[("q", " acme "), ("page", "1"), ("sort", "worst")], "/?q=acme");
        check(
            &[("verdict", "breached"), ("kind", "shared_database"), ("page", "3")],
            "/?verdict=breached&kind=shared_database&page=3",
        );
        check(&[("q", "a&b=<ü>")], "/?q=a%26b%3D%3C%C3%BC%3E");
        check(&[("state", "stuck"), ("kind", "rehome")], "/?kind=rehome&state=stuck");
    }

    #[test]
    fn no_word_is_a_finding_s_and_an_operation_s() {
        for kind in OperationKind::ALL {
            assert_eq!(Kind::parse(kind.label()), None);
        }
        for state in OperationState::ALL {
            assert_eq!(State::parse(state.label()), None);
        }
    }

    #[test]
    fn what_is_not_understood_is_as_if_it_were_not_there() {
        check(&[("verdict", "green"), ("page", "-1"), ("sort", "x"), ("colour", "red")], "/");
        check(&[("page", "99999999999999999999999")], "/");
        let long = "x".repeat(10_000);
        assert_eq!(Query::parse([("q", &long)]).q.len(), LONGEST);
    }
}
