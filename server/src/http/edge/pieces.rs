//! Answers to syncs that are sent in pieces: a number at once, and of each device one.
//!
//! The state of an answer between two pieces lies in a slot. The answer's connection and the device's next request share the
//! slot. So a new request takes over the place and memory of the device's older answer at once, however slowly the older
//! connection reads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gridledger_schema::code::Code;
use gridledger_schema::ids::DeviceNo;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// All answers that are being sent in pieces; `S` is what one needs between two of them.
pub struct Pieces<S> {
    places: Arc<Semaphore>,
    sent: Arc<Sent<S>>,
}

type Sent<S> = Mutex<HashMap<DeviceNo, Arc<Slot<S>>>>;

/// One answer's place.
struct Slot<S>(Mutex<Held<S>>);

struct Held<S> {
    /// None: a newer answer to the device has it.
    place: Option<OwnedSemaphorePermit>,
    /// None while a piece is being made.
    state: Option<S>,
}

/// An answer that is being sent, until this is dropped.
pub struct Sending<S> {
    sent: Arc<Sent<S>>,
    device: DeviceNo,
    slot: Arc<Slot<S>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S> Pieces<S> {
    /// Room for so many answers at once.
    pub fn new(at_once: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(at_once)), sent: Arc::default() }
    }

    /// Begins to send a device an answer; an older one to it ends, and its place goes over.
    pub fn begin(&self, device: DeviceNo, state: S) -> Result<Sending<S>, Code> {
        let mut sent = lock(&self.sent);
        let older = sent.remove(&device).and_then(|older| older.end());
        let place = match older {
            Some(place) => place,
            None => self.places.clone().try_acquire_owned().map_err(|_| Code::Busy)?,
        };
        let slot = Arc::new(Slot(Mutex::new(Held { place: Some(place), state: Some(state) })));
        sent.insert(device, slot.clone());
        drop(sent);
        let sent = self.sent.clone();
        Ok(Sending { sent, device, slot })
    }
}

impl<S> Slot<S> {
    /// Takes everything away.
    fn end(&self) -> Option<OwnedSemaphorePermit> {
        let mut held = lock(&self.0);
        held.state = None;
        held.place.take()
    }
}

impl<S> Sending<S> {
    /// Takes the state that makes the next piece; `None` when the device has a newer answer.
    pub fn take(&self) -> Option<S> {
        lock(&self.slot.0).state.take()
    }

    /// Puts back what the piece after is made of, unless the device has a newer answer.
    pub fn put(&self, state: S) {
        let mut held = lock(&self.slot.0);
        if held.place.is_some() {
            held.state = Some(state);
        }
    }
}

impl<S> Drop for Sending<S> {
    fn drop(&mut self) {
        let mut sent = lock(&self.sent);
        let is_last = sent.get(&self.device).is_some_and(|slot| Arc::ptr_eq(slot, &self.slot));
        if is_last {
            sent.remove(&self.device);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: DeviceNo = DeviceNo(7);

    #[test]
    fn a_device_has_one_place_and_its_newest_answer_has_it() {
        let pieces = Pieces::new(2);
        let memory = Arc::new(());
        let mut answers = Vec::new();
        for _ in 0..5 {
            answers.push(pieces.begin(DEVICE, memory.clone()).expect("its own place"));
            assert_eq!(Arc::strong_count(&memory), 2, "only the newest holds memory");
        }
        let other = pieces.begin(DeviceNo(8), memory.clone()).expect("the second place");
        assert_eq!(pieces.begin(DeviceNo(9), memory.clone()).err(), Some(Code::Busy));
        drop(other);
        // An answer that makes a piece while a newer request arrives ends with that piece.
        let newest = answers.pop().expect("answers");
        let state = newest.take().expect("it is the newest");
        let newer = pieces.begin(DEVICE, memory.clone()).expect("its own place");
        newest.put(state);
        assert!(newest.take().is_none());
        drop((newest, answers));
        assert!(newer.take().is_some());
        drop(newer);
        assert!(lock(&pieces.sent).is_empty());
        assert_eq!(pieces.places.available_permits(), 2);
    }
}
