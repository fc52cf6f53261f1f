//! Takes a connection's secrets out of what a setup prints, in whatever spelling it prints them.
//!
//! Why so many spellings: the program has the URL, so a driver's error may quote it as it stands, decoded, or encoded
//! anew by other rules than ours.
//!
//! Invariant: a text is masked whole before it is cut, so that no half of a secret is left at a cut.

use crate::dsn::Dsn;
use crate::secret::Secret;

const MASKED: &str = "***";

/// Deliberately without `Debug`.
pub(super) struct Mask {
    /// Longest first: a spelling may be a part of another.
    spellings: Vec<String>,
}

impl Mask {
    pub(super) fn of(url: &Secret, dsn: &Dsn) -> Self {
        let mut spellings = Vec::new();
        if let Some(password) = &dsn.password {
            let plain = password.expose();
            spellings.push(plain.to_owned());
            // Everything but the unreserved letters, as we write it; as JavaScript's `encodeURIComponent` does; as forms do.
            for kept in ["-_.~", "-_.~!*'()", "-_.~ "] {
                let encoded = encoded(plain, kept);
                spellings.push(lower_hex(&encoded));
                spellings.push(encoded.replace(' ', "+"));
                spellings.push(encoded);
            }
            spellings.extend(as_written(url.expose()));
            // In JSON, and in a text constant of SQL.
            let json = serde_json::Value::from(plain).to_string();
            spellings.push(json.trim_matches('"').to_owned());
            spellings.push(plain.replace('\'', "''"));
            spellings.push(url.expose().to_owned());
            spellings.push(dsn.exposed(Some(password)).expose().to_owned());
        }
        spellings.retain(|it| !it.is_empty());
        spellings.sort_by(|one, other| (other.len(), other).cmp(&(one.len(), one)));
        spellings.dedup();
        Self { spellings }
    }

    pub(super) fn apply(&self, text: &str) -> String {
        self.spellings.iter().fold(text.to_owned(), |text, it| text.replace(it.as_str(), MASKED))
    }

    /// Of a spelling, in bytes: what must be read beyond a cut so that none is cut.
    pub(super) fn longest(&self) -> usize {
        self.spellings.first().map_or(0, String::len)
    }
}

/// The password as it stands in a URL.
fn as_written(url: &str) -> Option<String> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    user.split_once(':').map(|it| it.1.to_owned())
}

fn encoded(text: &str, kept: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let letter = char::from(byte);
        if byte.is_ascii_alphanumeric() || kept.contains(letter) {
            encoded.push(letter);
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn lower_hex(encoded: &str) -> String {
    let mut lower = String::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((before, after)) = rest.split_once('%') {
        let (digits, after) = after.split_at(after.len().min(2));
        lower.push_str(before);
        lower.push('%');
        lower.push_str(&digits.to_ascii_lowercase());
        rest = after;
    }
    lower + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, printed: &str, expected: &str) {
        let mask = Mask::of(&Secret::new(url), &Dsn::parse(url).unwrap());
        assert_eq!(mask.apply(printed), expected);
    }

    const URL: &str = "postgres://app:p%40ss%2Fw%C3%B6rd%27!@db.example:5432/acme?sslmode=require";

    #[test]
    fn a_password_is_masked_in_every_spelling() {
        check(URL, "raw p@ss/wörd'!", "raw ***");
        check(URL, "ours p%40ss%2Fw%C3%B6rd%27%21", "ours ***");
        check(URL, "script p%40ss%2Fw%C3%B6rd'!", "script ***");
        check(URL, "lower p%40ss%2fw%c3%b6rd%27%21", "lower ***");
        check(URL, "written p%40ss%2Fw%C3%B6rd%27!", "written ***");
        check(URL, "sql 'p@ss/wörd''!'", "sql '***'");
        check("postgres://app:a%22b@h/d", r#"json "a\"b""#, r#"json "***""#);
        check("postgres://app:a%20b@h/d", "form a+b, url a%20b", "form ***, url ***");
        check("host=h user=app password='a b' dbname=d", "raw a b", "raw ***");
    }

    #[test]
    fn the_whole_url_goes_and_what_is_no_secret_stays() {
        check(URL, &format!("<{URL}>"), "<***>");
        check("postgres://app@h/d", "postgres://app@h/d", "postgres://app@h/d");
        check(URL, "app at db.example", "app at db.example");
    }
}
