//! The closed lists of the contract, as the schema of the report tells them.
//!
//! Why made from the enums: a word that is added to one and forgotten in the other would be an answer that the published
//! description forbids.

use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::model::finding::{Certainty, Health, Kind, Severity, State, Verdict};
use crate::model::observation::Cause;
use crate::model::report::Trigger;

pub fn kind() -> Object {
    one_of(Kind::ALL.iter().map(|it| it.label()))
}

pub fn severity() -> Object {
    one_of(Severity::ALL.iter().map(|it| it.label()))
}

pub fn certainty() -> Object {
    one_of(Certainty::ALL.iter().map(|it| it.label()))
}

pub fn state() -> Object {
    one_of(State::ALL.iter().map(|it| it.label()))
}

pub fn verdict() -> Object {
    one_of(Verdict::ALL.iter().map(|it| it.label()))
}

pub fn health() -> Object {
    one_of(Health::ALL.iter().map(|it| it.label()))
}

pub fn trigger() -> Object {
    one_of(Trigger::ALL.iter().map(|it| it.label()))
}

/// A cause, or null.
pub fn cause() -> Object {
    one_of_or_null(Cause::ALL.iter().map(|it| it.label()))
}

pub fn one_of(labels: impl Iterator<Item = &'static str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(labels)).build()
}

pub fn one_of_or_null(labels: impl Iterator<Item = &'static str>) -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .enum_values(Some(labels.map(Some).chain([None])))
        .build()
}
