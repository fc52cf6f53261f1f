//! Whose server an address leads to, by the host names that providers publish, and which project it names.
//!
//! Why: two tenants that name one project need no visit to be found, and a pooler that many projects share makes equal
//! addresses worthless as evidence. Names that look similar but do not fit exactly are `Other`: nothing is concluded.
//!
//! Invariant: an id from a host is compared with the registry's only where the provider itself calls it the project.

use std::sync::Arc;

use super::{Dsn, Host, HostName};
use crate::model::address::{Address, NamedProject, ProjectPlace, Provider, Route};

/// What a host's name and port tell.
struct Place {
    provider: Provider,
    route: Route,
    id: HostId,
}

enum HostId {
    None,
    /// What the provider calls the project, cluster or instance.
    Project(String),
    /// Names one project too, but by another word than the provider's own id, so a registry that says the latter is no
    /// contradiction.
    Alias(String),
}

/// How a role carries its project on a pooler that many projects share.
struct PoolerUser<'a> {
    role: &'a str,
    id: Option<&'a str>,
}

impl Dsn {
    /// The identity part of the string; `registry_project` is what the row says apart from it.
    pub fn address(&self, registry_project: Option<&str>) -> Address {
        let (place, name, port) = self.hosts.first().map_or_else(
            || (Place::other(), "".into(), 0),
            |host| (Place::of(host), host.name.text(), host.port),
        );
        let PoolerUser { role, id: user_id } = pooler_user(&place, &self.user);
        let mut projects = Vec::new();
        let mut add = |place, id: &str| projects.push(NamedProject { place, id: id.into() });
        let mut registry = registry_project.map(str::trim).filter(|it| !it.is_empty());
        match &place.id {
            HostId::Project(id) => {
                add(ProjectPlace::Host, id);
                registry = registry.map(|it| if is_part(it, id) { id.as_str() } else { it });
            }
            HostId::Alias(id) if registry.is_none() => add(ProjectPlace::Host, id),
            HostId::Alias(_) | HostId::None => (),
        }
        if let Some(id) = user_id.filter(|_| place.names_project_in_user() || registry.is_none()) {
            add(ProjectPlace::User, id);
        }
        if place.provider == Provider::Supabase
            && let Some(id) = self.options.as_deref().and_then(reference)
        {
            add(ProjectPlace::Options, id);
        }
        if let Some(id) = registry {
            add(ProjectPlace::Registry, id);
        }
        Address {
            host: name,
            port,
            database: Arc::clone(&self.database),
            role: if role == &*self.user { Arc::clone(&self.user) } else { role.into() },
            provider: place.provider,
            route: place.route,
            projects,
        }
    }
}

/// A registry writes an instance's short name where the host carries more: `mydb` of `mydb.abc123.eu-west-1`.
fn is_part(text: &str, id: &str) -> bool {
    id.split(['.', ':']).any(|part| part == text)
}

fn pooler_user<'a>(place: &Place, user: &'a str) -> PoolerUser<'a> {
    let whole = PoolerUser { role: user, id: None };
    match (place.provider, place.route) {
        (Provider::Supabase, Route::SharedPooler) => match user.rsplit_once('.') {
            Some((role, id)) if !role.is_empty() && is_supabase_ref(id) => {
                PoolerUser { role, id: Some(id) }
            }
            _ => whole,
        },
        (Provider::PlanetScale, _) => match user.split_once('.') {
            Some((role, rest)) if !role.is_empty() => {
                let end = rest.find(|c: char| !is_lower(c)).unwrap_or(rest.len());
                if end == 0 { whole } else { PoolerUser { role, id: Some(&rest[..end]) } }
            }
            _ => whole,
        },
        _ => whole,
    }
}

/// `reference=<ref>` of `options`, as Supabase's shared pooler takes it where the user carries none.
fn reference(options: &str) -> Option<&str> {
    let parts = options.split_whitespace();
    parts
        .filter_map(|it| {
            it.trim_start_matches("-c").trim_start_matches("--").strip_prefix("reference=")
        })
        .find(|it| is_supabase_ref(it))
}

impl Place {
    const fn other() -> Self {
        Self { provider: Provider::Other, route: Route::Direct, id: HostId::None }
    }

    fn of(host: &Host) -> Self {
        match &host.name {
            HostName::Dns(name) => Self::of_name(name, host.port),
            HostName::Socket(path) => path.to_str().and_then(cloud_sql_socket),
            HostName::Ip(_) => None,
        }
        .unwrap_or_else(Self::other)
    }

    /// Each provider's names end in a suffix of its own, so at most one fits.
    fn of_name(name: &str, port: u16) -> Option<Self> {
        supabase(name, port)
            .or_else(|| neon(name))
            .or_else(|| rds(name))
            .or_else(|| azure(name, port))
            .or_else(|| cosmos(name, port))
            .or_else(|| cloud_sql(name, port))
            .or_else(|| crunchy(name, port))
            .or_else(|| digital_ocean(name, port))
            .or_else(|| render(name))
            .or_else(|| timescale(name))
            .or_else(|| planetscale(name, port))
    }

