//! The sources as text, and what can be read off them without a parser.
//!
//! Why text and not syntax: the rules are about words and lines, and `rustfmt` has already made the layout one.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A source file, its path counted from the crate's root, with `/`.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// `src` or `tests`.
    pub(crate) fn area(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// The top-level module that it belongs to.
    pub(crate) fn module(&self) -> String {
        self.path.split('/').nth(1).unwrap_or_default().trim_end_matches(".rs").to_owned()
    }

    /// How many `super` lead from here to the crate's root.
    fn depth(&self) -> usize {
        self.path.split('/').count() - 1
    }

    /// Without the inline tests, which stand last; a file of tests alone is empty then.
    pub(crate) fn without_tests(&self) -> String {
        let only_tests =
            self.path.ends_with("/tests.rs") || self.text.contains("\n#![cfg(test)]\n");
        if self.area() == "src" && only_tests {
            return String::new();
        }
        let at = self.text.find("\n#[cfg(test)]\nmod tests {").map_or(self.text.len(), |it| it + 1);
        self.text[..at].to_owned()
    }
}

/// What is compiled outside tests: no comment lines.
pub(crate) fn code(source: &Source) -> String {
    let lines = source.without_tests();
    let lines = lines.lines().filter(|it| !it.trim_start().starts_with("//"));
    lines.flat_map(|it| [it, "\n"]).collect()
}

/// The top-level modules that a file names, as `crate::x`, `crate::{x, y}` or by climbing with `super`.
pub(crate) fn used_modules(source: &Source) -> BTreeSet<String> {
    let code = code(source);
    let climb = "super::".repeat(source.depth());
    let mut found = BTreeSet::new();
    for root in ["crate::", climb.as_str()] {
        for (at, _) in code.match_indices(root) {
            let further_up = code[..at].ends_with("super::");
            let rest = &code[at + root.len()..];
            if !further_up && !rest.starts_with("super::") {
                found.extend(first_names(rest));
            }
        }
    }
    found.retain(|it| !it.is_empty() && !it.starts_with(char::is_uppercase));
    found
}

/// The first names of a path, or of each path in a group of them.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| {
        let text = text.trim_start();
        let end = text.find(|it: char| !it.is_alphanumeric() && it != '_').unwrap_or(text.len());
        text[..end].to_owned()
    };
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut depth, mut names, mut expecting) = (1_u32, Vec::new(), true);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => expecting = true,
            it if expecting && !it.is_whitespace() => {
                names.push(name(&group[at..]));
                expecting = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// Every Rust file of the crate and of its tests, sorted by path.
pub(crate) fn read_all() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for area in ["src", "tests", "benches"] {
        read_below(root, &root.join(area), &mut sources);
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    sources
}

fn read_below(root: &Path, directory: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if entry.file_name() != "target" {
                read_below(root, &path, sources);
            }
        } else if path.extension().is_some_and(|it| it == "rs") {
            let short = path.strip_prefix(root).expect("found below the root");
            let path_text = short.to_string_lossy().replace('\\', "/");
            let text = fs::read_to_string(&path).expect("a source file can be read");
            sources.push(Source { path: path_text, text });
        }
    }
}
