//! What is wrong with a configuration whose every value has the right type.
//!
//! Why after the structs: these are the rules between keys, and between a key and the world, which no table of types can
//! hold.
//!
//! Invariants:
//! - nothing is contacted and no file is opened;
//! - duplicate tenants are no problem here, because they are a finding of the scan.

use std::collections::BTreeMap;

use super::Config;
use super::problem::Problem;
use super::sections::Source;
use super::values::Url;
use super::walk::MISSING;
use crate::dsn::Dsn;
use crate::model::finding::Kind;
use crate::model::tenant::Origin;
use crate::registry::tenant::{Trust, build};
use crate::schedule::cron::{Moments, MomentsError};
use crate::secret::SecretRef;

pub(super) fn problems(config: &Config, lines: &BTreeMap<String, u32>) -> Vec<Problem> {
    let mut told = Told { file: &config.file, lines, problems: Vec::new() };
    store(config, &mut told);
    for (index, source) in config.sources.iter().enumerate() {
        self::source(source, &format!("sources[{}]", index + 1), &mut told);
    }
    schedule(config, &mut told);
    http(config, &mut told);
    webhooks(config, &mut told);
    routing(config, &mut told);
    deployments(config, &mut told);
    if let Some(path) = &config.probe.ca_file
        && !path.is_file()
    {
        told.tell("probe.ca_file", "there is no such file", "write the path of a PEM file");
    }
    if let Some(provision) = &config.provision
        && let Some(postgres) = &provision.postgres
    {
        told.connection("provision.postgres.admin_url", &postgres.admin_url);
    }
    for (key, message, remedy) in config.provision.iter().flat_map(super::provision::problems) {
        told.tell(&key, &message, &remedy);
    }
    for (key, message, remedy) in super::provider::problems(config) {
        told.tell(&key, &message, &remedy);
    }
    for (key, message, remedy) in config.github.iter().flat_map(super::github::problems) {
        told.tell(&key, &message, &remedy);
    }
    tenants(config, &mut told);
    told.problems
}

struct Told<'a> {
    file: &'a str,
    lines: &'a BTreeMap<String, u32>,
    problems: Vec<Problem>,
}

impl Told<'_> {
    fn tell(&mut self, key: &str, message: &str, remedy: &str) {
        let mut line = self.lines.get(key).copied();
        // A key that is not there is told at the line of its section.
        if line.is_none()
            && let Some((section, _)) = key.rsplit_once('.')
        {
            line = self.lines.get(section).copied();
        }
        self.problems.push(Problem {
            file: self.file.to_owned(),
            line,
            key: key.to_owned(),
            message: message.to_owned(),
            remedy: remedy.to_owned(),
        });
    }

    fn connection(&mut self, key: &str, url: &Url) {
        if let Err(error) = Dsn::parse(url.expose()) {
            self.tell(key, &error.to_string(), "mend the connection string");
        }
    }
}

fn store(config: &Config, told: &mut Told<'_>) {
    let url = config.store.url.expose();
    match url.strip_prefix("sqlite:") {
        Some("") => {
            told.tell(
                "store.url",
                "it names no file",
                "write for example \"sqlite:watertight.db\"",
            );
        }
        Some(_) => (),
        None if url.starts_with("postgres") => told.connection("store.url", &config.store.url),
        None => told.tell(
            "store.url",
            "it names no store",
            "write for example \"sqlite:watertight.db\"",
        ),
    }
}

fn schedule(config: &Config, told: &mut Told<'_>) {
    let schedule = &config.schedule;
    let keys = [("scan", &schedule.scan), ("audit", &schedule.audit), ("report", &schedule.report)];
    for (key, cron) in keys {
        match Moments::parse(cron, &schedule.timezone) {
            Ok(_) => (),
            // One zone for all three: it is told once.
            Err(MomentsError::Zone(_)) if key != "scan" => (),
            Err(error @ MomentsError::Zone(_)) => {
                let remedy = "write for example \"Europe/Stockholm\"";
                told.tell("schedule.timezone", &error.to_string(), remedy);
            }
            Err(error) => {
                let remedy = "write six fields, seconds first, for example \"0 */5 * * * *\"";
                told.tell(&format!("schedule.{key}"), &error.to_string(), remedy);
            }
        }
    }
}

/// What is served beyond this machine asks for a token.
fn http(config: &Config, told: &mut Told<'_>) {
    let http = &config.http;
    match http.listen.parse::<std::net::SocketAddr>() {
        Err(_) => told.tell(
            "http.listen",
            "it is no address with a port",
            "write for example \"127.0.0.1:9877\"",
        ),
        Ok(address) if !address.ip().is_loopback() && http.tokens.is_empty() => told.tell(
            "http.listen",
            "it can be reached from other machines, and no token guards it",
            "add [[http.tokens]], or listen on 127.0.0.1",
        ),
        Ok(_) => (),
    }
    if http.tls_cert.is_some() != http.tls_key.is_some() {
        let missing = if http.tls_cert.is_some() { "http.tls_key" } else { "http.tls_cert" };
        told.tell(missing, MISSING, "name both the certificate and its key, or neither");
    }
    if http.tenant_path.as_deref().is_some_and(|it| !is_own_path(it)) {
        let remedy = "write for example \"/api/superadmin/orchestras\"";
        told.tell("http.tenant_path", "it is no path under /api/ that is free", remedy);
    }
    let mut names = std::collections::BTreeSet::new();
    for (index, token) in http.tokens.iter().enumerate() {
        if !names.insert(&token.name) {
            let key = format!("http.tokens[{}].name", index + 1);
            told.tell(&key, "another token has this name", "give each token a name of its own");
        }
    }
}

