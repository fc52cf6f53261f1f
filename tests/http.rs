//! The HTTP side over real sockets: who is let in, what is told, and what becomes of every bad request.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it says")]

#[path = "http/commands.rs"]
mod commands;
#[path = "http/courses.rs"]
mod courses;
#[path = "http/document.rs"]
mod document;
#[path = "http/gate.rs"]
mod gate;
#[path = "http/house.rs"]
mod house;
#[path = "support/issuer.rs"]
mod issuer;
#[path = "http/limits.rs"]
mod limits;
#[path = "http/newcomer.rs"]
mod newcomer;
#[path = "http/page.rs"]
mod page;
#[path = "http/reads.rs"]
mod reads;
#[path = "http/roles.rs"]
mod roles;
#[path = "http/routing.rs"]
mod routing;
#[path = "report/sample.rs"]
mod sample;
#[path = "http/scans.rs"]
mod scans;
#[path = "http/tls.rs"]
mod tls;
#[path = "http/trouble.rs"]
mod trouble;
