//! What must not stand in a setup's SQL file: commands that end its transaction, and those of psql.
//!
//! Why a reader of our own and no parser: only the first words of each statement matter, and to find where one begins it
//! is enough to know what a text constant, a quoted name and a comment are. What it overlooks is noticed when it runs:
//! see `sql`.
//!
//! Invariant: what PostgreSQL takes for one statement is never refused because of a word in its middle.

use std::fmt;

/// Why a file cannot run as one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The word that it begins with.
    Transaction(Box<str>),
    /// A backslash where a statement begins.
    Psql,
    /// `COPY … FROM STDIN`: its rows stand in the file, and only psql sends them.
    CopyFromFile,
}

impl fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transaction(word) => {
                let does = if matches!(&**word, "BEGIN" | "START") { "begins" } else { "ends" };
                write!(
                    formatter,
                    "`{word}` {does} a transaction, and each file is one already: remove it"
                )
            }
            Self::Psql => formatter.write_str(
                "a command of psql, and PostgreSQL does not know it: remove it, or run psql by `setup_command`",
            ),
            Self::CopyFromFile => formatter.write_str(
                "`COPY … FROM STDIN` needs psql: write INSERT, or run psql by `setup_command`",
            ),
        }
    }
}

/// The first statement that cannot run, with its line.
pub fn judge(text: &str) -> Result<(), (usize, Unfit)> {
    let mut reader = Reader { rest: text, line: 1 };
    while let Some(statement) = reader.statement() {
        if let Some(reason) = unfit(&statement.words) {
            return Err((statement.line, reason));
        }
    }
    Ok(())
}

fn unfit(words: &[String]) -> Option<Unfit> {
    let word = |at: usize| words.get(at).map_or("", |it| it.as_str());
    match word(0) {
        first if first.starts_with('\\') => Some(Unfit::Psql),
        // Back to a savepoint is within the transaction.
        "ROLLBACK" if matches!(word(1), "TO") || word(2) == "TO" => None,
        first @ ("COMMIT" | "ROLLBACK" | "ABORT" | "BEGIN" | "START") => {
            Some(Unfit::Transaction(first.into()))
        }
        "COPY" if words.windows(2).any(|it| it[0] == "FROM" && it[1] == "STDIN") => {
            Some(Unfit::CopyFromFile)
        }
        _ => None,
    }
}

struct Statement {
    line: usize,
    /// In capitals, without texts, quoted names and comments.
    words: Vec<String>,
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl Reader<'_> {
    /// The next one that is not empty.
    fn statement(&mut self) -> Option<Statement> {
        let mut statement = Statement { line: self.line, words: Vec::new() };
        loop {
            let Some(first) = self.rest.chars().next() else {
                return (!statement.words.is_empty()).then_some(statement);
            };
            let before = (self.line, statement.words.len());
            match first {
                ';' => {
                    self.skip(1);
                    if !statement.words.is_empty() {
                        return Some(statement);
                    }
                }
                '\'' => self.skip(quoted(self.rest, '\'', Backslash::Letter)),
                '"' => self.skip(quoted(self.rest, '"', Backslash::Letter)),
                'E' | 'e' if self.rest[1..].starts_with('\'') => {
                    self.skip(1);
                    self.skip(quoted(self.rest, '\'', Backslash::Escape));
                }
                '-' if self.rest.starts_with("--") => {
                    self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
                }
                '/' if self.rest.starts_with("/*") => self.skip(comment(self.rest)),
                '$' => self.skip(dollar(self.rest)),
                it if it.is_alphanumeric() || it == '_' || it == '\\' => {
                    let word = word(self.rest);
                    self.skip(word.len());
                    statement.words.push(word.to_uppercase());
                }
                other => self.skip(other.len_utf8()),
            }
            if before.1 == 0 && !statement.words.is_empty() {
                statement.line = before.0;
            }
        }
    }

    fn skip(&mut self, bytes: usize) {
        let (skipped, rest) = self.rest.split_at(bytes);
        self.line += skipped.matches('\n').count();
        self.rest = rest;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backslash {
    Letter,
    Escape,
}

/// The length of what begins with this quote; a doubled one does not end it.
fn quoted(text: &str, quote: char, backslash: Backslash) -> usize {
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' && backslash == Backslash::Escape {
            letters.next();
        } else if letter == quote && letters.next_if(|it| it.1 == quote).is_none() {
            return at + 1;
        }
    }
    text.len()
}

/// Comments nest.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// `$tag$ … $tag$`; a lone dollar is one letter.
fn dollar(text: &str) -> usize {
    let Some(end) = text[1..].find('$') else { return 1 };
    let tag = &text[..end + 2];
    let name = &tag[1..=end];
    let letters = |it: char| it.is_alphanumeric() || it == '_';
    if !name.chars().all(letters) || name.starts_with(|it: char| it.is_ascii_digit()) {
        return 1;
    }
    match text[tag.len()..].find(tag) {
        Some(length) => tag.len() + length + tag.len(),
        None => text.len(),
    }
}

/// A dollar within a word begins no text.
fn word(text: &str) -> &str {
    let inner = |it: char| it.is_alphanumeric() || matches!(it, '_' | '$' | '\\');
    &text[..text.find(|it| !inner(it)).unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(), (usize, &str)>) {
        let told = judge(text).map_err(|(line, reason)| {
            let word = match reason {
                Unfit::Transaction(word) => word.to_string(),
                Unfit::Psql => "psql".to_owned(),
                Unfit::CopyFromFile => "copy".to_owned(),
            };
            (line, word)
        });
        assert_eq!(told, expected.map_err(|(line, word)| (line, word.to_owned())), "{text}");
    }

    #[test]
    fn what_ends_the_transaction_is_found_where_a_statement_begins() {
        check("create table a (b int);\n\n  commit ;", Err((3, "COMMIT")));
        check("begin;", Err((1, "BEGIN")));
        check("-- so\n/* it /* is */ */\nSTART TRANSACTION", Err((3, "START")));
        check("select 1; rollback", Err((1, "ROLLBACK")));
        check("select 'a\n\n';abort", Err((3, "ABORT")));
    }

    #[test]
    fn words_within_texts_names_comments_and_bodies_are_none() {
        check("select 'x; commit;', E'\\'; commit', \"; commit\"; -- ; commit", Ok(()));
        check("/* ; commit; /* */ ; commit; */ select ''';commit'''", Ok(()));
        check("do $$ begin perform 1; commit; end $$;", Ok(()));
        check("create function f() returns int as $b$ begin; $$ commit; $b$ language sql", Ok(()));
        check("create table commit_log (a int); insert into t values ('$'), ($1)", Ok(()));
        check("create function f() returns int begin atomic select 1; select 2; end;", Ok(()));
        check("savepoint a; rollback to a; rollback to savepoint a; release a", Ok(()));
        check("", Ok(()));
        check(";;; ", Ok(()));
    }

    #[test]
    fn what_only_psql_knows_is_found() {
        check("select 1;\n\\i other.sql\n", Err((2, "psql")));
        check("copy t (a) from stdin;\n1\n\\.\n", Err((1, "copy")));
        check("copy t from program 'x'", Ok(()));
    }

    #[test]
    fn an_open_end_ends_the_file() {
        for text in ["'", "\"", "/* /* */", "$a$ $b$", "E'\\", "$", "e'\\'"] {
            check(text, Ok(()));
        }
    }
}
