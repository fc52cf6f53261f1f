//! A tiny notation for scans.
//!
//! Why a notation: a case of the detector is then a few lines that show what matters, and a new field of the model
//! changes this file and no case.
//!
//! One line per target, `acme sys=1 start=5 oid=16385`, or per further way to it, `acme/endpoints.replica …`; what is
//! left out is the line's own and unremarkable, `?` is withheld. Other lines begin with a word: `witness`, `stream`,
//! `policy`, `exception`, `baseline`, `change`, `password`, `stamp`, `before`, `duplicate`; of an inventory `provider`,
//! `listed`, `absent`, `elsewhere`, `made`, `busy`, `moving`, `ignore`; of tenants that left `grave`.

#![cfg(test)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Case, Detection, detect};
use crate::model::address::{Address, NamedProject, ProjectPlace, Provider, Route};
use crate::model::change::{Baseline, Change, Identity, PlannedKinds};
use crate::model::finding::Kind;
use crate::model::fingerprint::{Digest256, Fingerprint};
use crate::model::grave::GraveLook;
use crate::model::inventory::{Condition, Ignored, Inventory, Listed, Made};
use crate::model::observation::{
    Cause, Encryption, Failure, Observation, Outcome, Power, Reason, Sighting, Transport, Vitals,
};
use crate::model::operation::OperationId;
use crate::model::policy::{Exception, Isolation, Pattern, Policy};
use crate::model::relation::{Doubt, Receiver, Seat, Sender, StreamEnd, StreamLook, Witnessed};
use crate::model::stamp::{Expected, StampLook, StampVerdict};
use crate::model::tenant::{
    Duplicate, DuplicateField, Maintenance, Origin, Particulars, Target, TargetName, TargetRef,
    Tenant, TenantId,
};

/// Everything that a case borrows.
#[derive(Clone)]
pub(super) struct World {
    pub(super) tenants: Vec<Tenant>,
    pub(super) observations: Vec<Observation>,
    pub(super) witnessed: Vec<Witnessed>,
    pub(super) streams: Vec<StreamLook>,
    pub(super) credentials: Vec<(TargetRef, Digest256)>,
    pub(super) stamps: Vec<StampLook>,
    pub(super) duplicates: Vec<Duplicate>,
    pub(super) baselines: Vec<Baseline>,
    pub(super) changes: Vec<Change>,
    pub(super) answered_before: BTreeSet<TenantId>,
    pub(super) inventory: Option<Inventory>,
    pub(super) graves: Option<Vec<GraveLook>>,
    pub(super) policy: Policy,
}

pub(super) fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

pub(super) fn id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

impl World {
    pub(super) fn parse(text: &str) -> Self {
        let mut world = Self {
            tenants: Vec::new(),
            observations: Vec::new(),
            witnessed: Vec::new(),
            streams: Vec::new(),
            credentials: Vec::new(),
            stamps: Vec::new(),
            duplicates: Vec::new(),
            baselines: Vec::new(),
            changes: Vec::new(),
            answered_before: BTreeSet::new(),
            inventory: None,
            graves: None,
            policy: Policy::default(),
        };
        for (number, line) in text.lines().map(str::trim).filter(|it| !it.is_empty()).enumerate() {
            let words: Vec<&str> = line.split_whitespace().collect();
            world.line(u32::try_from(number).unwrap(), words[0], &Words::of(&words[1..]));
        }
        world
    }

