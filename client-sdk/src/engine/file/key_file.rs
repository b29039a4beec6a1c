//! The lock that opens a phone's file: a key the platform keeps for the app, or a passphrase.
//!
//! The file is encrypted under a random file key. The lock wraps that key, and the wrapped key stands beside the store in
//! `STORE.key`. Its 123 bytes are: version, number of the suite, kind of lock, 16 bytes of salt, Argon2's memory (KiB), passes
//! and lanes (three big-endian u32; 0 for a host key), 12 bytes of nonce, 48 of ChaCha20-Poly1305, and the SHA-256 of all
//! before it. The hash tells a damaged file from a wrong lock: if the hash holds and the key does not open, the lock is
//! wrong. A file of version 1 has no suite and belongs to the first.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::suite::Suite;
use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::error::{ClientError, KeyFileFault};
use crate::faults;

/// The key that a store's file is encrypted under.
pub(crate) type FileKey = Zeroizing<[u8; 32]>;

/// The lock of a phone's file.
#[derive(Clone)]
pub enum Lock {
    /// A key that the platform keeps for the app (Android Keystore, iOS Keychain): 32 random bytes.
    HostKey(Zeroizing<[u8; 32]>),
    /// A passphrase that the user types, of at least [`PASSPHRASE_CHARS`] characters.
    Passphrase(Zeroizing<String>),
}

/// The fewest characters that a passphrase may have.
pub const PASSPHRASE_CHARS: usize = 8;

const VERSION: u8 = 2;
/// The version without a suite.
const WITHOUT_SUITE: u8 = 1;
const HOST_KEY: u8 = 1;
const PASSPHRASE: u8 = 2;
/// Version, suite, kind, salt, costs.
const HEAD: usize = 31;
const NONCE: usize = 12;
const WRAPPED: usize = 48;
const LENGTH: usize = HEAD + NONCE + WRAPPED + 32;

/// Argon2's memory (KiB), passes and lanes: RFC 9106's second choice, for machines with little memory.
const COSTS: [u32; 3] = [64 << 10, 3, 4];
/// The most that a key file may ask for: 1 GiB, 64 passes, 64 lanes.
const MOST: [u32; 3] = [1 << 20, 64, 64];

/// Why a key file did not give its key.
#[derive(Debug)]
pub(crate) enum KeyFault {
    /// The bytes are not the bytes that were written.
    Damaged,
    /// Another lock wrapped the key.
    Wrong,
    /// A later version wrote the file, or a version that runs another suite.
    Newer(u8),
}

impl Lock {
    /// Makes a lock of a key that the app supplies.
    pub fn host_key(key: [u8; 32]) -> Self {
        Self::HostKey(Zeroizing::new(key))
    }

    /// Makes a lock of a passphrase.
    pub fn passphrase(text: impl Into<String>) -> Self {
        Self::Passphrase(Zeroizing::new(text.into()))
    }

    /// Opens the file key (32 bytes) of the store at `path`, for tools that read a file with SQLCipher itself. The key reads
    /// everything but residents' values.
    pub fn file_key(&self, path: &Path) -> Result<Zeroizing<[u8; 32]>, ClientError> {
        let bytes = read(path)?.ok_or_else(|| ClientError::of_key_file(path, KeyFileFault::Missing))?;
        self.unwrap(&bytes).map_err(|fault| match fault {
            KeyFault::Wrong => ClientError::WrongKey,
            KeyFault::Newer(version) => newer(version),
            KeyFault::Damaged => ClientError::of_key_file(path, KeyFileFault::Damaged),
        })
    }

    /// Wraps a file key; gives the bytes of a key file.
    pub(crate) fn wrap(&self, key: &FileKey) -> Result<Vec<u8>, ClientError> {
        let mut random = [0; 16 + NONCE];
        fill_random(&mut random)?;
        let (salt, nonce) = random.split_at(16);
        let (kind, costs) = match self {
            Self::HostKey(_) => (HOST_KEY, [0; 3]),
            Self::Passphrase(text) if text.chars().count() < PASSPHRASE_CHARS => {
                let rule = format!("at least {PASSPHRASE_CHARS} characters");
                return Err(Refusal::of_field(Code::ValueInvalid, "passphrase", rule).into());
            }
            Self::Passphrase(_) => (PASSPHRASE, COSTS),
        };
        let mut out = vec![VERSION, Suite::default().number(), kind];
        out.extend(salt);
        out.extend(costs.iter().flat_map(|cost| cost.to_be_bytes()));
        let cipher = self.cipher(salt, costs).ok_or_else(no_memory)?;
        let message = Payload { msg: &key[..], aad: &out };
        let wrapped = cipher.encrypt(&nonce_of(nonce), message).expect("BUG: 32 bytes can be encrypted");
        out.extend(nonce);
        out.extend(wrapped);
        let check = Sha256::digest(&out);
        out.extend(check);
        Ok(out)
    }

