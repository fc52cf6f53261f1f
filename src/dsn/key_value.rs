//! `key=value` connection strings, quoted and escaped as libpq reads them.
//!
//! Why a piece is never repeated after `password`: an unquoted blank in a password makes the rest of it look like a key.

use super::DsnError;

const QUOTE: &str =
    "write `password='…'` with quotes, and a backslash before each quote or backslash in it";

/// Pairs in the order of the text.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, DsnError> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let end = rest.find(|c| c == '=' || is_space(c)).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        let after_password = pairs.last().is_some_and(|(key, _)| key == "password");
        let Some(value) = after.trim_start_matches(is_space).strip_prefix('=') else {
            return Err(if after_password {
                DsnError::UnknownAfterPassword(QUOTE)
            } else {
                DsnError::Syntax(
                    "a key has no `=` after it: write `key=value`, with the value in single quotes where it has blanks",
                )
            });
        };
        if after_password && !super::settings::is_known(key) {
            return Err(DsnError::UnknownAfterPassword(QUOTE));
        }
        let (value, after) = value_of(value.trim_start_matches(is_space))?;
        pairs.push((key.to_owned(), value));
        rest = after.trim_start_matches(is_space);
    }
    Ok(pairs)
}

/// The value that the text begins with, unescaped, and what follows it.
fn value_of(text: &str) -> Result<(String, &str), DsnError> {
    let quoted = text.strip_prefix('\'');
    let body = quoted.unwrap_or(text);
    let mut value = String::new();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            '\'' if quoted.is_some() => return Ok((value, &body[at + 1..])),
            c if quoted.is_none() && is_space(c) => return Ok((value, &body[at..])),
            c => value.push(c),
        }
    }
    if quoted.is_some() {
        return Err(DsnError::Syntax("a quoted value does not end: write the closing `'`"));
    }
    Ok((value, ""))
}

/// C's `isspace`, as libpq asks it.
const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}
