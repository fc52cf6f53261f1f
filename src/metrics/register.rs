//! Families of the table as metrics of a registry.
//!
//! Why everything takes a `Family`: nobody can then give a metric a name, a label or a text that the table does not know.
//!
//! Why a gauge is a vector without labels: the library gives a plain gauge the value 0 before anybody has set it, and a
//! vector has no series until then.

use prometheus::core::Collector;
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Registry};

use super::list::{Family, Kind};

const VALID: &str = "the table's names and labels are valid, which a test shows";
const ONCE: &str = "each family of the table is registered once, which a test shows";

fn registered<C: Collector + Clone + 'static>(registry: &Registry, metric: C) -> C {
    registry.register(Box::new(metric.clone())).expect(ONCE);
    metric
}

pub(super) fn counter(registry: &Registry, family: &Family) -> IntCounter {
    registered(registry, IntCounter::with_opts(family.opts()).expect(VALID))
}

pub(super) fn counters(registry: &Registry, family: &Family) -> IntCounterVec {
    registered(registry, IntCounterVec::new(family.opts(), family.labels).expect(VALID))
}

pub(super) fn gauges(registry: &Registry, family: &Family) -> GaugeVec {
    registered(registry, GaugeVec::new(family.opts(), family.labels).expect(VALID))
}

pub(super) fn histograms(registry: &Registry, family: &Family) -> HistogramVec {
    let buckets = match family.kind {
        Kind::Histogram(buckets) => buckets.to_vec(),
        Kind::Counter | Kind::Gauge => Vec::new(),
    };
    let opts = HistogramOpts::from(family.opts()).buckets(buckets);
    registered(registry, HistogramVec::new(opts, family.labels).expect(VALID))
}

/// A gauge without labels that is absent until it is set.
#[derive(Clone, Debug)]
pub(super) struct Value(GaugeVec);

impl Value {
    pub(super) fn new(registry: &Registry, family: &Family) -> Self {
        Self(gauges(registry, family))
    }

    pub(super) fn set(&self, value: f64) {
        self.0.with_label_values::<&str>(&[]).set(value);
    }
}
