//! Limits on tries to sign in: each login and each address backs off after failures, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};

use crate::auth::network::network;

/// Keys remembered of each kind.
const KEYS: usize = 10_000;
/// A failure is forgotten after this many ms without another.
const MEMORY_MS: i64 = 15 * 60_000;
/// A login's failures before it must wait: a person mistypes a few times.
const LOGIN_FREE: u32 = 5;
/// ms a login waits at most, so that a stranger cannot lock its owner out for long.
const LOGIN_LONGEST_MS: i64 = 60_000;
/// An address's failures before it must wait: an office shares one address.
const PEER_FREE: u32 = 30;
/// ms an address waits at most.
const PEER_LONGEST_MS: i64 = 5 * 60_000;
/// ms of the first wait; each further failure doubles it.
const FIRST_WAIT_MS: i64 = 1_000;

/// Failed sign-ins of late.
#[derive(Default)]
pub struct LoginLimits {
    logins: Mutex<Failures<String>>,
    peers: Mutex<Failures<IpAddr>>,
}

impl LoginLimits {
    /// Whether a sign-in may be tried at `now` (ms); otherwise how many ms to wait.
    pub fn may_try(&self, login: &str, peer: Option<IpAddr>, now: i64) -> Result<(), i64> {
        let login = locked(&self.logins).wait(&login.to_owned(), now);
        let peer = peer.map_or(0, |peer| locked(&self.peers).wait(&network(peer), now));
        match login.max(peer) {
            0 => Ok(()),
            wait => Err(wait),
        }
    }

    /// Remembers a failure.
    pub fn failed(&self, login: &str, peer: Option<IpAddr>, now: i64) {
        locked(&self.logins).add(login.to_owned(), now, LOGIN_FREE, LOGIN_LONGEST_MS);
        if let Some(peer) = peer {
            locked(&self.peers).add(network(peer), now, PEER_FREE, PEER_LONGEST_MS);
        }
    }

    /// Forgets a login's failures. The address keeps its own: one good account must not cover for guessing at others.
    pub fn succeeded(&self, login: &str) {
        locked(&self.logins).known.remove(login);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[derive(Clone, Copy)]
struct Failed {
    count: u32,
    last: i64,
    until: i64,
}

struct Failures<K> {
    known: HashMap<K, Failed>,
}

impl<K> Default for Failures<K> {
    fn default() -> Self {
        Self { known: HashMap::new() }
    }
}

impl<K: Hash + Eq + Clone> Failures<K> {
    fn wait(&self, key: &K, now: i64) -> i64 {
        self.known.get(key).map_or(0, |failed| (failed.until - now).max(0))
    }

    fn add(&mut self, key: K, now: i64, free: u32, longest: i64) {
        if self.known.len() >= KEYS && !self.known.contains_key(&key) {
            self.make_room(now);
        }
        let failed = self.known.entry(key).or_insert(Failed { count: 0, last: now, until: 0 });
        if now - failed.last > MEMORY_MS {
            failed.count = 0;
        }
        failed.count = failed.count.saturating_add(1);
        failed.last = now;
        let beyond = failed.count.saturating_sub(free);
        if beyond > 0 {
            let wait = FIRST_WAIT_MS.checked_shl(beyond.min(30) - 1).unwrap_or(longest);
            failed.until = now + wait.min(longest);
        }
    }

    /// Drops what is forgotten anyway, or else the eighth that failed longest ago.
    fn make_room(&mut self, now: i64) {
        self.known.retain(|_, failed| now - failed.last <= MEMORY_MS);
        if self.known.len() < KEYS {
            return;
        }
        let mut times: Vec<i64> = self.known.values().map(|failed| failed.last).collect();
        times.sort_unstable();
        let oldest = times[KEYS / 8];
        let mut left = KEYS / 8;
        self.known.retain(|_, failed| {
            let drop = left > 0 && failed.last <= oldest;
            left -= usize::from(drop);
            !drop
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)));

    #[test]
    fn a_login_waits_longer_with_each_failure_and_not_for_ever() {
        let limits = LoginLimits::default();
        let mut now = 0;
        for _ in 0..LOGIN_FREE {
            assert_eq!(limits.may_try("w1", PEER, now), Ok(()));
            limits.failed("w1", PEER, now);
        }
        assert_eq!(limits.may_try("w1", PEER, now), Ok(()));
        let mut waits = Vec::new();
        for _ in 0..8 {
            limits.failed("w1", PEER, now);
            let wait = limits.may_try("w1", PEER, now).expect_err("must wait");
            waits.push(wait);
            now += wait;
            assert_eq!(limits.may_try("w1", PEER, now), Ok(()));
        }
        assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(limits.may_try("w2", PEER, now), Ok(()), "others do not wait");
        limits.succeeded("w1");
        limits.failed("w1", PEER, now);
        assert_eq!(limits.may_try("w1", PEER, now), Ok(()));
    }

    #[test]
    fn an_address_that_guesses_at_many_logins_waits() {
        let limits = LoginLimits::default();
        for guess in 0..=PEER_FREE {
            limits.failed(&format!("w{guess}"), PEER, 0);
        }
        assert_eq!(limits.may_try("another", PEER, 0), Err(1_000));
        assert_eq!(limits.may_try("another", None, 0), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let mut failures = Failures::default();
        for key in 0..KEYS * 3 {
            failures.add(key, 0, 1, 1_000);
            assert!(failures.known.len() <= KEYS);
        }
    }
}