    /// PlanetScale's user names a branch, which a registry calls by its database's name.
    fn names_project_in_user(&self) -> bool {
        self.provider == Provider::Supabase
    }
}

fn pooled_at(ports: &[u16], port: u16) -> Route {
    if ports.contains(&port) { Route::Pooler } else { Route::Direct }
}

fn supabase(name: &str, port: u16) -> Option<Place> {
    let provider = Provider::Supabase;
    if let Some(id) = name.strip_prefix("db.").and_then(|it| it.strip_suffix(".supabase.co")) {
        let id = is_supabase_ref(id).then(|| HostId::Project(id.to_owned()))?;
        return Some(Place { provider, route: pooled_at(&[6543], port), id });
    }
    // `<cloud>-<number>-<region>`, where the region is `eu-central-1`.
    let shard: Vec<&str> = name.strip_suffix(".pooler.supabase.com")?.split('-').collect();
    let fits = match shard[..] {
        [cloud, number, continent, zone, count] => {
            is_word(cloud, char::is_lowercase)
                && is_word(number, is_digit)
                && continent.len() == 2
                && is_word(continent, char::is_lowercase)
                && is_word(zone, char::is_lowercase)
                && count.len() == 1
                && is_word(count, is_digit)
        }
        _ => false,
    };
    fits.then_some(Place { provider, route: Route::SharedPooler, id: HostId::None })
}

/// `ep-…[-pooler].[c-N.]<region>.<cloud>.neon.tech`: the endpoint belongs to one project, whose id only the API tells.
fn neon(name: &str) -> Option<Place> {
    let labels: Vec<&str> = name.strip_suffix(".neon.tech")?.split('.').collect();
    let (endpoint, region, cloud) = match labels[..] {
        [endpoint, region, cloud] => (endpoint, region, cloud),
        [endpoint, cell, region, cloud] if is_word(cell.strip_prefix("c-")?, is_digit) => {
            (endpoint, region, cloud)
        }
        _ => return None,
    };
    let (id, route) = match endpoint.strip_suffix("-pooler") {
        Some(id) => (id, Route::Pooler),
        None => (endpoint, Route::Direct),
    };
    let fits = is_word(id.strip_prefix("ep-")?, is_lower_or_dash)
        && is_word(region, is_lower_or_dash)
        && matches!(cloud, "aws" | "azure" | "gcp");
    fits.then(|| Place { provider: Provider::Neon, route, id: HostId::Alias(id.to_owned()) })
}

/// `<id>.[group-]<account>.<region>.rds.amazonaws.com`; in China `rds` and the region change places.
fn rds(name: &str) -> Option<Place> {
    let china = name.strip_suffix(".amazonaws.com.cn");
    let rest = china.or_else(|| name.strip_suffix(".rds.amazonaws.com"))?;
    let (rest, region) = rest.rsplit_once('.')?;
    let (rest, provider) = match china {
        Some(_) => (rest.strip_suffix(".rds")?, Provider::AwsRdsCn),
        None => (rest, Provider::AwsRds),
    };
    let (id, group) = rest.rsplit_once('.')?;
    if id.is_empty() || !is_word(region, is_lower_or_dash) {
        return None;
    }
    // The longer prefixes first. A custom endpoint and a proxy have names of their own, not the cluster's.
    let (account, named, route) = if let Some(account) = group.strip_prefix("cluster-ro-") {
        (account, true, Route::Direct)
    } else if let Some(account) = group.strip_prefix("cluster-custom-") {
        (account, false, Route::Direct)
    } else if let Some(account) = group.strip_prefix("cluster-") {
        (account, true, Route::Direct)
    } else if let Some(account) = group.strip_prefix("proxy-") {
        (account, false, Route::Pooler)
    } else {
        (group.strip_prefix("shardgrp-").unwrap_or(group), true, Route::Direct)
    };
    // Names repeat in other accounts and regions.
    let id = if named { HostId::Project(format!("{id}.{account}.{region}")) } else { HostId::None };
    is_word(account, is_lower).then_some(Place { provider, route, id })
}

fn azure(name: &str, port: u16) -> Option<Place> {
    let suffixes = [".azure.com", ".usgovcloudapi.net", ".chinacloudapi.cn"];
    let rest = suffixes.iter().find_map(|it| name.strip_suffix(it))?;
    let labels: Vec<&str> = rest.strip_suffix(".postgres.database")?.split('.').collect();
    let id = labels.first()?;
    let fits = labels.iter().all(|it| is_word(it, is_lower_or_dash));
    fits.then(|| Place {
        provider: Provider::AzurePostgres,
        route: pooled_at(&[6432, 8432], port),
        id: HostId::Project((*id).to_owned()),
    })
}

