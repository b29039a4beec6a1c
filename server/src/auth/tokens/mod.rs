//! Access tokens: JWTs (RFC 7519) signed with Ed25519 (RFC 8037) by keys that are kept in the store.
//!
//! One algorithm, keys only from the own set by `kid`, every claim required: what a token says about how to check
//! it (`alg`, `jku`, `jwk`, `x5u`) is never followed.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use ed25519_dalek::SigningKey;
use gridledger_schema::ids::{hex, unhex};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{AuthError, random};
use crate::store::Store;
use crate::store::rows::people::UserNo;

/// Where the keys are kept in the store.
const SETTING: &str = "jwt_keys";
/// The audience of the tokens.
pub const AUDIENCE: &str = "gridledger";
/// Seconds an access token is good for.
pub const LIFE_SECONDS: i64 = 15 * 60;
/// Seconds two clocks may differ.
const LEEWAY_SECONDS: i64 = 30;
/// Bytes a token may have; ours have some 400.
const LONGEST_BYTES: usize = 2048;
/// Milliseconds within which the keys are not read again, however many strange tokens come.
const READ_AGAIN_MS: i64 = 1_000;
/// Keys kept: the current one and those whose tokens may still be about.
const KEPT_KEYS: usize = 3;

/// The claims of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user's number.
    pub sub: String,
    /// The issuer.
    pub iss: String,
    /// The audience.
    pub aud: String,
    /// Issued, s since 1970.
    pub iat: i64,
    /// Not good before, s since 1970.
    pub nbf: i64,
    /// Good until, s since 1970.
    pub exp: i64,
    /// The session: the family of refresh tokens, in hex.
    pub sid: String,
}

impl Claims {
    /// The user.
    pub fn user(&self) -> Option<UserNo> {
        self.sub.parse().ok().map(UserNo)
    }

    /// The session.
    pub fn session(&self) -> Option<[u8; 16]> {
        unhex(&self.sid)
    }
}

/// A key as it is kept.
#[derive(Serialize, Deserialize)]
struct KeptKey {
    kid: String,
    /// Ed25519 seed, in hex.
    seed: String,
    state: KeyState,
    /// Made, ms since 1970.
    created: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum KeyState {
    Current,
    Previous,
}

impl KeptKey {
    fn make(now: i64) -> Result<Self, AuthError> {
        let seed = random::<32>()?;
        let kid = hex(&Sha256::digest(public_key(&seed))[..8]);
        Ok(Self { kid, seed: hex(&seed), state: KeyState::Current, created: now })
    }
}

fn public_key(seed: &[u8; 32]) -> [u8; 32] {
    SigningKey::from_bytes(seed).verifying_key().to_bytes()
}

/// The keys in use: the current one signs, all of them check.
pub struct Keys {
    issuer: String,
    validation: Validation,
    held: RwLock<Held>,
}

/// The keys as they were read last.
struct Held {
    signing: EncodingKey,
    signing_kid: String,
    checking: Vec<(String, DecodingKey)>,
    /// When they were read, ms since 1970.
    at: i64,
}

impl Keys {
    /// The keys kept in the store; makes the first.
    pub fn open(store: &Store, issuer: &str, now: i64) -> Result<Self, AuthError> {
        let mut kept = read(store)?;
        if kept.is_empty() {
            // Another node may start at the same moment: the first to write says which key it is.
            let first = serde_json::to_vec(&[KeptKey::make(now)?]).map_err(|_| AuthError::KeysDamaged)?;
            kept = parse(&store.first_setting(SETTING, &first)?)?;
        }
        Self::of(&kept, issuer, now)
    }

    fn of(kept: &[KeptKey], issuer: &str, now: i64) -> Result<Self, AuthError> {
        Ok(Self {
            issuer: issuer.to_owned(),
            validation: validation(issuer),
            held: RwLock::new(Held::of(kept, now)?),
        })
    }

    /// Whether a token names a key that this process does not know.
    pub fn is_strange(&self, token: &str) -> bool {
        let kid = jsonwebtoken::decode_header(token).ok().and_then(|header| header.kid);
        kid.is_some_and(|kid| !self.held().checking.iter().any(|(known, _)| *known == kid))
    }

