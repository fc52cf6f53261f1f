//! What the section `provider` means: who is asked what stands there, with a token that may only read.
//!
//! Why apart from `provision`: an installation that watches is to see what its customers have, and to be unable to touch it.

use super::Config;
use super::provision::{SUPABASE, is_base, is_word};
use super::values::Url;
use super::walk::MISSING;
use crate::dsn::TlsMode;
use crate::model::inventory::Ignored;
use crate::model::policy::Pattern;
use crate::provider::supabase::options::{Connection, PaceOptions, SupabaseOptions};

impl Config {
    /// Of a client that only reads; `None` where the section names nobody to ask.
    pub fn reading_options(&self) -> Option<SupabaseOptions> {
        let section = self.provider.as_ref()?;
        let api_url = section.api_url.as_ref().map_or(SUPABASE, Url::expose);
        Some(SupabaseOptions {
            api_url: api_url.trim_end_matches('/').into(),
            token: section.read_token.as_ref()?.0.clone(),
            organization: section.organization.as_deref()?.into(),
            // What follows is of what is made, and nothing is made with these.
            region: "".into(),
            connection: Connection::default(),
            trusted_hosts: Vec::new(),
            tls: TlsMode::VerifyFull,
            pace: PaceOptions::default(),
        })
    }

    /// Projects that are no tenant's and need not be.
    pub fn ignored(&self) -> Vec<Ignored> {
        let ignored = self.provider.iter().flat_map(|it| &it.ignore);
        ignored
            .map(|it| Ignored {
                project: Pattern(it.project.as_str().into()),
                reason: it.reason.as_str().into(),
                until: it.until.map(|it| it.0),
            })
            .collect()
    }
}

/// What is wrong with the section: key, message, remedy.
pub(super) fn problems(config: &Config) -> Vec<(String, String, String)> {
    let Some(section) = &config.provider else { return Vec::new() };
    let mut told = Vec::new();
    let mut tell = |key: &str, message: &str, remedy: &str| {
        told.push((format!("provider.{key}"), message.to_owned(), remedy.to_owned()));
    };
    if section.api_url.as_ref().is_some_and(|it| !is_base(it)) {
        let remedy = "write \"https://api.supabase.com\", or remove it";
        tell("api_url", "it is no https address", remedy);
    }
    if section.organization.as_ref().is_some_and(|it| !is_word(it)) {
        let remedy = "write its slug, as it stands in the dashboard's address";
        tell("organization", "it is no organisation's slug", remedy);
    }
    let (organization, token) = (section.organization.is_some(), section.read_token.is_some());
    // With `provision` the section may say no more than what is ignored.
    let asks = organization || token || config.provision.is_none();
    if asks && !organization {
        tell("organization", MISSING, "write the slug of the organisation whose projects are read");
    }
    if asks && !token {
        tell("read_token", MISSING, "write for example \"${SUPABASE_READ_TOKEN}\"");
    }
    told
}
