//! Rates: how often users, devices and networks may ask.
//!
//! A signed-in user and an enrolled device each have a rate. A network pays for every request that proves to be neither.
//! When a network has used up its rate, only proven callers get in; the proof is checked before any other work.
//!
//! So an office with one address for all its phones pays nothing for them. A neighbour that asks too much shuts no proven
//! caller out. No route is forgotten: a request that proves no caller is charged.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, web};
use governor::clock::{Clock, DefaultClock, Reference as _};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use gridledger_schema::code::Code;
use gridledger_schema::ids::DeviceNo;
use gridledger_schema::limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::observe::BARE_ROUTE;
use super::peer;
use super::room::Rooms;
use super::seats::{Seat, Seats, seated};
use crate::auth::Auth;
use crate::auth::network::network;
use crate::config::Settings;
use crate::http::edge::bearer;
use crate::http::edge::error::ApiError;
use crate::service::Service;
use crate::store::rows::people::UserNo;

/// Keys remembered of each kind. More are there only under attack; then all are forgotten and have their burst again.
const KEYS: usize = 100_000;

/// Every limit on how often, and on how many syncs at once.
pub struct Rates {
    /// The rates of networks, for requests that are not signed in.
    pub peers: Rate<IpAddr>,
    /// Signed-in users.
    pub users: Rate<UserNo>,
    /// Devices that sealed their request.
    pub devices: Rate<DeviceNo>,
    /// Requests of people at desks.
    pub seats: Seats,
    turns: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    /// Bodies that are being received.
    pub rooms: Rooms,
    turn_wait: Duration,
}

impl Rates {
    /// The limits of the settings.
    pub fn new(settings: &Settings) -> Self {
        Self {
            peers: Rate::new(settings.peer_rate, settings.peer_burst, DefaultClock::default()),
            users: Rate::new(settings.user_rate, settings.user_burst, DefaultClock::default()),
            devices: Rate::new(settings.device_rate, settings.device_burst, DefaultClock::default()),
            seats: Seats::new(Duration::from_secs(settings.sync_wait_seconds)),
            turns: Arc::new(Semaphore::new(settings.syncs_at_once)),
            strangers: Arc::new(Semaphore::new(limits::STRANGERS_AT_ONCE)),
            rooms: Rooms::default(),
            turn_wait: Duration::from_secs(settings.sync_wait_seconds),
        }
    }

    /// A turn to have a sync decided; to be kept until it is. Those who enrol have turns of their own, few.
    pub async fn turn(&self, enrols: bool) -> Result<OwnedSemaphorePermit, Code> {
        let turns = if enrols { &self.strangers } else { &self.turns };
        match tokio::time::timeout(self.turn_wait, turns.clone().acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(Code::Busy),
        }
    }
}

/// The rate of each key, in bounded memory.
pub struct Rate<K: Hash + Eq + Clone, C: Clock + Clone = DefaultClock> {
    quota: Quota,
    clock: C,
    known: Mutex<Known<K, C>>,
}

