//! Requests being opened and answers being sent, one at a time for each device. A new request ends the device's older
//! answer.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gridledger_schema::ids::DeviceNo;

/// The devices being served now. It holds no more than there are requests and answers.
#[derive(Default)]
pub struct Answers {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    opening: HashSet<DeviceNo>,
    answered: HashMap<DeviceNo, u64>,
    last: u64,
}

/// A device's request is being opened, until this is dropped.
pub struct Opening {
    answers: Arc<Answers>,
    device: DeviceNo,
}

/// A device is being answered, until this is dropped.
pub struct Answering {
    answers: Arc<Answers>,
    device: DeviceNo,
    number: u64,
}

impl Answers {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to open a request of a device that proved itself; `None` while another request of it is being opened.
    pub fn open(self: &Arc<Self>, device: DeviceNo) -> Option<Opening> {
        self.state().opening.insert(device).then(|| Opening { answers: self.clone(), device })
    }

    /// Begins to answer a device. An answer to it that is still being sent is not the last any more.
    pub fn answer(self: &Arc<Self>, device: DeviceNo) -> Answering {
        let mut state = self.state();
        state.last += 1;
        let number = state.last;
        state.answered.insert(device, number);
        Answering { answers: self.clone(), device, number }
    }
}

impl Answering {
    /// Whether the device has sent no other request since.
    pub fn is_last(&self) -> bool {
        self.answers.state().answered.get(&self.device) == Some(&self.number)
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.answers.state().opening.remove(&self.device);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let mut state = self.answers.state();
        if state.answered.get(&self.device) == Some(&self.number) {
            state.answered.remove(&self.device);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: DeviceNo = DeviceNo(7);

    #[test]
    fn a_device_has_one_request_and_one_answer() {
        let answers = Arc::new(Answers::default());
        let opening = answers.open(DEVICE).expect("the first");
        assert!(answers.open(DEVICE).is_none());
        assert!(answers.open(DeviceNo(8)).is_some(), "another device");
        drop(opening);
        assert!(answers.open(DEVICE).is_some());
        let first = answers.answer(DEVICE);
        assert!(first.is_last());
        let second = answers.answer(DEVICE);
        assert!(!first.is_last() && second.is_last());
        drop(first);
        assert!(second.is_last());
        drop(second);
        let state = answers.state();
        assert!(state.answered.is_empty() && state.opening.is_empty());
    }
}
