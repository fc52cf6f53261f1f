//! The HTTP side over real sockets: who is let in, what is told, and what becomes of every bad request.

#[path = "http/commands.rs"]
mod commands;
#[path = "http/document.rs"]
mod document;
#[path = "http/house.rs"]
mod house;
#[path = "http/limits.rs"]
mod limits;
#[path = "http/reads.rs"]
mod reads;
#[path = "http/roles.rs"]
mod roles;
#[path = "report/sample.rs"]
mod sample;
#[path = "http/scans.rs"]
mod scans;
