//! The page of a list that follows, as GitHub links it.
//!
//! Why only path and query are taken from the link: the link names a host, and our credentials go to no host that an answer
//! names. On an Enterprise Server the link's path begins with the API's own, which is ours to add.

use http::{HeaderMap, Uri};

/// The route of the next page; `None` on the last one.
pub(super) fn page(headers: &HeaderMap, api_url: &str) -> Option<String> {
    let link = headers.get("link")?.to_str().ok()?;
    let next = link.split(',').find(|it| is_next(it))?;
    let target = next.split_once('<')?.1.split_once('>')?.0;
    let target: Uri = target.parse().ok()?;
    let route = target.path_and_query()?.as_str();
    let base: Uri = api_url.parse().ok()?;
    let base = base.path().trim_end_matches('/');
    let route = route.strip_prefix(base).unwrap_or(route);
    route.starts_with('/').then(|| route.to_owned())
}

fn is_next(link: &str) -> bool {
    link.split(';').skip(1).any(|it| matches!(it.trim(), "rel=\"next\"" | "rel=next"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(api_url: &str, link: &str, expected: Option<&str>) {
        let headers = HeaderMap::from_iter([(http::header::LINK, link.parse().unwrap())]);
        assert_eq!(page(&headers, api_url).as_deref(), expected);
    }

    #[test]
    fn the_next_page_is_asked_for_by_its_path_alone() {
        let link = r#"<https://api.github.com/repositories/1/issues?state=all&page=1>; rel="prev", <https://api.github.com/repositories/1/issues?state=all&page=3>; rel="next""#;
        let expected = Some("/repositories/1/issues?state=all&page=3");
        check("https://api.github.com", link, expected);
        check("https://api.github.com/", link, expected);
        check(
            "https://git.example.com/api/v3",
            r#"<https://git.example.com/api/v3/repositories/1/issues?page=2>; rel="next""#,
            Some("/repositories/1/issues?page=2"),
        );
        check(
            "https://api.github.com",
            r#"<https://evil.example/steal?page=2>; rel="next""#,
            Some("/steal?page=2"),
        );
    }

    #[test]
    fn a_link_that_leads_nowhere_is_the_end() {
        check("https://a", r#"<https://a/x>; rel="last""#, None);
        check("https://a", "nonsense", None);
        check("https://a", "<>; rel=next", None);
    }
}
