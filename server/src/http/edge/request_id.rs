//! A request's id: the caller's own if it is well formed, a new one otherwise.

use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::header::HeaderMap;
use gridledger_schema::ids::hex;

/// The header, both ways.
pub const HEADER: &str = "x-request-id";
/// Characters of an id from outside.
const LONGEST: usize = 64;

/// A request's id, found among the request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    /// The id of a request with these headers.
    pub fn read(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
        match given.filter(|id| is_well_formed(id)) {
            Some(id) => Self(id.to_owned()),
            None => Self::make(),
        }
    }

    fn make() -> Self {
        // Without randomness a count still tells requests of one process apart.
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let fallback = || COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Self(hex(&crate::auth::random::<8>().unwrap_or_else(|_| fallback())))
    }
}

fn is_well_formed(id: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_short_ids_are_taken_over() {
        assert!(is_well_formed("req-1_a.B"));
        for id in ["", "a b", "a\nb", "a\"b", "网格", &"a".repeat(65)] {
            assert!(!is_well_formed(id), "{id:?}");
        }
        assert_ne!(RequestId::make(), RequestId::make());
    }
}
