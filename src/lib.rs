//! Watertight proves that every tenant of a platform has its own PostgreSQL database.
//!
//! ```text
//! registry ──► scan ──► [ probe ──► fingerprint ] ──► candidates ──► witness ──► detect ──► lifecycle ──► store
//!  (who)       (all of them, bounded)                 (who might       (live      (pure)     (pure)        │
//!                                                      share: pure)     proof)                             ▼
//!                                                                                                       report
//! ```
//!
//! The modules stand in reading order: first the core, which holds values and decisions and knows no async, clock,
//! I/O or serde; then the pipeline in the direction in which the data flows; then the edges; then plumbing without
//! domain words. `tests/architecture.rs` holds the arrows between them.
//!
//! Where something new goes: a rule about tenants into `detect`, a fact to ask a server for into `probe`, a place that
//! tenants come from into `registry`, a format into `report`, a command into `cli` (its arguments) and `app` (what it
//! does).

// The core.

// The words of the domain.
pub mod model;

// What a scan proves, decided by pure functions.
pub mod detect;

// How the fleet stands between scans.
pub mod standing;

// Whether a deployment may go ahead.
pub mod gate;

// What has happened since somebody was told.
pub mod news;

// What an operation does next.
pub mod saga;

// The pipeline, in the order of one cycle.

// One cycle on one screen.
pub mod monitor;

// Who the tenants are.
pub mod registry;

// Whose turn it is.
pub mod scan;

// What a server is asked, and the live proof.
pub mod probe;

// What is remembered.
pub mod store;

// Whose database it is, in the database's own words.
pub mod stamp;

// How it is told.
pub mod report;

// The status page, drawn.
pub mod page;

// Which issues there should be, and what they say.
pub mod issues;

// What goes on while the daemon runs.

// What Prometheus is told.
pub mod metrics;

// When a scan is wanted.
pub mod schedule;

// The scan loop, and what its readers are told.
pub mod daemon;

// What is asked of GitHub and told to it.
pub mod github;

// What keeps the issues there as they should be.
pub mod filing;

// How the fleet stands, at the newest commit.
pub mod checks;

// What GitHub asks of us.
pub mod deliveries;

// What receivers of the operator's choice are told.
pub mod webhooks;

// Where a user belongs.
pub mod route;

// Where databases come from.
pub mod provider;

// What stands there.
pub mod inventory;

// What the platform itself puts into them.
pub mod setup;

// What a tenant has, copied and compared.
pub mod moving;

// Tenants that are made, moved and taken away.
pub mod provision;

// The edges.
pub mod app;
pub mod cli;
pub mod config;
pub mod demo;

// What a command asks of a running daemon.
pub mod client;

// What scrapers, browsers and commands of the same machine are answered while the daemon runs.
pub mod http;

// Plumbing.
pub mod body;
pub mod clock;
pub mod dsn;
pub mod dump;
pub mod leash;
pub mod local;
pub mod patience;
pub mod secret;
pub mod tasks;
pub mod telemetry;
pub mod tls;
