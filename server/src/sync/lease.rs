//! Leases: how long a phone may show residents' values without a sync, and the secret that opens them on it. A device
//! that was revoked is refused at the door and never gets one.

use gridledger_core::calendar::DAY_MS;
use gridledger_schema::wire::Lease;
use hkdf::Hkdf;
use sha2::Sha256;

use crate::service::Service;
use crate::store::rows::people::Device;

/// A lease for a device from now on (ms since 1970).
pub fn lease(service: &Service, device: &Device, now: i64) -> Lease {
    let days = i64::try_from(service.lease_days).unwrap_or(i64::MAX);
    Lease {
        until: now.saturating_add(days.saturating_mul(DAY_MS)),
        secret: secret(&service.identity.lease_seed, &device.public_key),
    }
}

/// The device's secret. It is the same at every renewal, and tells nothing about another device's.
fn secret(seed: &[u8; 32], public_key: &[u8; 32]) -> [u8; 32] {
    let mut secret = [0; 32];
    Hkdf::<Sha256>::new(None, seed)
        .expand_multi_info(&[b"gridledger/lease/v1", public_key], &mut secret)
        .expect("BUG: HKDF gives 32 bytes");
    secret
}

#[cfg(test)]
mod tests {
    use super::secret;

    #[test]
    fn a_secret_is_one_devices_and_stays_the_same() {
        let (seed, other) = ([1; 32], [2; 32]);
        assert_eq!(secret(&seed, &[3; 32]), secret(&seed, &[3; 32]));
        assert_ne!(secret(&seed, &[3; 32]), secret(&seed, &[4; 32]));
        assert_ne!(secret(&seed, &[3; 32]), secret(&other, &[3; 32]));
    }
}