    pub(super) fn case(&self) -> Case<'_> {
        Case {
            tenants: &self.tenants,
            observations: &self.observations,
            witnessed: &self.witnessed,
            streams: &self.streams,
            credentials: &self.credentials,
            stamps: &self.stamps,
            duplicates: &self.duplicates,
            baselines: &self.baselines,
            changes: &self.changes,
            answered_before: &self.answered_before,
            leftovers: &[],
            graves: self.graves.as_deref(),
            inventory: self.inventory.as_ref(),
            policy: &self.policy,
            now: now(),
        }
    }

    fn line(&mut self, number: u32, first: &str, words: &Words<'_>) {
        match first {
            "witness" => self.witness(words),
            "stream" => self.stream(words),
            "policy" => {
                self.policy.isolation = Isolation::parse(words.bare[0]).unwrap();
            }
            "exception" => self.policy.exceptions.push(Exception {
                kind: Kind::parse(words.bare[0]).unwrap(),
                tenants: words.bare[1..].iter().map(|it| Pattern((*it).into())).collect(),
                reason: "agreed".into(),
                until: words.get("until").map_or(Timestamp::MAX, |it| it.parse().unwrap()),
            }),
            "baseline" => self.baseline(words),
            "change" => self.changes.push(Change {
                tenants: words.bare.iter().map(|it| id(it)).collect(),
                kinds: words.get("kinds").map_or_else(PlannedKinds::default, |it| {
                    PlannedKinds::of(it.split(',').map(|it| Kind::parse(it).unwrap())).unwrap()
                }),
                reason: "planned".into(),
                ticket: None,
                by: "someone".into(),
                from: Timestamp::MIN,
                until: Timestamp::MAX,
            }),
            "password" => {
                let digest = Digest256::of(words.bare[0].as_bytes());
                let targets = words.bare[1..].iter().map(|it| (self.target(it), digest));
                let targets: Vec<_> = targets.collect();
                self.credentials.extend(targets);
            }
            "stamp" => self.stamp(words),
            "before" => self.answered_before = words.bare.iter().map(|it| id(it)).collect(),
            "duplicate" => self.duplicates.push(Duplicate {
                field: DuplicateField::Subdomain,
                value: words.bare[0].into(),
                tenants: words.bare[1..].iter().map(|it| id(it)).collect(),
                rows: words.bare[1..].iter().map(|_| origin()).collect(),
            }),
            "provider" => {
                let provider = words.bare[0].into();
                self.inventory = Some(Inventory { provider, ..Inventory::default() });
            }
            "listed" | "absent" | "elsewhere" | "made" | "busy" | "moving" | "ignore" => {
                let mut inventory = self.inventory.take().unwrap();
                stand(&mut inventory, first, words);
                self.inventory = Some(inventory.ordered());
            }
            "grave" => self.grave(number, words),
            name => self.look(number, name, words),
        }
    }

    fn look(&mut self, number: u32, name: &str, words: &Words<'_>) {
        let (tenant, target) = name.split_once('/').unwrap_or((name, "database_url"));
        let at = self.tenants.iter().position(|it| it.id == id(tenant)).unwrap_or_else(|| {
            self.tenants.push(tenant_row(tenant, words));
            self.tenants.len() - 1
        });
        let address = Arc::new(address(number, words));
        self.tenants[at].targets.push(Target { name: TargetName::parse(target).unwrap(), address });
        let target = TargetRef {
            tenant: u32::try_from(at).unwrap(),
            target: u32::try_from(self.tenants[at].targets.len() - 1).unwrap(),
        };
        if words.has("unasked") {
            return;
        }
        let outcome = outcome(number, words);
        self.observations.push(Observation { target, took: Duration::from_millis(5), outcome });
    }

    /// `grave acme known=7 sys=7`: a database of a tenant that left, and by which identifier it was known.
    fn grave(&mut self, number: u32, words: &Words<'_>) {
        let name = words.bare[0];
        let (tenant, target) = name.split_once('/').unwrap_or((name, "database_url"));
        let known = words.get("known").map(|it| Identity {
            system_identifier: Some(it.parse().unwrap()),
            database_oid: Some(16_384),
            database: "app".into(),
            timeline: None,
            project_id: None,
        });
        // Where another line's database is.
        let place = words.get("at").map_or(number, |it| it.parse().unwrap());
        self.graves.get_or_insert_default().push(GraveLook {
            tenant: id(tenant),
            operation: OperationId::of(1),
            left_at: Timestamp::UNIX_EPOCH,
            target: TargetName::parse(target).unwrap(),
            address: Arc::new(address(place, words)),
            known,
            outcome: outcome(number, words),
        });
    }

    pub(super) fn target(&self, name: &str) -> TargetRef {
        let (tenant, target) = name.split_once('/').unwrap_or((name, "database_url"));
        let target = TargetName::parse(target).unwrap();
        let at = self.tenants.iter().position(|it| it.id == id(tenant)).unwrap();
        let place = self.tenants[at].targets.iter().position(|it| it.name == target).unwrap();
        TargetRef { tenant: u32::try_from(at).unwrap(), target: u32::try_from(place).unwrap() }
    }

    /// `witness acme:16385=globex:16386 carol open=acme,carol blind=dave`: one group.
    fn witness(&mut self, words: &Words<'_>) {
        let mut witnessed = Witnessed::default();
        for word in &words.bare {
            witnessed.members.push(self.target(word));
        }
        for word in words.all("server") {
            let seats = word.split(',').map(|it| {
                let (name, oid) = it.split_once(':').unwrap();
                Seat { target: self.target(name), database_oid: oid.parse().unwrap() }
            });
            witnessed.servers.push(seats.collect());
        }
        for word in words.all("open") {
            let (one, other) = word.split_once(',').unwrap();
            witnessed.undecided.push((self.target(one), self.target(other), Doubt::NotCovered));
        }
        for word in words.all("blind") {
            witnessed.blind.push((self.target(word), Doubt::Denied));
        }
        let servers: Vec<TargetRef> =
            witnessed.servers.iter().flatten().map(|it| it.target).collect();
        witnessed.members.extend(servers);
        witnessed.members.extend(witnessed.blind.iter().map(|(it, _)| *it));
        witnessed.members.extend(witnessed.undecided.iter().flat_map(|it| [it.0, it.1]));
        witnessed.members.sort_unstable();
        witnessed.members.dedup();
        self.witnessed.push(witnessed);
    }

    /// `stream acme insert=100 slots=s1` or `stream replica received=90 from=10.0.0.1:5432 slot=s1`.
    fn stream(&mut self, words: &Words<'_>) {
        let number = |name: &str| words.get(name).map(|it| it.parse::<u64>().unwrap());
        let end = if let Some(insert) = number("insert") {
            StreamEnd::Primary { insert }
        } else {
            let from = words.get("from").map(|it| it.rsplit_once(':').unwrap());
            StreamEnd::Standby {
                received: number("received"),
                replayed: number("received"),
                receiver: (!words.has("detached")).then(|| Receiver {
                    sender_host: from.map(|it| it.0.into()),
                    sender_port: from.map(|it| it.1.parse().unwrap()),
                    slot: words.get("slot").map(Into::into),
                }),
            }
        };
        self.streams.push(StreamLook {
            target: self.target(words.bare[0]),
            timeline: words.get("tl").map(|it| it.parse().unwrap()),
            end,
            senders: words.get("sender").map(|_| Sender::default()).into_iter().collect(),
            active_slots: words.get("slots").map(Into::into).into_iter().collect(),
            fed_by: [("fed", true), ("unfed", false)]
                .into_iter()
                .filter_map(|(word, fed)| Some((self.target(words.get(word)?), fed)))
                .collect(),
        });
    }

    /// `stamp acme absent` or `stamp globex/databases.x for=acme`; `unstamped` where the store expects none.
    fn stamp(&mut self, words: &Words<'_>) {
        let word = words.bare[1..].iter().copied().find(|it| *it != "unstamped");
        let verdict = match (words.get("for"), word) {
            (Some(owner), _) => StampVerdict::Foreign(id(owner)),
            (None, Some("own")) => StampVerdict::Own,
            (None, Some("moved")) => StampVerdict::Moved,
            (None, Some("replaced")) => StampVerdict::Replaced,
            (None, Some("unsigned")) => StampVerdict::Unsigned,
            (None, Some("absent")) => StampVerdict::Absent,
            (None, Some("withheld")) => StampVerdict::Withheld,
            (None, word) => {
                assert_eq!(word, Some("unverifiable"));
                StampVerdict::Unverifiable
            }
        };
        let expected = if words.has("unstamped") { Expected::Nothing } else { Expected::Stamp };
        let target = self.target(words.bare[0]);
        self.stamps.push(StampLook { target, expected, verdict });
    }

    fn baseline(&mut self, words: &Words<'_>) {
        let (tenant, target) =
            words.bare[0].split_once('/').unwrap_or((words.bare[0], "database_url"));
        self.baselines.push(Baseline {
            tenant: id(tenant),
            target: TargetName::parse(target).unwrap(),
            identity: Identity {
                system_identifier: words.get("sys").map(|it| it.parse().unwrap()),
                database_oid: words.get("oid").map(|it| it.parse().unwrap()),
                database: words.get("db").unwrap_or("app").into(),
                timeline: words.get("tl").map(|it| it.parse().unwrap()),
                project_id: words.get("project").map(Into::into),
            },
            since: Timestamp::UNIX_EPOCH,
        });
    }
}

