//! Where a user belongs, told to the service that asks for them.
//!
//! Why two tokens: the service's own says that it may be told connection strings, the user's says whose. A user never
//! sees an answer of this route.
//!
//! Invariant: every request that is let in leaves one line in the record, which says what was decided and why, and
//! nothing that could be used.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::MaybeBody;
use super::caller::Guide;
use super::options::Routing;
use super::problem::{Kind, Problem};
use super::query::Query;
use super::state::Shared;
use crate::clock;
use crate::daemon::ways::Way;
use crate::model::tenant::TenantId;
use crate::registry::Access;
use crate::route::decision::{self, Decision, Outcome, Registered};
use crate::route::token::{self, Refusal, Vouched};
use crate::secret::Secret;

/// Carries the user's token.
const USER_TOKEN: &str = "watertight-user-token";

/// Headers in which proxies and services like to name a tenant. None decides; each must agree.
const NAMING: [&str; 3] = ["watertight-tenant", "x-tenant", "x-tenant-id"];

/// Whom a request names beside its token.
#[derive(Debug, Default, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
#[schema(as = RouteRequest)]
pub(super) struct Named {
    /// Decides nothing: it must be the tenant that the user's token names.
    tenant: Option<String>,
}

/// Where the user belongs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Route)]
pub(super) struct RouteView {
    tenant: String,
    /// With the application's role and its password.
    database_url: String,
    /// RFC 3339. Ask again then: never later than the user's token ends.
    expires_at: String,
}

/// What came of it, for the record.
struct Refused {
    outcome: Outcome,
    tenant: Option<TenantId>,
    problem: Problem,
}

impl Refused {
    fn new(
        outcome: Outcome,
        kind: Kind,
        detail: impl Into<std::borrow::Cow<'static, str>>,
    ) -> Self {
        Self { outcome, tenant: None, problem: Problem::new(kind, detail) }
    }

    fn of(self, tenant: &TenantId) -> Self {
        Self { tenant: Some(tenant.clone()), ..self }
    }
}

/// The database of the tenant that the user's token names.
///
/// The tenant is the one of the verified token. A query, a header or a body that names another is refused.
#[utoipa::path(
    post, path = "/api/v1/route", tag = "routing",
    params(Named, ("watertight-user-token" = Option<String>, Header, description = "The user's own JWT")),
    request_body(content = Option<Named>),
    security(("token" = [])),
    responses(
        (status = 200, body = RouteView),
        (status = 404, description = "The registry does not hold the tenant, or no routing is configured"),
        (status = 409, description = "The tenant is not active"),
        (status = 423, description = "The tenant shares its database with another, as was proven"),
        (status = 503, description = "The issuer's keys, or the tenant's password, cannot be read")
    )
)]
pub(super) async fn decide(
    State(shared): State<Arc<Shared>>,
    Guide(caller): Guide,
    Query(query): Query<Named>,
    headers: HeaderMap,
    MaybeBody(body): MaybeBody<Named>,
) -> Result<Response, Problem> {
    let options = shared.options();
    let Some(routing) = &options.routing else {
        return Err(Problem::new(Kind::NoRoute, "no [routing] is configured"));
    };
    let named = [query.tenant, body.unwrap_or_default().tenant];
    let decided = routed(&shared, routing, &headers, &named).await;
    let (outcome, tenant) = match &decided {
        Ok(view) => (Outcome::Routed, Some(view.tenant.as_str())),
        Err(refused) => (refused.outcome, refused.tenant.as_ref().map(TenantId::as_str)),
    };
    shared.served.daemon.metrics().routed(outcome);
    let why = decided.as_ref().err().map(|it| &*it.problem.detail);
    tracing::info!(by = &*caller.name, tenant, why, "routing: {outcome}");
    let view = decided.map_err(|refused| refused.problem)?;
    let kept_by_nobody = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((kept_by_nobody, Json(view)).into_response())
}

