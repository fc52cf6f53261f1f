//! `healthcheck`: whether the daemon of this machine is ready, for whoever runs its container.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Ended;
use super::platform::configuration;
use crate::cli::Global;
use crate::cli::daemon::HealthcheckArgs;
use crate::client::remote;
use crate::config::{Config, NoFile};

pub(super) async fn healthcheck(global: &Global, args: &HealthcheckArgs) -> anyhow::Result<Ended> {
    let url = match &args.url {
        Some(url) => url.clone(),
        None => match configuration(global, NoFile::Allowed) {
            Ok(config) => of(&config),
            Err(refused) => return Ok(refused),
        },
    };
    Ok(match remote::ready(&url).await? {
        Ok(()) => Ended::Well,
        Err(why) => Ended::Unwell(format!("{url} is not ready: {why}")),
    })
}

/// Where the configured daemon is reached from its own machine.
fn of(config: &Config) -> String {
    let scheme = if config.http.tls_cert.is_some() { "https" } else { "http" };
    match config.http.listen.parse::<SocketAddr>() {
        Ok(listen) => format!("{scheme}://{}", near(listen)),
        Err(_) => format!("{scheme}://{}", config.http.listen),
    }
}

/// An address that stands for all of them is none to connect to.
fn near(listen: SocketAddr) -> SocketAddr {
    let address = match listen.ip() {
        IpAddr::V4(it) if it.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(it) if it.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        it => it,
    };
    SocketAddr::new(address, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_where_the_daemon_can_be_reached() {
        let near = |text: &str| near(text.parse().unwrap()).to_string();
        assert_eq!(near("0.0.0.0:9877"), "127.0.0.1:9877");
        assert_eq!(near("[::]:9877"), "[::1]:9877");
        assert_eq!(near("10.0.0.4:80"), "10.0.0.4:80");
    }
}
