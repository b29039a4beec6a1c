//! The turns of people who write at desks.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::store::rows::people::UserNo;

/// The turns of desk users at this node: one request of a user at a time, so that its numbers follow each other. Two nodes may
/// write one feed; then one of them signs again.
///
/// Waiting takes a thread: over HTTP a person's requests wait for each other before they have one.
#[derive(Default)]
pub struct Desks {
    writing: Mutex<HashSet<UserNo>>,
    done: Condvar,
}

/// A user's turn, until this is dropped.
pub struct Turn<'a> {
    desks: &'a Desks,
    user: UserNo,
}

impl Desks {
    /// Waits for the user's turn, which lasts until what this gives is dropped.
    pub fn turn(&self, user: UserNo) -> Turn<'_> {
        let mut writing = self.writing();
        while !writing.insert(user) {
            writing = self.done.wait(writing).unwrap_or_else(PoisonError::into_inner);
        }
        Turn { desks: self, user }
    }

    fn writing(&self) -> MutexGuard<'_, HashSet<UserNo>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.desks.writing().remove(&self.user);
        self.desks.done.notify_all();
    }
}
