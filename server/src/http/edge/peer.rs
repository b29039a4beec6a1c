//! Where a request comes from.

use std::net::IpAddr;

use actix_web::{HttpRequest, web};

/// Whether the last address of `X-Forwarded-For` is believed: only behind a proxy that sets it.
#[derive(Clone, Copy, Debug)]
pub struct TrustForwarded(pub bool);

/// The address of who asks; `None` if it is not known.
pub fn of(request: &HttpRequest) -> Option<IpAddr> {
    let trusts = request.app_data::<web::Data<TrustForwarded>>().is_some_and(|trust| trust.0);
    let forwarded = request.headers().get_all("x-forwarded-for").last().filter(|_| trusts);
    let last = forwarded.and_then(|value| value.to_str().ok()).and_then(|value| value.rsplit(',').next());
    let last = last.and_then(|address| address.trim().parse().ok());
    last.or_else(|| request.peer_addr().map(|peer| peer.ip()))
}

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
