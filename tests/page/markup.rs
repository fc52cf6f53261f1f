//! Reads what was drawn as a browser's first pass would: tags and attributes, and whether they fit into each other.
//!
//! Why by hand: the templates always quote attributes and close elements, and a lenient parser would forgive exactly what
//! has to be found.

use std::collections::BTreeMap;

/// Elements that are never closed.
const VOID: [&str; 6] = ["br", "img", "input", "link", "meta", "hr"];

#[derive(Clone, Debug)]
pub(crate) struct Tag {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    /// Where its content begins, and where it ends.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Tag {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

/// Every element in the order in which it opens. Panics where anything is left open or closed twice.
#[track_caller]
pub(crate) fn tags(text: &str) -> Vec<Tag> {
    let mut tags: Vec<Tag> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find('<') {
        let start = at + found;
        let end = start + tag_length(&text[start..]);
        let inner = &text[start + 1..end - 1];
        at = end;
        if inner.starts_with('!') {
            assert_eq!(inner, "!DOCTYPE html", "no comment and no other declaration");
        } else if let Some(name) = inner.strip_prefix('/') {
            let place = open.pop().unwrap_or_else(|| panic!("</{name}> closes nothing"));
            assert_eq!(tags[place].name, name, "at {}", &text[start.saturating_sub(200)..end]);
            tags[place].end = start;
        } else {
            let empty = inner.ends_with('/');
            let (name, rest) = inner
                .trim_end_matches('/')
                .split_once([' ', '\n'])
                .unwrap_or((inner.trim_end_matches('/'), ""));
            if !empty && !VOID.contains(&name) {
                open.push(tags.len());
            }
            let attributes = attributes(rest);
            tags.push(Tag { name: name.to_owned(), attributes, start: end, end });
        }
    }
    assert!(
        open.is_empty(),
        "left open: {:?}",
        open.iter().map(|it| &tags[*it].name).collect::<Vec<_>>()
    );
    tags
}

/// To the `>` that stands outside quotes.
fn tag_length(text: &str) -> usize {
    let mut quoted = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '>' if !quoted => return at + 1,
            _ => {}
        }
    }
    panic!("a tag without an end: {}", &text[..text.len().min(200)])
}

fn attributes(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find(['=', ' ', '\n']).unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        rest = &rest[end..];
        let mut value = String::new();
        if let Some(after) = rest.strip_prefix("=\"") {
            let close = after.find('"').expect("a quoted value ends");
            value = unescaped(&after[..close]);
            rest = &after[close + 1..];
        } else {
            assert!(!rest.starts_with('='), "an attribute without quotes: {name}");
        }
        assert!(found.insert(name.clone(), value).is_none(), "{name} stands twice");
        rest = rest.trim_start();
    }
    found
}

/// What a person reads: no tags, and white space as one space.
pub(crate) fn words(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(found) = rest.find('<') {
        shown.push_str(&rest[..found]);
        shown.push(' ');
        rest = &rest[found + tag_length(&rest[found..])..];
    }
    shown.push_str(rest);
    unescaped(&shown).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unescaped(text: &str) -> String {
    text.replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#38;", "&")
}
