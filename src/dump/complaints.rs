//! What may be shown of a program's complaints: which object, and what is wrong with it.
//!
//! Why so little: the server explains an error by the row that it stumbles over (`DETAIL`, `CONTEXT`), and the programs
//! repeat the statement, with what the tenant has written into it. The log of an operation is read by others.
//!
//! Invariant: what stands in quotes is shown only behind a word that says whose name it is.

use super::Program;

/// What the programs repeat of the server's words and of their own statements.
const REPEATED: [&str; 3] = ["command was:", "query was:", "statement was:"];

/// Behind these a quoted word is the name of something, and no value.
const NAMES: [&str; 26] = [
    "at",
    "column",
    "constraint",
    "database",
    "directory",
    "domain",
    "extension",
    "file",
    "function",
    "host",
    "index",
    "language",
    "method",
    "name",
    "object",
    "policy",
    "publication",
    "relation",
    "role",
    "schema",
    "sequence",
    "server",
    "table",
    "trigger",
    "type",
    "user",
];

/// The program's own lines, each without the values that it quotes. Whatever the server adds to an error stands on lines
/// of its own, without the program's name before it.
pub(super) fn without_values(program: Program, complaints: &str) -> Vec<String> {
    let own = format!("{}: ", program.name());
    let lines = complaints.lines().filter(|it| it.starts_with(&own));
    lines.filter(|it| !repeats(&it[own.len()..])).map(without_quoted).collect()
}

/// `detail: Command was: ...`, `error: query was: ...`.
fn repeats(said: &str) -> bool {
    let said = said.split_once(": ").map_or(said, |it| it.1).to_ascii_lowercase();
    REPEATED.iter().any(|it| said.starts_with(it))
}

/// A value may hold quotes itself, so nothing behind the first one is shown.
fn without_quoted(line: &str) -> String {
    let mut shown = String::new();
    let mut pieces = line.split('"');
    while let Some(outside) = pieces.next() {
        shown.push_str(outside);
        let Some(quoted) = pieces.next() else { break };
        let word = outside.trim_end().rsplit([' ', '(']).next().unwrap_or_default();
        if !NAMES.contains(&word) {
            shown.push_str("***");
            break;
        }
        shown.push('"');
        shown.push_str(quoted);
        shown.push('"');
    }
    shown.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(program: Program, complaints: &str, expected: &[&str]) {
        assert_eq!(without_values(program, complaints), expected);
    }

    #[test]
    fn a_restore_says_where_it_failed_and_no_value() {
        let copy = r#"pg_restore: while PROCESSING TOC:
pg_restore: from TOC entry 3345; 0 16394 TABLE DATA acme orders acme
pg_restore: error: COPY failed for table "orders": ERROR:  invalid input syntax for type integer: "gehe"im"
CONTEXT:  COPY orders, line 1, column id: "geheim"
"#;
        let told = [
            "pg_restore: while PROCESSING TOC:",
            "pg_restore: from TOC entry 3345; 0 16394 TABLE DATA acme orders acme",
            "pg_restore: error: COPY failed for table \"orders\": ERROR:  invalid input syntax for type integer: ***",
        ];
        check(Program::Restore, copy, &told);
        let row = r#"pg_restore: error: COPY failed for table "orders": ERROR:  new row for relation "orders" violates check constraint "positive"
DETAIL:  Failing row contains (1, geheim
geheim).
CONTEXT:  COPY orders, line 7: "1	geheim"
STATEMENT:  COPY acme.orders (id, name) FROM stdin;
"#;
        let told = "pg_restore: error: COPY failed for table \"orders\": ERROR:  new row for relation \"orders\" violates check constraint \"positive\"";
        check(Program::Restore, row, &[told]);
        let key = r#"pg_restore: error: could not execute query: ERROR:  could not create unique index "orders_name_key"
DETAIL:  Key (name)=(geheim) is duplicated.
Command was: ALTER TABLE ONLY acme.orders
    ADD CONSTRAINT orders_name_key UNIQUE (name) DEFAULT 'geheim';


"#;
        let told = "pg_restore: error: could not execute query: ERROR:  could not create unique index \"orders_name_key\"";
        check(Program::Restore, key, &[told]);
        let value = "pg_restore: error: ERROR:  value \"4711\" is out of range for type integer\n";
        check(Program::Restore, value, &["pg_restore: error: ERROR:  value ***"]);
    }

    #[test]
    fn what_names_something_is_kept() {
        let role =
            "pg_restore: error: could not execute query: ERROR:  role \"globex\" does not exist";
        check(Program::Restore, role, &[role]);
        let login = "pg_dump: error: connection to server at \"db.example\" (::1), port 5432 failed: FATAL:  password authentication failed for user \"acme\"";
        check(Program::Dump, login, &[login]);
    }

    #[test]
    fn a_dump_does_not_repeat_its_statements() {
        let newer = "pg_dump: error: query failed: ERROR:  permission denied for table orders\n\
             pg_dump: detail: Query was: LOCK TABLE acme.orders IN ACCESS SHARE MODE\n";
        let told = "pg_dump: error: query failed: ERROR:  permission denied for table orders";
        check(Program::Dump, newer, &[told]);
        let older = newer.replace("detail: Query", "error: query");
        check(Program::Dump, &older, &[told]);
    }
}
