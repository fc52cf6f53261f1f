//! A JSON object in which every name stands once.
//!
//! Why not the usual map: of two members of one name a parser takes the first or the last, and which one the issuer meant
//! nobody knows. A token that names two tenants so must reach neither.

use std::fmt;

use serde::Deserialize;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// As deep as any token that is signed by a known issuer.
const DEEPEST: usize = 8;

/// The object's members, or `None` where the text is no object, names something twice or is too deep.
pub(super) fn members(text: &[u8]) -> Option<Map<String, Value>> {
    let Once(value) = serde_json::from_slice(text).ok()?;
    if DEEPEST < depth(&value) {
        return None;
    }
    match value {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

/// The member of that name, or the one at that dotted path. `Err` where both are there and say different things.
pub(super) fn named<'a>(
    members: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a Value>, Ambiguous> {
    let whole = members.get(name);
    let mut path = name.split('.');
    let first = path.next().and_then(|it| members.get(it));
    let nested = name.contains('.').then(|| path.try_fold(first?, |it, part| it.get(part)));
    match (whole, nested.flatten()) {
        (Some(one), Some(other)) if one != other => Err(Ambiguous),
        (one, other) => Ok(one.or(other)),
    }
}

/// A name and a path of the same letters lead to two values.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ambiguous;

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

struct Once(Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OnceVisitor).map(Self)
    }
}

struct OnceVisitor;

impl<'de> Visitor<'de> for OnceVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON without repeated names")
    }

    fn visit_bool<E>(self, it: bool) -> Result<Value, E> {
        Ok(Value::Bool(it))
    }

    fn visit_i64<E>(self, it: i64) -> Result<Value, E> {
        Ok(Value::Number(it.into()))
    }

    fn visit_u64<E>(self, it: u64) -> Result<Value, E> {
        Ok(Value::Number(it.into()))
    }

    fn visit_f64<E>(self, it: f64) -> Result<Value, E> {
        Ok(Number::from_f64(it).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, it: &str) -> Result<Value, E> {
        Ok(Value::String(it.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut found = Vec::new();
        while let Some(Once(item)) = items.next_element()? {
            found.push(item);
        }
        Ok(Value::Array(found))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut found = Map::new();
        while let Some((name, Once(value))) = members.next_entry::<String, Once>()? {
            if found.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Value::Object(found))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_that_stands_twice_spoils_the_whole_wherever_it_stands() {
        assert!(members(br#"{"tenant": "a", "sub": "x"}"#).is_some());
        assert_eq!(members(br#"{"tenant": "a", "tenant": "b"}"#), None);
        assert_eq!(members(br#"{"app": {"tenant": "a", "tenant": "a"}}"#), None);
        assert_eq!(members(br#"[{"tenant": "a"}]"#), None);
        assert_eq!(members(b"\xff"), None);
        let deep = format!("{}1{}", r#"{"a":"#.repeat(20), "}".repeat(20));
        assert_eq!(members(deep.as_bytes()), None);
    }

    #[test]
    fn a_path_is_followed_and_never_beside_another_value_of_its_name() {
        let told = |value: Value| match value {
            Value::Object(members) => named(&members, "app.tenant").map(Option::<&Value>::cloned),
            _ => Ok(None),
        };
        assert_eq!(told(json!({"app": {"tenant": "a"}})), Ok(Some(json!("a"))));
        assert_eq!(told(json!({"app.tenant": "a"})), Ok(Some(json!("a"))));
        assert_eq!(told(json!({"app.tenant": "a", "app": {"tenant": "b"}})), Err(Ambiguous));
        assert_eq!(told(json!({"app": "tenant"})), Ok(None));
        assert_eq!(told(json!({"tenant": "a"})), Ok(None));
    }
}
