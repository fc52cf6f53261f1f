//! Which server a target leads to, as far as its address tells: what the limit per server counts by.
//!
//! Why by address and not by name: a hundred names may lead to one machine, and the machine is what the limit spares.
//! Why the project too: behind a pooler that many projects share, one address stands for many servers.

use std::net::SocketAddr;
use std::path::Path;

/// Equal keys share the limit. Two keys may still be one server, behind two addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServerKey<'a> {
    place: Place<'a>,
    project: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place<'a> {
    Address(SocketAddr),
    Socket(&'a Path, u16),
}

impl<'a> ServerKey<'a> {
    /// Of all the addresses of a target's first host, the smallest: name servers answer in changing order.
    pub fn of_addresses(
        addresses: impl IntoIterator<Item = SocketAddr>,
        project: Option<&'a str>,
    ) -> Option<Self> {
        let smallest = addresses.into_iter().min()?;
        Some(Self { place: Place::Address(smallest), project })
    }

    /// The port is part of a socket's file name.
    pub fn of_socket(directory: &'a Path, port: u16, project: Option<&'a str>) -> Self {
        Self { place: Place::Socket(directory, port), project }
    }
}
