//! What goes wrong with Supabase, by script or by a seed.
//!
//! Why both: a script places one fault at one request, and a seed finds the places that nobody thought of. The same
//! seed and the same requests give the same faults.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::answer::Request;
use super::projects::Fate;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    /// The connection is cut, and nothing happened.
    LostBefore,
    /// It happened, and the connection is cut.
    LostAfter,
    /// It happens twice, as when something on the way repeats a request.
    Doubled,
    /// It happened at once, and the answer comes later.
    AnsweredLate(Duration),
    /// It happens later, whoever has given up by then, and no answer comes.
    DoneLate(Duration),
    ErrorBefore(u16),
    ErrorAfter(u16),
    /// Nothing happened, and this is the answer, as it is.
    Says(u16, &'static str),
    /// A limit that we did not come near to, in Supabase's seconds.
    Limited {
        reset: u64,
    },
    /// Nothing happened: what was asked for is said to be elsewhere.
    Redirected(String),
    /// It happened; the JSON breaks off.
    Truncated,
    /// An answer of a gigabyte.
    Endless,
    /// Nothing happens, and no answer comes.
    Hang,
    /// Of a creation: it is answered well, and nothing was made.
    Forgotten,
    /// Of a creation: what becomes of the project.
    Fated(Fate),
}

/// Which requests: an empty text is any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct On {
    pub(crate) method: &'static str,
    /// Contained in the path.
    pub(crate) path: &'static str,
}

pub(crate) const ANY: On = On { method: "", path: "" };
pub(crate) const CREATE: On = On { method: "POST", path: "/v1/projects" };
pub(crate) const DELETE: On = On { method: "DELETE", path: "/v1/projects/" };
pub(crate) const LIST: On = On { method: "GET", path: "/v1/organizations/" };
pub(crate) const HEALTH: On = On { method: "GET", path: "/health" };
pub(crate) const POOLER: On = On { method: "GET", path: "/config/database/pooler" };

impl On {
    fn matches(self, request: &Request) -> bool {
        (self.method.is_empty() || self.method == request.method)
            && request.whole_path().contains(self.path)
    }
}

#[derive(Default)]
pub(crate) struct Faults {
    /// Each until it has been met so many times.
    scripted: Vec<(On, Fault, usize)>,
    seeded: Option<Seeded>,
}

struct Seeded {
    random: StdRng,
    share: f64,
    /// One of these each time, of those that fit the request.
    faults: Vec<(On, Fault)>,
}

impl Faults {
    /// The next so many requests of this sort meet it.
    pub(crate) fn script(&mut self, on: On, fault: Fault, times: usize) {
        self.scripted.push((on, fault, times));
    }

    /// A share of all requests, 0 to 1, meet one of these.
    pub(crate) fn seed(&mut self, seed: u64, share: f64, faults: &[(On, Fault)]) {
        let random = StdRng::seed_from_u64(seed);
        self.seeded = Some(Seeded { random, share, faults: faults.to_vec() });
    }

    pub(crate) fn none(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn next(&mut self, request: &Request) -> Option<Fault> {
        let scripted =
            self.scripted.iter_mut().find(|(on, _, left)| *left != 0 && on.matches(request));
        if let Some((_, fault, left)) = scripted {
            *left -= 1;
            return Some(fault.clone());
        }
        let seeded = self.seeded.as_mut()?;
        let met = seeded.random.random_bool(seeded.share);
        let fitting: Vec<&Fault> =
            seeded.faults.iter().filter(|(on, _)| on.matches(request)).map(|it| &it.1).collect();
        // Drawn either way, so that one request more or less shifts no later fault.
        let fault = fitting.choose(&mut seeded.random).map(|it| (*it).clone());
        fault.filter(|_| met)
    }
}
