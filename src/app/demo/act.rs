//! The demonstration's second act: how two tenants that share a database are parted, and how a new one gets a database of
//! its own or leaves nothing behind.
//!
//! Why a platform of its own: the fleet of the first act is broken in so many ways that nothing may be made beside it, and
//! a remedy is seen best where nothing else is wrong.
//!
//! Why it goes on after a surprise: whoever sees a step end otherwise than it was announced learns more from the rest of
//! the act than from its absence.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tokio_util::sync::CancellationToken;

use super::{open, scan, write_private};
use crate::app::platform::Platform;
use crate::app::provision::{Ours, refused, told};
use crate::app::serve::Running;
use crate::app::{Ended, print};
use crate::cli::Global;
use crate::cli::terminal::Surroundings;
use crate::demo::Fleet;
use crate::model::operation::OperationId;
use crate::model::tenant::TenantId;
use crate::moving::selection::Wish;
use crate::provision::BeginError;
use crate::provision::rehome::survey::{ProviderSchemas, Wanted};
use crate::provision::work::Request;
use crate::registry::row::RawRow;
use crate::report::Format;

/// Who lives on this platform: the last two in one database.
const TENANTS: [&str; 3] = ["acme", "hooli", "umbrella"];

const MOVES: &str = "umbrella";

/// A customer who comes, and one whose setup was planted to fail.
const NEWCOMER: (&str, &str) = ("stark", "Stark Sinfonietta");
const UNLUCKY: (&str, &str) = ("aperture", "Aperture Ensemble");

/// The second platform, as somebody's own process would hold it.
struct Act<'a> {
    platform: Platform,
    ours: Ours,
    global: &'a Global,
    here: &'a Surroundings,
    stop: &'a CancellationToken,
}

pub(super) async fn show(
    fleet: &Fleet,
    home: &Path,
    running: &Running,
    global: &Global,
    here: &Surroundings,
    stop: &CancellationToken,
) -> anyhow::Result<Result<(), Ended>> {
    let file = configure(home).context("write the second platform's configuration")?;
    let platform = match open(&file)? {
        Ok(platform) => platform,
        Err(refused) => return Ok(Err(refused)),
    };
    platform.store.put_tenants(&rows(fleet)?)?;
    say("\nSecond act: a platform with these three tenants, two of them in one database.\n")?;
    if let Err(refused) = scan(&platform, here.style(global), global, here, stop).await? {
        return Ok(Err(refused));
    }
    // What the first platform serves is not mixed with this one's.
    let running = Running { metrics: Arc::default(), ..running.clone() };
    let ours = match Ours::of(&platform, running).await? {
        Ok(ours) => ours,
        Err(refused) => return Ok(Err(refused)),
    };
    Box::pin(Act { platform, ours, global, here, stop }.play()).await
}

impl Act<'_> {
    async fn play(self) -> anyhow::Result<Result<(), Ended>> {
        say(&format!(
            "\n$ watertight rehome {MOVES}\nWhat is {MOVES}'s is copied into a cluster of its own, compared, and the registry led there.\n"
        ))?;
        let tenant = TenantId::parse(MOVES)?;
        let wanted = Wanted { wish: Wish::Own, providers: ProviderSchemas::Stop };
        let begun = self.ours.provisioner.rehome(&tenant, &wanted, None).await;
        self.carry_out(begun).await?;
        if let Err(refused) = self.scan_again().await? {
            return Ok(Err(refused));
        }
        self.provision(
            NEWCOMER,
            "A cluster of its own, proven to be nobody else's before anybody is led there.",
        )
        .await?;
        self.provision(
            UNLUCKY,
            "Its setup is planted to fail: whatever was made for it is undone, newest first.",
        )
        .await?;
        self.scan_again().await
    }

    async fn provision(&self, (subdomain, name): (&str, &str), why: &str) -> anyhow::Result<()> {
        say(&format!("\n$ watertight provision {subdomain} --name '{name}'\n{why}\n"))?;
        let request = Request {
            subdomain: subdomain.into(),
            name: name.into(),
            environment: None,
            labels: BTreeMap::new(),
            database_url: None,
        };
        let begun = self.ours.provisioner.provision(request, None).await;
        self.carry_out(begun).await
    }

    async fn carry_out(&self, begun: Result<OperationId, BeginError>) -> anyhow::Result<()> {
        let id = match begun {
            Ok(id) => id,
            Err(error) => return say(&format!("{}\n", refused(error)?.lines().join("\n"))),
        };
        let operation = self.ours.carry_out(&self.platform, &id, self.stop).await?;
        told(&operation, Format::Table, self.here.style(self.global)).map(drop)
    }

    async fn scan_again(&self) -> anyhow::Result<Result<(), Ended>> {
        say("\n$ watertight verify\n")?;
        let style = self.here.style(self.global);
        let scanned = scan(&self.platform, style, self.global, self.here, self.stop).await?;
        // Whatever is made next is judged by this scan.
        self.ours.daemon.recall().await?;
        Ok(scanned)
    }
}

fn say(text: &str) -> anyhow::Result<()> {
    print(|out| write!(out, "{text}"))
}

/// As the store has them: only what stands there can be led elsewhere.
fn rows(fleet: &Fleet) -> anyhow::Result<Vec<(TenantId, RawRow)>> {
    let known = fleet.rows.iter().filter(|it| TENANTS.contains(&&*it.id));
    let row = |row: &crate::demo::Row| {
        Ok((
            TenantId::parse(&row.id)?,
            RawRow {
                id: row.id.as_str().into(),
                name: Some(row.name.as_str().into()),
                subdomain: Some(row.subdomain.as_str().into()),
                database_url: Some(row.database_url.expose().into()),
                ..RawRow::default()
            },
        ))
    };
    known.map(row).collect()
}

fn configure(home: &Path) -> anyhow::Result<std::path::PathBuf> {
    let path = home.join("second.toml");
    let place = |name: &str| toml::Value::from(home.join(name).display().to_string());
    let store = toml::Value::from(format!("sqlite:{}", home.join("second.db").display()));
    let setup = format!(
        "test \"$TENANT_SUBDOMAIN\" != {} || {{ echo 'this setup was planted to fail' >&2; exit 1; }}",
        UNLUCKY.0
    );
    let setup = toml::Value::from(setup);
    let text = format!(
        "[store]\nurl = {store}\n\n[provision]\nprovider = \"local\"\nready_timeout = \"1m\"\n\
         setup_command = [\"/bin/sh\", \"-c\", {setup}]\n\n[provision.local]\ndirectory = {}\n",
        place("clusters")
    );
    write_private(&path, &text)?;
    Ok(path)
}
