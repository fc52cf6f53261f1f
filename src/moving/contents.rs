//! Which entries of a dump's table of contents are restored, and when.
//!
//! Why schemas are left out: those of the selection are made before, and `public` is there already. Why grants come
//! later: they name roles that the new server may not have, and what is granted to nobody must not cost the whole copy.

use super::selection::Part;

/// What is restored together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Everything that is compared afterwards.
    Objects,
    Grants,
}

/// The lines of `pg_restore --list` that this pass takes.
pub fn of_pass(list: &str, pass: Pass, part: &Part) -> String {
    let mut kept = String::new();
    for line in list.lines() {
        if Entry::read(line).is_some_and(|it| it.pass() == Some(pass) && it.is_of(part)) {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// `215; 1259 16391 TABLE public orders acme`: what it is, where, its name and its owner.
struct Entry<'a>(&'a str);

impl<'a> Entry<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (number, rest) = line.split_once("; ")?;
        if number.is_empty() || !number.bytes().all(|it| it.is_ascii_digit()) {
            return None;
        }
        let rest = rest.splitn(3, ' ').nth(2)?;
        Some(Self(rest))
    }

    fn pass(&self) -> Option<Pass> {
        let of_public = |what: &str| {
            let rest = self.0.strip_prefix(what);
            rest.is_some_and(|it| it.starts_with("SCHEMA public "))
        };
        if self.0.starts_with("SCHEMA ") || self.0.starts_with("COMMENT - EXTENSION ") {
            return None;
        }
        if of_public("COMMENT - ") || of_public("ACL - ") {
            return None;
        }
        let grants = ["ACL ", "DEFAULT ACL "].iter().any(|it| self.0.starts_with(it));
        Some(if grants { Pass::Grants } else { Pass::Objects })
    }

    /// A name may hold spaces, so the owner is looked for at the end alone.
    fn is_of(&self, part: &Part) -> bool {
        match part {
            Part::Whole | Part::Relations => true,
            Part::OwnedBy(role) => self.0.strip_suffix(&**role).is_some_and(|it| it.ends_with(' ')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
;
; Archive created at 2026-11-27
;
6; 2615 16390 SCHEMA - acme acme
3001; 0 0 COMMENT - SCHEMA acme acme
3002; 0 0 COMMENT - SCHEMA public postgres
3003; 0 0 ACL - SCHEMA public postgres
2; 3079 16500 COMMENT - EXTENSION citext acme
215; 1259 16391 TABLE acme orders acme
216; 1259 16392 TABLE public their orders globex
3004; 0 16391 TABLE DATA acme orders acme
3005; 0 0 ACL acme TABLE orders acme
3006; 826 16399 DEFAULT ACL acme DEFAULT PRIVILEGES FOR TABLES acme
3007; 0 0 ACL public TABLE their orders globex
";

    #[track_caller]
    fn check(pass: Pass, part: &Part, expected: &[u32]) {
        let kept = of_pass(LIST, pass, part);
        let numbers: Vec<u32> =
            kept.lines().map(|it| it.split_once(';').unwrap().0.parse().unwrap()).collect();
        assert_eq!(numbers, expected);
    }

    #[test]
    fn schemas_are_made_before_and_grants_come_later() {
        check(Pass::Objects, &Part::Whole, &[3001, 215, 216, 3004]);
        check(Pass::Grants, &Part::Whole, &[3005, 3006, 3007]);
    }

    #[test]
    fn in_a_shared_database_only_what_the_role_owns_is_taken() {
        let acme = Part::OwnedBy("acme".into());
        check(Pass::Objects, &acme, &[3001, 215, 3004]);
        check(Pass::Grants, &acme, &[3005, 3006]);
        check(Pass::Objects, &Part::OwnedBy("me".into()), &[]);
    }
}
