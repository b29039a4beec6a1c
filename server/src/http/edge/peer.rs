//! Finds the network address that a request comes from.

use std::net::IpAddr;

use actix_web::{HttpRequest, web};

/// Whether the last address of `X-Forwarded-For` is believed: only behind a proxy that sets it.
#[derive(Clone, Copy, Debug)]
pub struct TrustForwarded(pub bool);

/// The address of who asks; `None` if it is not known.
pub fn address_of(request: &HttpRequest) -> Option<IpAddr> {
    let trusts = request.app_data::<web::Data<TrustForwarded>>().is_some_and(|trust| trust.0);
    let forwarded = request.headers().get_all("x-forwarded-for").last().filter(|_| trusts);
    let last = forwarded.and_then(|value| value.to_str().ok()).and_then(|value| value.rsplit(',').next());
    let last = last.and_then(|address| address.trim().parse().ok());
    last.or_else(|| request.peer_addr().map(|peer| peer.ip()))
}
