//! The reference of the API, drawn from the document that is served.
//!
//! Why drawn here: the usual viewers fetch their scripts from elsewhere, are blank without the internet and break under a
//! strict content policy.

use askama::Template;
use serde_json::Value;

use super::frame::{Frame, Section};
use super::schema::{self, Schema, Type, kind, list, pairs, text};
use super::words;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub frame: Frame<'a>,
    /// An `OpenAPI` 3.1 document.
    pub document: &'a Value,
}

#[derive(Template)]
#[template(path = "reference.html", config = "src/page/askama.toml")]
struct Html<'a> {
    frame: &'a Frame<'a>,
    section: Section,
    version: &'a str,
    description: &'a str,
    operations: Vec<Operation<'a>>,
    schemas: Vec<Schema>,
}

struct Operation<'a> {
    /// Of its heading.
    anchor: String,
    method: String,
    path: &'a str,
    summary: &'a str,
    description: &'a str,
    parameters: Vec<Parameter<'a>>,
    body: Option<Type>,
    answers: Vec<Answer<'a>>,
}

struct Parameter<'a> {
    name: &'a str,
    place: &'a str,
    kind: Type,
    required: bool,
    description: &'a str,
}

struct Answer<'a> {
    status: &'a str,
    description: &'a str,
    media: &'a str,
    kind: Type,
}

pub fn render(view: &View<'_>) -> Result<String, askama::Error> {
    let document = view.document;
    let info = document.get("info").unwrap_or(&Value::Null);
    let components = document.get("components").unwrap_or(&Value::Null);
    let html = Html {
        frame: &view.frame,
        section: Section::Reference,
        version: text(info, "version"),
        description: text(info, "description"),
        operations: pairs(document, "paths")
            .flat_map(|(path, item)| operations(path, item))
            .collect(),
        schemas: pairs(components, "schemas").map(|(name, it)| schema::schema(name, it)).collect(),
    };
    html.render()
}

fn operations<'a>(path: &'a str, item: &'a Value) -> Vec<Operation<'a>> {
    let found = METHODS.iter().filter_map(|method| Some((method, item.get(method)?)));
    found.map(|(method, it)| operation(path, method, item, it)).collect()
}

fn operation<'a>(path: &'a str, method: &str, item: &'a Value, it: &'a Value) -> Operation<'a> {
    let shared = list(item, "parameters").iter();
    let parameters = shared.chain(list(it, "parameters")).map(|it| Parameter {
        name: text(it, "name"),
        place: text(it, "in"),
        kind: it.get("schema").map(kind).unwrap_or_default(),
        required: it.get("required") == Some(&Value::Bool(true)),
        description: text(it, "description"),
    });
    let body = it.get("requestBody").and_then(|it| pairs(it, "content").next());
    Operation {
        anchor: anchor(method, path),
        method: method.to_uppercase(),
        path,
        summary: text(it, "summary"),
        description: text(it, "description"),
        parameters: parameters.collect(),
        body: body.and_then(|(_, media)| media.get("schema")).map(kind),
        answers: pairs(it, "responses").map(|(status, it)| answer(status, it)).collect(),
    }
}

fn answer<'a>(status: &'a str, it: &'a Value) -> Answer<'a> {
    let content = pairs(it, "content").next();
    Answer {
        status,
        description: text(it, "description"),
        media: content.map_or("", |(media, _)| media),
        kind: content.and_then(|(_, it)| it.get("schema")).map(kind).unwrap_or_default(),
    }
}

/// Letters and digits with hyphens between: what an address may end with.
fn anchor(method: &str, path: &str) -> String {
    let words = path.split(|it: char| !it.is_ascii_alphanumeric()).filter(|it| !it.is_empty());
    [method].into_iter().chain(words).collect::<Vec<_>>().join("-")
}
