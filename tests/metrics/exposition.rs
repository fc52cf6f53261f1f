//! Reads the text as Prometheus does, and refuses what it would refuse.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use watertight::metrics::Metrics;
use watertight::metrics::detail::DetailOptions;
use watertight::standing::Standing;

use crate::sample::at;

#[derive(Debug, Default)]
pub(crate) struct Exposition {
    /// By name and labels as they are written.
    pub(crate) series: BTreeMap<String, f64>,
    /// The type of each family.
    pub(crate) families: BTreeMap<String, String>,
}

impl Exposition {
    /// Panics over a family told twice, a sample outside its family, a series told twice, or a line that is none.
    #[track_caller]
    pub(crate) fn parse(text: &str) -> Self {
        let mut told = Self::default();
        let (mut family, mut helped) = (String::new(), BTreeSet::new());
        assert!(text.ends_with('\n'), "the last line is not ended");
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a help has a text");
                assert!(!help.is_empty() && helped.insert(name.to_owned()), "{line}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type has a word");
                assert!(helped.contains(name), "{name} has no help");
                let before = told.families.insert(name.to_owned(), kind.to_owned());
                assert_eq!(before, None, "{name} is told twice");
                name.clone_into(&mut family);
            } else {
                let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
                let name = series.split('{').next().unwrap_or_default();
                let of_family = name
                    .strip_prefix(family.as_str())
                    .is_some_and(|it| ["", "_bucket", "_sum", "_count"].contains(&it));
                assert!(of_family, "{series} stands under {family}");
                let value = value.parse().expect("a value is a number");
                assert_eq!(told.series.insert(series.to_owned(), value), None, "{series} twice");
            }
        }
        told
    }

    /// Of the series without our prefix.
    #[track_caller]
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        self.series.get(&format!("watertight_{series}")).copied()
    }

    /// Series of the family, our prefix left out.
    pub(crate) fn count(&self, family: &str) -> usize {
        let family = format!("watertight_{family}");
        self.series.keys().filter(|it| it.split('{').next() == Some(family.as_str())).count()
    }

    #[track_caller]
    pub(crate) fn check(&self, expected: &[(&str, f64)]) {
        for (series, value) in expected {
            assert_eq!(self.value(series), Some(*value), "{series}");
        }
    }

    #[track_caller]
    pub(crate) fn check_absent(&self, names: &[&str]) {
        for name in names {
            let name = format!("watertight_{name}");
            let found: Vec<_> = self.series.keys().filter(|it| it.starts_with(&name)).collect();
            assert!(found.is_empty(), "{found:?}");
        }
    }
}

/// What is told right after the scan.
#[track_caller]
pub(crate) fn told(metrics: &Metrics) -> Exposition {
    told_at(metrics, at(2))
}

#[track_caller]
pub(crate) fn told_at(metrics: &Metrics, now: Timestamp) -> Exposition {
    Exposition::parse(&metrics.render(now))
}

/// What is told of that fleet.
#[track_caller]
pub(crate) fn told_of(standing: &Standing) -> Exposition {
    let metrics = Metrics::default();
    metrics.publish(standing, DetailOptions::default());
    told(&metrics)
}
