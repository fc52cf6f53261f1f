//! What a command asks of a running daemon.
//!
//! Why commands write through the daemon that holds their store: two processes that write would each judge what the other
//! is about to change. Through its socket the effect, the words and the exit code are those of a command alone.

pub mod local;
pub mod remote;
