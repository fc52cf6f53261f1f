//! What is sent to a target: one message, one round trip, nothing left behind.
//!
//! Why one simple query of several statements: they form one implicit transaction, so every `SET LOCAL` ends with it
//! and no pooler hands our settings to the tenant. It is the one form that works directly and through PgBouncer in
//! session, transaction and statement mode.
//!
//! Why two forms of the fingerprint: the lean one costs the server a millisecond on a fresh backend, but one revoked
//! function fails it whole. The guarded one reads each fact by dynamic SQL behind a check of its privilege
//! (`query_to_xml` parses its text only when called), so that a withheld fact becomes NULL and fails nothing else.
//!
//! Invariants:
//! - everything is schema-qualified, and `search_path` is `pg_catalog` besides: a tenant's view, function or operator
//!   changes nothing and is never run;
//! - both forms have the columns that `fingerprint` reads, in that order;
//! - a name enters the text only as escaped code points: no quoting can break.

use std::time::Duration;

/// Before every statement of ours, in the same message. `limit` bounds the statement, its waits for locks and an
/// idle transaction, so that the server ends what we can no longer end.
pub fn preamble(limit: Duration) -> String {
    let millis = limit.as_millis().clamp(1, i32::MAX as u128);
    format!(
        "SET LOCAL statement_timeout = {millis}; SET LOCAL lock_timeout = {millis}; \
         SET LOCAL idle_in_transaction_session_timeout = {millis}; SET LOCAL search_path = pg_catalog; \
         SET LOCAL datestyle = 'ISO'; SET LOCAL timezone = 'GMT'; SET TRANSACTION READ ONLY; "
    )
}

/// The lean fingerprint; `role` is whose powers are judged.
pub fn lean(role: &str, limit: Duration) -> String {
    preamble(limit) + &include_str!("fingerprint.sql").replace("$role", &name(role))
}

/// The fingerprint where something is withheld.
pub fn guarded(role: &str, limit: Duration) -> String {
    let columns: Vec<_> = FACTS.iter().map(|it| it.column(role)).collect();
    preamble(limit) + "SELECT " + &columns.join(",\n  ")
}

/// A role's name as a constant. Code points are the one escape that means the same in every server encoding and under
/// every setting of `standard_conforming_strings`.
fn name(role: &str) -> String {
    let escape = |escaped: String, it: char| escaped + &format!("\\U{:08X}", u32::from(it));
    format!("E'{}'::pg_catalog.name", role.chars().fold(String::new(), escape))
}

/// One column of the guarded form.
struct Fact {
    /// What the role must be allowed to execute.
    functions: &'static [&'static str],
    /// What it must be allowed to read.
    relations: &'static [&'static str],
    expression: &'static str,
}

const fn fact(
    functions: &'static [&'static str],
    relations: &'static [&'static str],
    expression: &'static str,
) -> Fact {
    Fact { functions, relations, expression }
}

const RECOVERY: &str = "pg_is_in_recovery()";
const INSERTED: &str = "pg_current_wal_insert_lsn()";
const HAS_ROLE: &str = "pg_has_role(oid,oid,text)";