    /// Reads the keys again, at most once in a while: they may have been rotated at another node.
    pub fn read_again(&self, store: &Store, now: i64) -> Result<(), AuthError> {
        if (self.held().at..self.held().at + READ_AGAIN_MS).contains(&now) {
            return Ok(());
        }
        let held = Held::of(&read(store)?, now)?;
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
        Ok(())
    }

    fn held(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn of(kept: &[KeptKey], at: i64) -> Result<Self, AuthError> {
        let mut checking = Vec::with_capacity(kept.len());
        let mut signing = None;
        for key in kept {
            let seed = unhex(&key.seed).ok_or(AuthError::KeysDamaged)?;
            checking.push((key.kid.clone(), DecodingKey::from_ed_der(&public_key(&seed))));
            if key.state == KeyState::Current {
                signing = Some((EncodingKey::from_ed_der(&pkcs8(&seed)), key.kid.clone()));
            }
        }
        let (signing, signing_kid) = signing.ok_or(AuthError::KeysDamaged)?;
        Ok(Self { signing, signing_kid, checking, at })
    }
}

impl Keys {
    /// Signs an access token for a user's session at `now` (ms). `None` if the key does not sign.
    pub fn sign(&self, user: UserNo, session: [u8; 16], now: i64) -> Option<String> {
        let now = now / 1000;
        let claims = Claims {
            sub: user.0.to_string(),
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            iat: now,
            nbf: now,
            exp: now + LIFE_SECONDS,
            sid: hex(&session),
        };
        let held = self.held();
        let header = Header { kid: Some(held.signing_kid.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, &claims, &held.signing).ok()
    }

    /// Reads the claims of a token, if it is one of ours and good at `now` (ms).
    pub fn read(&self, token: &str, now: i64) -> Option<Claims> {
        if token.len() > LONGEST_BYTES {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        // RFC 7515, 4.1.11: what is marked critical and not understood makes the token bad; we understand none.
        if header.alg != Algorithm::EdDSA || header.crit.is_some() {
            return None;
        }
        let kid = header.kid?;
        let held = self.held();
        let (_, key) = held.checking.iter().find(|(known, _)| *known == kid)?;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &self.validation).ok()?.claims;
        let now = now / 1000;
        let in_time = claims.nbf <= now + LEEWAY_SECONDS && now - LEEWAY_SECONDS <= claims.exp;
        in_time.then_some(claims)
    }
}

fn validation(issuer: &str) -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[AUDIENCE]);
    // Without this a token that leaves out `iss` or `aud` passes.
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub", "nbf"]);
    // The library looks at the machine's clock; `Keys::read` compares with the service's.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation
}

/// An Ed25519 seed as PKCS#8 version 1 (RFC 8410, section 7): always the same head.
fn pkcs8(seed: &[u8; 32]) -> Vec<u8> {
    const HEAD: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    [&HEAD[..], seed].concat()
}

/// Makes a new current key; tokens of the keys before it stay good until they expire. Returns the new key's id.
pub fn rotate(store: &Store, now: i64) -> Result<String, AuthError> {
    let mut kept = read(store)?;
    for key in &mut kept {
        key.state = KeyState::Previous;
    }
    let fresh = KeptKey::make(now)?;
    let kid = fresh.kid.clone();
    kept.insert(0, fresh);
    kept.truncate(KEPT_KEYS);
    write(store, &kept)?;
    Ok(kid)
}

fn read(store: &Store) -> Result<Vec<KeptKey>, AuthError> {
    match store.setting(SETTING)? {
        Some(bytes) => parse(&bytes),
        None => Ok(Vec::new()),
    }
}

fn parse(bytes: &[u8]) -> Result<Vec<KeptKey>, AuthError> {
    serde_json::from_slice(bytes).map_err(|_| AuthError::KeysDamaged)
}

fn write(store: &Store, kept: &[KeptKey]) -> Result<(), AuthError> {
    let bytes = serde_json::to_vec(kept).map_err(|_| AuthError::KeysDamaged)?;
    Ok(store.set_setting(SETTING, &bytes)?)
}

#[cfg(test)]
mod tests;
