//! The demonstration's clusters, tenants and faults.
//!
//! Why one fault to a cluster: a report that names two faults of one server leaves the newcomer to guess which of them
//! was planted.

use std::collections::VecDeque;

use futures_util::future::{try_join, try_join_all};

use super::{Explanation, Fleet, Row};
use crate::local::LocalError;
use crate::local::binaries::Binaries;
use crate::local::cluster::{Cluster, Shutdown, random_password};
use crate::local::ground::Ground;
use crate::local::pooler::{self, PoolMode, Pooler, Route};
use crate::secret::Secret;

/// The database that every application has: equal names, as in real fleets, prove nothing.
const DATABASE: &str = "app";

/// The clusters that are made anew; the standby and the clone are copied from two of them.
const CLUSTERS: [&str; 10] = [
    "acme",
    "globex",
    "initech",
    "hooli",
    "wayne",
    "vandelay",
    "soylent",
    "tyrell",
    "cyberdyne",
    "wonka",
];

pub(super) async fn build(progress: &(dyn Fn(&str) + Sync)) -> Result<Fleet, LocalError> {
    let binaries = Binaries::find()?;
    let ground = Ground::create()?;
    progress(&format!("starting {} clusters of PostgreSQL {}", CLUSTERS.len(), binaries.version));
    let made = CLUSTERS.map(|name| Cluster::create(&ground, &binaries, name));
    let mut fresh = VecDeque::from(try_join_all(made).await?);
    let mut stage = Stage::new(ground);
    progress("creating tenants");
    stage.clean(take(&mut fresh, 3)).await?;
    stage.same_database(take(&mut fresh, 1)).await?;
    stage.pooled(take(&mut fresh, 1)).await?;
    stage.same_server(take(&mut fresh, 1)).await?;
    let (primaries, others) = (take(&mut fresh, 2), fresh);
    progress("copying a standby and a snapshot");
    stage.copies(primaries).await?;
    stage.broken(others.into()).await?;
    Ok(stage.finish())
}

fn take(clusters: &mut VecDeque<Cluster>, count: usize) -> Vec<Cluster> {
    clusters.drain(..count.min(clusters.len())).collect()
}

/// What has been built so far.
struct Stage {
    ground: Ground,
    rows: Vec<Row>,
    explanations: Vec<Explanation>,
    left_out: Vec<String>,
    clusters: Vec<Cluster>,
    poolers: Vec<Pooler>,
}

impl Stage {
    fn new(ground: Ground) -> Self {
        Self {
            ground,
            rows: Vec::new(),
            explanations: Vec::new(),
            left_out: Vec::new(),
            clusters: Vec::new(),
            poolers: Vec::new(),
        }
    }

    fn finish(self) -> Fleet {
        Fleet {
            rows: self.rows,
            explanations: self.explanations,
            left_out: self.left_out,
            _clusters: self.clusters,
            _poolers: self.poolers,
            _ground: self.ground,
        }
    }

    fn tenant(&mut self, id: &str, name: &str, database_url: String) {
        self.rows.push(Row {
            id: id.to_owned(),
            name: name.to_owned(),
            subdomain: id.to_owned(),
            database_url: Secret::new(database_url),
        });
    }

    fn explain(&mut self, tenants: &[&str], why: &str) {
        let tenants = tenants.iter().map(|it| (*it).to_owned()).collect();
        self.explanations.push(Explanation { tenants, why: why.to_owned() });
    }

    /// Tenants as they should be.
    async fn clean(&mut self, clusters: Vec<Cluster>) -> Result<(), LocalError> {
        let names = ["acme", "globex", "initech"];
        let titles = ["Acme Chamber Orchestra", "Globex Brass", "Initech Strings"];
        for ((cluster, id), title) in clusters.into_iter().zip(names).zip(titles) {
            let password = application(&cluster, "app", DATABASE).await?;
            self.tenant(id, title, url(&cluster, "127.0.0.1", "app", &password, DATABASE)?);
            self.clusters.push(cluster);
        }
        let why = "a cluster each; the databases and roles have the same names and oids, which proves nothing";
        self.explain(&names, why);
        Ok(())
    }

    async fn same_database(&mut self, clusters: Vec<Cluster>) -> Result<(), LocalError> {
        for cluster in clusters {
            let password = application(&cluster, "hooli", DATABASE).await?;
            let other = random_password();
            cluster.create_role("umbrella", &other, "").await?;
            let grant = format!("grant connect on database {DATABASE} to umbrella");
            cluster.execute("postgres", &[&grant]).await?;
            for role in ["hooli", "umbrella"] {
                cluster.execute(DATABASE, &[&concerts(role)]).await?;
            }
            let (one, two) = (
                url(&cluster, "127.0.0.1", "hooli", &password, DATABASE)?,
                url(&cluster, "localhost", "umbrella", &other, DATABASE)?,
            );
            self.tenant("hooli", "Hooli Philharmonic", one);
            self.tenant("umbrella", "Umbrella Quartet", two);
            self.clusters.push(cluster);
        }
        self.explain(
            &["hooli", "umbrella"],
            "one database under two host names and two roles: they read and write each other's data",
        );
        Ok(())
    }

