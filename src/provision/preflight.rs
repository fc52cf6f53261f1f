//! Everything that could stand against a new tenant, asked at once and before anything is made.
//!
//! Why all checks and not the first that fails: whoever fills in a form should not mend it one answer at a time.
//!
//! Why each is asked again by the operation: between the answer and the deed lies a queue. Pre-flight spares the deed, it
//! does not take its place.
//!
//! Invariants: nothing is changed; each check has an answer within the deadline, and one that could not be asked is not
//! passed.

use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::options::Equipment;
use super::work::{Request, Work};
use super::{active, connect, unique};
use crate::clock;
use crate::daemon::Daemon;
use crate::daemon::beside::Company;
use crate::dsn::Dsn;
use crate::model::finding::{Health, Kind, State};
use crate::model::preflight::{Check, CheckName};
use crate::model::report::Report;
use crate::model::tenant::{TenantId, normalise};
use crate::provider::{Project, Region};
use crate::registry::row::RawRow;
use crate::stamp::text::claimed_tenant;
use crate::store::Store;

/// Of all checks together.
const DEADLINE: Duration = Duration::from_secs(10);

/// In characters: one label of a DNS name.
const LONGEST_SUBDOMAIN: usize = 63;
const LONGEST_NAME: usize = 200;

/// What a platform's own hosts are called, and what would be mistaken for them.
const RESERVED: [&str; 22] = [
    "admin",
    "api",
    "app",
    "auth",
    "billing",
    "blog",
    "cdn",
    "dashboard",
    "docs",
    "ftp",
    "help",
    "login",
    "mail",
    "ns1",
    "ns2",
    "root",
    "smtp",
    "static",
    "status",
    "support",
    "test",
    "www",
];

/// How one check ended: with a word for people either way.
type Answer = Result<String, String>;

pub async fn check(daemon: &Daemon, equipment: &Equipment, request: &Request) -> Vec<Check> {
    use CheckName as Name;
    let stop = CancellationToken::new();
    let (inventory, looked) = (OnceCell::new(), OnceCell::new());
    let asked = Asked { daemon, equipment, request, stop: &stop, inventory, looked };
    let mut asking = vec![
        within(Name::SubdomainValid, async { valid(&request.subdomain, &request.name) }),
        within(Name::SubdomainAvailable, asked.available()),
        within(Name::NotInFlight, asked.not_in_flight()),
        within(Name::SecretsWritable, asked.secrets_writable()),
        within(Name::SetupReady, asked.setup_ready()),
        within(Name::NoExistingSharing, asked.no_sharing()),
    ];
    if request.database_url.is_none() {
        asking.extend([
            within(Name::ProviderReachable, asked.provider_reachable()),
            within(Name::ProviderQuota, asked.quota()),
            within(Name::RegionAvailable, asked.region()),
            within(Name::NameFreeAtProvider, asked.name_free()),
        ]);
    } else {
        asking.extend([
            within(Name::DatabaseReachable, asked.reachable()),
            within(Name::DatabaseUnused, asked.unused()),
            within(Name::NoForeignStamp, asked.no_foreign_stamp()),
        ]);
    }
    let mut checks = join_all(asking).await;
    for failed in checks.iter().filter(|it| !it.ok) {
        daemon.metrics().preflight_failed(failed.name);
    }
    checks.sort_by_key(|it| it.name);
    checks
}

fn within<'a>(
    name: CheckName,
    answer: impl Future<Output = Answer> + Send + 'a,
) -> BoxFuture<'a, Check> {
    Box::pin(async move {
        let limit = DEADLINE.as_secs();
        let answer = tokio::time::timeout(DEADLINE, answer).await;
        let answer =
            answer.unwrap_or_else(|_| Err(format!("there was no answer within {limit} s")));
        let ok = answer.is_ok();
        Check { name, ok, detail: answer.unwrap_or_else(|it| it) }
    })
}

struct Asked<'a> {
    daemon: &'a Daemon,
    equipment: &'a Equipment,
    request: &'a Request,
    stop: &'a CancellationToken,
    /// Read once for all checks that look at it: a provider allows so many questions in a minute.
    inventory: OnceCell<Result<Vec<Project>, String>>,
    /// The whole fleet is visited for a database that is brought, and once is enough.
    looked: OnceCell<Result<Report, String>>,
}

