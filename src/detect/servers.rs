//! Which targets are one running server, and of which pairs nobody can say.
//!
//! Why sets and not pairs: being one server is transitive, and so is not knowing about all members of a group.
//!
//! Invariants:
//! - targets of several tenants are one server only by the witness; those of one tenant also by equal facts, because
//!   nothing is concluded between tenants from it alone;
//! - every pair that agrees in all known facts and that no witness decided is undecided: unknown is never apart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::candidates::{Facts, meet, tenants_of};
use super::classes::{Classes, by_root};
use super::index::Index;
use crate::model::relation::{Doubt, Witnessed};

/// The servers behind the targets that answered.
pub(super) struct Servers {
    /// The server of each look, named by the smallest place on it.
    pub(super) of: Vec<usize>,
    /// The looks of each server.
    pub(super) members: Vec<Vec<usize>>,
    /// Database oids as the servers' own lock tables name them.
    seats: Vec<Option<u32>>,
}

/// Two sets of tenants of which each of the one may share with each of the other, and nobody can say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Huddle {
    pub(super) ones: BTreeSet<u32>,
    pub(super) others: BTreeSet<u32>,
    pub(super) reason: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// The ones could not be witnessed.
    Blind(Doubt),
    /// The same, said to those on the other side.
    Partner(Doubt),
    /// The two could not be told apart.
    Pair(Doubt),
    /// The ones may be standbys of the others, or of the same primary.
    Stream,
}

/// A database of a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DatabaseKey {
    Oid(u32),
    /// Where the oid is withheld: names are unique within one server.
    Name(Arc<str>),
}

impl Servers {
    pub(super) fn settle(index: &Index<'_>) -> (Self, Vec<Huddle>) {
        let facts: Vec<Facts> = index.looks.iter().map(|it| Facts::of(it.fingerprint())).collect();
        let mut classes = Classes::new(index.looks.len());
        let mut seats = vec![None; index.looks.len()];
        join_own(index, &facts, &mut classes);
        for server in index.case.witnessed.iter().flat_map(|it| &it.servers) {
            let mut first = None;
            for seat in server {
                let Some(place) = index.place(seat.target) else { continue };
                seats[place] = Some(seat.database_oid);
                classes.join(*first.get_or_insert(place), place);
            }
        }
        let of = classes.roots();
        let huddles = undecided(index, &facts, &of);
        let members = by_root(&of);
        (Self { of, members, seats }, huddles)
    }

    /// The databases of one server, each with its looks.
    pub(super) fn databases(
        &self,
        index: &Index<'_>,
        members: &[usize],
    ) -> BTreeMap<DatabaseKey, Vec<usize>> {
        let oid = |place: usize| {
            self.seats[place].or_else(|| index.looks[place].fingerprint().database_oid)
        };
        let name = |place: usize| &index.looks[place].fingerprint().database;
        let named: BTreeMap<&str, u32> =
            members.iter().filter_map(|it| Some((&**name(*it), oid(*it)?))).collect();
        let mut databases: BTreeMap<DatabaseKey, Vec<usize>> = BTreeMap::new();
        for place in members {
            let key = match oid(*place).or_else(|| named.get(&**name(*place)).copied()) {
                Some(oid) => DatabaseKey::Oid(oid),
                None => DatabaseKey::Name(name(*place).clone()),
            };
            databases.entry(key).or_default().push(*place);
        }
        databases
    }

    pub(super) fn one_server(&self, one: usize, other: usize) -> bool {
        self.of[one] == self.of[other]
    }
}

/// One tenant's targets with equal facts need no witness: nothing is told between them.
fn join_own(index: &Index<'_>, facts: &[Facts], classes: &mut Classes) {
    let mut order: Vec<usize> = (0..facts.len()).filter(|it| facts[*it].complete()).collect();
    let key = |place: usize| (index.looks[place].tenant(), facts[place]);
    order.sort_by_key(|it| key(*it));
    for pair in order.windows(2) {
        if key(pair[0]) == key(pair[1]) {
            classes.join(pair[0], pair[1]);
        }
    }
}

/// What a witness could say of one look.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    /// The groups in which it was seen.
    groups: Vec<usize>,
    doubt: Doubt,
}

