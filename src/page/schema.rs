//! What a JSON schema asks for, in words.
//!
//! Why bounded in depth: a schema may name itself.

use serde_json::Value;

/// How deep a type within a type is told.
const DEPTH: usize = 4;
/// Words of a closed list that are shown.
const WORDS: usize = 40;

/// A type, and the schema that describes it further.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Type {
    pub text: String,
    /// The first schema that it names.
    pub named: Option<String>,
}

pub(super) struct Schema {
    pub name: String,
    pub description: String,
    pub fields: Vec<Field>,
    /// Of what is no object.
    pub kind: Type,
}

pub(super) struct Field {
    pub name: String,
    pub kind: Type,
    pub required: bool,
    pub description: String,
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The pairs of an object; none where it is no object.
pub(super) fn pairs<'a>(
    value: &'a Value,
    name: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.get(name).and_then(Value::as_object).into_iter().flatten()
}

pub(super) fn kind(schema: &Value) -> Type {
    let mut named = None;
    let text = describe(schema, DEPTH, &mut named);
    Type { text, named }
}

fn describe(schema: &Value, depth: usize, named: &mut Option<String>) -> String {
    if depth == 0 {
        return "…".to_owned();
    }
    if let Some(name) =
        schema.get("$ref").and_then(Value::as_str).and_then(|it| it.rsplit('/').next())
    {
        named.get_or_insert_with(|| name.to_owned());
        return name.to_owned();
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        let words: Vec<String> = words.iter().take(WORDS).map(word).collect();
        return format!("one of {}", words.join(", "));
    }
    if let Some(only) = schema.get("const") {
        return word(only);
    }
    for (name, joint) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        let parts = list(schema, name);
        if !parts.is_empty() {
            let parts: Vec<_> = parts.iter().map(|it| describe(it, depth - 1, named)).collect();
            return parts.join(joint);
        }
    }
    typed(schema, depth, named)
}

fn typed(schema: &Value, depth: usize, named: &mut Option<String>) -> String {
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        _ => vec!["any value"],
    };
    let shown = types.into_iter().map(|name| match name {
        "array" => match schema.get("items") {
            Some(items) => format!("list of {}", describe(items, depth - 1, named)),
            None => "list".to_owned(),
        },
        "object" => match schema.get("additionalProperties").filter(|it| it.is_object()) {
            Some(values) => format!("map to {}", describe(values, depth - 1, named)),
            None => "object".to_owned(),
        },
        other => match text(schema, "format") {
            format if !format.is_empty() && other != "null" => format!("{other} ({format})"),
            _ => other.to_owned(),
        },
    });
    shown.collect::<Vec<_>>().join(" or ")
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(super) fn schema(name: &str, schema: &Value) -> Schema {
    let required: Vec<&str> = list(schema, "required").iter().filter_map(Value::as_str).collect();
    let fields = pairs(schema, "properties").map(|(name, field)| Field {
        name: name.clone(),
        kind: kind(field),
        required: required.contains(&name.as_str()),
        description: text(field, "description").to_owned(),
    });
    Schema {
        name: name.to_owned(),
        description: text(schema, "description").to_owned(),
        fields: fields.collect(),
        kind: kind(schema),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: &Value, expected: &str, named: Option<&str>) {
        let kind = kind(schema);
        assert_eq!((kind.text.as_str(), kind.named.as_deref()), (expected, named));
    }

    #[test]
    fn a_schema_is_told_in_words() {
        check(&json!({"type": "string"}), "string", None);
        check(
            &json!({"type": ["string", "null"], "format": "date-time"}),
            "string (date-time) or null",
            None,
        );
        check(&json!({"enum": ["a", 1]}), "one of a, 1", None);
        check(&json!({"$ref": "#/components/schemas/Tenant"}), "Tenant", Some("Tenant"));
        let list = json!({"type": "array", "items": {"$ref": "#/components/schemas/Tenant"}});
        check(&list, "list of Tenant", Some("Tenant"));
        check(&json!({"oneOf": [{"type": "null"}, {"$ref": "#/x/Y"}]}), "null or Y", Some("Y"));
        check(&json!({}), "any value", None);
        check(&json!(true), "any value", None);
    }

    #[test]
    fn a_schema_without_end_is_cut() {
        let mut deep = json!({"type": "string"});
        for _ in 0..100 {
            deep = json!({"type": "array", "items": deep});
        }
        check(&deep, "list of list of list of list of …", None);
    }
}