impl Asked<'_> {
    fn tenant(&self) -> Result<TenantId, String> {
        self.request.tenant().map_err(|it| it.to_string())
    }

    async fn available(&self) -> Answer {
        let tenant = self.tenant()?;
        let fleet = self.daemon.fleet_now().await.map_err(told)?;
        match active::holder(&fleet.tenants, &tenant, &self.request.subdomain) {
            Some(holder) => {
                Err(format!("it is that of the tenant {} of {}", holder.id, holder.origin))
            }
            None => Ok("no tenant has it".to_owned()),
        }
    }

    async fn not_in_flight(&self) -> Answer {
        let tenant = self.tenant()?;
        let look = move |store: &Store| Ok(store.operation_in_flight(&tenant)?);
        match self.daemon.stored("look up a tenant's operation", look).await.map_err(told)? {
            Some(id) => Err(format!("the operation {id} of this tenant runs")),
            None => Ok("no operation of this tenant runs".to_owned()),
        }
    }

    async fn secrets_writable(&self) -> Answer {
        let probe = |store: &Store| Ok(store.can_seal()?);
        self.daemon.stored("seal a secret", probe).await.map_err(told)?;
        Ok("what is secret can be sealed and kept".to_owned())
    }

    async fn setup_ready(&self) -> Answer {
        let options = &self.equipment.options;
        if options.stamp && options.stamp_keys.read().map_err(told)?.is_none() {
            return Err("stamps are asked for, and there is no `secrets.stamp_key`".to_owned());
        }
        let Some(plan) = options.setup.clone() else {
            return Ok("nothing is to be set up".to_owned());
        };
        let checked = tokio::task::spawn_blocking(move || plan.check()).await;
        checked.map_err(told)?.map_err(told)?;
        Ok("what is to be run is there".to_owned())
    }

    async fn no_sharing(&self) -> Answer {
        let standing = self.daemon.standing().borrow().clone();
        let Some(standing) = standing else {
            let fleet = self.daemon.fleet_now().await.map_err(told)?;
            return if fleet.tenants.is_empty() {
                Ok("it would be the first tenant".to_owned())
            } else {
                Err("no scan of the whole fleet has ended yet; ask for one".to_owned())
            };
        };
        let now = clock::now();
        let age: Duration =
            now.duration_since(standing.full.finished_at).try_into().unwrap_or_default();
        if self.equipment.options.fresh < age {
            let minutes = age.as_secs() / 60;
            return Err(format!(
                "the last scan of the whole fleet is {minutes} min old; ask for one"
            ));
        }
        let shared: Vec<&str> = standing
            .now
            .findings
            .iter()
            .filter(|it| it.state != State::Resolved && it.breaches())
            .map(|it| &*it.claim.summary)
            .collect();
        if shared.is_empty() {
            Ok("the last scan saw no tenants that share".to_owned())
        } else {
            Err(shared.join("; "))
        }
    }

    async fn projects(&self) -> Result<&[Project], String> {
        let read = || async { self.equipment.provider.inventory().await.map_err(told) };
        let projects = self.inventory.get_or_init(read).await;
        projects.as_deref().map_err(Clone::clone)
    }

    async fn provider_reachable(&self) -> Answer {
        let projects = self.projects().await?;
        Ok(format!("it answers, and lists {} projects", projects.len()))
    }

    async fn quota(&self) -> Answer {
        let Some(quota) = self.equipment.options.quota else {
            return Ok("`provision.quota` sets no limit, and the provider does not tell its own"
                .to_owned());
        };
        let projects = self.projects().await?;
        let owned = projects.iter().filter(|it| !it.branch).count();
        if owned < quota {
            Ok(format!("{owned} of {quota} projects are there"))
        } else {
            Err(format!(
                "{owned} of {quota} projects are there: raise `provision.quota`, or remove some"
            ))
        }
    }

    async fn region(&self) -> Answer {
        match self.equipment.provider.region().await.map_err(told)? {
            Region::None => Ok("this provider has no regions".to_owned()),
            Region::Available(region) => Ok(format!("projects can be made in {region}")),
            Region::Unknown { wanted, offered } => {
                Err(format!("there is no region {wanted}; there are {}", offered.join(", ")))
            }
        }
    }

    /// The operation's own name is nobody's. What is asked is whether people would take another project for this one.
    async fn name_free(&self) -> Answer {
        let tenant = self.tenant()?;
        let projects = self.projects().await?;
        let alike = projects.iter().find(|it| {
            it.name.eq_ignore_ascii_case(tenant.as_str())
                || it.name.eq_ignore_ascii_case(&self.request.name)
        });
        match alike {
            Some(other) => Err(format!("the project {} has that name already", other.reference)),
            None => Ok("no project has that name".to_owned()),
        }
    }

    async fn reachable(&self) -> Answer {
        let tenant = self.tenant()?;
        let rows = vec![self.brought(&tenant)?];
        let looked = self.daemon.look_beside(rows, Company::Alone, self.stop).await;
        match unique::health(&looked.map_err(told)?, &tenant) {
            (Health::Healthy | Health::Degraded, _) => Ok("it answers".to_owned()),
            (_, why) => Err(why),
        }
    }

    async fn unused(&self) -> Answer {
        let tenant = self.tenant()?;
        unique::alone(&tenant, self.among_all(&tenant).await?)
    }

    async fn no_foreign_stamp(&self) -> Answer {
        let tenant = self.tenant()?;
        let rows = vec![self.brought(&tenant)?];
        let report =
            self.daemon.look_beside(rows, Company::Fleet, self.stop).await.map_err(told)?;
        let own = report.tenants.iter().find(|it| it.id == tenant);
        let target = own.and_then(|it| it.targets.first());
        let Some(seen) = target.and_then(|it| it.fingerprint.as_ref()) else {
            return Err("the database was not seen".to_owned());
        };
        // Where the two are found to share a database, that is told and the stamp is not.
        let named = seen.stamp.as_deref().and_then(claimed_tenant).filter(|it| *it != tenant);
        if let Some(other) = named {
            return Err(format!("it bears the stamp of {other}"));
        }
        let foreign = report
            .findings
            .iter()
            .find(|it| it.claim.kind == Kind::ForeignStamp && it.claim.tenants.contains(&tenant));
        match foreign {
            Some(finding) => Err(finding.claim.summary.clone()),
            None => Ok("it bears no other tenant's stamp".to_owned()),
        }
    }

    async fn among_all(&self, tenant: &TenantId) -> Result<&Report, String> {
        let look = || async {
            let rows = vec![self.brought(tenant)?];
            self.daemon.look_beside(rows, Company::Fleet, self.stop).await.map_err(told)
        };
        self.looked.get_or_init(look).await.as_ref().map_err(Clone::clone)
    }

    fn brought(&self, tenant: &TenantId) -> Result<RawRow, String> {
        let url = self.request.database_url.as_deref().unwrap_or_default();
        Dsn::parse(url).map_err(|error| error.to_string())?;
        connect::login(tenant, &Work::new(self.request.clone())).map_err(|it| it.to_string())
    }
}

