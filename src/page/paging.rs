//! One page of a list, and the way to the others.
//!
//! Why the list is cut before it is drawn: a page of ten thousand tenants is slow for whoever draws it and of no use to
//! whoever reads it.

use super::query::{Page, Query};

/// Rows of one page.
pub(super) const ROWS: usize = 50;

pub(super) struct Paging {
    pub page: usize,
    pub pages: usize,
    pub total: usize,
    /// Of the rows shown, counted from 1; 0 where there are none.
    pub first: usize,
    pub last: usize,
    pub previous: Option<String>,
    pub next: Option<String>,
}

/// The rows of the page that is asked for; past the last one, the last.
pub(super) fn cut<T>(items: &[T], query: &Query, link: impl Fn(&Query) -> String) -> Paging {
    of(items.len(), query, link)
}

/// The same of a list of which only this page is read.
pub(super) fn of(total: usize, query: &Query, link: impl Fn(&Query) -> String) -> Paging {
    let (page, pages) = place(total, query);
    let start = (page - 1) * ROWS;
    let end = total.min(start + ROWS);
    Paging {
        page,
        pages,
        total,
        first: if start < end { start + 1 } else { 0 },
        last: end,
        previous: (1 < page).then(|| link(&query.at(page - 1))),
        next: (page < pages).then(|| link(&query.at(page + 1))),
    }
}

/// The page that is shown, of so many.
fn place(total: usize, query: &Query) -> (usize, usize) {
    let pages = total.div_ceil(ROWS).max(1);
    let Page(asked) = query.page;
    (asked.clamp(1, pages), pages)
}

/// How many rows come before those of the page.
pub(super) fn before(total: usize, query: &Query) -> usize {
    (place(total, query).0 - 1) * ROWS
}

impl Paging {
    /// The rows of this page among all.
    pub(super) fn rows<'a, T>(&self, items: &'a [T]) -> &'a [T] {
        items.get(self.first.saturating_sub(1)..self.last).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(items: usize, page: usize, expected: (usize, usize, usize, usize)) {
        let items = vec![0; items];
        let query = Query { page: Page(page), ..Query::default() };
        let paging = cut(&items, &query, |it| it.link("/"));
        assert_eq!((paging.page, paging.pages, paging.first, paging.last), expected);
        assert_eq!(
            paging.rows(&items).len(),
            if items.is_empty() { 0 } else { paging.last + 1 - paging.first }
        );
    }

    #[test]
    fn a_page_past_the_last_is_the_last() {
        check(0, 1, (1, 1, 0, 0));
        check(50, 1, (1, 1, 1, 50));
        check(51, 2, (2, 2, 51, 51));
        check(51, 99, (2, 2, 51, 51));
        check(10_000, usize::MAX, (200, 200, 9_951, 10_000));
    }

    #[test]
    fn the_ends_lead_no_further() {
        let items = vec![0; 120];
        let first = cut(&items, &Query::default(), |it| it.link("/"));
        assert_eq!((first.previous, first.next.as_deref()), (None, Some("/?page=2")));
        let last = cut(&items, &Query::default().at(3), |it| it.link("/"));
        assert_eq!((last.previous.as_deref(), last.next), (Some("/?page=2"), None));
    }
}