/// `listed abc name=x paused since=2026-11-23T11:30:00Z`, `made abc op=1 for=acme`, `ignore x* until=2027-01-01T00:00:00Z`.
fn stand(inventory: &mut Inventory, what: &str, words: &Words<'_>) {
    let name = words.bare[0];
    let operation = |digit: &str| OperationId::of(digit.parse().unwrap());
    match what {
        "listed" => inventory.projects.push(Listed {
            reference: name.into(),
            name: words.get("name").unwrap_or(name).into(),
            condition: match (words.has("paused"), words.has("going")) {
                (true, _) => Condition::Paused,
                (_, true) => Condition::Going,
                _ => Condition::Standing,
            },
            created_at: None,
            since: words.get("since").map_or(Timestamp::UNIX_EPOCH, |it| it.parse().unwrap()),
            branch: words.has("branch"),
        }),
        "absent" => drop(inventory.absent.insert(name.into())),
        "elsewhere" => drop(inventory.elsewhere.insert(name.into())),
        "made" => inventory.made.push(Made {
            reference: name.into(),
            operation: operation(words.get("op").unwrap()),
            tenant: id(words.get("for").unwrap()),
        }),
        "busy" => drop(inventory.busy.insert(operation(name))),
        "moving" => drop(inventory.moving.insert(id(name))),
        _ => inventory.ignored.push(Ignored {
            project: Pattern(name.into()),
            reason: "no tenant".into(),
            until: words.get("until").map(|it| it.parse().unwrap()),
        }),
    }
}

