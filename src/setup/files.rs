//! The SQL files of a setup, read and judged before any of them runs.
//!
//! Why all of them first: a typing error in the tenth file is better found before the first has run.
//!
//! Invariant: what is read here is what runs; a file that changes meanwhile changes nothing.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::statements;

/// Of one file, in bytes. A dump with data belongs into a restore, not into a setup.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;
/// Of all together.
const LARGEST: usize = 64 * 1024 * 1024;
const MOST: usize = 1_000;

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("read the setup's directory {}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("{} holds no file whose name ends in .sql", .0.display())]
    Empty(PathBuf),
    #[error("{} holds more than {MOST} SQL files", .0.display())]
    TooMany(PathBuf),
    #[error("read the setup's file {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is larger than {LARGEST_FILE} bytes, or all files together than {LARGEST}", .0.display())]
    TooLarge(PathBuf),
    #[error("{} is not UTF-8 without zero bytes", .0.display())]
    NotText(PathBuf),
    #[error("{}, line {line}: {reason}", path.display())]
    Unfit { path: PathBuf, line: usize, reason: statements::Unfit },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlFile {
    pub name: String,
    pub text: String,
}

/// In the order of their names, byte by byte: `10_` comes before `2_`, as `ls` sorts them in the C locale.
pub fn read(directory: &Path) -> Result<Vec<SqlFile>, FileError> {
    let failed = |source| FileError::Directory { path: directory.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|it| it == "sql") {
            paths.push(path);
        }
        if MOST < paths.len() {
            return Err(FileError::TooMany(directory.to_owned()));
        }
    }
    paths.sort();
    if paths.is_empty() {
        return Err(FileError::Empty(directory.to_owned()));
    }
    let (mut files, mut size) = (Vec::new(), 0);
    for path in paths {
        let text = text(&path)?;
        size += text.len();
        if LARGEST < size {
            return Err(FileError::TooLarge(path));
        }
        if let Err((line, reason)) = statements::judge(&text) {
            return Err(FileError::Unfit { path, line, reason });
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.push(SqlFile { name, text });
    }
    Ok(files)
}

fn text(path: &Path) -> Result<String, FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    // Asked before it is opened: opening a pipe that nobody writes to would wait for ever.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        let kind = io::ErrorKind::InvalidInput;
        return Err(unreadable(io::Error::new(kind, "it is no ordinary file")));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|it| it.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if LARGEST_FILE < bytes.len() as u64 {
        return Err(FileError::TooLarge(path.to_owned()));
    }
    // Editors of one system put a mark in front, which PostgreSQL takes for a letter.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").map_or(&*bytes, |it| it).to_vec();
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text),
        Ok(_) | Err(_) => Err(FileError::NotText(path.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: &[(&str, &[u8])], expected: Result<&[&str], &str>) {
        let directory = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(directory.path().join(name), bytes).unwrap();
        }
        let read = read(directory.path());
        let names = read.map(|it| it.into_iter().map(|it| it.name).collect::<Vec<_>>());
        let told = names
            .map_err(|it| it.to_string().replace(&*directory.path().to_string_lossy(), "setup"));
        match (told, expected) {
            (Ok(names), Ok(expected)) => assert_eq!(names, expected),
            (told, expected) => assert_eq!(told.err().as_deref(), expected.err()),
        }
    }

    #[test]
    fn files_come_in_the_order_of_their_names_and_others_are_left_alone() {
        check(
            &[("2_b.sql", b"select 1"), ("01_a.sql", b"select 1"), ("README.md", b"\xff")],
            Ok(&["01_a.sql", "2_b.sql"]),
        );
    }

    #[test]
    fn what_cannot_run_is_told_before_anything_does() {
        check(&[], Err("setup holds no file whose name ends in .sql"));
        check(&[("a.sql", b"\xff")], Err("setup/a.sql is not UTF-8 without zero bytes"));
        check(&[("a.sql", b"a\0")], Err("setup/a.sql is not UTF-8 without zero bytes"));
        check(
            &[("a.sql", b"select 1;\n\nCOMMIT;")],
            Err(
                "setup/a.sql, line 3: `COMMIT` ends a transaction, and each file is one already: remove it",
            ),
        );
        assert!(matches!(read(Path::new("/nonexistent")), Err(FileError::Directory { .. })));
    }
}