struct Known<K: Hash + Eq + Clone, C: Clock + Clone> {
    limiter: RateLimiter<K, HashMapStateStore<K>, C, NoOpMiddleware<C::Instant>>,
    /// The keys that have used up their rate, and until when.
    shut: HashMap<K, C::Instant>,
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Rate<K, C> {
    /// `per_second` on average, `burst` at once.
    pub fn new(per_second: u32, burst: u32, clock: C) -> Self {
        let at_least_one = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst));
        let known = Mutex::new(Known::new(quota, clock.clone()));
        Self { quota, clock, known }
    }

    /// Counts one request of `key`, or says how long it must wait.
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        let mut known = self.known();
        if known.limiter.len() >= KEYS {
            known.limiter.retain_recent();
            if known.limiter.len() >= KEYS / 2 {
                *known = Known::new(self.quota, self.clock.clone());
            }
        }
        let Err(until) = known.limiter.check_key(key) else {
            return Ok(());
        };
        let (now, until) = (self.clock.now(), until.earliest_possible());
        if known.shut.len() >= KEYS {
            known.shut.clear();
        }
        known.shut.insert(key.clone(), until);
        Err(until.duration_since(now).into())
    }

    /// Whether `key` may come, without counting it; otherwise how long it must wait.
    pub fn may_come(&self, key: &K) -> Result<(), Duration> {
        let mut known = self.known();
        let Some(until) = known.shut.get(key).copied() else {
            return Ok(());
        };
        let now = self.clock.now();
        if now < until {
            return Err(until.duration_since(now).into());
        }
        known.shut.remove(key);
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, Known<K, C>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Known<K, C> {
    fn new(quota: Quota, clock: C) -> Self {
        Self { limiter: RateLimiter::new(quota, HashMapStateStore::default(), clock), shut: HashMap::new() }
    }
}

/// Among a request's extensions: it said who asks, and that was proven.
struct SignedIn;

/// Among a request's extensions: its address has nothing left, for so long.
struct Shut(Duration);

/// Marks a request whose user or device is proven; its address does not pay for it.
pub fn signed_in(request: &HttpRequest) {
    request.extensions_mut().insert(SignedIn);
}

/// Notes the seat of a request; it is kept until the answer was sent, if that is large.
pub fn sit_down(request: &HttpRequest, seat: Seat) {
    request.extensions_mut().insert(seat);
}

/// Gives a request's seat back.
pub fn stand_up(request: &HttpRequest) {
    request.extensions_mut().remove::<Seat>();
}

/// Gives the time that an unproven request must wait, if its network has used up its rate.
pub fn shut(request: &HttpRequest) -> Option<Duration> {
    request.extensions().get::<Shut>().map(|shut| shut.0)
}

/// The middleware: charges an address for who is not signed in, and lets only who may be proven in while it has nothing
/// left.
pub async fn turnstile(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let rates = request.app_data::<web::Data<Rates>>().cloned();
    let payer = rates.zip(peer::address_of(request.request()).map(network));
    if let Some((rates, network)) = &payer
        && let Err(wait) = rates.peers.may_come(network)
    {
        if !may_be_proven(&request) {
            return Ok(request.error_response(ApiError::wait(wait)).map_into_boxed_body());
        }
        request.extensions_mut().insert(Shut(wait));
    }
    let response = next.call(request).await?;
    if let Some((rates, network)) = payer
        && !response.request().extensions().contains::<SignedIn>()
    {
        // It came already; the next one may have to wait.
        let _ = rates.peers.take(&network);
    }
    let seat = response.request().extensions_mut().remove::<Seat>();
    let response = response.map_into_boxed_body();
    Ok(match seat {
        Some(seat) => response.map_body(|_, body| seated(body, seat)),
        None => response,
    })
}

/// Whether a request has a good access token, or is a sync, which looks at its seal itself.
fn may_be_proven(request: &ServiceRequest) -> bool {
    request.path() == BARE_ROUTE || has_good_token(request.request())
}

/// Whether a request has a good access token. Whether its session lives is asked later.
pub fn has_good_token(request: &HttpRequest) -> bool {
    let (auth, service) = (request.app_data::<web::Data<Auth>>(), request.app_data::<web::Data<Service>>());
    let token = bearer::token(request);
    let claims = auth
        .zip(service)
        .zip(token)
        .and_then(|((auth, service), token)| auth.keys.read(token, service.now()));
    claims.is_some()
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_has_nothing_left_waits_and_others_do_not() {
        let clock = FakeRelativeClock::default();
        let rate = Rate::new(2, 3, clock.clone());
        for _ in 0..3 {
            assert_eq!((rate.may_come(&1), rate.take(&1)), (Ok(()), Ok(())));
        }
        assert_eq!(rate.may_come(&1), Ok(()), "nobody was turned away yet");
        let wait = rate.take(&1).expect_err("nothing is left");
        assert!(wait <= SECOND / 2, "{wait:?}");
        assert_eq!(rate.may_come(&1), Err(wait));
        assert_eq!((rate.may_come(&2), rate.take(&2)), (Ok(()), Ok(())));
        clock.advance(wait);
        assert_eq!((rate.may_come(&1), rate.take(&1)), (Ok(()), Ok(())));
        assert!(rate.take(&1).is_err());
        clock.advance(SECOND * 2);
        assert_eq!((rate.take(&1), rate.take(&1), rate.take(&1)), (Ok(()), Ok(()), Ok(())));
    }

    #[actix_web::test]
    async fn turns_of_strangers_are_counted_apart() {
        let settings = Settings { syncs_at_once: 1, sync_wait_seconds: 0, ..Settings::default() };
        let rates = Rates::new(&settings);
        let mut strangers = Vec::new();
        for _ in 0..limits::STRANGERS_AT_ONCE {
            strangers.push(rates.turn(true).await.expect("a turn"));
        }
        assert_eq!(rates.turn(true).await.err(), Some(Code::Busy));
        let device = rates.turn(false).await.expect("strangers do not hold up a device");
        assert_eq!(rates.turn(false).await.err(), Some(Code::Busy));
        strangers.pop();
        assert!(rates.turn(true).await.is_ok());
        drop(device);
        assert!(rates.turn(false).await.is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let clock = FakeRelativeClock::default();
        let rate = Rate::new(1, 1, clock.clone());
        for key in 0..KEYS * 2 + 10 {
            _ = rate.take(&key);
            _ = rate.take(&key);
            let known = rate.known();
            assert!(known.limiter.len() <= KEYS && known.shut.len() <= KEYS);
        }
        // Those of long ago make room; those of late stay.
        let rate = Rate::new(1, 1, clock.clone());
        for key in 0..KEYS - 1 {
            _ = rate.take(&key);
        }
        clock.advance(SECOND * 3);
        _ = rate.take(&KEYS);
        _ = rate.take(&(KEYS + 1));
        assert!(rate.take(&KEYS).is_err(), "it is still known");
        assert!(rate.known().limiter.len() < 10);
    }
}
