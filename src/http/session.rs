//! Who is logged in on the page: a cookie's random text stands for a token.
//!
//! Why in memory: a session is a convenience, and one that a restart ends is one that no stolen copy of the store brings
//! back. Why bound to the token's digest and not to its name: a token that a reload takes away or changes ends its
//! sessions with the next request.
//!
//! Invariants:
//! - what the cookie says is kept as its digest only;
//! - the table is bounded; the session that was not used for the longest time makes room.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use super::options::sha256;

/// More people than look at one platform's page.
const AT_MOST: usize = 1_000;

/// A shift: whoever is paged at night is not asked for the token again in the middle of it.
const IDLE: Duration = Duration::from_hours(8);
pub(super) const LONGEST: Duration = Duration::from_hours(24);

#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Of the token that it stands for.
    pub(super) token: [u8; 32],
    csrf: [u8; 32],
    begun: Instant,
    used: Instant,
}

/// What the browser is given once.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) cookie: String,
}

impl Sessions {
    pub(super) fn begin(&self, token: [u8; 32]) -> Begun {
        let (secret, csrf): ([u8; 32], [u8; 32]) = (rand::random(), rand::random());
        let cookie = URL_SAFE_NO_PAD.encode(secret);
        let now = Instant::now();
        let mut sessions = self.sessions();
        if AT_MOST <= sessions.len() {
            sessions.retain(|_, it| !it.is_over(now));
        }
        if AT_MOST <= sessions.len()
            && let Some(idlest) = sessions.iter().min_by_key(|(_, it)| it.used).map(|(id, _)| *id)
        {
            sessions.remove(&idlest);
        }
        let session = Session { token, csrf, begun: now, used: now };
        sessions.insert(sha256(cookie.as_bytes()), session);
        Begun { cookie }
    }

    /// `None` where there is none of this cookie, or it is over.
    pub(super) fn find(&self, cookie: &str) -> Option<Session> {
        let (id, now) = (sha256(cookie.as_bytes()), Instant::now());
        let mut sessions = self.sessions();
        let session = sessions.get_mut(&id)?;
        if session.is_over(now) {
            sessions.remove(&id);
            return None;
        }
        session.used = now;
        Some(session.clone())
    }

    pub(super) fn end(&self, cookie: &str) {
        self.sessions().remove(&sha256(cookie.as_bytes()));
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        // Plain data: a panic elsewhere leaves nothing half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        IDLE <= now.duration_since(self.used) || LONGEST <= now.duration_since(self.begun)
    }

    /// What the page's forms carry.
    pub(super) fn csrf(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.csrf)
    }

    pub(super) fn is_csrf(&self, presented: &str) -> bool {
        let presented = URL_SAFE_NO_PAD.decode(presented).unwrap_or_default();
        bool::from(self.csrf.ct_eq(&presented))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: [u8; 32] = [7; 32];

    #[tokio::test(start_paused = true)]
    async fn a_session_lasts_while_it_is_used_and_never_longer_than_a_day() {
        let sessions = Sessions::default();
        let begun = sessions.begin(TOKEN);
        for _ in 0..3 {
            tokio::time::advance(IDLE.saturating_sub(Duration::from_secs(1))).await;
            let found = sessions.find(&begun.cookie).map(|it| it.token);
            assert!(found.is_none_or(|it| it == TOKEN));
        }
        assert!(sessions.find(&begun.cookie).is_some(), "it was used all the time");
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(sessions.find(&begun.cookie).is_none(), "a day has passed");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_nobody_uses_is_over() {
        let sessions = Sessions::default();
        let begun = sessions.begin(TOKEN);
        tokio::time::advance(IDLE).await;
        assert!(sessions.find(&begun.cookie).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_table_is_bounded_and_the_idlest_makes_room() {
        let sessions = Sessions::default();
        let first = sessions.begin(TOKEN);
        let second = sessions.begin(TOKEN);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(sessions.find(&first.cookie).is_some());
        for _ in 2..=AT_MOST {
            sessions.begin(TOKEN);
        }
        assert_eq!(sessions.sessions().len(), AT_MOST);
        assert!(sessions.find(&first.cookie).is_some(), "it was used since");
        assert!(sessions.find(&second.cookie).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn only_its_own_cookie_and_csrf_token_are_taken() {
        let sessions = Sessions::default();
        let (one, two) = (sessions.begin(TOKEN), sessions.begin(TOKEN));
        let session = sessions.find(&one.cookie).unwrap();
        assert!(session.is_csrf(&session.csrf()));
        assert!(!session.is_csrf(&sessions.find(&two.cookie).unwrap().csrf()));
        assert!(!session.is_csrf(""));
        assert!(sessions.find("").is_none());
        sessions.end(&one.cookie);
        assert!(sessions.find(&one.cookie).is_none());
    }
}
