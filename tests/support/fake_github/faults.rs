//! What goes wrong on the way to GitHub, by script or by a seed.
//!
//! Why both: a script places one fault at one request, and a seed finds the places that nobody thought of. The same
//! seed and the same requests give the same faults.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::answer::Request;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// The connection is cut, and nothing happened.
    LostBefore,
    /// It happened, and the connection is cut.
    LostAfter,
    /// It happens twice, as when something on the way repeats a request.
    Repeated,
    /// It happened at once, and the answer comes later.
    Late(Duration),
    ErrorBefore(u16),
    ErrorAfter(u16),
    /// A limit that we did not come near to: 403 or 429, with or without how long to wait, in GitHub's seconds.
    Refused {
        status: u16,
        retry_after: Option<u64>,
    },
    /// It happened; the JSON breaks off.
    Truncated,
    /// Nothing happens, and no answer comes.
    Hang,
}

/// Which requests: an empty text is any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct On {
    pub(crate) method: &'static str,
    /// Contained in the path.
    pub(crate) path: &'static str,
}

pub(crate) const ANY: On = On { method: "", path: "" };

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
    /// One of these each time.
    faults: Vec<Fault>,
}

impl Faults {
    /// The next so many requests of this sort meet it.
    pub(crate) fn script(&mut self, on: On, fault: Fault, times: usize) {
        self.scripted.push((on, fault, times));
    }

    /// A share of all requests, 0 to 1, meet one of these.
    pub(crate) fn seed(&mut self, seed: u64, share: f64, faults: &[Fault]) {
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
            return Some(*fault);
        }
        let seeded = self.seeded.as_mut()?;
        let met = seeded.random.random_bool(seeded.share);
        // Drawn either way, so that one request more or less shifts no later fault.
        let fault = seeded.faults.choose(&mut seeded.random).copied();
        fault.filter(|_| met)
    }
}
