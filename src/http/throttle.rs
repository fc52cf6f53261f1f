//! How often one peer may do something.
//!
//! Why a network of 64 bits is one peer: whoever has one IPv6 address has all of its network.
//!
//! Invariant: the table is bounded. When it is full of peers that were here a moment ago, those that are not in it share
//! one allowance.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::Duration;

use governor::clock::Clock;
use governor::{DefaultKeyedRateLimiter, Quota};
use tokio::time::Instant;

/// Peers that are told apart. Each takes some 60 bytes.
const AT_MOST: usize = 10_000;

/// Between two looks for peers that have gone: each passes over the whole table.
const SWEPT_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Throttle {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    swept: Mutex<Instant>,
}

impl Throttle {
    pub(super) fn per_second(rate: u32, burst: u32) -> Self {
        Self::new(Quota::per_second(at_least_one(rate)).allow_burst(at_least_one(burst)))
    }

    pub(super) fn per_minute(rate: u32) -> Self {
        Self::new(Quota::per_minute(at_least_one(rate)))
    }

    fn new(quota: Quota) -> Self {
        let limiter = DefaultKeyedRateLimiter::keyed(quota);
        Self { limiter, swept: Mutex::new(Instant::now()) }
    }

    /// Takes from the peer's allowance, or says how long it has to wait.
    pub(super) fn take(&self, peer: IpAddr) -> Result<(), Duration> {
        let key = if self.has_room() { network(peer) } else { STRANGERS };
        let now = self.limiter.clock().now();
        self.limiter.check_key(&key).map_err(|it| it.wait_time_from(now))
    }

    fn has_room(&self) -> bool {
        if self.limiter.len() < AT_MOST {
            return true;
        }
        let now = Instant::now();
        // Whoever finds it locked is not the one that sweeps.
        if let Ok(mut swept) = self.swept.try_lock()
            && SWEPT_EVERY <= now.duration_since(*swept)
        {
            *swept = now;
            self.limiter.retain_recent();
        }
        self.limiter.len() < AT_MOST
    }
}

/// No peer has this address.
const STRANGERS: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        address @ IpAddr::V4(_) => address,
    }
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_gets_its_burst_and_then_waits_while_others_do_not() {
        let throttle = Throttle::per_minute(3);
        for _ in 0..3 {
            throttle.take(peer("192.0.2.1")).unwrap();
        }
        let wait = throttle.take(peer("192.0.2.1")).unwrap_err();
        assert!(wait <= Duration::from_secs(20), "{wait:?}");
        throttle.take(peer("192.0.2.2")).unwrap();
    }

    #[test]
    fn a_network_is_one_peer_and_an_address_has_one_name() {
        assert_eq!(network(peer("2001:db8::1")), network(peer("2001:db8::ffff:2")));
        assert_ne!(network(peer("2001:db8::1")), network(peer("2001:db8:0:1::1")));
        assert_eq!(network(peer("::ffff:192.0.2.1")), peer("192.0.2.1"));
    }

    #[test]
    fn a_flood_of_addresses_fills_no_memory() {
        let throttle = Throttle::per_minute(2);
        let mut refused = 0;
        for number in 0..20_000_u32 {
            let address = IpAddr::V4(std::net::Ipv4Addr::from_bits(number));
            refused += usize::from(throttle.take(address).is_err());
        }
        assert!(throttle.limiter.len() <= AT_MOST + 1, "{}", throttle.limiter.len());
        assert!(9_000 < refused, "{refused}");
    }
}