    async fn pooled(&mut self, clusters: Vec<Cluster>) -> Result<(), LocalError> {
        if pooler::program().is_none() {
            self.left_out.push("no tenant behind a pooler: PgBouncer is not installed".to_owned());
            return Ok(());
        }
        for cluster in clusters {
            let password = application(&cluster, "app", DATABASE).await?;
            let route =
                Route { alias: DATABASE, cluster: &cluster, database: DATABASE, roles: &["app"] };
            let mode = PoolMode::Transaction;
            let pooler = Pooler::start(&self.ground, "pgbouncer", mode, &[route]).await?;
            let (port, password) = (pooler.port(), password.expose());
            let through = format!("postgres://app:{password}@127.0.0.1:{port}/{DATABASE}");
            self.tenant("wayne", "Wayne Symphony", through);
            self.clusters.push(cluster);
            self.poolers.push(pooler);
        }
        self.explain(&["wayne"], "a cluster of its own behind PgBouncer in transaction mode");
        Ok(())
    }

    async fn same_server(&mut self, clusters: Vec<Cluster>) -> Result<(), LocalError> {
        for cluster in clusters {
            for (id, title) in [("vandelay", "Vandelay Opera"), ("kramerica", "Kramerica Choir")] {
                let password = application(&cluster, id, id).await?;
                self.tenant(id, title, url(&cluster, "127.0.0.1", id, &password, id)?);
            }
            self.clusters.push(cluster);
        }
        self.explain(
            &["kramerica", "vandelay"],
            "two databases on one server: they share its memory, its disk and its downtime",
        );
        Ok(())
    }

    async fn copies(&mut self, clusters: Vec<Cluster>) -> Result<(), LocalError> {
        let Ok([streamed, cloned]) = <[Cluster; 2]>::try_from(clusters) else { return Ok(()) };
        let (first, second) = try_join(
            application(&streamed, "app", DATABASE),
            application(&cloned, "app", DATABASE),
        )
        .await?;
        let (standby, clone) =
            try_join(streamed.standby("oscorp", None), cloned.snapshot("tyrell-staging")).await?;
        // A password of its own, so that the clone is told for its data alone.
        let fresh = random_password();
        let alter = format!("alter role app password '{}'", fresh.expose());
        clone.execute("postgres", &[&alter]).await?;
        let reader = random_password();
        streamed.create_role("reader", &reader, "").await?;
        let grant = format!("grant connect on database {DATABASE} to reader");
        streamed.execute("postgres", &[&grant]).await?;
        standby.caught_up_with(&streamed).await?;
        let host = "127.0.0.1";
        self.tenant("soylent", "Soylent Ensemble", url(&streamed, host, "app", &first, DATABASE)?);
        self.tenant("oscorp", "Oscorp Sinfonia", url(&standby, host, "reader", &reader, DATABASE)?);
        self.tenant("tyrell", "Tyrell Baroque", url(&cloned, host, "app", &second, DATABASE)?);
        let staging = url(&clone, host, "app", &fresh, DATABASE)?;
        self.tenant("tyrell-staging", "Tyrell Baroque (copy)", staging);
        self.explain(
            &["oscorp", "soylent"],
            "oscorp's server is a streaming standby of soylent's: it reads soylent's live data",
        );
        self.explain(
            &["tyrell", "tyrell-staging"],
            "separate servers, one started from a snapshot of the other: the same ancestor, nothing live is shared",
        );
        self.clusters.extend([streamed, cloned, standby, clone]);
        Ok(())
    }

    async fn broken(&mut self, clusters: Vec<Cluster>) -> Result<(), LocalError> {
        let Ok([mut down, locked]) = <[Cluster; 2]>::try_from(clusters) else { return Ok(()) };
        let password = application(&down, "app", DATABASE).await?;
        let address = url(&down, "127.0.0.1", "app", &password, DATABASE)?;
        down.stop(Shutdown::Fast).await?;
        self.tenant("cyberdyne", "Cyberdyne Percussion", address);
        self.explain(&["cyberdyne"], "its server is down");
        // The right password is not the one in the registry.
        application(&locked, "app", DATABASE).await?;
        let wrong = url(&locked, "127.0.0.1", "app", &random_password(), DATABASE)?;
        self.tenant("wonka", "Wonka Winds", wrong);
        self.explain(&["wonka"], "the registry has a wrong password for it");
        self.clusters.extend([down, locked]);
        Ok(())
    }
}

/// A role with a database of its own; its password.
async fn application(cluster: &Cluster, role: &str, database: &str) -> Result<Secret, LocalError> {
    let password = random_password();
    cluster.create_role(role, &password, "").await?;
    cluster.create_database(database, role).await?;
    Ok(password)
}

/// Something of the tenant's own, in a schema of its own.
fn concerts(role: &str) -> String {
    format!(
        "create schema {role} authorization {role}; set role {role}; \
         create table {role}.concerts (id int generated always as identity primary key, title text not null); \
         insert into {role}.concerts (title) select 'Concert ' || it from generate_series(1, 200) it; reset role"
    )
}

fn url(
    cluster: &Cluster,
    host: &str,
    role: &str,
    password: &Secret,
    database: &str,
) -> Result<String, LocalError> {
    let (port, password) = (cluster.port()?, password.expose());
    Ok(format!("postgres://{role}:{password}@{host}:{port}/{database}"))
}
