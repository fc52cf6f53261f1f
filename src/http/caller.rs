//! Who asks, and whether they may.
//!
//! Why an extractor for each power: a handler says in its signature what it needs, so that one which forgets to ask does
//! not compile into one that lets everybody in without anybody seeing it.
//!
//! Why a right token is taken however many wrong ones came from its address: a stray client with an old token behind the
//! same proxy must not shut out the scraper. What is counted are the wrong ones; a token of 128 random bits is not
//! guessed at any rate that the limit of requests lets through.
//!
//! Invariants:
//! - nobody is let in by more than one way: a request with a token is judged by its token alone;
//! - what changes something and comes from a browser carries its session's CSRF token and comes from our own page.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};

use super::host;
use super::listen::Connection;
use super::options::{Options, sha256};
use super::problem::{Kind, Problem};
use super::role::{Power, Role};
use super::session::Session;
use super::state::Shared;

/// The door through which a request came in. Set for every connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Tcp(SocketAddr),
    /// The Unix socket beside the store: only this user and root can open it.
    Socket,
}

#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// For the record of what was done.
    pub(super) name: Arc<str>,
    grant: Grant,
    /// Where it is a browser.
    pub(super) session: Option<Session>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grant {
    Token(Role),
    /// On loopback, while no token is configured.
    Loopback,
    Socket,
}

/// Where a script sends the CSRF token; a form has it in a field.
pub(super) const CSRF_HEADER: &str = "x-csrf-token";

/// Of a session's cookie. A browser takes the longer one from an encrypted page of this very host alone.
pub(super) const COOKIE: &str = "watertight";
pub(super) const SECURE_COOKIE: &str = "__Host-watertight";

impl Caller {
    pub(super) fn may(&self, power: Power) -> bool {
        match self.grant {
            Grant::Token(role) => role.may(power),
            Grant::Loopback => matches!(power, Power::Read | Power::Scan),
            // Whoever asks for users does so with a token of their own.
            Grant::Socket => power != Power::Route,
        }
    }

    /// Whether the name is one that somebody was given.
    pub(super) fn is_known(&self) -> bool {
        matches!(self.grant, Grant::Token(_))
    }

    fn let_in(self, power: Power) -> Result<Self, Problem> {
        if self.may(power) {
            return Ok(self);
        }
        let needs = power.needs().label();
        let detail = match self.grant {
            Grant::Loopback => {
                format!("configure a token of the role {needs}: see [[http.tokens]]")
            }
            Grant::Token(_) | Grant::Socket => format!("it takes a token of the role {needs}"),
        };
        Err(Problem::new(Kind::NotAllowed, detail))
    }
}

/// Who asks, or why they are not let in. What changes something is also held to come from where it says; `csrf` is what
/// it carries of its session's CSRF token.
fn authenticate(
    shared: &Shared,
    door: Door,
    method: &Method,
    headers: &HeaderMap,
    csrf: &str,
) -> Result<Caller, Problem> {
    let peer = match door {
        Door::Socket => {
            let name = "the daemon's socket".into();
            return Ok(Caller { name, grant: Grant::Socket, session: None });
        }
        Door::Tcp(peer) => peer,
    };
    let options = shared.options();
    if let Some(authorization) = headers.get(header::AUTHORIZATION) {
        let token = authorization.to_str().ok().and_then(bearer).map(|it| sha256(it.as_bytes()));
        return match token.and_then(|it| options.token(&it)) {
            Some(token) => Ok(Caller {
                name: (&*token.name).into(),
                grant: Grant::Token(token.role),
                session: None,
            }),
            None => Err(refused(shared, peer)),
        };
    }
    let caller = from_session(shared, &options, headers)
        .or_else(|| from_loopback(&options, peer))
        .ok_or_else(|| Problem::new(Kind::Unauthenticated, "send `Authorization: Bearer …`"))?;
    if !method.is_safe() {
        guard_against_other_sites(&caller, headers, csrf)?;
    }
    Ok(caller)
}