/// `c-<cluster>.<hash>` is the coordinator, `w<number>-…` a worker.
fn cosmos(name: &str, port: u16) -> Option<Place> {
    let (node, hash) = name.strip_suffix(".postgres.cosmos.azure.com")?.split_once('.')?;
    let (role, id) = node.split_once('-')?;
    let number = role.strip_prefix(['c', 'w'])?;
    let fits =
        number.chars().all(is_digit) && is_word(id, is_lower_or_dash) && is_word(hash, is_lower);
    fits.then(|| Place {
        provider: Provider::AzureCosmosPostgres,
        route: pooled_at(&[6432], port),
        id: HostId::Project(format!("{id}.{hash}")),
    })
}

/// `<instance hash>.<project hash>.<region>.sql.goog`: opaque, so it names no project that a registry could name too.
fn cloud_sql(name: &str, port: u16) -> Option<Place> {
    let labels: Vec<&str> = name.strip_suffix(".sql.goog")?.split('.').collect();
    let [instance, project, region] = labels[..] else { return None };
    let fits = is_word(instance, is_lower)
        && is_word(project, is_lower)
        && is_word(region, is_lower_or_dash);
    fits.then(|| Place {
        provider: Provider::GcpCloudSql,
        route: pooled_at(&[6432], port),
        id: HostId::Alias(format!("{instance}.{project}")),
    })
}

/// `/cloudsql/<project>:<region>:<instance>`, where a project of an old domain is `example.com:project`.
fn cloud_sql_socket(path: &str) -> Option<Place> {
    let id = path.strip_prefix("/cloudsql/")?;
    let parts: Vec<&str> = id.split(':').collect();
    let (domain, parts) = match parts[..] {
        [project, region, instance] => (None, [project, region, instance]),
        [domain, project, region, instance] => (Some(domain), [project, region, instance]),
        _ => return None,
    };
    let fits = parts.iter().all(|it| is_word(it, is_lower_or_dash))
        && domain.is_none_or(|it| is_word(it, |c| is_lower_or_dash(c) || c == '.'));
    fits.then(|| Place {
        provider: Provider::GcpCloudSql,
        route: Route::Direct,
        id: HostId::Project(id.to_owned()),
    })
}

fn crunchy(name: &str, port: u16) -> Option<Place> {
    let id = name.strip_prefix("p.")?.strip_suffix(".db.postgresbridge.com")?;
    (id.len() == 26 && is_word(id, is_lower)).then(|| Place {
        provider: Provider::CrunchyBridge,
        route: pooled_at(&[5431], port),
        id: HostId::Project(id.to_owned()),
    })
}

/// `[private-]<name>-do-user-<team>-<number>[.<letter>]`: the API calls the cluster by a UUID instead.
fn digital_ocean(name: &str, port: u16) -> Option<Place> {
    let rest = name.strip_suffix(".db.ondigitalocean.com")?;
    let rest = match rest.rsplit_once('.') {
        Some((rest, letter)) if letter.len() == 1 && is_word(letter, char::is_lowercase) => rest,
        _ => rest,
    };
    let cluster = rest.strip_prefix("private-").unwrap_or(rest);
    let (id, owner) = cluster.rsplit_once("-do-user-")?;
    let (team, number) = owner.split_once('-')?;
    let fits = !id.is_empty() && is_word(team, is_digit) && is_word(number, is_digit);
    fits.then(|| Place {
        provider: Provider::DigitalOcean,
        route: pooled_at(&[25061], port),
        id: HostId::Alias(cluster.to_owned()),
    })
}

fn render(name: &str) -> Option<Place> {
    let (id, region) = name.strip_suffix("-postgres.render.com")?.split_once('.')?;
    let hash = id.strip_prefix("dpg-")?;
    let hash = match hash.rsplit_once('-') {
        Some((hash, letter)) if letter.len() == 1 && is_word(letter, char::is_lowercase) => hash,
        _ => hash,
    };
    (is_word(hash, is_lower) && is_word(region, char::is_lowercase)).then(|| Place {
        provider: Provider::Render,
        route: Route::Direct,
        id: HostId::Project(format!("dpg-{hash}")),
    })
}

fn timescale(name: &str) -> Option<Place> {
    let id = name.strip_suffix(".tsdb.cloud.timescale.com")?;
    let (service, project) = id.split_once('.')?;
    (is_word(service, is_lower) && is_word(project, is_lower)).then(|| Place {
        provider: Provider::TigerTimescale,
        route: Route::Direct,
        id: HostId::Project(id.to_owned()),
    })
}

fn planetscale(name: &str, port: u16) -> Option<Place> {
    let cell = name.strip_suffix(".psdb.cloud")?;
    is_word(cell, |c| is_lower_or_dash(c) || c == '.').then(|| Place {
        provider: Provider::PlanetScale,
        route: pooled_at(&[6432], port),
        id: HostId::None,
    })
}

fn is_supabase_ref(text: &str) -> bool {
    text.len() == 20 && text.bytes().all(|it| it.is_ascii_lowercase())
}

fn is_word(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(allowed)
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

fn is_lower(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn is_lower_or_dash(c: char) -> bool {
    is_lower(c) || c == '-'
}
