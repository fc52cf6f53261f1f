//! Pages of a list, with GitHub's links from one to the next.

use serde_json::Value;

use super::answer::{Answer, Request};
use super::world::World;

const USUAL: usize = 30;
const LONGEST: usize = 100;

impl World {
    /// One page of what there is. Links name the repository by its id, as GitHub's do.
    pub(crate) fn page(&self, request: &Request, repository: u64, all: Vec<Value>) -> Answer {
        let number = |key: &str, otherwise: usize| {
            request.asked(key).and_then(|it| it.parse().ok()).unwrap_or(otherwise)
        };
        let size = number("per_page", USUAL).clamp(1, LONGEST);
        let page = number("page", 1).max(1);
        let last = all.len().div_ceil(size).max(1);
        let shown = all.into_iter().skip((page - 1) * size).take(size).collect();
        let mut links = Vec::new();
        for (rel, to) in [("prev", page - 1), ("next", page + 1), ("last", last), ("first", 1)] {
            let forward = matches!(rel, "next" | "last");
            let leads = if forward { page < last } else { 1 < page };
            if leads {
                let url = self.link(request, repository, to);
                links.push(format!("<{url}>; rel=\"{rel}\""));
            }
        }
        let answer = Answer::of(200, Value::Array(shown));
        if links.is_empty() { answer } else { answer.with("link", links.join(", ")) }
    }

    fn link(&self, request: &Request, repository: u64, page: usize) -> String {
        let rest = match request.path.first().map(String::as_str) {
            Some("repos") => request.path.get(3..),
            _ => request.path.get(2..),
        };
        let rest = rest.unwrap_or_default().join("/");
        let asked = request.query.iter().filter(|(key, _)| key != "page");
        let mut query: Vec<String> =
            asked.map(|(key, value)| format!("{key}={}", escaped(value))).collect();
        query.push(format!("page={page}"));
        format!("{}/repositories/{repository}/{rest}?{}", self.base, query.join("&"))
    }
}

/// Fit for a path or a query.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            safe.push(char::from(byte));
        } else {
            safe.push_str(&format!("%{byte:02X}"));
        }
    }
    safe
}
