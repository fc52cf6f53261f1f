//! What the section `provision` means: where new tenants' databases come from.
//!
//! Why the rules stand beside the reading: what is checked here is what the reading relies on.

use std::time::Duration;

use super::Config;
use super::sections::{Provision, ProvisionSupabase};
use super::values::Url;
use crate::dsn::{Dsn, TlsMode};
use crate::provider::local::LocalOptions;
use crate::provider::postgres::PostgresOptions;
use crate::provider::supabase::options::{Connection, PaceOptions, SupabaseOptions};

/// From the provider's word that it makes a project to one that can be used.
const READY: Duration = Duration::from_mins(15);

/// Of the last backup of a tenant: some hundred gigabytes.
const BACKUP: Duration = Duration::from_hours(1);

pub(super) const SUPABASE: &str = "https://api.supabase.com";
const SUPABASE_HOSTS: [&str; 2] = ["supabase.com", "supabase.co"];

impl Config {
    pub fn ready_timeout(&self) -> Duration {
        let said = self.provision.as_ref().and_then(|it| it.ready_timeout);
        said.map_or(READY, |it| it.0)
    }

    pub fn backup_timeout(&self) -> Duration {
        let said = self.provision.as_ref().and_then(|it| it.backup_timeout);
        said.map_or(BACKUP, |it| it.0)
    }

    /// `None` without the section.
    pub fn supabase_options(&self) -> Option<SupabaseOptions> {
        let section = self.provision.as_ref()?.supabase.as_ref()?;
        let api_url = section.api_url.as_ref().map_or(SUPABASE, Url::expose);
        let usual = || SUPABASE_HOSTS.map(Into::into).to_vec();
        let hosts = section.trusted_hosts.as_ref();
        Some(SupabaseOptions {
            api_url: api_url.trim_end_matches('/').into(),
            token: section.token.0.clone(),
            organization: section.organization.as_str().into(),
            region: section.region.as_str().into(),
            connection: section
                .connection
                .as_deref()
                .and_then(Connection::parse)
                .unwrap_or_default(),
            trusted_hosts: hosts.map_or_else(usual, |it| it.iter().map(|it| host(it)).collect()),
            // Its root is private: what nobody can verify, no application should be told to.
            tls: if self.probe.ca_file.is_some() { TlsMode::VerifyFull } else { TlsMode::Require },
            pace: pace(api_url, self.ready_timeout()),
        })
    }

    /// `None` without the section.
    pub fn postgres_options(&self) -> Option<PostgresOptions> {
        let section = self.provision.as_ref()?.postgres.as_ref()?;
        let admin = Dsn::parse(section.admin_url.expose()).ok()?;
        Some(PostgresOptions { admin, ca_file: self.probe.ca_file.clone() })
    }

    /// `None` without the section.
    pub fn local_options(&self) -> Option<LocalOptions> {
        let section = self.provision.as_ref()?.local.as_ref()?;
        Some(LocalOptions { directory: section.directory.clone() })
    }
}

/// Supabase's limits are Supabase's, over https, whatever time an operator has. What is asked in the clear is on this
/// machine, a rehearsal of it, and its times are as much shorter as the project's own.
fn pace(api_url: &str, ready: Duration) -> PaceOptions {
    if !api_url.starts_with("http://") {
        return PaceOptions::default();
    }
    let factor = ready.div_duration_f64(READY).min(1.0);
    let usual = PaceOptions::default();
    PaceOptions { timeout: usual.timeout.mul_f64(factor), ..usual.scaled(factor) }
}

fn host(text: &str) -> Box<str> {
    text.trim_end_matches('.').to_ascii_lowercase().into()
}

/// What is wrong with the section: key, message, remedy.
pub(super) fn problems(provision: &Provision) -> Vec<(String, String, String)> {
    let mut told = Vec::new();
    let mut tell = |key: &str, message: &str, remedy: &str| {
        told.push((format!("provision.{key}"), message.to_owned(), remedy.to_owned()));
    };
    let sections = [
        ("supabase", provision.supabase.is_some()),
        ("postgres", provision.postgres.is_some()),
        ("local", provision.local.is_some()),
    ];
    for (name, _) in sections.iter().filter(|(name, is)| *name == provision.provider && !is) {
        tell(name, super::walk::MISSING, &format!("write the section [provision.{name}]"));
    }
    if let Some(Ok(dsn)) = provision.postgres.as_ref().map(|it| Dsn::parse(it.admin_url.expose()))
        && !matches!(dsn.tls, TlsMode::Disable | TlsMode::VerifyFull)
    {
        let message = "its sslmode proves not whom we ask";
        let remedy = "write `sslmode=verify-full`, with `sslrootcert` for a private root";
        tell("postgres.admin_url", message, remedy);
    }
    told.extend(provision.supabase.iter().flat_map(supabase));
    told
}

fn supabase(section: &ProvisionSupabase) -> Vec<(String, String, String)> {
    let mut told = Vec::new();
    let mut tell = |key: &str, message: &str, remedy: &str| {
        told.push((format!("provision.supabase.{key}"), message.to_owned(), remedy.to_owned()));
    };
    if section.api_url.as_ref().is_some_and(|it| !is_base(it)) {
        tell(
            "api_url",
            "it is no https address",
            "write \"https://api.supabase.com\", or remove it",
        );
    }
    if !is_word(&section.organization) {
        let remedy = "write its slug, as it stands in the dashboard's address";
        tell("organization", "it is no organisation's slug", remedy);
    }
    if !is_word(&section.region) {
        tell("region", "it is no region", "write for example \"eu-north-1\"");
    }
    if section.trusted_hosts.iter().flatten().any(|it| !is_host(it)) {
        let message = "it names no host or domain that is somebody's own";
        tell("trusted_hosts", message, "write for example [\"supabase.com\", \"supabase.co\"]");
    }
    told
}

/// Paths are put behind it.
pub(super) fn is_base(url: &Url) -> bool {
    url.is_safe() && !url.expose().contains(['?', '#', '@'])
}

/// Becomes part of an address.
pub(super) fn is_word(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it))
}

/// A top-level domain would trust everybody in it.
fn is_host(text: &str) -> bool {
    let text = host(text);
    let is_label = |it: &str| {
        !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it))
    };
    let is_address = text.parse::<std::net::IpAddr>().is_ok();
    is_address || *text == *"localhost" || text.contains('.') && text.split('.').all(is_label)
}
