//! Signing in, going on, signing out: an access token for 15 minutes, and a refresh token that is good once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gridledger_schema::code::Code;
use sha2::{Digest as _, Sha256};

use super::{Auth, random, tokens};
use crate::http::ApiError;
use crate::store::Store;
use crate::store::people::{RefreshToken, Refreshed, User, UserNo};

/// ms a refresh token is good for: a desk that is not used for so long signs in again.
const REFRESH_MS: i64 = 14 * 24 * 3_600_000;
/// Ended sessions remembered at most; each only until its access token has expired.
const ENDED_KEPT: usize = 100_000;
/// Bytes of a login.
pub const LOGIN_BYTES: usize = 100;

/// What signing in gives.
#[derive(Clone, Debug)]
pub struct Session {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
    /// Whose.
    pub user: UserNo,
}

/// Signs in. Blocks (store, Argon2); the caller holds a turn of [`Passwords`](super::passwords::Passwords).
pub fn login(
    auth: &Auth,
    store: &dyn Store,
    login: &str,
    password: &str,
    peer: Option<IpAddr>,
    now: i64,
) -> Result<Session, ApiError> {
    if login.len() > LOGIN_BYTES {
        return Err(Code::LoginFailed.into());
    }
    auth.limits.may_try(login, peer, now).map_err(ApiError::wait_ms)?;
    let user = store.user_by_login(login)?;
    // Exactly one check, whoever asks.
    let phc = user.as_ref().and_then(|user| user.password.as_deref());
    let good = auth.passwords.check(password, phc);
    match user {
        Some(user) if good && user.revoked => Err(Code::UserRevoked.into()),
        Some(user) if good => {
            auth.limits.succeeded(login);
            grant(auth, store, &user, random().map_err(|_| Code::Busy)?, now)
        }
        _ => {
            auth.limits.failed(login, peer, now);
            Err(Code::LoginFailed.into())
        }
    }
}

/// Goes on with a session: uses `refresh` up and gives new tokens. A refresh token used twice ends its session.
pub fn refresh(auth: &Auth, store: &dyn Store, refresh: &str, now: i64) -> Result<Session, ApiError> {
    let token = Presented::parse(refresh).ok_or(Code::Unauthorised)?;
    match store.use_refresh(token.hash, now)? {
        Refreshed::Good(no) => match store.user(no)? {
            Some(user) if !user.revoked => grant(auth, store, &user, token.family, now),
            Some(_) => Err(Code::UserRevoked.into()),
            None => Err(Code::Unauthorised.into()),
        },
        Refreshed::Reused => {
            auth.ended.add(token.family, now);
            Err(Code::TokenReused.into())
        }
        Refreshed::Unknown => Err(Code::Unauthorised.into()),
    }
}

/// Signs out: the session's refresh tokens and its access token are good no more. Says nothing about what was there.
pub fn logout(auth: &Auth, store: &dyn Store, refresh: &str, now: i64) -> Result<(), ApiError> {
    let token = Presented::parse(refresh).ok_or(Code::Unauthorised)?;
    // Only a token that was really given out takes room among the ended sessions.
    if store.use_refresh(token.hash, now)? != Refreshed::Unknown {
        store.end_refresh(token.hash)?;
        auth.ended.add(token.family, now);
    }
    Ok(())
}

fn grant(
    auth: &Auth,
    store: &dyn Store,
    user: &User,
    family: [u8; 16],
    now: i64,
) -> Result<Session, ApiError> {
    let access = auth.keys.sign(user.no, family, now).ok_or(Code::Internal)?;
    let secret = random::<32>().map_err(|_| Code::Busy)?;
    let refresh = URL_SAFE_NO_PAD.encode([&family[..], &secret].concat());
    let hash = Sha256::digest(refresh.as_bytes()).into();
    store.put_refresh(&RefreshToken {
        hash,
        family,
        user: user.no,
        expires: now + REFRESH_MS,
    })?;
    Ok(Session {
        access,
        refresh,
        user: user.no,
    })
}

/// A refresh token as somebody sent it: 16 bytes family, 32 bytes secret. The family is believed once the store
/// knows the hash of the whole.
struct Presented {
    hash: [u8; 32],
    family: [u8; 16],
}

impl Presented {
    fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 48] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let mut family = [0; 16];
        family.copy_from_slice(&bytes[..16]);
        Some(Self {
            hash: Sha256::digest(text.as_bytes()).into(),
            family,
        })
    }
}

/// Sessions that ended while an access token of theirs may still be about. In memory: after a restart such a token
/// is good for what is left of its 15 minutes.
#[derive(Default)]
pub struct EndedSessions {
    until: Mutex<HashMap<[u8; 16], i64>>,
}

impl EndedSessions {
    /// Ends a session at `now` (ms).
    pub fn add(&self, session: [u8; 16], now: i64) {
        let Ok(mut until) = self.until.lock() else { return };
        if until.len() >= ENDED_KEPT {
            until.retain(|_, &mut until| until > now);
        }
        if until.len() < ENDED_KEPT {
            // Twice the life covers clocks that differ by the leeway.
            until.insert(session, now + 2 * tokens::LIFE_SECONDS * 1000);
        }
    }

    /// Whether a session has ended.
    pub fn has(&self, session: &[u8; 16]) -> bool {
        self.until.lock().is_ok_and(|until| until.contains_key(session))
    }
}
