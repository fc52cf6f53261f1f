//! The text in which Prometheus reads metrics (exposition format 0.0.4), written without a metric object for each series.
//!
//! Why by hand beside the library: ten thousand tenants are a hundred thousand series, and the library allocates a
//! protocol message for each of them at each scrape. Whatever is counted as it happens is the library's; what a finished
//! scan tells is text already.
//!
//! Invariant: no label value, whatever it holds, ends its quotes or its line.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};

use jiff::Timestamp;

use super::list::Family;

/// The longest label value, in characters: a tenant's id fits. What is longer comes from somebody who wants it to be.
const LONGEST: usize = 253;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text(String);

impl Text {
    /// A family with its samples; nothing where there is none.
    pub(super) fn family(&mut self, family: &Family, samples: impl FnOnce(&mut Samples<'_>)) {
        let before = self.0.len();
        let Family { name, help, kind, .. } = family;
        self.0.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.label()));
        let empty = self.0.len();
        samples(&mut Samples { family, out: &mut self.0 });
        if self.0.len() == empty {
            self.0.truncate(before);
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

pub(super) struct Samples<'a> {
    family: &'a Family,
    out: &'a mut String,
}

impl Samples<'_> {
    /// One series; `values` in the order of the family's labels.
    pub(super) fn add(&mut self, values: &[&str], value: impl Display) {
        debug_assert_eq!(values.len(), self.family.labels.len(), "{}", self.family.name);
        self.out.push_str(self.family.name);
        let mut before = '{';
        for (label, value) in self.family.labels.iter().zip(values) {
            self.out.push(before);
            self.out.push_str(label);
            self.out.push_str("=\"");
            escape(self.out, &tame(value));
            self.out.push('"');
            before = ',';
        }
        if !values.is_empty() {
            self.out.push('}');
        }
        writeln!(self.out, " {value}").expect("a string takes everything");
    }
}

/// Cut to a length, and without control characters: what a person reads on a terminal must not command it.
pub(super) fn tame(value: &str) -> Cow<'_, str> {
    if value.len() <= LONGEST && !value.contains(char::is_control) {
        return Cow::Borrowed(value);
    }
    let harmless = |it: char| if it.is_control() { char::REPLACEMENT_CHARACTER } else { it };
    Cow::Owned(value.chars().take(LONGEST).map(harmless).collect())
}

fn escape(out: &mut String, value: &str) {
    if !value.contains(['\\', '"', '\n']) {
        out.push_str(value);
        return;
    }
    for letter in value.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

/// In seconds since 1970, to the millisecond.
pub(super) fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::super::list::{FLEET_STALE, TENANT_INFO};
    use super::*;

    #[track_caller]
    fn check(environment: &str, expected: &str) {
        let mut text = Text::default();
        text.family(&TENANT_INFO, |samples| samples.add(&["acme", "other", environment], 1));
        let lines: Vec<&str> = text.as_str().lines().collect();
        let sample = format!(
            r#"watertight_tenant_info{{tenant="acme",provider="other",environment="{expected}"}} 1"#
        );
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert_eq!(lines[2], sample);
    }

    #[test]
    fn no_value_ends_its_quotes_or_its_line() {
        check("production", "production");
        check(r#"a"} 0"#, r#"a\"} 0"#);
        check(r"a\", r"a\\");
        check("a\nup 1", "a\u{fffd}up 1");
        check("a\r\u{1b}[31m", "a\u{fffd}\u{fffd}[31m");
        check("ångström", "ångström");
        check(&"é".repeat(10_000), &"é".repeat(LONGEST));
    }

    #[test]
    fn a_line_break_that_was_not_tamed_is_still_escaped() {
        let mut out = String::new();
        escape(&mut out, "a\n\"\\b");
        assert_eq!(out, r#"a\n\"\\b"#);
    }

    #[test]
    fn a_family_without_a_sample_leaves_no_trace() {
        let mut text = Text::default();
        text.family(&FLEET_STALE, |_| ());
        assert_eq!(text.as_str(), "");
        text.family(&FLEET_STALE, |samples| samples.add(&[], 3));
        assert!(text.as_str().ends_with("gauge\nwatertight_fleet_tenants_stale 3\n"));
    }

    #[test]
    fn a_time_is_told_in_seconds_with_their_fractions() {
        let at: Timestamp = "2026-11-26T17:44:48.25Z".parse().unwrap();
        assert_eq!(seconds(at).to_string(), "1795715088.25");
    }
}