fn outcome(number: u32, words: &Words<'_>) -> Outcome {
    if let Some(cause) = words.get("failed") {
        let cause = Cause::parse(cause).unwrap();
        Outcome::Failed(Failure { cause, detail: "it failed".into() })
    } else if words.has("untried") {
        Outcome::NotTried(Reason::Cancelled)
    } else {
        Outcome::Seen(Box::new(sighting(number, words)))
    }
}

fn origin() -> Origin {
    Origin { source: "watertight.toml".into(), line: Some(1) }
}

fn tenant_row(name: &str, words: &Words<'_>) -> Tenant {
    Tenant {
        id: id(name),
        name: None,
        subdomain: None,
        environment: words.get("env").unwrap_or("production").into(),
        particulars: Particulars {
            clone_of: words.get("clone_of").map(id),
            maintenance: words
                .has("maintained")
                .then_some(Timestamp::MAX)
                .or_else(|| words.get("maintained").map(|it| it.parse().unwrap()))
                .map(|until| Maintenance { until, reason: "upgrade".into() }),
            ..Particulars::default()
        }
        .boxed(),
        origin: origin(),
        stale: false,
        targets: Vec::new(),
    }
}

fn address(number: u32, words: &Words<'_>) -> Address {
    let project = |word: &str| {
        let (place, id) = word.split_once(':').unwrap();
        let place = if place == "user" { ProjectPlace::User } else { ProjectPlace::Host };
        NamedProject { place, id: id.into() }
    };
    Address {
        host: format!("db{number}.example").into(),
        port: 5432,
        database: words.get("asks").unwrap_or("app").into(),
        role: "app".into(),
        provider: words.get("provider").map_or(Provider::Other, |it| Provider::parse(it).unwrap()),
        route: if words.has("pooled") { Route::SharedPooler } else { Route::Direct },
        projects: words.all("project").map(project).collect(),
    }
}