fn undecided(index: &Index<'_>, facts: &[Facts], of: &[usize]) -> Vec<Huddle> {
    let standings = standings(index);
    let mut huddles = BTreeSet::new();
    meet(facts, |ones, others| {
        let one_tenant = index.looks[ones[0]].tenant();
        if ones.iter().chain(others).all(|it| index.looks[*it].tenant() == one_tenant)
            || ones.iter().chain(others).all(|it| of[*it] == of[ones[0]])
        {
            return;
        }
        let (ones, others) = (by_standing(ones, &standings), by_standing(others, &standings));
        for (one, left) in &ones {
            for (other, right) in &others {
                if !one.groups.iter().any(|it| other.groups.contains(it)) {
                    huddles.extend(huddle(index, (one, left), (other, right)));
                }
            }
        }
    });
    for witnessed in index.case.witnessed {
        huddles.extend(pairs(index, witnessed, of));
        huddles.extend(restarted(index, witnessed, facts));
    }
    huddles.into_iter().collect()
}

fn standings(index: &Index<'_>) -> BTreeMap<usize, Standing> {
    let mut standings: BTreeMap<usize, Standing> = BTreeMap::new();
    for (group, witnessed) in index.case.witnessed.iter().enumerate() {
        let blind: BTreeMap<_, _> = witnessed.blind.iter().copied().collect();
        for target in &witnessed.members {
            let Some(place) = index.place(*target) else { continue };
            let standing = standings
                .entry(place)
                .or_insert(Standing { groups: Vec::new(), doubt: Doubt::NotTried });
            match blind.get(target) {
                Some(doubt) => standing.doubt = *doubt,
                None => standing.groups.push(group),
            }
        }
    }
    standings
}

fn by_standing(
    places: &[usize],
    standings: &BTreeMap<usize, Standing>,
) -> BTreeMap<Standing, Vec<usize>> {
    let mut groups: BTreeMap<Standing, Vec<usize>> = BTreeMap::new();
    let nothing = Standing { groups: Vec::new(), doubt: Doubt::NotTried };
    for place in places {
        let standing = standings.get(place).unwrap_or(&nothing).clone();
        groups.entry(standing).or_default().push(*place);
    }
    groups
}

fn huddle(
    index: &Index<'_>,
    (one, left): (&Standing, &[usize]),
    (other, right): (&Standing, &[usize]),
) -> Option<Huddle> {
    let tenants = |it: &[usize]| tenants_of(it.iter().map(|it| index.looks[*it].target));
    let (ones, others) = (tenants(left), tenants(right));
    if ones.len() == 1 && ones == others {
        return None;
    }
    Some(match (one.groups.is_empty(), other.groups.is_empty()) {
        (true, _) => Huddle { ones, others, reason: Why::Blind(one.doubt) },
        (false, true) => Huddle { ones: others, others: ones, reason: Why::Blind(other.doubt) },
        (false, false) => Huddle { ones, others, reason: Why::Pair(Doubt::NotTried) },
    })
}

fn pairs<'a>(
    index: &'a Index<'_>,
    witnessed: &'a Witnessed,
    of: &'a [usize],
) -> impl Iterator<Item = Huddle> + 'a {
    witnessed.undecided.iter().filter_map(|(one, other, doubt)| {
        let same = of[index.place(*one)?] == of[index.place(*other)?];
        (!same && one.tenant != other.tenant).then(|| Huddle {
            ones: BTreeSet::from([one.tenant.min(other.tenant)]),
            others: BTreeSet::from([one.tenant.max(other.tenant)]),
            reason: Why::Pair(*doubt),
        })
    })
}

/// A server that was restarted while we scanned was seen with two start times. Its targets were put before the
/// witness together; where one of them stayed blind, the differing start proves nothing.
fn restarted(index: &Index<'_>, witnessed: &Witnessed, facts: &[Facts]) -> Vec<Huddle> {
    let lasting = |place: usize| Facts { started: None, recovery: None, ..facts[place] };
    let mut huddles = Vec::new();
    for (target, doubt) in &witnessed.blind {
        let Some(blind) = index.place(*target) else { continue };
        let others: BTreeSet<u32> = witnessed
            .members
            .iter()
            .filter_map(|it| index.place(*it))
            .filter(|it| {
                facts[*it].system.is_some()
                    && !facts[*it].agree(facts[blind])
                    && lasting(*it).agree(lasting(blind))
                    && index.looks[*it].tenant() != target.tenant
            })
            .map(|it| index.looks[it].tenant())
            .collect();
        if !others.is_empty() {
            let ones = BTreeSet::from([target.tenant]);
            huddles.push(Huddle { ones, others, reason: Why::Blind(*doubt) });
        }
    }
    huddles
}
