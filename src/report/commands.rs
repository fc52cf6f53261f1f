//! What a person types to see a finding for themselves, and the prose of remedies cut into words and commands.
//!
//! Why only the program's own commands and fixed SQL: whatever stands here is pasted into a shell. A tenant's id is the one
//! thing filled in, and its alphabet needs no quoting.

use super::visible::clipped;
use crate::model::finding::{Finding, Kind};

/// Characters of one step.
const LONGEST: usize = 1_000;
/// Members that a command names: more are compared by eye no better.
const NAMED: usize = 3;

/// A command and what it shows.
pub struct Command {
    pub text: String,
    pub shows: &'static str,
}

pub fn commands(finding: &Finding) -> Vec<Command> {
    let members = || finding.claim.tenants.iter().take(NAMED);
    let mut commands: Vec<Command> = members()
        .map(|it| Command {
            text: format!("watertight check {it}"),
            shows: "everything that this database says of itself, and its health",
        })
        .collect();
    commands.extend(statement(finding.claim.kind).map(|(sql, shows)| Command {
        text: format!("psql \"$DATABASE_URL\" -c \"{sql}\""),
        shows,
    }));
    let asked: Vec<String> = members().map(|it| format!(" --tenant {it}")).collect();
    if !asked.is_empty() {
        commands.push(Command {
            text: format!("watertight verify{}", asked.concat()),
            shows: "a new scan of these tenants and whoever could share with them; exit code 0 when it is clean",
        });
    }
    commands
}

/// What to ask each member's own server by hand, and what to look for.
const fn statement(kind: Kind) -> Option<(&'static str, &'static str)> {
    match kind {
        Kind::SharedDatabase | Kind::SharedCluster | Kind::SharedProject => Some((
            "SELECT system_identifier, pg_postmaster_start_time() FROM pg_control_system()",
            "with each member's URL in turn: equal answers are one running server",
        )),
        Kind::SharedReplication => Some((
            "SELECT pg_is_in_recovery(), status, sender_host, sender_port, slot_name FROM pg_stat_wal_receiver",
            "on the standby: who feeds it (needs pg_monitor)",
        )),
        Kind::ClonedLineage | Kind::FingerprintDrift | Kind::WrongDatabase => Some((
            "SELECT system_identifier, timeline_id, current_database() FROM pg_control_system(), pg_control_checkpoint()",
            "with each URL in turn: a higher timeline was promoted later",
        )),
        Kind::ForeignStamp | Kind::StampMissing => Some((
            "SELECT obj_description('watertight'::regnamespace, 'pg_namespace')",
            "the stamp that this database bears",
        )),
        Kind::OverPrivilegedRole => Some((
            "SELECT rolname, rolsuper, rolreplication, rolcreaterole FROM pg_roles WHERE rolname = current_user",
            "what the role may do past its own database",
        )),
        Kind::InsecureTransport => Some((
            "SELECT ssl, version, cipher FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
            "whether this connection is encrypted",
        )),
        _ => None,
    }
}

/// A piece of a remedy.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    pub code: bool,
}

/// A step, cut at its backticks. One that is left open is no code.
pub fn pieces(step: &str) -> Vec<Piece> {
    let shown = clipped(step, LONGEST);
    let parts: Vec<&str> = shown.split('`').collect();
    let closed = parts.len() % 2 == 1;
    parts
        .iter()
        .enumerate()
        .filter(|(_, it)| !it.is_empty())
        .map(|(place, it)| {
            let code = place % 2 == 1 && (closed || place + 1 < parts.len());
            Piece { text: (*it).to_owned(), code }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(step: &str, expected: &str) {
        let shown = pieces(step)
            .into_iter()
            .map(|it| if it.code { format!("[{}]", it.text) } else { it.text });
        assert_eq!(shown.collect::<String>(), expected);
    }

    #[test]
    fn what_stands_between_backticks_is_code() {
        check(
            "Run `watertight verify` until `it` is clean.",
            "Run [watertight verify] until [it] is clean.",
        );
        check("`a`", "[a]");
        check("a `b", "a b");
        check("", "");
    }
}
