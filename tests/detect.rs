//! Properties of the detector that hold for every fleet, not only for those that somebody thought of.
//!
//! Why against a plain model: fleets are drawn as servers with databases, so the truth about every pair is known by
//! looking, without any of the detector's own sets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::Index;
use watertight::detect::candidates::candidates;
use watertight::detect::lifecycle::{Examined, advance};
use watertight::detect::verdict::assemble;
use watertight::detect::{Case, Detection, detect};
use watertight::model::address::{Address, Provider, Route};
use watertight::model::change::{Change, PlannedKinds};
use watertight::model::finding::{Certainty, Claim, Finding, Kind, State, Verdict};
use watertight::model::fingerprint::Fingerprint;
use watertight::model::observation::{
    Cause, Encryption, Failure, Observation, Outcome, Sighting, Transport, Vitals,
};
use watertight::model::policy::{Isolation, Policy};
use watertight::model::relation::{Doubt, Seat, StreamEnd, StreamLook, Witnessed};
use watertight::model::tenant::{
    Maintenance, Origin, Particulars, Target, TargetName, TargetRef, Tenant, TenantId,
};

/// A running server: its lineage, and its own start.
const SERVERS: [(u64, i64, bool); 6] =
    [(1, 10, false), (1, 11, false), (1, 12, true), (2, 20, false), (2, 20, true), (3, 30, false)];

/// One way to one database, as it really is and as we see it.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each drawn by itself")]
struct Way {
    tenant: usize,
    server: usize,
    oid: u32,
    timeline: u32,
    stamp: bool,
    sees_system: bool,
    sees_start: bool,
    fails: bool,
    blind: bool,
}

#[derive(Clone, Debug)]
struct Fleet {
    ways: Vec<Way>,
    /// Pairs that the witness leaves open, as a mask over a simple hash of the pair.
    open: u32,
    isolation: Isolation,
    senders: bool,
}

fn way() -> impl Strategy<Value = Way> {
    let rare = || proptest::bool::weighted(0.12);
    let often = || proptest::bool::weighted(0.88);
    (0..7_usize, 0..SERVERS.len(), 5..8_u32, 1..3_u32, rare(), often(), often(), rare(), rare())
        .prop_map(
            |(tenant, server, oid, timeline, stamp, sees_system, sees_start, fails, blind)| Way {
                tenant,
                server,
                oid,
                timeline,
                stamp,
                sees_system,
                sees_start,
                fails,
                blind,
            },
        )
}

fn fleet() -> impl Strategy<Value = Fleet> {
    let isolation = prop::sample::select(Isolation::ALL.to_vec());
    (prop::collection::vec(way(), 1..14), any::<u32>(), isolation, any::<bool>())
        .prop_map(|(ways, open, isolation, senders)| Fleet { ways, open, isolation, senders })
}

/// A case's values, with the way behind each target.
struct World {
    tenants: Vec<Tenant>,
    observations: Vec<Observation>,
    witnessed: Vec<Witnessed>,
    streams: Vec<StreamLook>,
    policy: Policy,
    ways: BTreeMap<TargetRef, Way>,
}

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().expect("a time")
}

fn id(tenant: usize) -> TenantId {
    TenantId::parse(&format!("t{tenant}")).expect("an id")
}

impl World {
    /// `order` says in which order tenants stand in the registry; those that it does not name are left out.
    fn build(fleet: &Fleet, order: &[usize]) -> Self {
        let mut world = Self {
            tenants: Vec::new(),
            observations: Vec::new(),
            witnessed: Vec::new(),
            streams: Vec::new(),
            policy: Policy { isolation: fleet.isolation, ..Policy::default() },
            ways: BTreeMap::new(),
        };
        for tenant in order {
            let ways: Vec<&Way> = fleet.ways.iter().filter(|it| it.tenant == *tenant).collect();
            if !ways.is_empty() {
                world.tenant(fleet, *tenant, &ways);
            }
        }
        world.witness(fleet);
        world.look_closely(fleet);
        world
    }

