//! The arguments of the commands that look at databases.
//!
//! Why the exit codes stand in the help: a pipeline is written by somebody who reads `--help` and nothing else.

use std::path::PathBuf;

use clap::Args;

use super::since::Since;
use super::until::Until;
use super::words;
use crate::model::finding::Severity;
use crate::model::tenant::{InvalidTenantId, TenantId};
use crate::report::Format;
use crate::report::judge::{About, Judgement};
use crate::secret::Secret;

const EXIT_CODES: &str = "Exit codes:
  0   all verified and clean at the chosen level
  1   findings at or above --fail-on
  2   wrong usage or configuration; nothing was scanned
  3   something could not be verified, and nothing worse was found
  70  a fault of watertight's own";

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  \
        watertight verify\n  \
        watertight verify --tenant acme --tenant globex\n  \
        watertight verify --about isolation --fail-on critical --min-coverage 0.98\n  \
        watertight verify --format sarif --output watertight.sarif",
    after_long_help = format!("Examples:\n  \
        watertight verify\n  \
        watertight verify --tenant acme --tenant globex\n  \
        watertight verify --about isolation --fail-on critical --min-coverage 0.98\n  \
        watertight verify --format sarif --output watertight.sarif\n\n{EXIT_CODES}\n\n\
        A pending finding counts, and so does an acknowledged one: an acknowledgement silences \
        messages and makes nothing green.")
)]
pub struct VerifyArgs {
    /// Scan only this tenant and whoever could share with it; may be repeated
    #[arg(long = "tenant", value_name = "ID", value_parser = tenant_id)]
    pub tenants: Vec<TenantId>,
    #[command(flatten)]
    pub judge: JudgeArgs,
    /// What is judged
    ///
    /// isolation: the findings that decide a verdict. health: whether the databases can serve. all: these and every
    /// other finding.
    #[arg(long, value_name = "WHAT", default_value = "all", value_parser = words::about())]
    pub about: About,
    #[command(flatten)]
    pub report: ReportArgs,
    /// Do not write to the store: no baseline, no history, no finding is kept
    #[arg(long)]
    pub dry_run: bool,
}

impl VerifyArgs {
    pub const fn judgement(&self) -> Judgement {
        self.judge.judgement(self.about)
    }
}

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  watertight ping\n  watertight ping --tenant acme --format json",
    after_long_help = format!(
        "Examples:\n  watertight ping\n  watertight ping --tenant acme --format json\n\n{EXIT_CODES}"
    )
)]
pub struct PingArgs {
    /// Visit only this tenant; may be repeated
    #[arg(long = "tenant", value_name = "ID", value_parser = tenant_id)]
    pub tenants: Vec<TenantId>,
    #[command(flatten)]
    pub judge: JudgeArgs,
    #[command(flatten)]
    pub report: ReportArgs,
}

impl PingArgs {
    pub const fn judgement(&self) -> Judgement {
        self.judge.judgement(About::Health)
    }
}

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  watertight check acme\n  watertight check postgres://app@db.example.com/acme",
    after_long_help = format!(
        "Examples:\n  watertight check acme\n  watertight check postgres://app@db.example.com/acme\n\n\
        A password in the URL is visible to other users of this machine while the command runs; \
        PGPASSWORD or a tenant of the registry is not.\n\n{EXIT_CODES}"
    )
)]
pub struct CheckArgs {
    /// A tenant of the registry, or a connection URL
    #[arg(value_name = "TENANT or URL", value_parser = CheckTarget::parse)]
    pub target: CheckTarget,
    /// The exit code is 1 from findings of this severity on
    #[arg(long, value_name = "SEVERITY", default_value = "high", value_parser = words::severity())]
    pub fail_on: Severity,
    #[command(flatten)]
    pub report: ReportArgs,
}

