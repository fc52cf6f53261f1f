//! Requests to our own HTTP server: how many, by which route, how long they took, how many are being answered.
//!
//! Why the route is a pattern and never a path: a path has tenants' ids in it, and whatever else a stranger writes there.
//! Each distinct value is a series for ever.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::{Gauge, HistogramVec, IntCounterVec, Registry};

use super::list::{HTTP_DURATION, HTTP_IN_FLIGHT, HTTP_REQUESTS};
use super::register::{counters, gauges, histograms};

/// More patterns than the router has. Should a path ever be taken for one, the damage ends here.
const MOST_ROUTES: usize = 100;

/// What led to no route, and routes beyond those.
const NO_ROUTE: &str = "none";

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const OTHER_METHOD: &str = "other";

#[derive(Clone, Debug)]
pub(super) struct Requests {
    total: IntCounterVec,
    duration: HistogramVec,
    in_flight: Gauge,
    routes: Arc<Mutex<BTreeSet<Box<str>>>>,
}

impl Requests {
    pub(super) fn new(registry: &Registry) -> Self {
        Self {
            total: counters(registry, &HTTP_REQUESTS),
            duration: histograms(registry, &HTTP_DURATION),
            in_flight: gauges(registry, &HTTP_IN_FLIGHT).with_label_values::<&str>(&[]),
            routes: Arc::default(),
        }
    }

    pub(super) fn begin(&self) -> RequestGuard {
        self.in_flight.inc();
        RequestGuard { requests: self.clone() }
    }

    fn answered(&self, method: &str, route: Option<&str>, code: u16, took: Duration) {
        let method = METHODS.into_iter().find(|it| *it == method).unwrap_or(OTHER_METHOD);
        let route = route.filter(|it| self.is_known(it)).unwrap_or(NO_ROUTE);
        self.total.with_label_values(&[method, route, code.to_string().as_str()]).inc();
        self.duration.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }

    fn is_known(&self, route: &str) -> bool {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let room = routes.len() < MOST_ROUTES;
        routes.contains(route) || (room && routes.insert(route.into()))
    }
}

/// A request that is being answered, until it is dropped: a client that hangs up ends its request too.
#[derive(Debug)]
#[must_use = "the request ends when this is dropped"]
pub struct RequestGuard {
    requests: Requests,
}

impl RequestGuard {
    /// `route` is the router's pattern, `None` where none fitted.
    pub fn answered(self, method: &str, route: Option<&str>, code: u16, took: Duration) {
        self.requests.answered(method, route, code, took);
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.requests.in_flight.dec();
    }
}
