//! The labelled fleet: real tenants, how each was built, and what a truthful report must say of it.
//!
//! Why labels come from the building and not from looking: a check that asks the servers the same questions as the
//! program would share its mistakes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use tokio::task::JoinSet;
use watertight::local::LocalError;
use watertight::local::binaries::Binaries;
use watertight::local::cluster::{Cluster, identifier, random_password};
use watertight::local::ground::Ground;
use watertight::local::pooler::Pooler;
use watertight::model::finding::{Health, Kind, Verdict};
use watertight::model::observation::Cause;

use crate::{copied_tenants, failing_tenants, hostile_tenants, related_tenants};

/// What the tenants' own roles may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// A role that may log in, and nothing more.
    Plain,
    Monitor,
}

/// A tenant as a registry knows it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) database_url: String,
    pub(crate) endpoints: Vec<(String, String)>,
    pub(crate) databases: Vec<(String, String)>,
}

/// What must be said of a tenant. Several words where the evidence that the role can have allows several.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) built: &'static str,
    pub(crate) health: Vec<Health>,
    pub(crate) cause: Option<Cause>,
    pub(crate) isolation: Vec<Verdict>,
}

/// What a pair of tenants is to each other, and how it may be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bond {
    /// Must be told as this.
    Told(Kind),
    /// Told as this, or neither of the two is called isolated.
    ToldOrUnverified(Kind),
    /// Nothing more than an ancestor is shared with a tenant that cannot be told apart further.
    AncestorOrNothing,
}

#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) rows: Vec<Row>,
    pub(crate) expected: BTreeMap<String, Expected>,
    /// Pairs in the order of their ids. All others must be apart.
    pub(crate) bonds: BTreeMap<(String, String), Bond>,
    /// Findings beside relations that must be there; no other that breaches isolation may be.
    pub(crate) singles: Vec<(Kind, BTreeSet<String>)>,
    pub(crate) left_out: Vec<String>,
    // Alive as long as the fleet.
    pub(crate) clusters: Vec<Cluster>,
    pub(crate) poolers: Vec<Pooler>,
    pub(crate) tasks: Vec<JoinSet<()>>,
}

impl Part {
    pub(crate) fn tenant(&mut self, id: &str, database_url: String, expected: Expected) {
        self.rows.push(Row {
            id: id.to_owned(),
            database_url,
            endpoints: Vec::new(),
            databases: Vec::new(),
        });
        self.expected.insert(id.to_owned(), expected);
    }

    pub(crate) fn bond(&mut self, one: &str, other: &str, bond: Bond) {
        let (one, other) = if one < other { (one, other) } else { (other, one) };
        self.bonds.insert((one.to_owned(), other.to_owned()), bond);
    }

    /// Every two of them.
    pub(crate) fn all_told(&mut self, ids: &[&str], kind: Kind) {
        for (at, one) in ids.iter().enumerate() {
            for other in &ids[at + 1..] {
                self.bond(one, other, Bond::Told(kind));
            }
        }
    }

    fn absorb(&mut self, mut other: Self) {
        self.rows.append(&mut other.rows);
        self.expected.append(&mut other.expected);
        self.bonds.append(&mut other.bonds);
        self.singles.append(&mut other.singles);
        self.left_out.append(&mut other.left_out);
        self.clusters.append(&mut other.clusters);
        self.poolers.append(&mut other.poolers);
        self.tasks.append(&mut other.tasks);
    }
}

impl Expected {
    /// Answers, and the verdict is this.
    pub(crate) fn well(built: &'static str, isolation: Verdict) -> Self {
        let health = vec![Health::Healthy, Health::Degraded];
        Self { built, health, cause: None, isolation: vec![isolation] }
    }

    pub(crate) fn or_unverified(mut self) -> Self {
        self.isolation.push(Verdict::Unverified);
        self
    }

