//! The facts behind a finding, laid out so that a person sees what is equal.
//!
//! Why targets stand side by side: sharing is seen in two columns that say the same, and nobody compares two paragraphs
//! of eighteen-digit numbers by eye.

use std::collections::{BTreeMap, BTreeSet};

use super::explain;
use super::visible::clipped;
use crate::model::finding::{Evidence, Fact};

/// Characters of one fact.
const LONGEST: usize = 300;
/// Facts of one list.
const ITEMS: usize = 50;
/// Targets side by side.
const COLUMNS: usize = 8;
/// Facts of one target.
const LINES: usize = 40;
/// How deep a fact within a fact is told.
const DEPTH: usize = 4;

/// In which order a target's facts are compared: who it is, then what proves it, then where it is.
const ORDER: &[&str] = &[
    "tenant",
    "target",
    "system_identifier",
    "database_oid",
    "database",
    "started_at",
    "timeline",
    "in_recovery",
    "server_address",
    "server_port",
    "host",
    "port",
];

/// What is worth a mark where all targets say the same: who the running server is. Equal hosts and names prove nothing.
const TELLING: &[&str] = &["system_identifier", "started_at"];
/// Worth one where the server's identity is the same as well: every fresh cluster numbers its databases alike.
const OID: &str = "database_oid";

#[derive(Default)]
pub struct Shown {
    pub facts: Vec<Lines>,
    pub grids: Vec<Grid>,
}

/// A fact in lines of its own.
pub struct Lines {
    pub name: String,
    pub text: Vec<String>,
    pub left_out: usize,
}

/// Things of one kind, each a column.
pub struct Grid {
    pub name: String,
    pub rows: Vec<Line>,
    pub left_out: usize,
}

/// One fact of all of them.
pub struct Line {
    pub name: String,
    pub cells: Vec<String>,
    /// All say the same, and it tells something.
    pub same: bool,
}

pub fn show(evidence: &Evidence) -> Shown {
    let mut shown = Shown::default();
    for (name, fact) in &evidence.0 {
        let title = explain::plain(&clipped(name, LONGEST));
        match maps(fact) {
            Some(maps) => shown.grids.push(grid(title, &maps)),
            None => shown.facts.push(lines(title, fact)),
        }
    }
    shown
}

/// Of a list in which every fact is made of named ones.
fn maps(fact: &Fact) -> Option<Vec<&BTreeMap<String, Fact>>> {
    let Fact::List(facts) = fact else { return None };
    let maps = facts.iter().map(|it| if let Fact::Map(facts) = it { Some(facts) } else { None });
    maps.collect::<Option<Vec<_>>>().filter(|it| !it.is_empty())
}

fn lines(name: String, fact: &Fact) -> Lines {
    let (text, count): (Vec<String>, usize) = match fact {
        Fact::List(facts) if !facts.is_empty() => {
            (facts.iter().take(ITEMS).map(|it| line(it, DEPTH)).collect(), facts.len())
        }
        Fact::Map(facts) if !facts.is_empty() => {
            let one = |(name, fact): (&String, &Fact)| {
                format!("{}: {}", explain::plain(&clipped(name, LONGEST)), line(fact, DEPTH))
            };
            (facts.iter().take(ITEMS).map(one).collect(), facts.len())
        }
        other => (vec![line(other, DEPTH)], 1),
    };
    Lines { name, left_out: count - text.len(), text }
}

fn grid(name: String, targets: &[&BTreeMap<String, Fact>]) -> Grid {
    let shown = &targets[..targets.len().min(COLUMNS)];
    let names: BTreeSet<&str> = shown.iter().flat_map(|it| it.keys()).map(String::as_str).collect();
    let known = ORDER.iter().copied().filter(|it| names.contains(it));
    let others = names.iter().copied().filter(|it| !ORDER.contains(it));
    let rows = known.chain(others).take(LINES).map(|fact| compare(fact, shown)).collect();
    Grid { name, rows, left_out: targets.len() - shown.len() }
}

