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
//! domain words. `tests/architecture.rs` holds the arrows.

// The core.
pub mod detect;
pub mod model;

// The pipeline.
pub mod monitor;
pub mod probe;
pub mod registry;
pub mod report;
pub mod scan;
pub mod store;

// The edges.
pub mod app;
pub mod cli;
pub mod config;
pub mod demo;

// Plumbing.
pub mod clock;
pub mod dsn;
pub mod local;
pub mod secret;
pub mod telemetry;
