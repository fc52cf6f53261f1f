//! Tenants on copies of each other: what streams is shared, what only has an ancestor in common is not.

use watertight::local::LocalError;
use watertight::local::cluster::Shutdown;
use watertight::model::finding::{Kind, Verdict};

use crate::labelled_fleet::{Bond, Expected, Part, Site, direct};

pub(crate) async fn build(site: &Site) -> Result<Part, LocalError> {
    let mut part = Part::default();
    stream(site, &mut part).await?;
    unregistered_primary(site, &mut part).await?;
    promoted(site, &mut part).await?;
    snapshot(site, &mut part).await?;
    cold_copy(site, &mut part).await?;
    image_siblings(site, &mut part).await?;
    ambiguous_standby(site, &mut part).await?;
    Ok(part)
}

async fn stream(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let primary = site.cluster("stream").await?;
    let writer = site.owner(&primary, "writer", "app").await?;
    let reader = site.guest(&primary, "reader", "app").await?;
    let cousin = site.owner(&primary, "cousin", "cousin").await?;
    let standby = primary.standby("stream-standby", None).await?;
    let breached = |built| Expected::well(built, Verdict::Breached);
    part.tenant(
        "stream-primary",
        direct(&primary, "writer", &writer, "app")?,
        breached("a standby streams from it"),
    );
    part.tenant(
        "stream-standby",
        direct(&standby, "reader", &reader, "app")?,
        breached("a standby of stream-primary, the same database"),
    );
    part.tenant(
        "stream-cousin",
        direct(&standby, "cousin", &cousin, "cousin")?,
        breached("a standby of stream-primary, another database"),
    );
    part.all_told(&["stream-primary", "stream-standby"], Kind::SharedReplication);
    part.all_told(&["stream-primary", "stream-cousin"], Kind::SharedReplication);
    part.all_told(&["stream-standby", "stream-cousin"], Kind::SharedCluster);
    part.clusters.extend([primary, standby]);
    Ok(())
}

async fn unregistered_primary(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let primary = site.cluster("hidden").await?;
    let first = site.owner(&primary, "first", "app").await?;
    let second = site.guest(&primary, "second", "app").await?;
    let one = primary.standby("hidden-1", Some("hidden_1")).await?;
    let two = primary.standby("hidden-2", None).await?;
    one.caught_up_with(&primary).await?;
    let breached =
        Expected::well("one of two standbys of a primary no row names", Verdict::Breached);
    part.tenant("hidden-1", direct(&one, "first", &first, "app")?, breached.clone());
    part.tenant("hidden-2", direct(&two, "second", &second, "app")?, breached);
    part.all_told(&["hidden-1", "hidden-2"], Kind::SharedReplication);
    part.clusters.extend([primary, one, two]);
    Ok(())
}

async fn promoted(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let origin = site.cluster("origin").await?;
    let password = site.owner(&origin, "app", "app").await?;
    let promoted = origin.standby("promoted", None).await?;
    promoted.promote().await?;
    let other = site.new_password(&promoted, "app").await?;
    part.tenant(
        "origin",
        direct(&origin, "app", &password, "app")?,
        Expected::well("a former standby of it was promoted", Verdict::Isolated),
    );
    part.tenant(
        "promoted",
        direct(&promoted, "app", &other, "app")?,
        Expected::well("a former standby of origin", Verdict::Isolated),
    );
    part.all_told(&["origin", "promoted"], Kind::ClonedLineage);
    part.clusters.extend([origin, promoted]);
    Ok(())
}

async fn snapshot(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let source = site.cluster("snap-source").await?;
    let password = site.owner(&source, "app", "app").await?;
    let clone = source.snapshot("snap-clone").await?;
    let other = site.new_password(&clone, "app").await?;
    let expected = Expected::well("a snapshot and its source", Verdict::Isolated);
    part.tenant("snap-source", direct(&source, "app", &password, "app")?, expected.clone());
    part.tenant("snap-clone", direct(&clone, "app", &other, "app")?, expected);
    part.all_told(&["snap-source", "snap-clone"], Kind::ClonedLineage);
    part.clusters.extend([source, clone]);
    Ok(())
}

async fn cold_copy(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let mut source = site.cluster("cold-source").await?;
    let password = site.owner(&source, "app", "app").await?;
    let copy = source.cold_copy("cold-copy").await?;
    let other = site.new_password(&copy, "app").await?;
    let expected = Expected::well("a copy of stopped files and its source", Verdict::Isolated);
    part.tenant("cold-source", direct(&source, "app", &password, "app")?, expected.clone());
    part.tenant("cold-copy", direct(&copy, "app", &other, "app")?, expected);
    part.all_told(&["cold-source", "cold-copy"], Kind::ClonedLineage);
    part.clusters.extend([source, copy]);
    Ok(())
}

/// Born of one image, none of them a copy of another tenant.
async fn image_siblings(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let ids = ["image-1", "image-2", "image-3"];
    let mut image = site.cluster("image").await?;
    site.owner(&image, "app", "app").await?;
    image.stop(Shutdown::Fast).await?;
    for id in ids {
        let mut sibling = image.sibling(id).await?;
        sibling.start().await?;
        let password = site.new_password(&sibling, "app").await?;
        let expected = Expected::well("born of the same image as two others", Verdict::Isolated);
        part.tenant(id, direct(&sibling, "app", &password, "app")?, expected);
        part.clusters.push(sibling);
    }
    part.all_told(&ids, Kind::ClonedLineage);
    Ok(())
}

/// Two idle siblings, and a standby of one of them: without a look at who sends, both fit.
async fn ambiguous_standby(site: &Site, part: &mut Part) -> Result<(), LocalError> {
    let mut image = site.cluster("twin").await?;
    site.owner(&image, "app", "app").await?;
    site.guest(&image, "reader", "app").await?;
    image.stop(Shutdown::Fast).await?;
    let (mut one, mut two) = tokio::try_join!(image.sibling("twin-1"), image.sibling("twin-2"))?;
    one.start().await?;
    two.start().await?;
    let (first, second) =
        (site.new_password(&one, "app").await?, site.new_password(&two, "app").await?);
    let reader = site.new_password(&one, "reader").await?;
    site.new_password(&two, "reader").await?;
    let standby = one.standby("twin-standby", None).await?;
    let expected = |built, verdict| Expected::well(built, verdict).or_unverified();
    part.tenant(
        "twin-1",
        direct(&one, "app", &first, "app")?,
        expected("twin-standby streams from it", Verdict::Breached),
    );
    part.tenant(
        "twin-2",
        direct(&two, "app", &second, "app")?,
        expected("born of the same image as twin-1", Verdict::Isolated),
    );
    part.tenant(
        "twin-standby",
        direct(&standby, "reader", &reader, "app")?,
        expected("a standby of twin-1, not of twin-2", Verdict::Breached),
    );
    part.bond("twin-1", "twin-2", Bond::Told(Kind::ClonedLineage));
    part.bond("twin-1", "twin-standby", Bond::ToldOrUnverified(Kind::SharedReplication));
    part.bond("twin-2", "twin-standby", Bond::AncestorOrNothing);
    part.clusters.extend([one, two, standby]);
    Ok(())
}