fn compare(name: &str, targets: &[&BTreeMap<String, Fact>]) -> Line {
    let telling = TELLING.contains(&name) || name == OID && equal("system_identifier", targets);
    let facts = targets.iter().map(|it| it.get(name));
    let cells = facts.map(|it| it.map_or_else(|| "–".to_owned(), |it| line(it, DEPTH)));
    Line {
        name: explain::plain(&clipped(name, LONGEST)),
        cells: cells.collect(),
        same: telling && equal(name, targets),
    }
}

fn equal(name: &str, targets: &[&BTreeMap<String, Fact>]) -> bool {
    let [first, others @ ..] = targets else { return false };
    !others.is_empty()
        && first.contains_key(name)
        && others.iter().all(|it| it.get(name) == first.get(name))
}

/// On one line, whatever it is.
fn line(fact: &Fact, depth: usize) -> String {
    let joined = match fact {
        Fact::Text(text) => text.clone(),
        Fact::Number(number) => number.to_string(),
        Fact::Yes(true) => "yes".to_owned(),
        Fact::Yes(false) => "no".to_owned(),
        Fact::List(_) | Fact::Map(_) if depth == 0 => "…".to_owned(),
        Fact::List(facts) if facts.is_empty() => "none".to_owned(),
        Fact::Map(facts) if facts.is_empty() => "none".to_owned(),
        Fact::List(facts) => {
            let items = facts.iter().take(ITEMS).map(|it| line(it, depth - 1));
            items.collect::<Vec<_>>().join(", ")
        }
        Fact::Map(facts) => {
            let items = facts.iter().take(ITEMS);
            let items = items.map(|(name, fact)| format!("{name}: {}", line(fact, depth - 1)));
            items.collect::<Vec<_>>().join(", ")
        }
    };
    clipped(&joined, LONGEST).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(tenant: &str, system: &str) -> Fact {
        Fact::Map(
            [("tenant", tenant), ("system_identifier", system)]
                .map(|(name, value)| (name.to_owned(), value.into()))
                .into(),
        )
    }

    #[test]
    fn targets_stand_side_by_side_and_what_is_equal_is_marked() {
        let evidence =
            Evidence::default().with("targets", vec![target("a", "7"), target("b", "7")]);
        let [Grid { rows, left_out, .. }] = &show(&evidence).grids[..] else { panic!("no grid") };
        let told: Vec<_> = rows.iter().map(|it| (&*it.name, it.cells.join(" "), it.same)).collect();
        assert_eq!(
            told,
            [("Tenant", "a b".to_owned(), false), ("System identifier", "7 7".to_owned(), true)]
        );
        assert_eq!(*left_out, 0);
    }

    #[test]
    fn a_server_that_sends_much_is_cut() {
        let mut deep = Fact::Text("x".repeat(10_000));
        for _ in 0..1_000 {
            deep = Fact::List(vec![deep]);
        }
        let many: Vec<Fact> = (0..10_000_i64).map(Fact::from).collect();
        let wide: Vec<Fact> = (0..1_000).map(|it| target(&it.to_string(), "7")).collect();
        let evidence = Evidence::default()
            .with("deep", deep)
            .with("many", Fact::List(many))
            .with("wide", Fact::List(wide));
        let shown = show(&evidence);
        assert_eq!((shown.facts.len(), shown.grids.len()), (2, 1));
        assert!(
            shown.facts.iter().flat_map(|it| &it.text).all(|it| it.chars().count() <= LONGEST + 1)
        );
        assert_eq!((shown.facts[1].text.len(), shown.facts[1].left_out), (ITEMS, 10_000 - ITEMS));
        let grid = &shown.grids[0];
        assert_eq!((grid.rows[0].cells.len(), grid.left_out), (COLUMNS, 1_000 - COLUMNS));
    }

    #[test]
    fn equal_names_and_hosts_are_not_marked() {
        let one = Fact::Map([("host".to_owned(), "db".into())].into());
        let evidence = Evidence::default().with("targets", vec![one.clone(), one]);
        assert!(!show(&evidence).grids[0].rows[0].same);
    }
}
