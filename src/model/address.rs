//! What a connection URL says of the database it leads to: host, port, database, role, provider, project.
//!
//! Why apart from the URL: the detector compares addresses across tenants and must never hold a password.

use std::fmt;
use std::sync::Arc;

/// The identity part of a connection URL. Its texts are shared with the parsed URL, which a large fleet holds beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Lower case, IDN as ASCII, no trailing dot; an IP address or a socket's directory as written. The first one
    /// where the URL names several.
    pub host: Arc<str>,
    pub port: u16,
    /// The database that the URL asks for.
    pub database: Arc<str>,
    /// The role as the server knows it: a shared pooler's `.<project>` suffix is taken off.
    pub role: Arc<str>,
    pub provider: Provider,
    pub route: Route,
    /// Every project that the row names, with the place that names it. More than one value is a contradiction.
    pub projects: Vec<NamedProject>,
}

impl Address {
    /// The project, where the row names exactly one.
    pub fn project_id(&self) -> Option<&str> {
        let (first, rest) = self.projects.split_first()?;
        rest.iter().all(|it| it.id == first.id).then_some(&*first.id)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedProject {
    pub place: ProjectPlace,
    pub id: Box<str>,
}

/// Where a row names its project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProjectPlace {
    Host,
    User,
    Options,
    Registry,
}

impl ProjectPlace {
    pub const ALL: [Self; 4] = [Self::Host, Self::User, Self::Options, Self::Registry];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::User => "user",
            Self::Options => "options",
            Self::Registry => "registry",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }
}

/// Which server answers behind the address, as far as the address tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Route {
    /// Nothing known stands between: a self-hosted address may still lead through a pooler.
    Direct,
    /// A pooler of the project's own.
    Pooler,
    /// A pooler that many projects share: equal addresses say nothing.
    SharedPooler,
}

/// Who runs the server, by the published patterns of host names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    Supabase,
    Neon,
    AwsRds,
    AwsRdsCn,
    AzurePostgres,
    AzureCosmosPostgres,
    GcpCloudSql,
    CrunchyBridge,
    DigitalOcean,
    Render,
    TigerTimescale,
    PlanetScale,
    /// No pattern fits: a server of one's own, or a provider that we do not know.
    Other,
}

impl Provider {
    pub const ALL: [Self; 13] = [
        Self::Supabase,
        Self::Neon,
        Self::AwsRds,
        Self::AwsRdsCn,
        Self::AzurePostgres,
        Self::AzureCosmosPostgres,
        Self::GcpCloudSql,
        Self::CrunchyBridge,
        Self::DigitalOcean,
        Self::Render,
        Self::TigerTimescale,
        Self::PlanetScale,
        Self::Other,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            Self::Supabase => "supabase",
            Self::Neon => "neon",
            Self::AwsRds => "aws-rds",
            Self::AwsRdsCn => "aws-rds-cn",
            Self::AzurePostgres => "azure-postgres",
            Self::AzureCosmosPostgres => "azure-cosmos-postgres",
            Self::GcpCloudSql => "gcp-cloudsql",
            Self::CrunchyBridge => "crunchy-bridge",
            Self::DigitalOcean => "digitalocean",
            Self::Render => "render",
            Self::TigerTimescale => "tiger-timescale",
            Self::PlanetScale => "planetscale-postgres",
            Self::Other => "other",
        }
    }

    pub fn parse(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.label())
    }
}