    fn tenant(&mut self, fleet: &Fleet, tenant: usize, ways: &[&Way]) {
        let number = u32::try_from(self.tenants.len()).expect("a small fleet");
        for (target, way) in (0..).zip(ways) {
            let target = TargetRef { tenant: number, target };
            let took = Duration::from_millis(1);
            let outcome = outcome(fleet, way);
            self.observations.push(Observation { target, took, outcome });
            self.ways.insert(target, (*way).clone());
        }
        let name = |at: usize| match at {
            0 => TargetName::DatabaseUrl,
            _ => TargetName::Database(at.to_string().into()),
        };
        let targets = ways
            .iter()
            .enumerate()
            .map(|(at, way)| Target { name: name(at), address: std::sync::Arc::new(address(way)) });
        self.tenants.push(Tenant {
            id: id(tenant),
            name: None,
            subdomain: None,
            environment: "production".into(),
            particulars: None,
            origin: Origin { source: "test".into(), line: None },
            stale: false,
            targets: targets.collect(),
        });
    }

    /// A witness that tells the truth where it says anything.
    fn witness(&mut self, fleet: &Fleet) {
        let found = candidates(&self.tenants, &self.observations, now());
        for members in found.groups {
            let mut witnessed = Witnessed { members: members.clone(), ..Witnessed::default() };
            let mut servers: BTreeMap<usize, Vec<Seat>> = BTreeMap::new();
            for target in &members {
                let way = &self.ways[target];
                if way.blind {
                    witnessed.blind.push((*target, Doubt::Denied));
                } else {
                    let seat = Seat { target: *target, database_oid: way.oid };
                    servers.entry(way.server).or_default().push(seat);
                }
            }
            for (at, one) in members.iter().enumerate() {
                for other in &members[at + 1..] {
                    let (left, right) = (&self.ways[one], &self.ways[other]);
                    let bit =
                        (left.tenant * 7 + left.server + right.tenant * 7 + right.server) % 32;
                    let open = fleet.open >> bit & 3 == 3;
                    // A witness calls members apart whose own facts differ.
                    let open = open && alike(left, right);
                    if open && left.server != right.server && one.tenant != other.tenant {
                        witnessed.undecided.push((*one, *other, Doubt::NotCovered));
                    }
                }
            }
            witnessed.servers = servers.into_values().filter(|it| 1 < it.len()).collect();
            self.witnessed.push(witnessed);
        }
    }

    fn look_closely(&mut self, fleet: &Fleet) {
        let found = candidates(&self.tenants, &self.observations, now());
        for target in found.families.into_iter().flatten() {
            let way = &self.ways[&target];
            let standby =
                StreamEnd::Standby { received: Some(90), replayed: Some(90), receiver: None };
            let end =
                if SERVERS[way.server].2 { standby } else { StreamEnd::Primary { insert: 100 } };
            let senders = Vec::new();
            let timeline = fleet.senders.then_some(way.timeline);
            self.streams.push(StreamLook {
                target,
                timeline,
                end,
                senders,
                active_slots: Vec::new(),
                fed_by: Vec::new(),
            });
        }
    }

    fn case<'a>(&'a self, answered_before: &'a BTreeSet<TenantId>) -> Case<'a> {
        Case {
            tenants: &self.tenants,
            observations: &self.observations,
            witnessed: &self.witnessed,
            streams: &self.streams,
            credentials: &[],
            stamps: &[],
            duplicates: &[],
            baselines: &[],
            changes: &[],
            answered_before,
            leftovers: &[],
            graves: None,
            inventory: None,
            policy: &self.policy,
            now: now(),
        }
    }

    fn detect(&self) -> Detection {
        detect(&self.case(&BTreeSet::new()))
    }

    fn verdicts(&self) -> BTreeMap<TenantId, Verdict> {
        let nobody = BTreeSet::new();
        let case = self.case(&nobody);
        let detection = detect(&case);
        let examined = Examined::of(&case, &detection);
        let findings = advance(Vec::new(), detection.claims, &examined, &self.policy, now());
        let reports = assemble(&case, &detection.tenants, &findings);
        reports.into_iter().map(|it| (it.id, it.isolation)).collect()
    }

    /// Pairs of targets of different tenants that both answered.
    fn pairs(&self) -> Vec<(TargetRef, TargetRef)> {
        let seen: Vec<&TargetRef> =
            self.ways.iter().filter(|(_, way)| !way.fails).map(|(target, _)| target).collect();
        let pairs = seen
            .iter()
            .enumerate()
            .flat_map(|(at, one)| seen[at + 1..].iter().map(move |other| (**one, **other)));
        pairs.filter(|(one, other)| one.tenant != other.tenant).collect()
    }

