//! Signing in, going on, signing out: an access token for 15 minutes, and a refresh token that is good once.

use gridledger_core::calendar::DAY_MS;
use std::fmt;
use std::net::IpAddr;

use data_encoding::BASE64URL_NOPAD;
use gridledger_schema::code::Code;
use sha2::{Digest as _, Sha256};

use crate::auth::{Auth, random};
use crate::http::edge::error::ApiError;
use crate::store::Store;
use crate::store::rows::people::{RefreshToken, Refreshed, User, UserNo};

/// ms a refresh token is good for: a desk that is not used for so long signs in again.
const REFRESH_MS: i64 = 14 * DAY_MS;
/// Bytes of a login.
pub const LOGIN_BYTES: usize = 100;

/// The tokens that a sign-in gives.
#[derive(Clone)]
pub struct Session {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
    /// The user of the session.
    pub user: UserNo,
}

/// Both tokens are secret.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session {{ user: {:?}, .. }}", self.user)
    }
}

/// Signs in. Whatever is wrong with login, password or user, the answer is the same and takes as long. Blocks (store, Argon2); the caller holds a turn of [`Passwords`](crate::auth::passwords::Passwords).
pub fn login(
    auth: &Auth,
    store: &Store,
    login: &str,
    password: &str,
    peer: Option<IpAddr>,
    now: i64,
) -> Result<Session, ApiError> {
    // No login is longer. Attempts with longer ones share one place among the failures.
    let login = if login.len() > LOGIN_BYTES { "" } else { login };
    auth.limits.may_try(login, peer, now).map_err(ApiError::wait_ms)?;
    let user = store.user_by_login(login)?;
    // Exactly one check for every login, known or not.
    let phc = user.as_ref().and_then(|user| user.password.as_deref());
    let good = auth.passwords.check(password, phc);
    match user {
        Some(user) if good && !user.revoked => {
            auth.limits.succeeded(login);
            begin(auth, store, &user, now)
        }
        _ => {
            auth.limits.failed(login, peer, now);
            Err(Code::LoginFailed.into())
        }
    }
}

/// Continues a session: uses up `refresh` and gives new tokens. A refresh token used twice ends its session.
pub fn refresh(auth: &Auth, store: &Store, refresh: &str, now: i64) -> Result<Session, ApiError> {
    let token = Presented::parse(refresh).ok_or(Code::Unauthorised)?;
    let next = Presented::make(token.family)?;
    match store.use_refresh(token.hash, (next.hash, now + REFRESH_MS), now)? {
        Refreshed::Good(no) => match store.user(no)? {
            Some(user) if !user.revoked => next.session(auth, &user, now),
            Some(_) => Err(Code::UserRevoked.into()),
            None => Err(Code::Unauthorised.into()),
        },
        Refreshed::Reused => Err(Code::TokenReused.into()),
        Refreshed::Unknown => Err(Code::Unauthorised.into()),
    }
}

/// Signs out: the session's refresh tokens and its access token are good no more. Says nothing about what was there.
pub fn logout(store: &Store, refresh: &str) -> Result<(), ApiError> {
    let token = Presented::parse(refresh).ok_or(Code::Unauthorised)?;
    Ok(store.end_refresh(token.hash)?)
}

fn begin(auth: &Auth, store: &Store, user: &User, now: i64) -> Result<Session, ApiError> {
    let first = Presented::make(random().map_err(|_| Code::Busy)?)?;
    store.put_refresh(&RefreshToken {
        hash: first.hash,
        family: first.family,
        user: user.no,
        expires: now + REFRESH_MS,
    })?;
    first.session(auth, user, now)
}

/// A refresh token as it travels: 16 bytes family, 32 bytes secret. The family is believed once the store knows the
/// hash of the whole.
struct Presented {
    text: String,
    hash: [u8; 32],
    family: [u8; 16],
}

impl Presented {
    fn make(family: [u8; 16]) -> Result<Self, Code> {
        let secret = random::<32>().map_err(|_| Code::Busy)?;
        let text = BASE64URL_NOPAD.encode(&[&family[..], &secret].concat());
        let hash = Sha256::digest(text.as_bytes()).into();
        Ok(Self { text, hash, family })
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 48] = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()?;
        let mut family = [0; 16];
        family.copy_from_slice(&bytes[..16]);
        let hash = Sha256::digest(text.as_bytes()).into();
        let text = text.to_owned();
        Some(Self { text, hash, family })
    }

    /// The session that goes on with this token.
    fn session(self, auth: &Auth, user: &User, now: i64) -> Result<Session, ApiError> {
        let access = auth.keys.sign(user.no, self.family, now).ok_or(Code::Internal)?;
        Ok(Session { access, refresh: self.text, user: user.no })
    }
}
