//! Limits the memory for bodies that are being received: in all, and for each network.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gridledger_schema::code::Code;
use gridledger_schema::limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The room for all bodies.
pub struct Rooms(Arc<Shared>);

struct Shared {
    all: Arc<Semaphore>,
    /// Bytes that networks hold of bodies whose sender is not proven yet.
    networks: Mutex<HashMap<IpAddr, usize>>,
}

/// The room that one body takes, until this is dropped.
pub struct Room {
    shared: Arc<Shared>,
    /// The network that the bytes count against; `None` once the sender is proven.
    network: Option<IpAddr>,
    bytes: usize,
    permit: Option<OwnedSemaphorePermit>,
}

impl Default for Rooms {
    fn default() -> Self {
        Self(Arc::new(Shared {
            all: Arc::new(Semaphore::new(limits::BODIES_BYTES)),
            networks: Mutex::default(),
        }))
    }
}

impl Rooms {
    /// Begins with no room, for a body from a network, or from a proven sender.
    pub fn begin(&self, network: Option<IpAddr>) -> Room {
        Room { shared: self.0.clone(), network, bytes: 0, permit: None }
    }
}

impl Shared {
    fn networks(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.networks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Takes room for so many bytes more.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Code> {
        let count = u32::try_from(bytes).map_err(|_| Code::BodyTooLarge)?;
        if let Some(network) = self.network {
            let mut networks = self.shared.networks();
            let held = networks.get(&network).copied().unwrap_or_default();
            if held + bytes > limits::NETWORK_BODIES_BYTES {
                return Err(Code::Busy);
            }
            networks.insert(network, held + bytes);
        }
        self.bytes += bytes;
        let all = self.shared.all.clone();
        let more = all.try_acquire_many_owned(count).map_err(|_| Code::Busy)?;
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            None => self.permit = Some(more),
        }
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let Some(network) = self.network else {
            return;
        };
        let mut networks = self.shared.networks();
        let Some(held) = networks.get_mut(&network) else {
            return;
        };
        *held -= self.bytes;
        if *held == 0 {
            networks.remove(&network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_leaves_room_to_others_and_to_who_is_proven() {
        let rooms = Rooms::default();
        let network = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
        let mut one = rooms.begin(network(1));
        one.grow(limits::NETWORK_BODIES_BYTES).expect("its share");
        let mut more = rooms.begin(network(1));
        assert_eq!(more.grow(1), Err(Code::Busy));
        let mut proven = rooms.begin(None);
        proven.grow(limits::BODIES_BYTES - limits::NETWORK_BODIES_BYTES - 1).expect("no share bounds it");
        let mut other = rooms.begin(network(2));
        other.grow(1).expect("the last byte");
        assert_eq!(other.grow(1), Err(Code::Busy), "nothing is left for anybody");
        drop(one);
        assert!(more.grow(1).is_ok() && other.grow(1).is_ok());
        drop((more, other, proven));
        assert!(rooms.0.networks().is_empty());
        assert_eq!(rooms.0.all.available_permits(), limits::BODIES_BYTES);
    }
}
