//! The command line: what can be asked for, and how it is explained.
//!
//! Why apart from what it does: these types are the published surface, and help, completions and manual are made from
//! them. `app` reads the parsed values and acts; nothing here opens a file, a socket or a terminal, but for
//! `progress` and `terminal`.
//!
//! Invariants:
//! - wrong usage ends with 2, as clap does by itself;
//! - a connection URL is a `Secret` from the moment it is parsed, so that no message repeats it.

pub mod arguments;
pub mod daemon;
pub mod issues;
pub mod listing;
pub mod manual;
pub mod orphans;
pub mod progress;
pub mod provisioning;
pub mod registry;
pub mod since;
pub mod stamp;
pub mod terminal;
pub mod until;
pub mod usage;
pub mod words;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use self::arguments::{AcceptArgs, CheckArgs, DailyArgs, DemoArgs, PingArgs, VerifyArgs};
use self::daemon::{GateArgs, HealthcheckArgs};
use self::issues::IssuesCommand;
use self::orphans::OrphansCommand;
use self::provisioning::{DeprovisionArgs, ProvisionArgs, RehomeArgs};
use self::registry::TenantsCommand;
use self::stamp::{SetupArgs, StampArgs};
use crate::telemetry::{LogFormat, Loudness};

#[derive(Clone, Debug, Parser)]
#[command(
    name = "watertight",
    version,
    about = "Proves that every tenant of a platform has its own PostgreSQL database",
    long_about = "Proves that every tenant of a platform has its own PostgreSQL database.\n\n\
        It visits each tenant's database, reads what the server says of its own identity, and has \
        suspicious groups prove live whether they are one server. A scan writes nothing to any tenant's \
        database. What could not be proven is reported as unverified, never as isolated.",
    after_help = "Examples:\n  \
        watertight demo --once             see it work on throwaway clusters\n  \
        watertight config check            are the configuration and the registry complete?\n  \
        watertight verify                  scan everything now and report\n  \
        watertight verify --format github  the same, as a gate in a workflow",
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Configuration file [default: watertight.toml, then /etc/watertight/watertight.toml]
    #[arg(long, short, global = true, value_name = "FILE", help_heading = "Global options")]
    pub config: Option<PathBuf>,
    /// Print the result and errors, nothing else: no progress, no warnings, no colour
    #[arg(long, short, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    pub quiet: bool,
    /// List everything, and log what is being done
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub verbose: bool,
    /// How log lines on standard error are written; `RUST_LOG` chooses which
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "text",
        value_parser = words::log_format(),
        help_heading = "Global options"
    )]
    pub log_format: LogFormat,
    /// Never colour the output; the same as setting `NO_COLOR`
    #[arg(long, global = true, alias = "no-colour", help_heading = "Global options")]
    pub no_color: bool,
}

impl Global {
    pub const fn loudness(&self) -> Loudness {
        match (self.quiet, self.verbose) {
            (true, _) => Loudness::Quiet,
            (false, true) => Loudness::Verbose,
            (false, false) => Loudness::Normal,
        }
    }
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run the daemon: scans by the schedule and on demand, API, metrics and status page
    #[command(
        after_help = "Example:\n  watertight --config /etc/watertight/watertight.toml serve\n\n\
        It scans at its start and then by `schedule.scan`. SIGHUP reloads the configuration, whole or not at all; \
        SIGTERM ends a running scan early and keeps what it had seen.\n\n\
        Exit codes:\n  0   it was asked to end\n  2   wrong configuration, or another daemon holds the store\n  70  a fault of watertight's own"
    )]
    Serve,
    /// Scan now, report, and say by the exit code whether every tenant is isolated
    Verify(VerifyArgs),
    /// Test the connection to every tenant's database, nothing more
    Ping(PingArgs),
    /// Show the identity and the health of one database
    Check(CheckArgs),
    /// Record a planned change of tenants' databases, so that it is no drift
    Accept(AcceptArgs),
    /// Tell how the fleet stands and what happened since; nothing is visited
    Report(DailyArgs),
    /// Show what would be done to issues on GitHub
    #[command(subcommand)]
    Issues(IssuesCommand),
    /// Ask a running daemon whether a deployment may go ahead
    Gate(GateArgs),
    /// Is the daemon of this machine ready? For containers
    Healthcheck(HealthcheckArgs),
    /// Show and edit the registry of tenants
    #[command(subcommand)]
    Tenants(TenantsCommand),
    /// Make a tenant: a database of its own, proven, healthy and set up, or nothing
    Provision(ProvisionArgs),
    /// Take a tenant away: at once nobody is led there, and after a while its project is deleted
    Deprovision(DeprovisionArgs),
    /// Move a tenant into a database of its own: copied, compared, and the registry led there
    Rehome(RehomeArgs),
    /// Compare the provider with the registry: projects that no tenant has
    #[command(subcommand)]
    Orphans(OrphansCommand),
    /// Write a signed stamp into tenants' databases, so that a copy of one is known wherever it turns up
    Stamp(StampArgs),
    /// Run the platform's own setup on a database: its SQL files, or its command
    Setup(SetupArgs),
    /// Validate the configuration, or print what is in effect
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Start throwaway PostgreSQL clusters with planted faults, scan them and explain
    Demo(DemoArgs),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  \
        watertight completions bash > ~/.local/share/bash-completion/completions/watertight")]
    Completions { shell: clap_complete::Shell },
    /// Print the manual pages of all commands
    #[command(after_help = "Example:\n  watertight man | man -l -")]
    Man,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Read the configuration and the registry, and tell every problem at once; nothing is contacted
    #[command(
        after_help = "Exit codes:\n  0  everything can be used\n  2  something cannot: each problem is told with file, line, key and remedy"
    )]
    Check,
    /// Print the configuration in effect: file, environment and defaults, with every secret masked
    Show,
}
