//! Whether a request means us: its `Host`, and the site that it comes from.
//!
//! Why: a name that an attacker owns can be made to lead to this address, and a browser then sends us its user's cookies
//! or, on loopback, its user's trust. An address cannot be led anywhere else, so any address is ours.
//!
//! Invariant: pure.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::http::{HeaderMap, Uri, header};

/// Of the request, without the port and in lower case. `None` where there is none, or several.
pub(super) fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let mut given = headers.get_all(header::HOST).iter();
    let text = match (given.next(), given.next(), uri.authority()) {
        (Some(host), None, _) => host.to_str().ok()?,
        (None, None, Some(authority)) => authority.as_str(),
        _ => return None,
    };
    without_port(text).map(str::to_ascii_lowercase)
}

pub(super) fn is_ours(host: &str, hosts: &[String]) -> bool {
    let address = host.parse::<Ipv4Addr>().is_ok()
        || host
            .strip_prefix('[')
            .and_then(|it| it.strip_suffix(']'))
            .is_some_and(|it| it.parse::<Ipv6Addr>().is_ok());
    address || hosts.iter().any(|it| it == host.trim_end_matches('.'))
}

/// Whether a browser says that another site's page asks. Programs say nothing, and have no cookies either.
pub(super) fn is_cross_site(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|it| it.to_str().unwrap_or("?"));
    match text(header::HeaderName::from_static("sec-fetch-site")) {
        Some("same-origin" | "none") => return false,
        Some(_) => return true,
        None => {}
    }
    // Browsers of before 2023. Both leave the usual port out.
    text(header::ORIGIN).is_some_and(|origin| {
        let authority = origin.split_once("://").map(|(_, it)| it);
        let host = text(header::HOST);
        authority.is_none_or(|it| host.is_none_or(|host| !it.eq_ignore_ascii_case(host)))
    })
}

fn without_port(authority: &str) -> Option<&str> {
    let end = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (name, port) = authority.split_at(end);
    let port_is_one = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|it| it.is_ascii_digit()),
        None => port.is_empty(),
    };
    (!name.is_empty() && port_is_one).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let lines = lines
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, value);
        }
        headers
    }

    #[track_caller]
    fn check(given: &[(&'static str, &str)], ours: bool) {
        let hosts = ["localhost".to_owned(), "watertight.example".to_owned()];
        let host = host(&Uri::from_static("/"), &headers(given));
        assert_eq!(host.is_some_and(|it| is_ours(&it, &hosts)), ours, "{given:?}");
    }

    #[test]
    fn any_address_and_the_configured_names_are_ours_with_any_port() {
        check(&[("host", "127.0.0.1:9877")], true);
        check(&[("host", "10.1.2.3")], true);
        check(&[("host", "[::1]:9877")], true);
        check(&[("host", "localhost:1")], true);
        check(&[("host", "Watertight.Example")], true);
        check(&[("host", "watertight.example.")], true);
    }

    #[test]
    fn any_other_name_is_not_and_neither_is_what_only_looks_like_one() {
        check(&[("host", "evil.example")], false);
        check(&[("host", "127.0.0.1.evil.example")], false);
        check(&[("host", "localhost.evil.example:9877")], false);
        check(&[("host", "localhost:evil.example")], false);
        check(&[("host", "localhost@evil.example")], false);
        check(&[("host", "[::1")], false);
        check(&[("host", "")], false);
        check(&[], false);
        check(&[("host", "localhost"), ("host", "evil.example")], false);
    }

    #[test]
    fn a_browser_that_says_it_comes_from_elsewhere_is_believed() {
        let cross = |given: &[(&'static str, &str)]| {
            is_cross_site(&headers(&[given, &[("host", "localhost:9877")]].concat()))
        };
        assert!(!cross(&[]));
        assert!(!cross(&[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:9877")]));
        assert!(!cross(&[("sec-fetch-site", "none")]));
        assert!(cross(&[("sec-fetch-site", "cross-site")]));
        assert!(cross(&[("sec-fetch-site", "same-site")]));
        assert!(!cross(&[("origin", "http://localhost:9877")]));
        assert!(cross(&[("origin", "http://evil.example")]));
        assert!(cross(&[("origin", "http://localhost:8080")]));
        assert!(cross(&[("origin", "null")]));
    }
}
