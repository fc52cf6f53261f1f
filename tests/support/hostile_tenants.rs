//! Tenants whose databases or roles hide what they are asked for.

use watertight::local::LocalError;
use watertight::local::cluster::identifier;
use watertight::model::finding::{Kind, Verdict};

use crate::labelled_fleet::{Bond, Expected, Part, Site, direct};

/// Objects before `pg_catalog` in the search path that lie about everything an unqualified statement would ask.
const SHADOWS: [&str; 8] = [
    "create schema evil",
    "create view evil.pg_locks as select * from pg_catalog.pg_locks where false",
    "create view evil.pg_database as select * from pg_catalog.pg_database where false",
    "create function evil.pg_control_system(out system_identifier bigint) language sql as 'select 1::bigint'",
    "create function evil.pg_postmaster_start_time() returns timestamptz language sql as $$select 'epoch'::timestamptz$$",
    "create function evil.pg_is_in_recovery() returns boolean language sql as 'select true'",
    "create function evil.never(text, text) returns boolean language sql as 'select false'",
    "create operator evil.= (leftarg = text, rightarg = text, function = evil.never)",
];

const WITHHOLD_IDENTIFIER: &str =
    "revoke execute on function pg_catalog.pg_control_system() from public";

/// What remains is a role that can prove nothing.
const WITHHOLD_ALL: [&str; 8] = [
    WITHHOLD_IDENTIFIER,
    "revoke execute on function pg_catalog.pg_postmaster_start_time() from public",
    "revoke execute on function pg_catalog.pg_lock_status() from public",
    "revoke select on pg_catalog.pg_locks from public",
    "revoke execute on function pg_catalog.pg_try_advisory_xact_lock(bigint) from public",
    "revoke execute on function pg_catalog.pg_try_advisory_xact_lock(integer, integer) from public",
    "revoke execute on function pg_catalog.pg_try_advisory_xact_lock_shared(bigint) from public",
    "revoke execute on function pg_catalog.pg_try_advisory_lock(bigint) from public",
];

pub(crate) async fn build(site: &Site) -> Result<Part, LocalError> {
    let mut part = Part::default();
    shadowed(site, &mut part).await?;
    withheld(site, &mut part).await?;
    blind(site, &mut part).await?;
    Ok(part)
}

async fn shadowed(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let cluster = site.cluster("shadow").await?;
    let liar = site.owner(&cluster, "liar", "app").await?;
    let victim = site.guest(&cluster, "victim", "app").await?;
    cluster.execute("app", &SHADOWS).await?;
    let open = "grant usage on schema evil to public";
    cluster.execute("app", &[open]).await?;
    for role in ["liar", "victim"] {
        let path = format!("alter role {} set search_path = evil, pg_catalog", identifier(role));
        cluster.execute("app", &[&path]).await?;
    }
    let expected = Expected::well("its search path lies; one database", Verdict::Breached);
    part.tenant("shadow-liar", direct(&cluster, "liar", &liar, "app")?, expected.clone());
    part.tenant("shadow-victim", direct(&cluster, "victim", &victim, "app")?, expected);
    part.all_told(&["shadow-liar", "shadow-victim"], Kind::SharedDatabase);
    part.clusters.push(cluster);
    Ok(())
}

/// Without the system identifier the witness decides alone.
async fn withheld(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let (cluster, alone) =
        tokio::try_join!(site.cluster("withheld"), site.cluster("withheld-alone"))?;
    let owner = site.owner(&cluster, "owner", "app").await?;
    let guest = site.guest(&cluster, "guest", "app").await?;
    let single = site.owner(&alone, "app", "app").await?;
    cluster.execute("app", &[WITHHOLD_IDENTIFIER]).await?;
    alone.execute("app", &[WITHHOLD_IDENTIFIER]).await?;
    let expected = Expected::well("one database, its identifier withheld", Verdict::Breached);
    part.tenant("withheld-1", direct(&cluster, "owner", &owner, "app")?, expected.clone());
    part.tenant("withheld-2", direct(&cluster, "guest", &guest, "app")?, expected);
    part.all_told(&["withheld-1", "withheld-2"], Kind::SharedDatabase);
    // Apart by the witness; whether it is somebody's copy, the role cannot decide.
    let expected = Expected::well("a server of its own, identifier withheld", Verdict::Isolated);
    let expected = expected.or_unverified();
    part.tenant("withheld-alone", direct(&alone, "app", &single, "app")?, expected);
    part.clusters.extend([cluster, alone]);
    Ok(())
}

async fn blind(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let cluster = site.cluster("blind").await?;
    let owner = site.owner(&cluster, "owner", "app").await?;
    let guest = site.guest(&cluster, "guest", "app").await?;
    cluster.execute("app", &WITHHOLD_ALL).await?;
    let expected = Expected::well("one database that withholds every proof", Verdict::Unverified);
    let mut expected = expected;
    expected.isolation.push(Verdict::Breached);
    part.tenant("blind-1", direct(&cluster, "owner", &owner, "app")?, expected.clone());
    part.tenant("blind-2", direct(&cluster, "guest", &guest, "app")?, expected);
    part.bond("blind-1", "blind-2", Bond::ToldOrUnverified(Kind::SharedDatabase));
    part.clusters.push(cluster);
    Ok(())
}
