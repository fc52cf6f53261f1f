//! Values that must never be shown, and the places that they are read from.
//!
//! Why a type of its own: a password in a `Debug` line of a log is how credentials leak. `Secret` prints as `***`
//! whatever holds it, and no error of reading one says more than where it was looked for.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

/// In bytes. Room for any key or password, and a bound for a path that leads to a device or a log by mistake.
const LARGEST: u64 = 64 * 1024;

#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The value itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

/// Where a secret is read anew at each use, so that a rotated one needs no restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    Inline(Secret),
    /// `${NAME}`.
    Environment(Box<str>),
    /// `file:/path`.
    File(Box<Path>),
}

#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("read a secret: the environment variable {0} is not set, or is not UTF-8")]
    Unset(Box<str>),
    #[error("read a secret: {0} is empty")]
    Empty(String),
    #[error("read a secret: {} is larger than {LARGEST} bytes", .0.display())]
    TooLarge(PathBuf),
    #[error("read a secret: {} is not an ordinary file", .0.display())]
    NoFile(PathBuf),
    #[error("read a secret: {} is not UTF-8", .0.display())]
    NotText(PathBuf),
    #[error("read a secret from {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
}

impl SecretRef {
    /// What a person wrote: `${NAME}`, `file:/path`, or the value itself.
    pub fn parse(text: &str) -> Self {
        if let Some(name) = variable(text) {
            return Self::Environment(name.into());
        }
        match text.strip_prefix("file:") {
            Some(path) => Self::File(Path::new(path).into()),
            None => Self::Inline(Secret::new(text)),
        }
    }

    /// The value as it is now, without the line end that editors leave behind a file.
    pub fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::Environment(name) => match std::env::var(&**name) {
                Ok(value) if value.is_empty() => {
                    Err(SecretError::Empty(format!("the environment variable {name}")))
                }
                Ok(value) => Ok(Secret::new(value)),
                Err(_) => Err(SecretError::Unset(name.clone())),
            },
            Self::File(path) => read_file(path),
        }
    }
}

impl fmt::Display for SecretRef {
    /// As it was written, with `***` for a value.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(_) => formatter.write_str("***"),
            Self::Environment(name) => write!(formatter, "${{{name}}}"),
            Self::File(path) => write!(formatter, "file:{}", path.display()),
        }
    }
}

/// The name in a text that is one `${NAME}` and nothing else.
fn variable(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    let first = name.bytes().next()?;
    let word = name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    (word && !first.is_ascii_digit()).then_some(name)
}

fn read_file(path: &Path) -> Result<Secret, SecretError> {
    let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
    // Asked before it is opened: opening a pipe that nobody writes to would wait for ever.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(SecretError::NoFile(path.to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|it| it.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if LARGEST < bytes.len() as u64 {
        return Err(SecretError::TooLarge(path.to_owned()));
    }
    let text = String::from_utf8(bytes).map_err(|_| SecretError::NotText(path.to_owned()))?;
    let value = text.strip_suffix('\n').map_or(&*text, |it| it.strip_suffix('\r').unwrap_or(it));
    if value.is_empty() {
        return Err(SecretError::Empty(path.display().to_string()));
    }
    Ok(Secret::new(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &[u8], expected: Result<&str, &str>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        std::fs::write(&path, content).unwrap();
        let read = SecretRef::parse(&format!("file:{}", path.display())).read();
        match (read, expected) {
            (Ok(secret), expected) => assert_eq!(Ok(secret.expose()), expected),
            (Err(error), expected) => {
                assert_eq!(
                    Err(&*error.to_string().replace(&*path.to_string_lossy(), "PATH")),
                    expected
                );
            }
        }
    }

    #[test]
    fn one_line_end_is_taken_off_a_file_and_nothing_else() {
        check(b"a b \n", Ok("a b "));
        check(b"a\r\n", Ok("a"));
        check(b"a\n\n", Ok("a\n"));
        check(b"a", Ok("a"));
    }

    #[test]
    fn a_file_that_holds_no_secret_is_told_by_its_path() {
        check(b"\n", Err("read a secret: PATH is empty"));
        check(b"\xff", Err("read a secret: PATH is not UTF-8"));
        check(
            &"a".repeat(65537).into_bytes(),
            Err("read a secret: PATH is larger than 65536 bytes"),
        );
    }

    #[test]
    fn a_missing_place_is_named() {
        let error = |text: &str| SecretRef::parse(text).read().unwrap_err().to_string();
        assert_eq!(error("file:/nonexistent/x"), "read a secret from /nonexistent/x");
        assert_eq!(error("file:/dev"), "read a secret: /dev is not an ordinary file");
        assert!(error("${WATERTIGHT_NO_SUCH_VARIABLE}").contains("WATERTIGHT_NO_SUCH_VARIABLE"));
    }

    #[test]
    fn only_a_whole_name_in_braces_is_a_variable() {
        for text in ["$A", "${A", "a${A}", "${A}b", "${}", "${1}", "${A-B}"] {
            assert!(matches!(SecretRef::parse(text), SecretRef::Inline(_)), "{text}");
        }
        assert_eq!(SecretRef::parse("${A_1}"), SecretRef::Environment("A_1".into()));
    }

    #[test]
    fn nothing_prints_the_value() {
        let secret = SecretRef::parse("hunter2");
        assert!(!format!("{secret} {secret:?}").contains("hunter2"));
    }
}
