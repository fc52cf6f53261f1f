//! The arguments of the commands about projects without a tenant.
//!
//! Why the name is written twice to delete: what is deleted is gone with its backups, and a history of commands is easily
//! repeated.

use std::convert::Infallible;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::arguments::tenant_id;
use super::words;
use crate::model::tenant::TenantId;
use crate::report::Format;
use crate::secret::{Secret, SecretRef};

#[derive(Clone, Debug, Subcommand)]
pub enum OrphansCommand {
    /// List what stands at the provider and no tenant names, and why it is no orphan where it is none
    List(ListArgs),
    /// Say whose a project is: the store has its tenant from then on
    #[command(after_help = "Examples:\n  \
        watertight orphans adopt abcdefghijklmnopqrst --tenant acme --url postgres://… --password-env ACME_PASSWORD\n  \
        watertight orphans adopt abcdefghijklmnopqrst --tenant acme\n\n\
        Without --url the project must have been made by an operation of this store, which knows the way.")]
    Adopt(AdoptArgs),
    /// Delete a project that is no tenant's, with all that is in it
    #[command(after_help = "Examples:\n  \
        watertight orphans delete abcdefghijklmnopqrst\n  \
        watertight orphans delete abcdefghijklmnopqrst --confirm abcdefghijklmnopqrst\n\n\
        Without --confirm nothing is deleted: it is told what would be, or what stands against it. A project that a tenant, \
        an operation or `provider.ignore` has is never deleted.\n\n\
        Exit codes:\n  0   it is deleted, or could be\n  2   something stands against it, or wrong usage; nothing was deleted\n  \
        70  a fault of watertight's own, or of the provider")]
    Delete(DeleteArgs),
}

#[derive(Clone, Copy, Debug, Args)]
pub struct ListArgs {
    /// How the list is written
    #[arg(long, short, value_name = "FORMAT", default_value = "table", value_parser = words::listing())]
    pub format: Format,
}

#[derive(Clone, Debug, Args)]
pub struct AdoptArgs {
    /// The provider's own name for the project
    #[arg(value_name = "REFERENCE")]
    pub reference: String,
    /// Whose it is: the id of a tenant that the registry does not have yet
    #[arg(long, value_name = "ID", value_parser = tenant_id)]
    pub tenant: TenantId,
    /// Connection URL or key=value string; better without a password, which the shell's history would keep
    #[arg(long, value_name = "URL", value_parser = url)]
    pub url: Option<Secret>,
    /// Environment variable that holds the password, read anew at each use
    #[arg(long, value_name = "VARIABLE", requires = "url", conflicts_with = "password_file")]
    pub password_env: Option<String>,
    /// File that holds the password, read anew at each use
    #[arg(long, value_name = "FILE", requires = "url")]
    pub password_file: Option<PathBuf>,
    /// Check everything and adopt nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl AdoptArgs {
    /// The place of the password, where it stands apart from the URL.
    pub fn password(&self) -> Option<SecretRef> {
        let variable = self.password_env.as_deref().map(|it| SecretRef::Environment(it.into()));
        variable.or_else(|| self.password_file.as_deref().map(|it| SecretRef::File(it.into())))
    }
}

#[derive(Clone, Debug, Args)]
pub struct DeleteArgs {
    /// The provider's own name for the project
    #[arg(value_name = "REFERENCE")]
    pub reference: String,
    /// The same name again: delete it
    #[arg(long, value_name = "REFERENCE")]
    pub confirm: Option<String>,
    /// Also if no operation of this store made it
    #[arg(long)]
    pub not_ours: bool,
}

/// Read later, where an error can name the key without repeating the text.
#[expect(clippy::unnecessary_wraps, reason = "the shape that clap asks for")]
fn url(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}
