//! Every key of the configuration with what may stand there.
//!
//! Why a table beside the structs: serde stops at the first unknown key or wrong type, and knows no lines. A test writes
//! a file with every key of this table and holds what the structs make of it against the table.

/// What may stand at a key.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    Text,
    /// `${NAME}` and `file:/path` are kept and read at each use.
    Secret,
    /// Text that may hold a password: masked when shown.
    Url,
    /// In seconds, both ends included.
    Duration(u64, u64),
    /// Both ends included.
    Count(i64, i64),
    /// From 0 to 1.
    Share,
    Flag,
    Word(&'static [&'static str]),
    /// A finding's kind.
    Kind,
    /// A SHA-256 in hexadecimal.
    Digest,
    /// A date or a date and time with an offset.
    Moment,
    /// A list of texts, not empty.
    Texts,
    Table(&'static [Key]),
    Tables(&'static [Key]),
    /// `[[tenants]]`: the registry reads its rows itself.
    Rows,
}

#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    pub shape: Shape,
    pub need: Need,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Required,
    Optional,
}

const fn key(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, need: Need::Optional }
}

const fn required(name: &'static str, shape: Shape) -> Key {
    Key { name, shape, need: Need::Required }
}

use Shape::{
    Count, Digest, Duration, Flag, Kind, Moment, Rows, Secret, Share, Table, Tables, Text, Texts,
    Url, Word,
};

const DAY: u64 = 24 * 60 * 60;

pub const ROOT: &[Key] = &[
    key("store", Table(&[key("url", Url)])),
    key("policy", Table(POLICY)),
    key("probe", Table(PROBE)),
    key("schedule", Table(SCHEDULE)),
    key("log", Table(&[key("level", Word(&["error", "warn", "info", "debug"]))])),
    key("http", Table(HTTP)),
    key("metrics", Table(METRICS)),
    key("github", Table(GITHUB)),
    key("webhooks", Tables(WEBHOOK)),
    key("provider", Table(PROVIDER)),
    key("gate", Table(&[key("max_age", Duration(1, 30 * DAY)), key("min_coverage", Share)])),
    key("secrets", Table(SECRETS)),
    key("provision", Table(PROVISION)),
    key("routing", Table(ROUTING)),
    key("sources", Tables(SOURCE)),
    key("tenants", Rows),
];

const POLICY: &[Key] = &[
    key("isolation", Word(&["project", "host", "cluster", "database"])),
    key("unhealthy_after", Count(1, 1000)),
    key("exceptions", Tables(EXCEPTION)),
    key("mass_failure", Table(&[key("share", Share), key("at_least", Count(1, 1_000_000))])),
];

const EXCEPTION: &[Key] = &[
    required("kind", Kind),
    required("tenants", Texts),
    required("reason", Text),
    required("until", Moment),
];

const PROBE: &[Key] = &[
    key("timeout", Duration(1, 600)),
    key("login", Table(&[required("user", Text), required("secret", Secret)])),
    key("ca_file", Text),
    key("auth_retry", Duration(0, 365 * DAY)),
    key("concurrency", Count(1, 20_000)),
    key("per_server", Count(1, 1000)),
    key("replication_proof", Flag),
];

const SCHEDULE: &[Key] = &[
    key("scan", Text),
    key("audit", Text),
    key("report", Text),
    key("timezone", Text),
    key("jitter", Duration(0, 600)),
];

const HTTP: &[Key] = &[
    key("listen", Text),
    key("hosts", Texts),
    key("metrics", Word(&["open", "viewer"])),
    key("tls_cert", Text),
    key("tls_key", Text),
    key("tenant_path", Text),
    key("public_url", Url),
    key("tokens", Tables(TOKEN)),
];

const TOKEN: &[Key] = &[
    required("name", Text),
    required("role", Word(&["viewer", "operator", "provisioner", "router"])),
    required("sha256", Digest),
];

const METRICS: &[Key] = &[
    key("tenant_detail", Word(&["auto", "full", "offenders", "off"])),
    key("tenant_detail_limit", Count(0, 1_000_000)),
];

const GITHUB: &[Key] = &[
    required("repository", Text),
    key("api_url", Url),
    key("token", Secret),
    key("app_id", Count(1, i64::MAX)),
    key("installation_id", Count(1, i64::MAX)),
    key("private_key", Secret),
    key("mode", Word(&["observe", "file"])),
    key("webhook_secret", Secret),
    key("allow_public", Flag),
    key("instance", Text),
    key("reopen_within", Duration(0, 365 * DAY)),
    key("acknowledge_for", Duration(60 * 60, 365 * DAY)),
    key("umbrella_above", Count(1, 1_000)),
    key("daily_report", Flag),
    key(
        "remind",
        Table(&[
            key("critical", Duration(60 * 60, 365 * DAY)),
            key("high", Duration(60 * 60, 365 * DAY)),
        ]),
    ),
    key("runbook_url", Url),
    key("routes", Tables(ROUTE)),
    key("deployments", Texts),
    key("status", Word(&["off", "status", "check_run"])),
];

const ROUTE: &[Key] = &[
    key("kinds", Texts),
    key("severity", Word(&["critical", "high", "medium", "low"])),
    key("tenants", Texts),
    key("repository", Text),
    key("assignees", Texts),
    key("labels", Texts),
];

const WEBHOOK: &[Key] = &[
    required("name", Text),
    required("url", Secret),
    required("secret", Secret),
    key("kinds", Texts),
    key("severity", Word(&["low", "medium", "high", "critical"])),
    key("environment", Text),
];

const PROVIDER: &[Key] = &[
    required("kind", Word(&["supabase"])),
    key("api_url", Url),
    key("organization", Text),
    key("read_token", Secret),
    key("ignore", Tables(IGNORE)),
];

const IGNORE: &[Key] = &[required("project", Text), required("reason", Text), key("until", Moment)];

const SECRETS: &[Key] = &[
    key("key", Secret),
    key("stamp_key", Secret),
    key("previous", Table(&[key("key", Secret), key("stamp_key", Secret)])),
];

const PROVISION: &[Key] = &[
    required("provider", Word(&["supabase", "postgres", "local"])),
    key("quota", Count(0, 1_000_000)),
    key("setup_sql", Text),
    key("setup_command", Texts),
    key("setup_timeout", Duration(1, DAY)),
    key("stamp", Flag),
    key("backup_directory", Text),
    key("backup_timeout", Duration(1, DAY)),
    key("ready_timeout", Duration(1, DAY)),
    key("supabase", Table(PROVISION_SUPABASE)),
    key("postgres", Table(&[required("admin_url", Url)])),
    key("local", Table(&[required("directory", Text)])),
];

const PROVISION_SUPABASE: &[Key] = &[
    key("api_url", Url),
    required("token", Secret),
    required("organization", Text),
    required("region", Text),
    key("connection", Word(&["session_pooler", "direct"])),
    key("trusted_hosts", Texts),
];

const ROUTING: &[Key] = &[
    required("jwks_url", Url),
    required("issuer", Text),
    required("audience", Text),
    key("tenant_claim", Text),
    key("quarantine", Flag),
];

const SOURCE: &[Key] = &[
    key("kind", Word(&["postgres", "file", "supabase"])),
    key("url", Url),
    key("query", Text),
    key("path", Text),
    key("organization", Text),
    key("max_shrink", Share),
];