fn sighting(number: u32, words: &Words<'_>) -> Sighting {
    let own = |name: &str, default: u64| match words.get(name) {
        Some("?") => None,
        Some(value) => Some(value.parse::<u64>().unwrap()),
        None => Some(default),
    };
    let small = |name: &str, default: u64| own(name, default).map(|it| u32::try_from(it).unwrap());
    let flag = |name: &str| match words.get(name) {
        Some("?") => None,
        value => Some(value == Some("t")),
    };
    let given = |name: &str| words.get(name).map(|it| it.parse().unwrap());
    Sighting {
        fingerprint: Arc::new(Fingerprint {
            system_identifier: own("sys", 1000 + u64::from(number)),
            database_oid: small("oid", 16_384),
            database: words.get("db").unwrap_or("app").into(),
            timeline: small("tl", 1),
            in_recovery: flag("rec"),
            started_at: own("start", 1000 + u64::from(number)).map(|it| i64::try_from(it).unwrap()),
            server_version: given("version").unwrap_or(170_002),
            server_address: None,
            server_port: None,
            wal_position: None,
            wal_senders: small("senders", 0),
            wal_receiver: flag("receiver"),
            stamp: words.get("stamp").map(Into::into),
        }),
        transport: Transport {
            peer: (!words.has("socket")).then(|| {
                let ip =
                    words.get("ip").map_or_else(|| format!("10.0.0.{number}"), ToOwned::to_owned);
                std::net::SocketAddr::new(ip.parse().unwrap(), 5432)
            }),
            encryption: match words.get("tls") {
                Some("none") => Encryption::None,
                Some("unverified") => Encryption::Unverified,
                _ => Encryption::Verified,
            },
            direct: !words.has("pooled") && !words.has("relayed"),
        },
        vitals: Vitals {
            read_only: Some(words.has("readonly")),
            connections: given("connections"),
            max_connections: Some(100),
            transaction_age: given("age"),
            clock_skew_millis: words.get("skew").map(|it| it.parse().unwrap()),
        },
        powers: (words.get("power") != Some("?")).then(|| {
            words
                .all("power")
                .map(|name| Power::ALL.into_iter().find(|it| it.label() == name).unwrap())
                .collect()
        }),
    }
}

struct Words<'a> {
    bare: Vec<&'a str>,
    named: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    fn of(words: &[&'a str]) -> Self {
        let named = words.iter().filter_map(|it| it.split_once('=')).collect();
        let bare = words.iter().copied().filter(|it| !it.contains('=')).collect();
        Self { bare, named }
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.named.iter().filter(move |it| it.0 == name).map(|it| it.1)
    }

    fn has(&self, word: &str) -> bool {
        self.bare.contains(&word)
    }
}

/// The claims, one a line, and then each doubt.
pub(super) fn render(world: &World, detection: &Detection) -> String {
    let mut lines = String::new();
    for claim in &detection.claims {
        let names: Vec<&str> = claim.tenants.iter().map(TenantId::as_str).collect();
        lines.push_str(&format!(
            "{} {} {}: {}\n",
            claim.severity,
            claim.certainty,
            claim.kind,
            names.join(" ")
        ));
    }
    for (tenant, judged) in world.tenants.iter().zip(&detection.tenants) {
        for doubt in &judged.doubts {
            lines.push_str(&format!("{} ? {doubt}\n", tenant.id));
        }
    }
    lines
}

/// What the detector makes of a scan.
pub(super) fn told(scan: &str) -> String {
    let world = World::parse(scan);
    render(&world, &detect(&world.case()))
}