/// Plain, and beside everything that is served already.
fn is_own_path(path: &str) -> bool {
    let plain = |it: &str| {
        !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it))
    };
    let under = path.strip_prefix("/api/");
    under.is_some_and(|it| it.split('/').all(plain) && it.split('/').next() != Some("v1"))
}

fn webhooks(config: &Config, told: &mut Told<'_>) {
    let mut names = std::collections::BTreeSet::new();
    for (index, webhook) in config.webhooks.iter().enumerate() {
        let key = |name: &str| format!("webhooks[{}].{name}", index + 1);
        if !names.insert(&webhook.name) {
            let remedy = "give each receiver a name of its own";
            told.tell(&key("name"), "another receiver has this name", remedy);
        }
        if let SecretRef::Inline(url) = &webhook.url.0
            && !url.expose().starts_with("https://")
            && !url.expose().starts_with("http://")
        {
            let remedy = "write an address that begins with https://";
            told.tell(&key("url"), "it is no address of the web", remedy);
        }
        for kind in webhook.kinds.iter().flatten().filter(|it| Kind::parse(it).is_none()) {
            let message = format!("{kind:?} is no finding's kind");
            told.tell(&key("kinds"), &message, "write kinds such as \"shared_database\"");
        }
    }
}

/// Who publishes the keys decides who is let in.
fn routing(config: &Config, told: &mut Told<'_>) {
    let Some(routing) = &config.routing else { return };
    if !routing.jwks_url.is_safe() {
        let remedy = "write for example \"https://login.example/.well-known/jwks.json\"";
        told.tell("routing.jwks_url", "it is no https address", remedy);
    }
    for (key, text) in [("issuer", &routing.issuer), ("audience", &routing.audience)] {
        if text.is_empty() {
            let remedy = "write what the issuer's tokens say there";
            told.tell(&format!("routing.{key}"), "it is empty", remedy);
        }
    }
}

fn deployments(config: &Config, told: &mut Told<'_>) {
    let named = config.github.as_ref().and_then(|it| it.deployments.as_ref());
    for name in named.into_iter().flatten() {
        let is_one = name.split_once('/').is_some_and(|(owner, name)| {
            !owner.is_empty() && !name.is_empty() && !name.contains('/')
        });
        if !is_one {
            let message = format!("{name:?} is no repository");
            told.tell("github.deployments", &message, "write \"owner/name\"");
        }
    }
}

fn source(source: &Source, key: &str, told: &mut Told<'_>) {
    let mut misplaced = |name: &str, present: bool| {
        if present {
            told.tell(&format!("{key}.{name}"), "this kind of source has no such key", "remove it");
        }
    };
    match source.kind.as_str() {
        "postgres" => {
            misplaced("path", source.path.is_some());
            misplaced("organization", source.organization.is_some());
            match &source.url {
                Some(url) => told.connection(&format!("{key}.url"), url),
                None => told.tell(
                    &format!("{key}.url"),
                    MISSING,
                    "write the URL of the platform's database",
                ),
            }
            if source.query.is_none() {
                let remedy = "write `query = \"select id, database_url from …\"`";
                told.tell(&format!("{key}.query"), MISSING, remedy);
            }
        }
        "file" => {
            misplaced("url", source.url.is_some());
            misplaced("query", source.query.is_some());
            misplaced("organization", source.organization.is_some());
            if source.path.is_none() {
                told.tell(&format!("{key}.path"), MISSING, "write `path = \"tenants.csv\"`");
            }
        }
        "" => told.tell(
            &format!("{key}.kind"),
            MISSING,
            "write kind = \"postgres\" or kind = \"file\"",
        ),
        _ => told.tell(
            &format!("{key}.kind"),
            "this kind of source is not yet supported",
            "write kind = \"postgres\" or kind = \"file\"",
        ),
    }
}

fn tenants(config: &Config, told: &mut Told<'_>) {
    let login = config.login();
    for (index, row) in config.tenants.iter().enumerate() {
        let origin = Origin { source: told.file.into(), line: row.line };
        for fault in build(row, &origin, Trust::References, login.as_ref()).faults {
            let dot = if fault.key.is_empty() { "" } else { "." };
            told.problems.push(Problem {
                file: told.file.to_owned(),
                line: fault.line.or(row.line),
                key: format!("tenants[{}]{dot}{}", index + 1, fault.key),
                message: fault.message,
                remedy: fault.remedy,
            });
        }
    }
}
