//! What stands at the provider without a tenant, for a command of this machine.
//!
//! Why on the socket alone: what is deleted here is somebody's last copy. A token that may make tenants is not enough.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::body::Body;
use super::caller::Provisioner;
use super::problem::{Kind, Problem};
use super::state::Shared;
use crate::clock;
use crate::provision::orphan::{Farewell, Parted, Phase, Whose};
use crate::report::orphans::Listing;

const NOBODY: &str = "nobody is asked what stands there: write `[provider]` or `[provision]`";

pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Provisioner(_): Provisioner,
) -> Result<Json<Listing>, Problem> {
    let daemon = &shared.served.daemon;
    let tenants = daemon.fleet_now().await?.tenants;
    let inventory = daemon.stock_now(&tenants).await?;
    let inventory = inventory.ok_or_else(|| Problem::new(Kind::NoProvisioning, NOBODY))?;
    Ok(Json(Listing::of(&inventory, &tenants, clock::now())))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parting {
    project: Box<str>,
    /// The same name again. Without it nothing is deleted.
    confirm: Option<Box<str>>,
    /// Whether it need not be one that an operation of this store made.
    not_ours: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct PartedView {
    deleted: bool,
    /// What would be deleted.
    told: Option<String>,
}

pub(super) async fn part(
    State(shared): State<Arc<Shared>>,
    Provisioner(caller): Provisioner,
    Body(Parting { project, confirm, not_ours }): Body<Parting>,
) -> Result<Json<PartedView>, Problem> {
    if confirm.as_ref().is_some_and(|it| *it != project) {
        let why = "what is confirmed is another project than the one to delete";
        return Err(Problem::new(Kind::Malformed, why));
    }
    let farewell = Farewell {
        reference: &project,
        phase: if confirm.is_some() { Phase::Delete } else { Phase::Look },
        whose: if not_ours { Whose::Anybodys } else { Whose::Ours },
    };
    match shared.served.provisioner.part_with(farewell).await? {
        Parted::Could(told) => Ok(Json(PartedView { deleted: false, told: Some(told) })),
        Parted::Deleted => {
            tracing::info!(by = &*caller.name, project = &*project, "a project was deleted");
            Ok(Json(PartedView { deleted: true, told: None }))
        }
        Parted::Refused(against) => {
            Err(Problem::new(Kind::Invalid, "nothing was deleted").with_errors(against))
        }
    }
}
