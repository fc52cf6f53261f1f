//! Whether a single value fits what its key is for, and what to write instead.
//!
//! Why the words stand together: the same mistake is told in the same words wherever it is made.
//!
//! Invariant: pure, and no answer repeats a value.

use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;
use toml::value::Value;

use super::keys::Shape;
use super::walk::Environment;
use crate::model::finding::Kind;
use crate::registry::tenant::moment;

pub(super) const SET_IT: &str = "set it, or write the value";

/// What is wrong and how to mend it.
pub(super) type Wrong = (String, String);

pub(super) fn unset(name: &str) -> String {
    format!("the environment variable {name} is not set")
}

pub(super) fn from_text(text: String, shape: Shape) -> Result<Value, Wrong> {
    let wrong = || Err((format!("it must be {}, and is text", plural(shape)), example(shape)));
    match shape {
        Shape::Text | Shape::Url if text.trim().is_empty() => {
            Err(("it is empty".to_owned(), "write a value, or remove the key".to_owned()))
        }
        Shape::Text | Shape::Url | Shape::Secret => Ok(Value::String(text)),
        Shape::Duration(least, most) => duration(&text, least, most).map(|()| Value::String(text)),
        Shape::Word(words) if words.contains(&text.as_str()) => Ok(Value::String(text)),
        Shape::Word(words) => Err((
            "it is none of the known words".to_owned(),
            format!("write one of {}", words.join(", ")),
        )),
        Shape::Kind if Kind::parse(&text).is_some() => Ok(Value::String(text)),
        Shape::Kind => {
            let likeness = |it: &Kind| strsim::jaro_winkler(it.label(), &text);
            let nearest = Kind::ALL.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
            let nearest = nearest.map_or("shared_cluster", |it| it.label());
            Err(("it is no finding's kind".to_owned(), format!("did you mean `{nearest}`?")))
        }
        Shape::Digest if text.len() == 64 && text.bytes().all(|it| it.is_ascii_hexdigit()) => {
            Ok(Value::String(text.to_ascii_lowercase()))
        }
        Shape::Digest => Err(("it is no SHA-256".to_owned(), example(shape))),
        Shape::Moment => match moment(&text) {
            Some(moment) => Ok(Value::String(moment.to_string())),
            None => wrong(),
        },
        Shape::Count(..)
        | Shape::Share
        | Shape::Flag
        | Shape::Texts
        | Shape::Table(_)
        | Shape::Tables(_)
        | Shape::Rows => wrong(),
    }
}

pub(super) fn from_other(value: &DeValue<'_>, shape: Shape) -> Result<Value, Wrong> {
    match (shape, value) {
        (Shape::Flag, DeValue::Boolean(yes)) => Ok(Value::Boolean(*yes)),
        (Shape::Count(least, most), DeValue::Integer(number)) => {
            let number = i64::from_str_radix(number.as_str(), number.radix()).ok();
            match number.filter(|it| (least..=most).contains(it)) {
                Some(number) => Ok(Value::Integer(number)),
                None => Err((format!("it is not between {least} and {most}"), example(shape))),
            }
        }
        (Shape::Share, DeValue::Integer(number)) => share(number.as_str()),
        (Shape::Share, DeValue::Float(number)) => share(number.as_str()),
        (Shape::Moment, DeValue::Datetime(moment)) => from_text(moment.to_string(), shape),
        (shape, value) => {
            let told = format!("it must be {}, and is {}", plural(shape), value.type_str());
            Err((told, example(shape)))
        }
    }
}

pub(super) fn texts<'a, 'i: 'a>(
    items: impl Iterator<Item = &'a Spanned<DeValue<'i>>>,
    environment: &Environment,
) -> Result<Value, Wrong> {
    let mut texts = Vec::new();
    for item in items {
        let Some(text) = item.get_ref().as_str() else {
            return Err(("it must be a list of texts".to_owned(), example(Shape::Texts)));
        };
        let text = expand(text, environment).map_err(|name| (unset(&name), SET_IT.to_owned()))?;
        texts.push(Value::String(text));
    }
    if texts.is_empty() {
        return Err((
            "the list is empty".to_owned(),
            "write an entry, or remove the key".to_owned(),
        ));
    }
    Ok(Value::Array(texts))
}

fn share(text: &str) -> Result<Value, Wrong> {
    let number: Option<f64> = text.parse().ok().filter(|it| (0.0..=1.0).contains(it));
    let wrong = || ("it is not between 0 and 1".to_owned(), example(Shape::Share));
    number.map(Value::Float).ok_or_else(wrong)
}

fn duration(text: &str, least: u64, most: u64) -> Result<(), Wrong> {
    let shape = Shape::Duration(least, most);
    let parsed: Option<jiff::SignedDuration> = text.parse().ok();
    let Some(parsed) = parsed else {
        return Err(("it is no duration".to_owned(), example(shape)));
    };
    let fits = Duration::try_from(parsed)
        .is_ok_and(|it| (Duration::from_secs(least)..=Duration::from_secs(most)).contains(&it));
    if fits {
        return Ok(());
    }
    Err((format!("it is not between {least} s and {most} s"), example(shape)))
}

const fn plural(shape: Shape) -> &'static str {
    match shape {
        Shape::Text | Shape::Secret | Shape::Url | Shape::Word(_) | Shape::Kind | Shape::Digest => {
            "a text"
        }
        Shape::Duration(..) => "a duration",
        Shape::Count(..) => "a whole number",
        Shape::Share => "a number from 0 to 1",
        Shape::Flag => "true or false",
        Shape::Moment => "a date, or a time with its offset",
        Shape::Texts => "a list of texts",
        Shape::Table(_) => "a table",
        Shape::Tables(_) | Shape::Rows => "a list of tables",
    }
}

fn example(shape: Shape) -> String {
    match shape {
        Shape::Text | Shape::Url => "write it in quotes",
        Shape::Secret => "write \"${NAME}\" or \"file:/path\"",
        Shape::Word(words) => return format!("write one of {}", words.join(", ")),
        Shape::Kind => "write a finding's kind, for example \"shared_cluster\"",
        Shape::Duration(..) => "write for example \"30s\", \"5m\" or \"1h\"",
        Shape::Count(least, most) => {
            return format!("write a whole number from {least} to {most}, without quotes");
        }
        Shape::Share => "write for example 0.5, without quotes",
        Shape::Digest => "write 64 hexadecimal digits, from `sha256sum`",
        Shape::Flag => "write true or false, without quotes",
        Shape::Moment => "write for example 2027-01-31 or 2027-01-31T04:00:00Z",
        Shape::Texts => "write for example [\"one\", \"two\"]",
        Shape::Table(_) => "write it as a [section]",
        Shape::Tables(_) | Shape::Rows => "write it as a [[section]]",
    }
    .to_owned()
}

/// Every `${NAME}` replaced, or the first name that is not set.
pub(super) fn expand(text: &str, environment: &Environment) -> Result<String, String> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        whole.push_str(before);
        let name = after.split_once('}').filter(|(name, _)| is_name(name));
        let Some((name, after)) = name else {
            whole.push_str("${");
            rest = after;
            continue;
        };
        whole.push_str(environment.get(name).ok_or_else(|| name.to_owned())?);
        rest = after;
    }
    Ok(whole + rest)
}

fn is_name(text: &str) -> bool {
    let word = text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    word && text.bytes().next().is_some_and(|it| !it.is_ascii_digit())
}
