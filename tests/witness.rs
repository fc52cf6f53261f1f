//! The live witness on real servers: crowded ones, pools of one connection, withheld identifiers, members that die.

#[path = "witness/crowded.rs"]
mod crowded;
#[path = "witness/groups.rs"]
mod groups;
#[path = "support/program.rs"]
mod program;
#[path = "support/server_log.rs"]
mod server_log;
