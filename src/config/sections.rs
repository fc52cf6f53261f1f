//! The sections of the configuration, as types.
//!
//! Why the sections of the daemon, GitHub, provisioning and routing stand here although the scan reads none of them: one
//! file serves the whole program, and a command that ignores a section must still refuse a misspelt key in it.
//!
//! Invariant: what the table in `keys` lets pass, these types read, and they know no other key.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::values::{Hidden, Moment, Span, Url};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// Where tenants, baselines, scans and findings are kept. Default: `sqlite:watertight.db`, relative to the working
    /// directory. On a disk that does not outlive the process, each start is a first sight and drift goes unseen.
    pub url: Url,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// How far apart tenants must be: `project`, `host`, `cluster` (default) or `database`. Too lenient a word hides
    /// sharing; too strict a one reports what was agreed.
    pub isolation: String,
    /// Failed scans in a row before a health finding opens. Default: 2. At 1, each short network trouble is an issue.
    pub unhealthy_after: u32,
    pub exceptions: Vec<Exception>,
    pub mass_failure: MassFailure,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The finding's kind.
    pub kind: String,
    /// Ids, with `*` for any run of characters. Each member of a finding must fit one.
    pub tenants: Vec<String>,
    /// Why it was granted: it stands in the report.
    pub reason: String,
    /// From this moment the finding counts again.
    pub until: Moment,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MassFailure {
    /// Of the tenants that answered last time, 0 to 1: when more fail at once, we suspect ourselves. Default: 0.5.
    pub share: f64,
    /// And at least so many. Default: 10. At 1, one tenant's trouble silences the health of a small fleet.
    pub at_least: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Probe {
    /// Of the whole visit to one target, 1 s to 10 min. Default: 5 s. Too short calls slow databases dead; a long one is
    /// paid for each frozen one.
    pub timeout: Span,
    /// A role of our own in every tenant's database. Default: none, and each URL's own login is used.
    pub login: Option<ProbeLogin>,
    /// PEM, trusted beside the system's roots. Default: none.
    pub ca_file: Option<PathBuf>,
    /// A refused secret is read anew once, and then left alone for so long unless it changes. Default: 1 h. At 0 each
    /// scan tries again, and a server that counts failed logins may lock the role.
    pub auth_retry: Span,
    /// Visits at once, 1 to 20 000. Default: 64. Each takes one file descriptor here.
    pub concurrency: u32,
    /// Connections to one server at once, 1 to 1000, the witness included. Default: 4. Above what a small server has
    /// to spare, its own customers are refused.
    pub per_server: u32,
    /// May write 24 empty transactions, about 1 kB of WAL, to prove a standby. Default: false. The scan does not make
    /// this proof yet, whatever stands here: a standby that `pg_monitor` does not show stays probable.
    pub replication_proof: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeLogin {
    pub user: String,
    /// Each tenant's password is base64url(HMAC-SHA-256(secret, tenant id)).
    pub secret: Hidden,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// Cron with seconds. Default: every five minutes.
    pub scan: String,
    /// The full statement. Default: every six hours.
    pub audit: String,
    /// The daily isolation report. Default: at ten.
    pub report: String,
    /// An IANA name. Default: UTC.
    pub timezone: String,
    /// A scan of the schedule waits at random up to so long, 0 to 10 min, so that many daemons do not meet at a shared
    /// server at the full minute. Default: 2 s. A long one makes the age of what is told uneven.
    pub jitter: Span,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// What the daemon logs: `error`, `warn`, `info` (default) or `debug`. `RUST_LOG` in its environment wins.
    pub level: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address and port. Default: 127.0.0.1:9877.
    pub listen: String,
    /// What the `Host` header may say. Default: localhost.
    pub hosts: Vec<String>,
    /// Who may read the metrics: `open` (default) or `viewer`.
    pub metrics: String,
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    /// A second path for the tenants' operations. Default: none.
    pub tenant_path: Option<String>,
    /// Where people reach the status page: issues link to it. Default: none, and nothing does.
    pub public_url: Option<Url>,
    pub tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    pub name: String,
    /// `viewer`, `operator`, `provisioner` or `router`.
    pub role: String,
    /// Of the token, in hexadecimal.
    pub sha256: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// `auto` (default), `full`, `offenders` or `off`.
    pub tenant_detail: String,
    /// Tenants with series of their own. Default: 2000. Each has about six.
    pub tenant_detail_limit: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitHub {
    /// `owner/name`.
    pub repository: String,
    /// Default: `https://api.github.com`.
    pub api_url: Option<Url>,
    /// Or an app's id, installation and key.
    pub token: Option<Hidden>,
    pub app_id: Option<u64>,
    pub installation_id: Option<u64>,
    pub private_key: Option<Hidden>,
    /// `observe` (default) or `file`.
    pub mode: Option<String>,
    pub webhook_secret: Option<Hidden>,
    /// May file into a public repository. Default: false. Issues name tenants.
    #[serde(default)]
    pub allow_public: bool,
    /// Tells daemons apart that file into one repository: each needs a word of its own. Default: `default`.
    pub instance: Option<String>,
    /// Trouble that returns so soon opens its old issue again. Default: 168 h. At 0 each return is a new issue.
    pub reopen_within: Option<Span>,
    /// For how long a person's word on an issue silences its finding. Default: 720 h.
    pub acknowledge_for: Option<Span>,
    /// Issues of their own, at most; the rest stands in one. Default: 20.
    pub umbrella_above: Option<u32>,
    /// Keeps the daily report in an issue, written anew at `schedule.report`. Default: false.
    #[serde(default)]
    pub daily_report: bool,
    /// Reminders, at most three for an issue. Default: none.
    pub remind: Option<Remind>,
    /// Where the runbooks are, one page for each alert. Default: none, and no issue links to one.
    pub runbook_url: Option<Url>,
    /// The first that fits a finding counts; what none fits goes to `repository`.
    #[serde(default)]
    pub routes: Vec<IssueRoute>,
    /// Repositories whose deployments are judged. Default: `repository` alone.
    pub deployments: Option<Vec<String>>,
    /// What each scan of the whole fleet leaves at the newest commit: `off` (default), `status` or `check_run`, which only
    /// an app may make.
    pub status: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Remind {
    /// Between two.
    pub critical: Option<Span>,
    pub high: Option<Span>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IssueRoute {
    /// Default: all.
    pub kinds: Option<Vec<String>>,
    /// And worse. Default: all.
    pub severity: Option<String>,
    /// Ids, with `*` for any run of characters; one member that fits is enough. Default: all.
    pub tenants: Option<Vec<String>>,
    pub repository: Option<String>,
    pub assignees: Option<Vec<String>>,
    /// Beside our own.
    pub labels: Option<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// What its queue is known by. Another name is another receiver, which hears of everything that stands.
    pub name: String,
    /// Kept as a secret: chat systems give out addresses that whoever knows may write to.
    pub url: Hidden,
    /// Signs what is sent.
    pub secret: Hidden,
    /// Findings' kinds. Default: all.
    pub kinds: Option<Vec<String>>,
    /// Of this severity or a worse one. Default: all.
    pub severity: Option<String>,
    /// Only findings with a member in it. Default: all.
    pub environment: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// `supabase`.
    pub kind: String,
    /// Default: the provider's own.
    pub api_url: Option<Url>,
    /// Whose projects are read. Needed with `read_token`, and with neither where `provision` has a provider to ask.
    pub organization: Option<String>,
    /// May read the organisation's projects, and need be able to do nothing else.
    pub read_token: Option<Hidden>,
    /// Projects that are no tenant's: their names or references.
    #[serde(default)]
    pub ignore: Vec<Ignore>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ignore {
    /// With `*` for any run of characters.
    pub project: String,
    pub reason: String,
    pub until: Option<Moment>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gate {
    /// An older scan allows nothing. Default: 30 min.
    pub max_age: Span,
    /// Share of the fleet that must have been verified. Default: 0.98.
    pub min_coverage: f64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Secrets {
    /// Encrypts what the store keeps. Without it the store makes one of its own beside itself.
    pub key: Option<Hidden>,
    /// Signs the stamps of tenants' databases: 32 characters or more. Without it nothing is stamped, and no stamp is
    /// verified.
    pub stamp_key: Option<Hidden>,
    /// The ones before, while rotating.
    pub previous: Option<PreviousSecrets>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PreviousSecrets {
    pub key: Option<Hidden>,
    pub stamp_key: Option<Hidden>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provision {
    /// `supabase`, `postgres` or `local`.
    pub provider: String,
    pub quota: Option<u32>,
    /// A directory of SQL files, run in the order of their names.
    pub setup_sql: Option<PathBuf>,
    /// Or a program and its arguments, run where we run.
    pub setup_command: Option<Vec<String>>,
    /// Of the whole setup, 1 s to 24 h. Default: 10 min. Too short a time undoes what was nearly done; a long one is
    /// waited for when a setup hangs.
    pub setup_timeout: Option<Span>,
    pub stamp: Option<bool>,
    /// Where the last backup of a tenant that leaves goes; without it none is made unless somebody asks for one.
    pub backup_directory: Option<PathBuf>,
    /// Of one backup, 1 s to 24 h. Default: 1 h. Too short a time calls a large tenant back; a long one is waited for when
    /// a server hangs.
    pub backup_timeout: Option<Span>,
    /// Default: 15 min.
    pub ready_timeout: Option<Span>,
    pub supabase: Option<ProvisionSupabase>,
    pub postgres: Option<ProvisionPostgres>,
    pub local: Option<ProvisionLocal>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionSupabase {
    pub api_url: Option<Url>,
    pub token: Hidden,
    pub organization: String,
    pub region: String,
    /// `session_pooler` (default) or `direct`.
    pub connection: Option<String>,
    /// Where a database's host may lie.
    pub trusted_hosts: Option<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionPostgres {
    pub admin_url: Url,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionLocal {
    pub directory: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Routing {
    pub jwks_url: Url,
    pub issuer: String,
    pub audience: String,
    /// Default: `tenant`.
    pub tenant_claim: Option<String>,
    /// Default: true.
    pub quarantine: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// `postgres` or `file`. Empty only until the check, which tells all that a source lacks at once.
    #[serde(default)]
    pub kind: String,
    /// Of the platform's own database.
    pub url: Option<Url>,
    /// Gives `id`, `database_url` and any other column of a tenant.
    pub query: Option<String>,
    /// Ends in .toml, .csv, .jsonl or .ndjson; relative to the working directory.
    pub path: Option<PathBuf>,
    pub organization: Option<String>,
    /// Share of the rows that a read may lose and still be believed, 0 to 1. Default: 0.1. At 1 an emptied table empties
    /// the fleet; at 0 every customer that leaves has to be confirmed.
    #[serde(default = "max_shrink")]
    pub max_shrink: f64,
}

const fn max_shrink() -> f64 {
    0.1
}