    /// Another way of the same tenant to the same server, known by its facts, was seen by the witness.
    fn has_twin(&self, way: &Way) -> bool {
        let known = |it: &Way| it.sees_system && it.sees_start;
        let mut twins =
            self.ways.values().filter(|it| it.tenant == way.tenant && it.server == way.server);
        known(way) && twins.any(|it| known(it) && !it.blind && !it.fails)
    }

    fn name(&self, target: TargetRef) -> &TenantId {
        &self.tenants[target.tenant as usize].id
    }
}

fn address(way: &Way) -> Address {
    Address {
        host: format!("h{}", way.server).into(),
        port: 5432,
        database: format!("d{}", way.oid).into(),
        role: "app".into(),
        provider: Provider::Other,
        route: Route::Direct,
        projects: Vec::new(),
    }
}

fn outcome(fleet: &Fleet, way: &Way) -> Outcome {
    if way.fails {
        return Outcome::Failed(Failure { cause: Cause::Timeout, detail: "silent".into() });
    }
    let (system, started, standby) = SERVERS[way.server];
    Outcome::Seen(Box::new(Sighting {
        fingerprint: Arc::new(Fingerprint {
            system_identifier: way.sees_system.then_some(system),
            database_oid: Some(way.oid),
            database: format!("d{}", way.oid).into(),
            timeline: Some(way.timeline),
            in_recovery: Some(standby),
            started_at: way.sees_start.then_some(started),
            server_version: 170_000,
            server_address: None,
            server_port: None,
            wal_position: None,
            wal_senders: Some(u32::from(fleet.senders)),
            wal_receiver: Some(standby),
            stamp: way.stamp.then(|| "stamp".into()),
        }),
        transport: Transport {
            peer: Some(([10, 0, 0, 1], 5432).into()),
            encryption: Encryption::Verified,
            direct: true,
        },
        vitals: Vitals::default(),
        powers: None,
    }))
}

fn everybody() -> Vec<usize> {
    (0..7).collect()
}

fn by_id(world: &World, detection: &Detection) -> BTreeMap<TenantId, Vec<String>> {
    let tenants = world.tenants.iter().zip(&detection.tenants);
    tenants.map(|(tenant, judged)| (tenant.id.clone(), judged.doubts.clone())).collect()
}

fn stands(claims: &[Claim], kind: Kind, one: &TenantId, other: &TenantId) -> bool {
    claims
        .iter()
        .any(|it| it.kind == kind && it.tenants.contains(one) && it.tenants.contains(other))
}

/// Whether two ways agree in all that is seen of their servers.
fn alike(one: &Way, other: &Way) -> bool {
    let facts = |way: &Way| {
        let (system, started, standby) = SERVERS[way.server];
        (way.sees_system.then_some(system), way.sees_start.then_some(started), standby)
    };
    let ((s1, b1, r1), (s2, b2, r2)) = (facts(one), facts(other));
    agree(s1, s2) && agree(b1, b2) && r1 == r2
}

