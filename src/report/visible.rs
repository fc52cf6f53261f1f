//! Makes text of unknown origin safe to print: what a reader sees is what is there.
//!
//! Why escapes instead of removal: an escape sequence in a database's name is itself worth seeing, and a name that is
//! silently changed sends a person to search for something that does not exist.

use std::borrow::Cow;

/// Text with every character that moves the cursor, reorders the line or shows nothing written as `\u{…}`.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(deceives) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if deceives(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// At most `most` characters of the text, with `…` in place of the rest. A server may send a name of a megabyte.
pub fn clipped(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => visible(text),
        Some((end, _)) => Cow::Owned(format!("{}…", visible(&text[..end]))),
    }
}

/// Controls (C0, DEL, C1), invisible characters, marks that change the direction of writing, and the code points
/// that XML forbids.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(visible(text), expected);
    }

    #[test]
    fn what_deceives_the_reader_is_written_out() {
        check("plain ünïcode 日本 | <b>", "plain ünïcode 日本 | <b>");
        check("\u{1b}[31mred", "\\u{1b}[31mred");
        check("a\r\nb\tc", "a\\r\\nb\\tc");
        check("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}");
        check("abc\u{202e}cba", "abc\\u{202e}cba");
        check("zero\u{200b}width\u{ffff}", "zero\\u{200b}width\\u{ffff}");
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        assert_eq!(clipped("äöü", 3), "äöü");
        assert_eq!(clipped("äöüß", 3), "äöü…");
        assert_eq!(clipped("\n\n\n", 2), "\\n\\n…");
    }
}