async fn routed(
    shared: &Shared,
    routing: &Routing,
    headers: &HeaderMap,
    named: &[Option<String>; 2],
) -> Result<RouteView, Refused> {
    let vouched = vouched(shared, routing, headers).await?;
    let tenant = &vouched.tenant;
    if contradicts(tenant, headers, named) {
        let detail = "the request names another tenant than the user's token";
        return Err(Refused::new(Outcome::Contradicted, Kind::Contradicted, detail).of(tenant));
    }
    let way = shared.served.daemon.way(tenant);
    let registered = match &way {
        Way::Unknown => Registered::No,
        Way::Unusable => Registered::Unusable,
        Way::To(_) => Registered::Yes,
    };
    let standing = shared.standing();
    let findings = standing.as_ref().map(|it| &*it.now.findings).unwrap_or_default();
    let decision =
        decision::decide(&vouched, registered, findings, routing.quarantine, clock::now());
    match (decision, way) {
        (Decision::Routed { expires_at }, Way::To(access)) => {
            let url = url(access).await.map_err(|refused| refused.of(tenant))?;
            Ok(RouteView {
                tenant: tenant.to_string(),
                database_url: url.expose().to_owned(),
                expires_at: expires_at.to_string(),
            })
        }
        (Decision::Quarantined { finding }, _) => {
            let detail = format!("see the finding {finding}");
            Err(Refused::new(Outcome::Quarantined, Kind::Quarantined, detail).of(tenant))
        }
        (Decision::NotActive, _) => {
            let detail = "its row in the registry cannot be used";
            Err(Refused::new(Outcome::NotActive, Kind::NotActive, detail).of(tenant))
        }
        (Decision::Unknown | Decision::Routed { .. }, _) => {
            let detail = "the last scan knew no tenant of this name";
            Err(Refused::new(Outcome::UnknownTenant, Kind::Unknown, detail).of(tenant))
        }
    }
}

/// Whom the user's token names, once everything about it was verified.
async fn vouched(
    shared: &Shared,
    routing: &Routing,
    headers: &HeaderMap,
) -> Result<Vouched, Refused> {
    let refused = |why: Refusal| {
        let detail = format!("the user's token: {why}");
        Refused::new(Outcome::TokenRefused, Kind::UserToken, detail)
    };
    let mut tokens = headers.get_all(USER_TOKEN).iter();
    let token = tokens.next().and_then(|it| it.to_str().ok());
    let token = token.filter(|_| tokens.next().is_none()).ok_or(refused(Refusal::NoToken))?;
    let key = token::key_id(token).map_err(refused)?;
    let keys = shared.served.keyring.with(&key, &routing.source).await.ok_or_else(|| {
        let detail = "the issuer's keys were not read yet, or too long ago";
        Refused::new(Outcome::NoKeys, Kind::NoKeys, detail)
    })?;
    token::verify(token, &keys, &routing.rules, clock::now()).map_err(refused)
}

fn contradicts(tenant: &TenantId, headers: &HeaderMap, named: &[Option<String>; 2]) -> bool {
    let differs = |it: &str| TenantId::parse(it).ok().as_ref() != Some(tenant);
    let in_headers = NAMING.iter().flat_map(|name| headers.get_all(*name));
    named.iter().flatten().any(|it| differs(it))
        || in_headers.into_iter().any(|it| it.to_str().map_or(true, differs))
}

/// The application's own way, with its password as it is now.
async fn url(access: Box<Access>) -> Result<Secret, Refused> {
    let read = tokio::task::spawn_blocking(move || {
        let secret = access.application_secret()?;
        Ok::<_, crate::secret::SecretError>(access.dsn.exposed(secret.as_ref().map(|it| &it.1)))
    });
    // Which file or variable it is stands in the record of the scan.
    read.await.ok().and_then(Result::ok).ok_or_else(|| {
        let detail = "the tenant's password cannot be read";
        Refused::new(Outcome::NoSecret, Kind::NoSecret, detail)
    })
}
