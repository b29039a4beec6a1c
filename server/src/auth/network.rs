//! Networks that count as one caller.

use std::net::IpAddr;

/// The network counted as one: a customer with IPv6 holds a whole /64.
pub fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_one_v6_network_count_together() {
        let (a, b) = ("2001:db8::1", "2001:db8::ffff:2");
        let parse = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(parse(a), parse(b));
        assert_ne!(parse(a), parse("2001:db8:0:1::1"));
        assert_eq!(parse("::ffff:192.0.2.7"), parse("192.0.2.7"));
    }
}