    pub(crate) fn failing(built: &'static str, cause: Cause) -> Self {
        let (health, isolation) = (vec![Health::Unhealthy], vec![Verdict::Unverified]);
        Self { built, health, cause: Some(cause), isolation }
    }
}

/// Where the fleet is built.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) ground: Ground,
    pub(crate) binaries: Binaries,
    pub(crate) sight: Sight,
}

impl Site {
    pub(crate) async fn cluster(&self, name: &str) -> Result<Cluster, LocalError> {
        Cluster::create(&self.ground, &self.binaries, name).await
    }

    /// A role with a database of its own; its password.
    pub(crate) async fn owner(
        &self,
        cluster: &Cluster,
        role: &str,
        database: &str,
    ) -> Result<String, LocalError> {
        let password = self.role(cluster, role).await?;
        cluster.create_database(database, role).await?;
        Ok(password)
    }

    /// A role that may connect to another's database; its password.
    pub(crate) async fn guest(
        &self,
        cluster: &Cluster,
        role: &str,
        database: &str,
    ) -> Result<String, LocalError> {
        let password = self.role(cluster, role).await?;
        let grant =
            format!("grant connect on database {} to {}", identifier(database), identifier(role));
        cluster.execute("postgres", &[&grant]).await?;
        Ok(password)
    }

    pub(crate) async fn role(&self, cluster: &Cluster, role: &str) -> Result<String, LocalError> {
        let password = random_password();
        cluster.create_role(role, &password, "").await?;
        if self.sight == Sight::Monitor {
            let grant = format!("grant pg_monitor to {}", identifier(role));
            cluster.execute("postgres", &[&grant]).await?;
        }
        Ok(password.expose().to_owned())
    }

    /// Copies keep passwords, and equal ones are a finding of their own; its new password.
    pub(crate) async fn new_password(
        &self,
        cluster: &Cluster,
        role: &str,
    ) -> Result<String, LocalError> {
        let password = random_password().expose().to_owned();
        let alter = format!("alter role {} password '{password}'", identifier(role));
        cluster.execute("postgres", &[&alter]).await?;
        Ok(password)
    }
}

pub(crate) fn url(host: &str, port: u16, role: &str, password: &str, database: &str) -> String {
    format!("postgres://{role}:{password}@{host}:{port}/{database}")
}

/// To the cluster itself, by the address that it listens at.
pub(crate) fn direct(
    cluster: &Cluster,
    role: &str,
    password: &str,
    database: &str,
) -> Result<String, LocalError> {
    Ok(url("127.0.0.1", cluster.port()?, role, password, database))
}

/// The running fleet. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct LabelledFleet {
    pub(crate) parts: Part,
    _ground: Ground,
}

impl LabelledFleet {
    pub(crate) async fn build(binaries: &Binaries, sight: Sight) -> Result<Self, LocalError> {
        let ground = Ground::create()?;
        let site = Site { ground: ground.clone(), binaries: binaries.clone(), sight };
        let (related, copied, hostile, failing) = tokio::try_join!(
            related_tenants::build(&site),
            copied_tenants::build(&site),
            hostile_tenants::build(&site),
            failing_tenants::build(&site),
        )?;
        let mut parts = related;
        for part in [copied, hostile, failing] {
            parts.absorb(part);
        }
        Ok(Self { parts, _ground: ground })
    }
}

/// The rows as a configuration file has them, in the order given.
pub(crate) fn to_toml(rows: &[Row]) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let table = |entries: &[(String, String)]| {
        let entries: Vec<String> =
            entries.iter().map(|(name, url)| format!("{name} = {}", quoted(url))).collect();
        format!("{{ {} }}", entries.join(", "))
    };
    let mut text = String::new();
    for row in rows {
        write!(
            text,
            "[[tenants]]\nid = {}\ndatabase_url = {}\nendpoints = {}\ndatabases = {}\n\n",
            quoted(&row.id),
            quoted(&row.database_url),
            table(&row.endpoints),
            table(&row.databases)
        )
        .expect("a string takes everything");
    }
    text
}
