//! Tenants on one database or one server, and those that only look alike.

use futures_util::future::try_join_all;
use watertight::local::LocalError;
use watertight::local::pooler::{self, PoolMode, Pooler, Route};
use watertight::model::finding::{Kind, Verdict};

use crate::labelled_fleet::{Expected, Part, Site, direct, url};

pub(crate) async fn build(site: &Site) -> Result<Part, LocalError> {
    let mut part = Part::default();
    fresh(site, &mut part).await?;
    one_database(site, &mut part).await?;
    one_server(site, &mut part).await?;
    one_password(site, &mut part).await?;
    own_ways(site, &mut part).await?;
    Ok(part)
}

/// Equal names of databases and roles, equal oids, equal versions: strangers all the same.
async fn fresh(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let ids = ["fresh-1", "fresh-2", "fresh-3", "fresh-4", "fresh-5", "fresh-6"];
    let clusters = try_join_all(ids.map(|id| site.cluster(id))).await?;
    for (cluster, id) in clusters.into_iter().zip(ids) {
        let password = site.owner(&cluster, "app", "app").await?;
        let expected = Expected::well("a fresh cluster of its own", Verdict::Isolated);
        part.tenant(id, direct(&cluster, "app", &password, "app")?, expected);
        part.clusters.push(cluster);
    }
    Ok(())
}

async fn one_database(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let cluster = site.cluster("shared").await?;
    let mut ids = vec!["shared-direct", "shared-alias", "shared-role"];
    let breached = |built| Expected::well(built, Verdict::Breached);
    let password = site.owner(&cluster, "owner", "app").await?;
    part.tenant(
        "shared-direct",
        direct(&cluster, "owner", &password, "app")?,
        breached("its database is in six rows"),
    );
    let password = site.guest(&cluster, "alias", "app").await?;
    part.tenant(
        "shared-alias",
        url("localhost", cluster.port()?, "alias", &password, "app"),
        breached("the same database by another host name"),
    );
    let password = site.guest(&cluster, "other", "app").await?;
    part.tenant(
        "shared-role",
        direct(&cluster, "other", &password, "app")?,
        breached("the same database as a different role"),
    );
    if pooler::program().is_none() {
        part.left_out.push("three tenants behind PgBouncer: it is not installed".to_owned());
    } else {
        for (mode, id, alias) in [
            (PoolMode::Session, "shared-session", "app"),
            (PoolMode::Transaction, "shared-transaction", "ledger"),
            (PoolMode::Statement, "shared-statement", "app"),
        ] {
            let role = mode.label();
            let password = site.guest(&cluster, role, "app").await?;
            let route = Route { alias, cluster: &cluster, database: "app", roles: &[role] };
            let pooler = Pooler::start(&site.ground, id, mode, &[route]).await?;
            let through = url("127.0.0.1", pooler.port(), role, &password, alias);
            part.tenant(id, through, breached("the same database through a pooler"));
            part.poolers.push(pooler);
            ids.push(id);
        }
    }
    part.all_told(&ids, Kind::SharedDatabase);
    part.clusters.push(cluster);
    Ok(())
}

async fn one_server(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let cluster = site.cluster("block").await?;
    for (id, database) in [("block-north", "north"), ("block-south", "south")] {
        let password = site.owner(&cluster, database, database).await?;
        let expected = Expected::well("its own database on a shared server", Verdict::Breached);
        part.tenant(id, direct(&cluster, database, &password, database)?, expected);
    }
    let password = site.guest(&cluster, "lodger", "south").await?;
    let expected = Expected::well("in block-south's database", Verdict::Breached);
    part.tenant("block-lodger", direct(&cluster, "lodger", &password, "south")?, expected);
    part.all_told(&["block-north", "block-south", "block-lodger"], Kind::SharedCluster);
    part.all_told(&["block-south", "block-lodger"], Kind::SharedDatabase);
    part.clusters.push(cluster);
    Ok(())
}

/// Strangers with one user and one password.
async fn one_password(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let (one, two) = tokio::try_join!(site.cluster("keys-1"), site.cluster("keys-2"))?;
    let password = site.owner(&one, "keyring", "app").await?;
    site.owner(&two, "keyring", "app").await?;
    let alter = format!("alter role keyring password '{password}'");
    two.execute("postgres", &[&alter]).await?;
    for (id, cluster) in [("keys-1", one), ("keys-2", two)] {
        let expected = Expected::well("a server of its own, another's password", Verdict::Breached);
        part.tenant(id, direct(&cluster, "keyring", &password, "app")?, expected);
        part.clusters.push(cluster);
    }
    let both = ["keys-1", "keys-2"].map(str::to_owned).into();
    part.singles.push((Kind::SharedCredentials, both));
    Ok(())
}

/// A tenant's own standby, pooler and further database are its own; a replica of somebody else is not.
async fn own_ways(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let (cluster, astray, elsewhere) =
        tokio::try_join!(site.cluster("own"), site.cluster("astray"), site.cluster("elsewhere"))?;
    let password = site.owner(&cluster, "own", "app").await?;
    cluster.create_database("analytics", "own").await?;
    let standby = cluster.standby("own-standby", Some("own_standby")).await?;
    let expected = Expected::well("has its own standby, pooler and database", Verdict::Isolated);
    part.tenant("own", direct(&cluster, "own", &password, "app")?, expected);
    let row = part.rows.last_mut().expect("just pushed");
    row.endpoints.push(("replica".to_owned(), direct(&standby, "own", &password, "app")?));
    row.databases.push(("analytics".to_owned(), direct(&cluster, "own", &password, "analytics")?));
    if pooler::program().is_some() {
        let route = Route { alias: "app", cluster: &cluster, database: "app", roles: &["own"] };
        let pooler =
            Pooler::start(&site.ground, "own-pooler", PoolMode::Transaction, &[route]).await?;
        let through = url("127.0.0.1", pooler.port(), "own", &password, "app");
        row.endpoints.push(("pooler".to_owned(), through));
        part.poolers.push(pooler);
    }

    let password = site.owner(&astray, "app", "app").await?;
    let expected = Expected::well("its replica is no replica of it", Verdict::Breached);
    part.tenant("astray", direct(&astray, "app", &password, "app")?, expected);
    let password = site.owner(&elsewhere, "app", "app").await?;
    let row = part.rows.last_mut().expect("just pushed");
    row.endpoints.push(("replica".to_owned(), direct(&elsewhere, "app", &password, "app")?));
    part.singles.push((Kind::WrongDatabase, ["astray".to_owned()].into()));
    part.clusters.extend([cluster, standby, astray, elsewhere]);
    Ok(())
}
