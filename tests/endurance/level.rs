//! Whether what a process holds stays level, judged from samples of one kind.
//!
//! How: the first third of the samples is warm-up (caches fill, allocators learn); then the median of the last third may
//! exceed that of the middle third by the tolerance, no more. Medians, because one sample in the middle of a scan that
//! was late says nothing. A leak grows from third to third by as many steps as a third is long, so that whatever
//! is larger than the tolerance divided by that length is found.

/// How much more the last third may hold: a share of the middle third, or so much, whichever is more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tolerance {
    pub(crate) share: f64,
    pub(crate) units: f64,
}

/// The medians of the middle and the last third.
pub(crate) fn thirds(samples: &[f64]) -> (f64, f64) {
    let third = samples.len() / 3;
    (median(&samples[third..2 * third]), median(&samples[2 * third..]))
}

pub(crate) fn is_level(samples: &[f64], tolerance: Tolerance) -> bool {
    let (middle, last) = thirds(samples);
    last <= middle + (middle * tolerance.share).max(tolerance.units)
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

#[track_caller]
fn check(sample: impl Fn(f64) -> f64, level: bool) {
    let samples: Vec<f64> = (0..300).map(|it| sample(f64::from(it))).collect();
    let tolerance = Tolerance { share: 0.05, units: 4.0 };
    assert_eq!(is_level(&samples, tolerance), level, "{:?}", thirds(&samples));
}

#[test]
fn a_leak_is_told_from_warm_up_and_noise() {
    check(|_| 100.0, true);
    check(|it| 100.0 - 80.0 * (-it / 20.0).exp(), true);
    check(|it| if it % 10.0 == 0.0 { 900.0 } else { 100.0 }, true);
    check(|it| 100.0 + it * 0.2, false);
    check(|it| 10.0 + it * 0.03, true);
    check(|it| 10.0 + it * 0.06, false);
}