/// A subdomain as this platform would publish it, and a name that can be shown in one line.
fn valid(subdomain: &str, name: &str) -> Answer {
    let allowed = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    let shown = |it: &str| it.chars().take(LONGEST_SUBDOMAIN).collect::<String>();
    if subdomain.is_empty() || LONGEST_SUBDOMAIN < subdomain.chars().count() {
        return Err(format!("it has 1 to {LONGEST_SUBDOMAIN} characters"));
    }
    if !subdomain.chars().all(allowed) {
        let plain = normalise(subdomain).filter(|it| it.chars().all(allowed));
        let remedy = plain.map_or_else(String::new, |it| format!("; write `{}`", shown(&it)));
        return Err(format!("it has other characters than a-z, 0-9 and `-`{remedy}"));
    }
    if subdomain.starts_with('-') || subdomain.ends_with('-') {
        return Err("it begins or ends with `-`".to_owned());
    }
    if subdomain.get(2..4) == Some("--") && normalise(subdomain).is_none() {
        return Err("it looks like an internationalised name and is none".to_owned());
    }
    if RESERVED.contains(&subdomain) {
        return Err("it is a word that a platform keeps for itself".to_owned());
    }
    let name_fits = (1..=LONGEST_NAME).contains(&name.trim().chars().count());
    if !name_fits || name.chars().any(char::is_control) {
        return Err(format!("`name` must be one line of 1 to {LONGEST_NAME} characters"));
    }
    Ok("it can be published".to_owned())
}

fn told(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(subdomain: &str, expected: Result<(), &str>) {
        let answer = valid(subdomain, "Acme");
        assert_eq!(answer.as_ref().map(|_| ()).map_err(|it| &**it), expected, "{subdomain:?}");
    }

    #[test]
    fn a_subdomain_is_one_label_of_a_host_name() {
        check("acme", Ok(()));
        check("a", Ok(()));
        check("acme-2", Ok(()));
        check(&"a".repeat(63), Ok(()));
        check("xn--bcher-kva", Ok(()));
        check(&"a".repeat(64), Err("it has 1 to 63 characters"));
        check("", Err("it has 1 to 63 characters"));
        check("-acme", Err("it begins or ends with `-`"));
        check("acme-", Err("it begins or ends with `-`"));
        check("a.b", Err("it has other characters than a-z, 0-9 and `-`"));
        check("a b", Err("it has other characters than a-z, 0-9 and `-`"));
        check("a/b", Err("it has other characters than a-z, 0-9 and `-`"));
    }

    #[test]
    fn what_was_meant_is_told() {
        let told = "it has other characters than a-z, 0-9 and `-`; write ";
        check("Acme", Err(&format!("{told}`acme`")));
        check("acme.", Err(&format!("{told}`acme`")));
        check("bücher", Err(&format!("{told}`xn--bcher-kva`")));
    }

    #[test]
    fn a_platforms_own_words_are_nobodys() {
        for word in RESERVED {
            check(word, Err("it is a word that a platform keeps for itself"));
        }
    }

    #[test]
    fn a_name_is_one_line() {
        for name in ["", " ", "one\ntwo", &"a".repeat(201)] {
            assert!(valid("acme", name).is_err(), "{name:?}");
        }
        assert!(valid("acme", "Kammarorkestern Åäö").is_ok());
    }
}
