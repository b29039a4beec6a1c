//! The caller of a route: the user behind `Authorization: Bearer`, read from the store with each request.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use gridledger_schema::code::Code;
use gridledger_schema::wire::Grant;

use crate::auth::Auth;
use crate::auth::tokens::Claims;
use crate::http::edge::bearer::token;
use crate::http::edge::block::block;
use crate::http::edge::block::trusted_now;
use crate::http::edge::error::ApiError;
use crate::http::edge::rates;
use crate::http::edge::rates::Rates;
use crate::http::edge::seats::Seat;
use crate::service::Service;
use crate::store::rows::people::{User, UserNo};

/// The signed-in user of a request. A revoked user never gets this far.
pub struct Caller {
    /// The user, without the password's hash.
    pub user: User,
    /// The user's grants, ended ones included.
    pub grants: Vec<Grant>,
    seat: Seat,
}

impl Caller {
    /// Runs what only reads on a thread that may block, once it is this person's turn to have one.
    pub async fn work<T, E>(
        self,
        work: impl FnOnce(&Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, ApiError>
    where
        T: Send + 'static,
        E: Into<ApiError> + Send + 'static,
    {
        self.run(false, work).await
    }

    /// Runs what writes likewise, one request of this person after another.
    pub async fn write<T, E>(
        self,
        work: impl FnOnce(&Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, ApiError>
    where
        T: Send + 'static,
        E: Into<ApiError> + Send + 'static,
    {
        self.run(true, work).await
    }

    async fn run<T, E>(
        self,
        writes: bool,
        work: impl FnOnce(&Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, ApiError>
    where
        T: Send + 'static,
        E: Into<ApiError> + Send + 'static,
    {
        let working = self.seat.work(writes).await?;
        block(move || {
            // Held by the work itself: a client that goes away does not give its place to another request meanwhile.
            let done = work(&self);
            self.seat.done(working);
            done
        })
        .await
    }
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let service = request.app_data::<web::Data<Service>>().cloned();
            let service = service.ok_or(Code::Internal)?;
            let claims = claims_of(&request, &service).await?;
            let no = claims.user().ok_or(Code::Unauthorised)?;
            let rates = request.app_data::<web::Data<Rates>>().ok_or(Code::Internal)?;
            let admitted = match rates.users.take(&no) {
                Ok(()) => rates.seats.take(no).map_err(ApiError::from),
                Err(wait) => Err(ApiError::wait(wait)),
            };
            let seat = match admitted {
                Ok(seat) => seat,
                Err(error) => {
                    rates::signed_in(&request);
                    return Err(error);
                }
            };
            rates::sit_down(&request, seat.clone());
            let caller = block(move || look_up(&service, no, &claims, seat)).await?;
            rates::signed_in(&request);
            Ok(caller)
        })
    }
}

async fn claims_of(request: &HttpRequest, service: &web::Data<Service>) -> Result<Claims, ApiError> {
    let auth = request.app_data::<web::Data<Auth>>().ok_or(Code::Internal)?;
    let token = token(request).ok_or(Code::Unauthorised)?;
    // A wrong clock would take a good token for an old one, and ended rights for good ones.
    let now = trusted_now(service).await?;
    if auth.keys.is_strange(token) {
        let (auth, service) = (auth.clone(), service.clone());
        block(move || auth.keys.read_again(&service.store, now)).await?;
    }
    Ok(auth.keys.read(token, now).ok_or(Code::Unauthorised)?)
}

fn look_up(service: &Service, no: UserNo, claims: &Claims, seat: Seat) -> Result<Caller, ApiError> {
    let session = claims.session().ok_or(Code::Unauthorised)?;
    let mut user = service.store.user(no)?.ok_or(Code::Unauthorised)?;
    if user.revoked {
        return Err(Code::UserRevoked.into());
    }
    if !service.store.session_lives(session)? {
        // A revocation between the two looks ends the session as well: it is the reason then.
        let revoked = service.store.user(no)?.is_some_and(|user| user.revoked);
        let code = if revoked { Code::UserRevoked } else { Code::Unauthorised };
        return Err(code.into());
    }
    user.password = None;
    // The answer must follow the present territory.
    service.territory()?;
    let grants = service.store.grants(no)?;
    Ok(Caller { user, grants, seat })
}
