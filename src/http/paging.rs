//! Long lists, a page at a time.
//!
//! Why a cursor and not a number: findings come and go between two pages, and whoever counts pages then reads one twice
//! and misses another.

use serde::{Deserialize, Deserializer, de};

/// Of one page, at most.
pub(super) const MOST: usize = 500;

/// Where nothing is asked for.
const USUAL: usize = 100;

/// How many a page holds, 1 to 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit(pub(super) usize);

impl Default for Limit {
    fn default() -> Self {
        Self(USUAL)
    }
}

impl Limit {
    /// One more than a page holds: whether more follow.
    pub(super) fn and_one(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX).saturating_add(1)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = usize::deserialize(deserializer)?;
        if (1..=MOST).contains(&number) {
            return Ok(Self(number));
        }
        Err(de::Error::custom(format!("limit must be 1 to {MOST}, and is {number}")))
    }
}

/// As many of `all` as fit on a page, and the last of them where more follow.
pub(super) fn page<T>(all: impl Iterator<Item = T>, limit: Limit) -> (Vec<T>, bool) {
    let mut items: Vec<T> = all.take(limit.0 + 1).collect();
    let more = limit.0 < items.len();
    items.truncate(limit.0);
    (items, more)
}

/// Where the next page is: the same query with another cursor. Cursors hold nothing that needs escaping.
pub(super) fn next(path: &str, query: Option<&str>, key: &str, cursor: &str) -> String {
    let others = query.unwrap_or_default().split('&');
    let others = others.filter(|it| !it.is_empty() && it.split('=').next() != Some(key));
    let mut next = format!("{path}?");
    for other in others {
        next.push_str(other);
        next.push('&');
    }
    next + key + "=" + cursor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_whether_more_follow() {
        assert_eq!(page(1..=3, Limit(2)), (vec![1, 2], true));
        assert_eq!(page(1..=3, Limit(3)), (vec![1, 2, 3], false));
        assert_eq!(page(1..1, Limit(3)), (vec![], false));
    }

    #[test]
    fn the_next_page_is_the_same_query_with_another_cursor() {
        let path = "/api/v1/findings";
        assert_eq!(next(path, None, "after", "x"), "/api/v1/findings?after=x");
        assert_eq!(
            next(path, Some("state=open&after=w&limit=2"), "after", "x"),
            "/api/v1/findings?state=open&limit=2&after=x"
        );
    }
}