/// One database alone can be judged by its health and never by its isolation.
impl CheckArgs {
    pub const fn judgement(&self) -> Judgement {
        Judgement { fail_on: self.fail_on, about: About::Health, min_coverage: 1.0 }
    }
}

#[derive(Clone, Debug)]
pub enum CheckTarget {
    Tenant(TenantId),
    /// A URL or a string of `key=value`, unread so far.
    Url(Secret),
}

impl CheckTarget {
    /// A tenant's id holds neither `:` nor `=`, and every connection string holds one.
    fn parse(text: &str) -> Result<Self, InvalidTenantId> {
        if text.contains([':', '=']) {
            Ok(Self::Url(Secret::new(text)))
        } else {
            TenantId::parse(text).map(Self::Tenant)
        }
    }
}

#[derive(Clone, Copy, Debug, Args)]
pub struct JudgeArgs {
    /// The exit code is 1 from findings of this severity on
    #[arg(long, value_name = "SEVERITY", default_value = "high", value_parser = words::severity())]
    pub fail_on: Severity,
    /// The share of the fleet that must have been verified for exit code 0
    #[arg(long, value_name = "SHARE", default_value = "1.0", value_parser = words::share)]
    pub min_coverage: f64,
}

impl JudgeArgs {
    const fn judgement(self, about: About) -> Judgement {
        Judgement { fail_on: self.fail_on, about, min_coverage: self.min_coverage }
    }
}

#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// How the report is written
    #[arg(long, short, value_name = "FORMAT", default_value = "table", value_parser = words::format())]
    pub format: Format,
    /// Write the report to this file, whole or not at all, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  \
        watertight accept acme --reason 'restore drill' --ticket OPS-12\n  \
        watertight accept acme globex --reason 'move to Stockholm' --until 2h",
    after_long_help = "Examples:\n  \
        watertight accept acme --reason 'restore drill' --ticket OPS-12\n  \
        watertight accept acme globex --reason 'move to Stockholm' --until 2h\n\n\
        Without --until, what the database showed when it was last seen is taken as its own. With it, every \
        change until that time is. Live sharing with another tenant is never accepted by this."
)]
pub struct AcceptArgs {
    /// The tenants whose databases change
    #[arg(required = true, value_name = "TENANT", value_parser = tenant_id)]
    pub tenants: Vec<TenantId>,
    /// Why, for those who read the history
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
    /// The ticket or change request
    #[arg(long, value_name = "TICKET")]
    pub ticket: Option<String>,
    /// How long changes are expected: a time, a day (its first moment, UTC) or a duration such as 2h
    #[arg(long, value_name = "TIME", value_parser = Until::parse, allow_hyphen_values = true)]
    pub until: Option<Until>,
    /// Show what would be recorded, and record nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  \
    watertight report\n  \
    watertight report --since '7 days' --format markdown --output week.md")]
pub struct DailyArgs {
    /// From when on: a time, a day (its first moment, UTC) or how long ago, such as 7d [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = Since::parse, allow_hyphen_values = true)]
    pub since: Option<Since>,
    /// How the report is written
    #[arg(long, short, value_name = "FORMAT", default_value = "table", value_parser = words::daily())]
    pub format: Format,
    /// Write the report to this file, whole or not at all, instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Args)]
#[command(after_help = "Examples:\n  watertight demo --once\n\n\
    It needs PostgreSQL's server programs on this machine, listens on loopback only, and removes \
    everything when it ends or is interrupted.")]
pub struct DemoArgs {
    /// Scan once, explain, clean up and end
    #[arg(long)]
    pub once: bool,
}

/// A connection URL in the wrong place is not repeated: see `usage`.
pub(super) fn tenant_id(text: &str) -> Result<TenantId, String> {
    if text.contains([':', '=']) {
        return Err("a tenant's id is needed, not a connection URL".to_owned());
    }
    TenantId::parse(text).map_err(|error| error.to_string())
}

fn reason(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() { Err("a reason is needed") } else { Ok(text.to_owned()) }
}