/// A wrong token, counted.
pub(super) fn refused(shared: &Shared, peer: SocketAddr) -> Problem {
    match shared.refusals.take(peer.ip()) {
        Ok(()) => Problem::new(Kind::Unauthenticated, "no such token is configured"),
        Err(wait) => {
            Problem::new(Kind::TooMany, "too many wrong tokens came from this address").after(wait)
        }
    }
}

fn from_session(shared: &Shared, options: &Options, headers: &HeaderMap) -> Option<Caller> {
    let session = shared.sessions.find(&cookie(options, headers)?)?;
    let token = options.token(&session.token)?;
    Some(Caller {
        name: (&*token.name).into(),
        grant: Grant::Token(token.role),
        session: Some(session),
    })
}

fn from_loopback(options: &Options, peer: SocketAddr) -> Option<Caller> {
    (options.tokens.is_empty() && peer.ip().to_canonical().is_loopback()).then(|| Caller {
        name: "loopback".into(),
        grant: Grant::Loopback,
        session: None,
    })
}

fn guard_against_other_sites(
    caller: &Caller,
    headers: &HeaderMap,
    csrf: &str,
) -> Result<(), Problem> {
    if host::is_cross_site(headers) {
        return Err(Problem::new(Kind::CrossSite, "another site's page sent it"));
    }
    if caller.session.as_ref().is_none_or(|it| it.is_csrf(csrf)) {
        return Ok(());
    }
    Err(Problem::new(Kind::CrossSite, "the session's CSRF token is missing: load the page again"))
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What the session's cookie says.
pub(super) fn cookie(options: &Options, headers: &HeaderMap) -> Option<String> {
    let name = cookie_name(options);
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(';'))
        .filter_map(|it| it.trim().split_once('='))
        .find(|(it, _)| *it == name)
        .map(|(_, value)| value.to_owned())
}

pub(super) const fn cookie_name(options: &Options) -> &'static str {
    if options.tls.is_some() { SECURE_COOKIE } else { COOKIE }
}

pub(super) fn caller(parts: &Parts, shared: &Shared) -> Result<Caller, Problem> {
    let csrf = parts.headers.get(CSRF_HEADER).and_then(|it| it.to_str().ok());
    of_form(parts, shared, csrf.unwrap_or_default())
}

/// Who sent a form that carries this CSRF token.
pub(super) fn of_form(parts: &Parts, shared: &Shared, csrf: &str) -> Result<Caller, Problem> {
    let connection = parts.extensions.get::<Connection>().ok_or_else(|| {
        Problem::fault(anyhow::anyhow!("a request came in through no door that we know"))
    })?;
    authenticate(shared, connection.door, &parts.method, &parts.headers, csrf)
}

macro_rules! extractors {
    ($($(#[$doc:meta])* $name:ident = $power:ident,)+) => { $(
        $(#[$doc])*
        #[derive(Debug)]
        pub(super) struct $name(pub(super) Caller);

        impl FromRequestParts<Arc<Shared>> for $name {
            type Rejection = Problem;

            async fn from_request_parts(
                parts: &mut Parts,
                shared: &Arc<Shared>,
            ) -> Result<Self, Problem> {
                caller(parts, shared)?.let_in(Power::$power).map(Self)
            }
        }
    )+ };
}

extractors! {
    /// Who may read.
    Viewer = Read,
    /// Who may ask for a scan.
    Scanner = Scan,
    /// Who may change what is told.
    Operator = Operate,
    /// Who may change who the tenants are.
    Provisioner = Provision,
    /// Who may be told where a user belongs.
    Guide = Route,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_token_is_one() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("Bearer"), None);
    }

    #[test]
    fn the_cookie_is_found_among_others_by_its_whole_name() {
        let found = |text: &str| {
            let headers = [(header::COOKIE, text.parse().unwrap())].into_iter().collect();
            cookie(&Options::default(), &headers)
        };
        assert_eq!(found("watertight=abc").as_deref(), Some("abc"));
        assert_eq!(found("a=b; watertight=abc; c=d").as_deref(), Some("abc"));
        assert_eq!(found("not-watertight=abc"), None);
        assert_eq!(found("__Host-watertight=abc"), None);
    }
}
