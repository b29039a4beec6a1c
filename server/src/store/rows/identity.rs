//! A store's identity: its generation and the seeds of its keys.

use gridledger_schema::ids::ServerEpoch;

/// A store's generation and its seeds.
#[derive(Clone)]
pub struct Identity {
    /// The generation; a restored backup gets a new one.
    pub epoch: ServerEpoch,
    /// Ed25519 seed of the key that signs receipts.
    pub receipt_seed: [u8; 32],
    /// Ed25519 seed of the feed that imports and desk users' entries are signed with.
    pub desk_seed: [u8; 32],
    /// Seed of devices' lease secrets.
    pub lease_seed: [u8; 32],
}