    /// Opens the file key that a key file's bytes hold.
    pub(crate) fn unwrap(&self, bytes: &[u8]) -> Result<FileKey, KeyFault> {
        let (body, check) = bytes.split_last_chunk::<32>().ok_or(KeyFault::Damaged)?;
        if Sha256::digest(body)[..] != check[..] {
            return Err(KeyFault::Damaged);
        }
        // Bytes before the kind of lock.
        let before = match body.first() {
            Some(&WITHOUT_SUITE) if bytes.len() == LENGTH - 1 => 1,
            Some(&VERSION) if bytes.len() == LENGTH => 2,
            Some(&version) if version > VERSION => return Err(KeyFault::Newer(version)),
            _ => return Err(KeyFault::Damaged),
        };
        if before == 2 && Suite::of_number(body[1].into()).is_none() {
            return Err(KeyFault::Newer(VERSION));
        }
        let (head, rest) = body.split_at(HEAD - 2 + before);
        let fields = &head[before..];
        let (nonce, wrapped) = rest.split_at(NONCE);
        let mut costs = [0; 3];
        for (cost, bytes) in costs.iter_mut().zip(fields[17..].chunks_exact(4)) {
            *cost = u32::from_be_bytes(bytes.try_into().expect("BUG: chunks of four"));
        }
        if costs.iter().zip(MOST).any(|(cost, most)| *cost > most) {
            return Err(KeyFault::Damaged);
        }
        let kind = match self {
            Self::HostKey(_) => HOST_KEY,
            Self::Passphrase(_) => PASSPHRASE,
        };
        if fields[0] != kind {
            return Err(KeyFault::Wrong);
        }
        let cipher = self.cipher(&fields[1..17], costs).ok_or(KeyFault::Damaged)?;
        let message = Payload { msg: wrapped, aad: head };
        let key = cipher.decrypt(&nonce_of(nonce), message).map_err(|_| KeyFault::Wrong)?;
        let key = Zeroizing::new(key);
        let key = <[u8; 32]>::try_from(&key[..]).map_err(|_| KeyFault::Damaged)?;
        Ok(Zeroizing::new(key))
    }

    /// Makes the cipher that wraps; `None` for costs that Argon2 does not take.
    fn cipher(&self, salt: &[u8], [memory_kib, passes, lanes]: [u32; 3]) -> Option<ChaCha20Poly1305> {
        let mut wrapping = Zeroizing::new([0; 32]);
        match self {
            Self::HostKey(key) => Hkdf::<Sha256>::new(Some(salt), &key[..])
                .expand(b"gridledger/host-key/v1", &mut wrapping[..])
                .ok()?,
            Self::Passphrase(text) => {
                let params = Params::new(memory_kib, passes, lanes, Some(32)).ok()?;
                Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                    .hash_password_into(text.as_bytes(), salt, &mut wrapping[..])
                    .ok()?;
            }
        }
        ChaCha20Poly1305::new_from_slice(&wrapping[..]).ok()
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HostKey(_) => "HostKey(***)",
            Self::Passphrase(_) => "Passphrase(***)",
        })
    }
}

fn nonce_of(bytes: &[u8]) -> Nonce {
    Nonce::try_from(bytes).expect("BUG: twelve bytes")
}

fn no_memory() -> ClientError {
    ClientError::NotAStore("this device has too little memory for the passphrase".into())
}

pub(crate) fn newer(version: u8) -> ClientError {
    ClientError::NotAStore(format!("the key file was written by a newer version ({version})"))
}

/// Makes a random key.
pub(crate) fn make_key() -> Result<Zeroizing<[u8; 32]>, ClientError> {
    let mut key = Zeroizing::new([0; 32]);
    fill_random(&mut key[..])?;
    Ok(key)
}

/// Fills `bytes` with random ones.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), ClientError> {
    getrandom::fill(bytes).map_err(|e| ClientError::NotAStore(format!("no random numbers: {e}")))
}

impl ClientError {
    /// The key file of a store has a fault.
    pub(crate) fn of_key_file(store: &Path, fault: KeyFileFault) -> Self {
        let file = key_file_path(store).display().to_string();
        Self::KeyFile { fault, file }
    }
}

