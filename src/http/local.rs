//! What a command of this machine asks of the daemon that holds its store: the writes that it would have made itself.
//!
//! Why routes of their own and on the socket alone: a row of the registry holds the secrets with which tenants' databases
//! are opened, and an acceptance names whoever gives it. Only this user can open the socket, and this user could write
//! the store as well.
//!
//! Invariant: what comes this way is judged by the same functions as what a command writes itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post, put};
use serde::{Deserialize, Serialize};

use super::body::{Body, MaybeBody};
use super::caller::{Operator, Provisioner, Scanner};
use super::problem::{Kind, Problem};
use super::routes;
use super::said::Moment;
use super::scans::{self, ScanRequest};
use super::state::Shared;
use super::{orphans, provisioning, reports};
use crate::clock;
use crate::model::report::Trigger;
use crate::model::stamp::SeenStamp;
use crate::model::tenant::{TargetName, TenantId};
use crate::monitor::acceptance::Acceptance;
use crate::registry::row::RawRow;
use crate::registry::stored;
use crate::store::Store;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route(routes::LOCAL_SCANS, post(scan))
        .route("/local/v1/changes", post(accept))
        .route("/local/v1/tenants", put(put_tenants).delete(remove_tenants))
        .route("/local/v1/stamps", post(intend_stamps).put(confirm_stamps))
        .route("/local/v1/tenants/{id}/rehome", post(provisioning::plan))
        .route(routes::LOCAL_ORPHANS, get(orphans::list).post(orphans::part))
}

/// Answered with the report when it is there, however long that takes: whoever waits can hang up.
async fn scan(
    State(shared): State<Arc<Shared>>,
    Scanner(_): Scanner,
    MaybeBody(request): MaybeBody<ScanRequest>,
) -> Result<Response, Problem> {
    let scope = scans::scope(&shared, request.unwrap_or_default()).await?;
    let ticket = scans::ask(&shared, scope, Trigger::Cli)?;
    let report = scans::ended(ticket.outcome().await)?;
    reports::report(&shared, report).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptRequest {
    tenants: Vec<String>,
    reason: Box<str>,
    ticket: Option<Box<str>>,
    /// Who says so, as far as their machine knows.
    by: Box<str>,
    until: Option<Moment>,
}

async fn accept(
    State(shared): State<Arc<Shared>>,
    Operator(_): Operator,
    Body(request): Body<AcceptRequest>,
) -> Result<StatusCode, Problem> {
    let acceptance = Acceptance {
        tenants: ids(&request.tenants)?,
        reason: request.reason,
        ticket: request.ticket,
        by: request.by.into(),
        until: request.until.map(|it| it.0),
    };
    let write = move |store: &Store| Ok(acceptance.record(store, clock::now())?);
    match shared.served.daemon.stored("accept a change", write).await? {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(unseen) => Err(refused(unseen.sentences())),
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rows {
    /// Where they come from, for a person who mends them.
    source: String,
    rows: Vec<RawRow>,
}

async fn put_tenants(
    State(shared): State<Arc<Shared>>,
    Provisioner(caller): Provisioner,
    Body(Rows { source, rows }): Body<Rows>,
) -> Result<StatusCode, Problem> {
    let write = move |store: &Store| {
        let judged = stored::judge(rows, &source);
        judged.map(|it| store.put_tenants(&it)).map_or_else(|it| Ok(Err(it)), |it| Ok(Ok(it?)))
    };
    match shared.served.daemon.stored("store tenants", write).await? {
        Ok(()) => {
            tracing::info!(by = &*caller.name, "tenants were stored");
            Ok(StatusCode::NO_CONTENT)
        }
        Err(problems) => Err(refused(problems)),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Leaving {
    tenants: Vec<String>,
}

async fn remove_tenants(
    State(shared): State<Arc<Shared>>,
    Provisioner(caller): Provisioner,
    Body(request): Body<Leaving>,
) -> Result<StatusCode, Problem> {
    let leaving = ids(&request.tenants)?;
    let write = move |store: &Store| {
        let there = store.tenants::<RawRow>()?.into_iter().map(|(id, _)| id).collect();
        let problems = stored::not_there(&there, &leaving);
        if problems.is_empty() {
            store.remove_tenants(&BTreeSet::from_iter(leaving))?;
        }
        Ok(problems)
    };
    let problems = shared.served.daemon.stored("remove tenants", write).await?;
    if !problems.is_empty() {
        return Err(refused(problems));
    }
    tracing::info!(by = &*caller.name, "tenants were removed");
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StampsRequest {
    stamps: Vec<StampRequest>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StampRequest {
    tenant: String,
    target: String,
    text: Box<str>,
}

impl StampsRequest {
    fn read(self) -> Result<Vec<SeenStamp>, Problem> {
        let stamps = self.stamps.into_iter().map(|it| {
            let tenant = TenantId::parse(&it.tenant).map_err(|error| error.to_string())?;
            let target = TargetName::parse(&it.target)
                .ok_or_else(|| "a stamp's target is none of a tenant's".to_owned())?;
            Ok(SeenStamp { tenant, target, text: it.text })
        });
        let stamps: Result<_, String> = stamps.collect();
        stamps.map_err(|problem| refused(vec![problem]))
    }
}

async fn intend_stamps(
    State(shared): State<Arc<Shared>>,
    Provisioner(_): Provisioner,
    Body(request): Body<StampsRequest>,
) -> Result<StatusCode, Problem> {
    let stamps = request.read()?;
    let write = move |store: &Store| Ok(store.intend_stamps(&stamps)?);
    shared.served.daemon.stored("remember stamps that are to be written", write).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn confirm_stamps(
    State(shared): State<Arc<Shared>>,
    Provisioner(caller): Provisioner,
    Body(request): Body<StampsRequest>,
) -> Result<StatusCode, Problem> {
    let stamps = request.read()?;
    let tenants: Vec<String> = stamps.iter().map(|it| it.tenant.to_string()).collect();
    let write = move |store: &Store| Ok(store.confirm_stamps(&stamps)?);
    shared.served.daemon.stored("remember stamps", write).await?;
    tracing::info!(by = &*caller.name, tenants = tenants.join(", "), "databases were stamped");
    Ok(StatusCode::NO_CONTENT)
}

fn ids(names: &[String]) -> Result<Vec<TenantId>, Problem> {
    let parsed = names.iter().map(|it| TenantId::parse(it)).collect::<Result<Vec<_>, _>>();
    parsed.map_err(|error| refused(vec![error.to_string()]))
}

/// In the words that the command prints.
fn refused(problems: Vec<String>) -> Problem {
    Problem::new(Kind::Invalid, "nothing was changed").with_errors(problems)
}
