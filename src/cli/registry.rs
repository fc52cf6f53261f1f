//! The arguments of the commands that show and edit the registry.
//!
//! Why each that changes something has `--dry-run`: the registry decides who is looked at, and who is not looked at
//! is not proven.

use std::convert::Infallible;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::arguments::tenant_id;
use super::words;
use crate::model::tenant::TenantId;
use crate::report::Format;
use crate::secret::{Secret, SecretRef};

#[derive(Clone, Debug, Subcommand)]
pub enum TenantsCommand {
    /// List the tenants of all sources, and where each is registered
    List(ListArgs),
    /// Show what the registry says of one tenant, without any secret
    Show(ShowArgs),
    /// Add a tenant to the store
    #[command(after_help = "Examples:\n  \
        watertight tenants add acme postgres://app@db.example.com/acme --password-env ACME_PASSWORD\n  \
        watertight tenants add acme 'host=db.example.com user=app dbname=acme' --password-file /run/secrets/acme")]
    Add(AddArgs),
    /// Remove tenants from the store; their databases are not touched
    Remove(RemoveArgs),
    /// Add every tenant of a file to the store, or none of them
    #[command(
        after_help = "The file is TOML, CSV or JSON lines, told by its name; every problem in it is told at once.\n\n\
        Example:\n  watertight tenants import tenants.csv --dry-run"
    )]
    Import(ImportArgs),
}

#[derive(Clone, Copy, Debug, Args)]
pub struct ListArgs {
    /// How the list is written
    #[arg(long, short, value_name = "FORMAT", default_value = "table", value_parser = words::listing())]
    pub format: Format,
}

#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    #[arg(value_name = "TENANT", value_parser = tenant_id)]
    pub tenant: TenantId,
    /// How it is written
    #[arg(long, short, value_name = "FORMAT", default_value = "table", value_parser = words::listing())]
    pub format: Format,
}

#[derive(Clone, Debug, Args)]
pub struct AddArgs {
    /// 1 to 253 characters of a-z, 0-9, '-', '_' and '.'
    #[arg(value_name = "ID", value_parser = tenant_id)]
    pub id: TenantId,
    /// Connection URL or key=value string; better without a password, which the shell's history would keep
    #[arg(value_name = "URL", value_parser = url)]
    pub url: Secret,
    /// Where the tenant's users reach the platform
    #[arg(long, value_name = "NAME")]
    pub subdomain: Option<String>,
    /// The customer's name, for people
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// Environment variable that holds the password, read anew at each use
    #[arg(long, value_name = "VARIABLE", conflicts_with = "password_file")]
    pub password_env: Option<String>,
    /// File that holds the password, read anew at each use
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Check everything and add nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl AddArgs {
    /// The place of the password, where it stands apart from the URL.
    pub fn password(&self) -> Option<SecretRef> {
        let variable = self.password_env.as_deref().map(|it| SecretRef::Environment(it.into()));
        variable.or_else(|| self.password_file.as_deref().map(|it| SecretRef::File(it.into())))
    }
}

#[derive(Clone, Debug, Args)]
pub struct RemoveArgs {
    #[arg(required = true, value_name = "TENANT", value_parser = tenant_id)]
    pub tenants: Vec<TenantId>,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Read and check the file, and add nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Read later, where an error can name the key without repeating the text.
#[expect(clippy::unnecessary_wraps, reason = "the shape that clap asks for")]
fn url(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}
