//! The closed lists of words that options take.
//!
//! Why here and not at the types: the core knows no clap. Help, completions and errors all name the same words,
//! because they come from the same list.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::issues::options::Mode;
use crate::model::finding::Severity;
use crate::report::Format;
use crate::report::daily;
use crate::report::judge::About;
use crate::telemetry::LogFormat;

const LISTED: &str = "the parser before admits only the words of this list";

pub fn severity() -> impl TypedValueParser<Value = Severity> {
    PossibleValuesParser::new(Severity::ALL.iter().rev().map(|it| it.label()))
        .map(|it| Severity::parse(&it).expect(LISTED))
}

pub fn about() -> impl TypedValueParser<Value = About> {
    PossibleValuesParser::new(About::ALL.map(About::label))
        .map(|it| About::parse(&it).expect(LISTED))
}

pub fn format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::label))
        .map(|it| Format::parse(&it).expect(LISTED))
}

/// For the daily report.
pub fn daily() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(daily::FORMATS.map(Format::label))
        .map(|it| Format::parse(&it).expect(LISTED))
}

/// For lists, which are no reports.
pub fn listing() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new([Format::Table, Format::Json].map(Format::label))
        .map(|it| Format::parse(&it).expect(LISTED))
}

pub fn mode() -> impl TypedValueParser<Value = Mode> {
    PossibleValuesParser::new(Mode::ALL.map(Mode::label)).map(|it| Mode::parse(&it).expect(LISTED))
}

pub fn log_format() -> impl TypedValueParser<Value = LogFormat> {
    PossibleValuesParser::new(LogFormat::ALL.map(LogFormat::label))
        .map(|it| LogFormat::parse(&it).expect(LISTED))
}

/// A share of the fleet, 0 to 1.
pub fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|it| (0.0..=1.0).contains(it));
    share.ok_or_else(|| "a number from 0 to 1 is needed, such as 0.98".to_owned())
}