const FACTS: &[Fact] = &[
    fact(
        &["pg_control_system()"],
        &[],
        "(SELECT c.system_identifier FROM pg_catalog.pg_control_system() c)",
    ),
    fact(
        &[],
        &["pg_database"],
        "(SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())",
    ),
    fact(&[], &[], "pg_catalog.current_database()"),
    fact(&[RECOVERY], &[], "pg_catalog.pg_is_in_recovery()"),
    fact(
        &[RECOVERY, INSERTED, "pg_walfile_name(pg_lsn)"],
        &[],
        "CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL ELSE pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()) END",
    ),
    fact(
        &[RECOVERY, "pg_control_recovery()"],
        &[],
        "CASE WHEN pg_catalog.pg_is_in_recovery() THEN (SELECT c.min_recovery_end_timeline FROM pg_catalog.pg_control_recovery() c) END",
    ),
    fact(
        &[RECOVERY, INSERTED, "pg_last_wal_replay_lsn()"],
        &[],
        "CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_insert_lsn() END",
    ),
    fact(&["pg_postmaster_start_time()"], &[], "pg_catalog.pg_postmaster_start_time()"),
    fact(&[], &[], "pg_catalog.current_setting('server_version_num')"),
    fact(&["inet_server_addr()"], &[], "pg_catalog.inet_server_addr()"),
    fact(&["inet_server_port()"], &[], "pg_catalog.inet_server_port()"),
    fact(&["inet_client_port()"], &[], "pg_catalog.inet_client_port()"),
    fact(
        &["pg_stat_get_wal_senders()"],
        &[],
        "(SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_get_wal_senders())",
    ),
    fact(
        &["pg_stat_get_wal_receiver()"],
        &[],
        "(SELECT w.pid IS NOT NULL FROM pg_catalog.pg_stat_get_wal_receiver() w)",
    ),
    fact(
        &["to_regnamespace(text)", "obj_description(oid,name)"],
        &["pg_description"],
        "COALESCE(pg_catalog.obj_description(pg_catalog.to_regnamespace('watertight'), 'pg_namespace'), '')",
    ),
    fact(&[], &[], "pg_catalog.current_setting('default_transaction_read_only')"),
    fact(
        &["pg_stat_get_db_numbackends(oid)"],
        &["pg_database"],
        "(SELECT pg_catalog.sum(pg_catalog.pg_stat_get_db_numbackends(n.oid)) FROM pg_catalog.pg_database n)",
    ),
    fact(&[], &[], "pg_catalog.current_setting('max_connections')"),
    fact(
        &["age(xid)"],
        &["pg_database"],
        "(SELECT pg_catalog.age(d.datfrozenxid) FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())",
    ),
    fact(&["clock_timestamp()"], &[], "pg_catalog.clock_timestamp()"),
    fact(
        &[HAS_ROLE],
        &["pg_roles"],
        "(SELECT r.rolsuper OR pg_catalog.pg_has_role(r.oid, 10, 'MEMBER') FROM pg_catalog.pg_roles r WHERE r.rolname = $role)",
    ),
    fact(
        &[],
        &["pg_roles"],
        "(SELECT r.rolreplication FROM pg_catalog.pg_roles r WHERE r.rolname = $role)",
    ),
    fact(
        &[HAS_ROLE],
        &["pg_roles"],
        "(SELECT pg_catalog.pg_has_role(r.oid, 6181, 'MEMBER') FROM pg_catalog.pg_roles r WHERE r.rolname = $role)",
    ),
    fact(
        &[HAS_ROLE],
        &["pg_roles"],
        "(SELECT pg_catalog.pg_has_role(r.oid, 6182, 'MEMBER') FROM pg_catalog.pg_roles r WHERE r.rolname = $role)",
    ),
    fact(
        &[HAS_ROLE],
        &["pg_roles"],
        "(SELECT pg_catalog.pg_has_role(r.oid, 4569, 'MEMBER') OR pg_catalog.pg_has_role(r.oid, 4570, 'MEMBER') FROM pg_catalog.pg_roles r WHERE r.rolname = $role)",
    ),
    fact(
        &[HAS_ROLE],
        &["pg_roles"],
        "(SELECT pg_catalog.pg_has_role(r.oid, 4571, 'MEMBER') FROM pg_catalog.pg_roles r WHERE r.rolname = $role)",
    ),
    fact(
        &[],
        &["pg_roles"],
        "(SELECT r.rolcreaterole FROM pg_catalog.pg_roles r WHERE r.rolname = $role)",
    ),
];

impl Fact {
    /// NULL where something it needs is missing or denied.
    fn column(&self, role: &str) -> String {
        let functions = self.functions.iter().map(|it| {
            format!(
                "coalesce(pg_catalog.has_function_privilege(pg_catalog.to_regprocedure('pg_catalog.{it}'), 'EXECUTE'), false)"
            )
        });
        let relations = self.relations.iter().map(|it| {
            format!(
                "coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass('pg_catalog.{it}'), 'SELECT'), false)"
            )
        });
        let guards: Vec<_> = functions.chain(relations).collect();
        if guards.is_empty() {
            return self.expression.to_owned();
        }
        // The operators are safe here: search_path is pg_catalog.
        let expression = self.expression.replace("$role", &name(role));
        let query = literal(&format!("SELECT ({expression})::pg_catalog.text AS j"));
        let xml = format!(
            "substring(pg_catalog.query_to_xml({query}, false, false, '')::pg_catalog.text from '<j>(.*)</j>')"
        );
        format!("CASE WHEN {} THEN {} END", guards.join(" AND "), unescaped(&xml))
    }
}

/// A text constant that means the same under every setting of `standard_conforming_strings`.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// Takes back what XML does to a text. The ampersand comes last, so that nothing is taken back twice.
fn unescaped(xml: &str) -> String {
    [("&lt;", "<"), ("&gt;", ">"), ("&#x0d;", ""), ("&amp;", "&")]
        .iter()
        .fold(xml.to_owned(), |xml, (from, to)| {
            format!("pg_catalog.replace({xml}, '{from}', '{to}')")
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::fingerprint::COLUMNS;

    #[test]
    fn a_hostile_name_stays_a_name() {
        assert_eq!(
            name("a'\\ü"),
            "E'\\U00000061\\U00000027\\U0000005C\\U000000FC'::pg_catalog.name"
        );
        let sql = lean("x'; DROP TABLE y; --", Duration::from_secs(1));
        assert!(!sql.contains("DROP") && !sql.contains("$role"));
        let sql = guarded("x'; DROP TABLE y; --", Duration::from_secs(1));
        assert!(!sql.contains("DROP") && !sql.contains("$role"));
    }

    #[test]
    fn both_forms_have_the_columns_that_are_read() {
        assert_eq!(FACTS.len(), COLUMNS);
    }

    #[test]
    fn a_limit_is_never_none_at_all() {
        assert!(preamble(Duration::ZERO).contains("statement_timeout = 1;"));
        assert!(preamble(Duration::MAX).contains("statement_timeout = 2147483647;"));
    }
}
