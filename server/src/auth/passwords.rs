//! Passwords: Argon2id with 19 MiB, two passes, one lane (OWASP's password storage recommendation), as PHC strings.
//!
//! Every path checks exactly one hash, a dummy where there is no user, so that the time says nothing about who exists.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use gridledger_schema::code::Code;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{AuthError, random};

/// KiB of memory a check takes.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory.
const PASSES: u32 = 2;
/// Characters a new password has at least.
pub const SHORTEST_CHARS: usize = 8;
/// Bytes a password may have; Argon2 reads all of them.
pub const LONGEST_BYTES: usize = 256;
/// How long a sign-in waits for its turn before it is told to come back.
const TURN: Duration = Duration::from_secs(3);

/// Checks and makes password hashes; as many at once as there are cores.
pub struct Passwords {
    turns: Arc<Semaphore>,
    dummy: String,
    checks: AtomicU64,
    running: AtomicU64,
    most: AtomicU64,
}

impl Passwords {
    /// A checker with its dummy hash made.
    pub fn new() -> Result<Self, AuthError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let dummy = hash(&random::<16>()?)?;
        Ok(Self {
            turns: Arc::new(Semaphore::new(cores)),
            dummy,
            checks: AtomicU64::new(0),
            running: AtomicU64::new(0),
            most: AtomicU64::new(0),
        })
    }

    /// Waits for a turn; keep it until the check is done.
    pub async fn turn(&self) -> Result<OwnedSemaphorePermit, Code> {
        match tokio::time::timeout(TURN, self.turns.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Code::RateLimited),
        }
    }

    /// Whether `password` is the one of `phc`. Blocks for some 30 ms; takes as long when there is no hash.
    pub fn check(&self, password: &str, phc: Option<&str>) -> bool {
        self.checks.fetch_add(1, Ordering::Relaxed);
        let at_once = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(at_once, Ordering::Relaxed);
        let fits = password.len() <= LONGEST_BYTES;
        let password = if fits { password.as_bytes() } else { b"" };
        let same = argon2().verify_password(password, phc.unwrap_or(&self.dummy)).is_ok();
        self.running.fetch_sub(1, Ordering::Relaxed);
        same && fits && phc.is_some()
    }

    /// How many hashes were checked, the dummy's included.
    pub fn checks(&self) -> u64 {
        self.checks.load(Ordering::Relaxed)
    }

    /// How many hashes were checked at the same time at most: each takes `MEMORY_KIB`.
    pub fn most_at_once(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).expect("BUG: Argon2 takes these parameters");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &[u8]) -> Result<String, getrandom::Error> {
    let salt = random::<16>()?;
    let hash = argon2().hash_password_with_salt(password, &salt);
    Ok(hash.expect("BUG: a bounded password can be hashed").to_string())
}

/// A password that is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short.
    #[error("a password has at least {SHORTEST_CHARS} characters")]
    TooShort,
    /// Too long.
    #[error("a password has at most {LONGEST_BYTES} bytes")]
    TooLong,
    /// The operating system gave no random bytes.
    #[error("no random bytes for the salt")]
    NoSalt,
}

/// The PHC string of a new password.
pub fn make(password: &str) -> Result<String, PasswordError> {
    if password.chars().count() < SHORTEST_CHARS {
        return Err(PasswordError::TooShort);
    }
    if password.len() > LONGEST_BYTES {
        return Err(PasswordError::TooLong);
    }
    hash(password.as_bytes()).map_err(|_| PasswordError::NoSalt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_hash_alone() {
        let passwords = Passwords::new().expect("random bytes");
        let phc = make("correct horse").expect("long enough");
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(passwords.check("correct horse", Some(&phc)));
        assert!(!passwords.check("correct hors", Some(&phc)));
        assert!(!passwords.check("correct horse", None));
        assert!(!passwords.check("correct horse", Some("not a hash")));
        assert!(!passwords.check("", None));
        assert_eq!(passwords.checks(), 5);
    }

    #[test]
    fn a_new_password_has_bounds() {
        assert_eq!(make("1234567"), Err(PasswordError::TooShort));
        assert_eq!(make(&"长".repeat(200)), Err(PasswordError::TooLong));
        assert!(make("八个字的密码够了").is_ok());
    }
}