fn agree<T: Copy + PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.zip(other).is_none_or(|(one, other)| one == other)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_tenants_and_observations_does_not_matter(
        fleet in fleet(),
        order in Just(everybody()).prop_shuffle(),
        turns in any::<Index>(),
    ) {
        let plain = World::build(&fleet, &everybody());
        let mut mixed = World::build(&fleet, &order);
        let turn = turns.index(mixed.observations.len().max(1)).min(mixed.observations.len());
        mixed.observations.rotate_left(turn);
        mixed.observations.reverse();
        mixed.witnessed.reverse();
        mixed.streams.reverse();
        let (one, other) = (plain.detect(), mixed.detect());
        prop_assert_eq!(&one.claims, &other.claims);
        prop_assert_eq!(by_id(&plain, &one), by_id(&mixed, &other));
        prop_assert_eq!(one.baselines, other.baselines);
    }

    /// But for what is only probable: which primary feeds a standby is judged by all that could, so fewer candidates
    /// make a guess where there was none.
    #[test]
    fn removing_a_tenant_never_creates_a_proven_finding(fleet in fleet(), gone in 0..7_usize) {
        let streamless = fleet.ways.iter().all(|it| !SERVERS[it.server].2);
        let blind = fleet.ways.iter().any(|it| it.blind);
        let before = World::build(&fleet, &everybody()).detect();
        let rest: Vec<usize> = everybody().into_iter().filter(|it| *it != gone).collect();
        for claim in World::build(&fleet, &rest).detect().claims {
            let told = before.claims.iter().any(|it| it.kind == claim.kind && claim.tenants.is_subset(&it.tenants));
            let guess = claim.certainty == Certainty::Probable
                // A blind member is doubted with all of its group, which another tenant may have held together.
                || blind && matches!(claim.kind, Kind::SharedHost | Kind::ClonedLineage)
                || !streamless && matches!(claim.kind, Kind::ForeignStamp | Kind::ClonedLineage);
            prop_assert!(told || guess, "{:?} {:?} was not there before", claim.kind, claim.tenants);
        }
    }

    #[test]
    fn what_could_not_be_told_is_never_isolated(fleet in fleet()) {
        let world = World::build(&fleet, &everybody());
        let verdicts = world.verdicts();
        for (target, way) in &world.ways {
            prop_assert!(!way.fails || verdicts[world.name(*target)] != Verdict::Isolated);
        }
        for (one, other) in world.pairs() {
            let (left, right) = (&world.ways[&one], &world.ways[&other]);
            let alike = alike(left, right);
            let open = world.witnessed.iter().any(|it| {
                it.undecided.iter().any(|it| (it.0, it.1) == (one, other) || (it.1, it.0) == (one, other))
            });
            let blind = |way: &Way| way.blind && !world.has_twin(way);
            if alike && (blind(left) || blind(right) || open) {
                prop_assert!(verdicts[world.name(one)] != Verdict::Isolated);
                prop_assert!(verdicts[world.name(other)] != Verdict::Isolated);
            }
        }
    }

    #[test]
    fn every_related_pair_stands_in_a_finding_of_its_narrowest_relation(fleet in fleet()) {
        let world = World::build(&fleet, &everybody());
        let claims = world.detect().claims;
        for (one, other) in world.pairs() {
            let (left, right) = (&world.ways[&one], &world.ways[&other]);
            if left.server != right.server || left.blind || right.blind {
                continue;
            }
            let (one, other) = (world.name(one), world.name(other));
            let database = stands(&claims, Kind::SharedDatabase, one, other);
            let server = database || stands(&claims, Kind::SharedCluster, one, other);
            prop_assert!(left.oid != right.oid || database, "{one} and {other} are one database");
            prop_assert!(fleet.isolation == Isolation::Database || server, "{one} and {other} are one server");
        }
    }

    #[test]
    fn nothing_is_told_of_tenants_that_have_nothing_in_common(fleet in fleet()) {
        let world = World::build(&fleet, &everybody());
        let related = |claim: &Claim, same: &dyn Fn(&Way, &Way) -> bool| {
            claim.tenants.iter().all(|member| {
                fleet.ways.iter().filter(|it| id(it.tenant) == *member).any(|one| {
                    let others = fleet.ways.iter().filter(|it| it.tenant != one.tenant);
                    let mut others = others.filter(|it| claim.tenants.contains(&id(it.tenant)));
                    others.any(|other| same(one, other))
                })
            })
        };
        let lineage = |way: &Way| SERVERS[way.server].0;
        for claim in world.detect().claims {
            let right = match claim.kind {
                Kind::SharedDatabase => related(&claim, &|one, other| one.server == other.server && one.oid == other.oid),
                Kind::SharedCluster => related(&claim, &|one, other| one.server == other.server),
                Kind::SharedReplication => related(&claim, &|one, other| {
                    let standby = SERVERS[one.server].2 || SERVERS[other.server].2;
                    // A withheld identifier may be any; a server of several ways knows it from the others.
                    standby && lineage(one) == lineage(other) || one.server == other.server
                }),
                Kind::ClonedLineage => related(&claim, &|one, other| lineage(one) == lineage(other) && one.server != other.server),
                Kind::ForeignStamp => related(&claim, &|one, other| one.stamp && other.stamp),
                Kind::SharedHost => fleet.isolation <= Isolation::Host,
                Kind::Unhealthy => fleet.ways.iter().any(|it| it.fails && claim.tenants.contains(&id(it.tenant))),
                _ => false,
            };
            prop_assert!(right, "{:?} {:?}", claim.kind, claim.tenants);
        }
    }

    #[test]
    fn a_window_and_an_announced_change_soften_nothing_but_health(fleet in fleet()) {
        let mut world = World::build(&fleet, &everybody());
        let before = world.detect();
        let change = Change {
            tenants: world.tenants.iter().map(|it| it.id.clone()).collect(),
            kinds: PlannedKinds::of(Kind::ALL.iter().copied().filter(|it| it.may_be_announced())).expect("some may"),
            reason: "upgrade".into(),
            ticket: None,
            by: "somebody".into(),
            from: Timestamp::MIN,
            until: Timestamp::MAX,
        };
        for tenant in &mut world.tenants {
            let maintenance = Some(Maintenance { until: Timestamp::MAX, reason: "upgrade".into() });
            tenant.particulars = Particulars { maintenance, ..Particulars::default() }.boxed();
        }
        let nobody = BTreeSet::new();
        let after = detect(&Case { changes: &[change], ..world.case(&nobody) });
        let isolation = |it: &Detection| {
            it.claims.iter().filter(|it| !it.kind.is_health()).cloned().collect::<Vec<_>>()
        };
        prop_assert_eq!(isolation(&before), isolation(&after));
        prop_assert!(!after.claims.iter().any(|it| it.kind.is_health()));
        prop_assert_eq!(before.tenants, after.tenants);
    }

    /// Nothing has changed, but the second scan reaches fewer of the targets.
    #[test]
    fn who_shared_and_could_not_be_looked_at_again_still_shares(fleet in fleet(), silent in any::<u16>()) {
        let sharing = |it: &Finding| {
            it.state != State::Resolved && matches!(it.claim.kind, Kind::SharedDatabase | Kind::SharedCluster)
        };
        let scan = |fleet: &Fleet, before: Vec<Finding>| {
            let (world, nobody) = (World::build(fleet, &everybody()), BTreeSet::new());
            let case = world.case(&nobody);
            let detection = detect(&case);
            let examined = Examined::of(&case, &detection);
            advance(before, detection.claims, &examined, &world.policy, now())
        };
        let first = scan(&fleet, Vec::new());
        let mut fewer = fleet.clone();
        for (number, way) in fewer.ways.iter_mut().enumerate() {
            way.fails |= silent >> number & 1 == 1;
        }
        let second: Vec<Finding> = scan(&fewer, first.clone()).into_iter().filter(|it| sharing(it)).collect();
        for finding in first.iter().filter(|it| sharing(it)) {
            for (one, other) in finding.claim.tenants.iter().zip(finding.claim.tenants.iter().skip(1)) {
                let together = second.iter().any(|it| it.claim.tenants.contains(one) && it.claim.tenants.contains(other));
                prop_assert!(together, "{one} and {other}");
            }
        }
    }

    #[test]
    fn a_group_keeps_its_id_while_it_grows_and_shrinks(
        steps in prop::collection::vec(prop::collection::btree_set(0..12_usize, 2..6), 1..6),
    ) {
        // One member is in every group: the trouble goes on.
        let claim = |members: &BTreeSet<usize>| Claim {
            kind: Kind::SharedCluster,
            severity: watertight::model::finding::Severity::Critical,
            certainty: Certainty::Proven,
            tenants: members.iter().map(|it| id(*it)).chain([id(6)]).collect(),
            summary: String::new(),
            evidence: watertight::model::finding::Evidence::default(),
            remediation: Vec::new(),
        };
        let examined = Examined { apart: (0..12).map(id).collect(), ..Examined::default() };
        let mut findings = Vec::new();
        let mut ids = BTreeSet::new();
        for members in &steps {
            findings = advance(findings, vec![claim(members)], &examined, &Policy::default(), now());
            prop_assert_eq!(findings.len(), 1);
            ids.insert(findings[0].id);
        }
        prop_assert_eq!(ids.len(), 1);
    }
}