/// The path of a store's key file.
pub(crate) fn key_file_path(store: &Path) -> PathBuf {
    path_with(store, ".key")
}

/// The store's path with a suffix.
pub(crate) fn path_with(store: &Path, suffix: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The bytes of a store's key file, if there is one.
pub(crate) fn read(store: &Path) -> Result<Option<Vec<u8>>, ClientError> {
    match std::fs::read(key_file_path(store)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ClientError::of_file(&error)),
    }
}

/// Writes a store's key file in one step. A reader finds the old file or the new one, also after a power cut.
pub(crate) fn write(store: &Path, bytes: &[u8]) -> Result<(), ClientError> {
    let new = path_with(store, ".key.new");
    let work = || {
        let mut file = private(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        faults::reach("phone.before_key_file");
        std::fs::rename(&new, key_file_path(store))?;
        sync_folder(store)
    };
    work().map_err(|error| ClientError::of_file(&error))?;
    faults::reach("phone.after_key_file");
    Ok(())
}

/// Makes a file that only its owner can read.
fn private(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a renaming in the store's folder durable.
pub(crate) fn sync_folder(store: &Path) -> std::io::Result<()> {
    let folder = store.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Some systems do not open folders; there the file system's journal has to do.
    match File::open(folder.unwrap_or_else(|| Path::new("."))) {
        Ok(folder) => folder.sync_all(),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_that_wrapped_unwraps_and_no_other_does() {
        let key = make_key().unwrap();
        let locks = [
            Lock::host_key([7; 32]),
            Lock::host_key([8; 32]),
            Lock::passphrase("大槐树下第三户人家"),
            Lock::passphrase("大槐树下第四户人家"),
        ];
        for (i, mine) in locks.iter().enumerate() {
            let bytes = mine.wrap(&key).unwrap();
            assert_eq!(bytes.len(), LENGTH);
            for (j, other) in locks.iter().enumerate() {
                match other.unwrap(&bytes) {
                    Ok(found) => assert!(i == j && found == key),
                    Err(fault) => assert!(i != j && matches!(fault, KeyFault::Wrong), "{fault:?}"),
                }
            }
        }
    }

    #[test]
    fn damage_is_never_taken_for_a_wrong_key() {
        let lock = Lock::host_key([7; 32]);
        let whole = lock.wrap(&make_key().unwrap()).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            assert!(matches!(lock.unwrap(&bytes), Err(KeyFault::Damaged)), "byte {at}");
            assert!(matches!(lock.unwrap(&whole[..at]), Err(KeyFault::Damaged)), "cut at {at}");
        }
        let mut later = whole[..LENGTH - 32].to_vec();
        later[0] = 3;
        let check = Sha256::digest(&later);
        later.extend(check);
        assert!(matches!(lock.unwrap(&later), Err(KeyFault::Newer(3))));
    }

    #[test]
    fn a_key_file_without_a_suite_is_read_and_one_of_another_suite_is_not() {
        // The head is authenticated: a file of version 1 is wrapped as that version did.
        let (lock, key) = (Lock::host_key([7; 32]), make_key().unwrap());
        let mut old = vec![WITHOUT_SUITE, HOST_KEY];
        old.extend([9; 16]);
        old.extend([0; 12]);
        let message = Payload { msg: &key[..], aad: &old };
        let cipher = lock.cipher(&[9; 16], [0; 3]).unwrap();
        let wrapped = cipher.encrypt(&nonce_of(&[3; NONCE]), message).unwrap();
        old.extend([3; NONCE]);
        old.extend(wrapped);
        let check = Sha256::digest(&old);
        old.extend(check);
        assert_eq!(lock.unwrap(&old).unwrap(), key);

        let whole = lock.wrap(&key).unwrap();
        let mut other = whole[..LENGTH - 32].to_vec();
        other[1] = 2;
        let check = Sha256::digest(&other);
        other.extend(check);
        assert!(matches!(lock.unwrap(&other), Err(KeyFault::Newer(VERSION))));
    }

    #[test]
    fn a_passphrase_has_a_least_length_and_is_never_printed() {
        let lock = Lock::passphrase("七个字不够长呀");
        assert_eq!(format!("{lock:?}"), "Passphrase(***)");
        let error = lock.wrap(&make_key().unwrap()).unwrap_err();
        assert_eq!(error.code(), Some(Code::ValueInvalid));
    }
}
