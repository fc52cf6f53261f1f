//! The arguments of the commands that write to tenants' databases: their stamp, and the platform's own setup.
//!
//! Why the URL of a setup may stand elsewhere: it carries the password of a database, and what stands on a command line
//! is seen by every user of the machine.

use std::convert::Infallible;

use clap::Args;

use super::arguments::tenant_id;
use crate::model::tenant::TenantId;
use crate::secret::SecretRef;

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  watertight stamp acme\n  watertight stamp --plan > migration.sql",
    after_long_help = "Examples:\n  watertight stamp acme\n  watertight stamp --plan > migration.sql\n\n\
        A stamp is the comment of an empty schema `watertight`. It is signed with `secrets.stamp_key` and says whose \
        database it was written into: copied or restored anywhere else, it gives the copy away. Every scan verifies it.\n\n\
        It is written by the role of the tenant's own URL. Where that one may not create a schema, --plan prints the SQL \
        for the platform's migrations; each statement is for one tenant's database alone.\n\n\
        After `secrets.stamp_key` has changed, stamp everything again: until then `secrets.previous.stamp_key` verifies \
        the old stamps.\n\n\
        Exit codes:\n  0   everything was stamped\n  1   some databases were not: each is told with why\n  2   wrong usage or configuration\n  \
        70  a fault of watertight's own"
)]
pub struct StampArgs {
    /// Stamp only these tenants [default: all]
    #[arg(value_name = "TENANT", value_parser = tenant_id)]
    pub tenants: Vec<TenantId>,
    /// Print the SQL for the platform's own migrations, and write to no tenant's database
    #[arg(long)]
    pub plan: bool,
    /// Show what would be stamped, and write nothing anywhere
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  watertight setup '${DATABASE_URL}' 'Acme Inc' acme\n  \
        pass show acme/url | watertight setup - 'Acme Inc' acme --dry-run",
    after_long_help = "Examples:\n  watertight setup '${DATABASE_URL}' 'Acme Inc' acme\n  \
        pass show acme/url | watertight setup - 'Acme Inc' acme --dry-run\n\n\
        It runs `provision.setup_sql`, each file as one transaction, or `provision.setup_command`, which gets \
        DATABASE_URL, TENANT_NAME and TENANT_SUBDOMAIN in its environment and of ours only what finds programs, home, \
        language and roots of trust. Both end within `provision.setup_timeout`, with everything that they started.\n\n\
        What a setup did before it failed is not undone here: a database that already exists is yours.\n\n\
        Exit codes:\n  0   it is set up\n  1   it is not: the error says which file or what the program printed last\n  \
        2   wrong usage or configuration; nothing was run\n  70  a fault of watertight's own"
)]
pub struct SetupArgs {
    /// Connection URL: `${VARIABLE}`, `file:/path`, `-` for a line of standard input, or the URL itself
    #[arg(value_name = "URL", value_parser = source)]
    pub url: UrlSource,
    /// The tenant's name, for people
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Where its users reach the platform
    #[arg(value_name = "SUBDOMAIN", value_parser = tenant_id)]
    pub subdomain: TenantId,
    /// Show what would be run, and run nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Where the URL stands.
#[derive(Clone, Debug)]
pub enum UrlSource {
    Input,
    Place(SecretRef),
}

/// Read later, where an error can name the place without repeating the text.
#[expect(clippy::unnecessary_wraps, reason = "the shape that clap asks for")]
fn source(text: &str) -> Result<UrlSource, Infallible> {
    Ok(match text {
        "-" => UrlSource::Input,
        text => UrlSource::Place(SecretRef::parse(text)),
    })
}
