//! Whether the process lives, and whether it can serve.

use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::{HttpResponse, Responder, web};
use gridledger_schema::code::Code;
use serde_json::json;
use tokio::sync::Mutex;

use crate::http::edge::block::block;
use crate::http::edge::error::ApiError;
use crate::service::Service;
use crate::store::StoreError;

/// GET /healthz: the process answers.
pub async fn alive() -> impl Responder {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// `GET /readyz`: the store can be read and written, phones know it, and the clock is right.
pub async fn ready(
    service: web::Data<Service>,
    looks: web::Data<Looks<Result<(), ApiError>>>,
) -> Result<impl Responder, ApiError> {
    let ahead = service.phones_ahead();
    looks.share(|| look(service)).await?;
    let mut ready = json!({ "status": "ready" });
    if ahead > 0 {
        ready["phones_ahead"] = ahead.into();
    }
    Ok(HttpResponse::Ok().json(ready))
}

async fn look(service: web::Data<Service>) -> Result<(), ApiError> {
    let found = block(move || {
        service.store.ready()?;
        let doubt = service.clock_doubt()?.map(|doubt| doubt.sentences(service.zone()));
        Ok::<_, StoreError>((service.set_back_advice()?, doubt))
    });
    let (set_back, doubt) = found.await?;
    if let Some(advice) = set_back {
        return Err(ApiError::new(Code::ServerBehind, advice));
    }
    if let Some((_, en)) = doubt {
        return Err(ApiError::new(Code::ClockUnsure, en));
    }
    Ok(())
}

/// Shares looks among callers, one look at a time. A look waits in the writer's queue, and anyone may ask for one. So
/// callers that arrive during a look share the next one.
pub struct Looks<T> {
    /// Looks begun so far.
    begun: AtomicU64,
    /// The number and result of the latest look.
    found: Mutex<Option<(u64, T)>>,
}

impl<T> Default for Looks<T> {
    fn default() -> Self {
        Self { begun: AtomicU64::new(0), found: Mutex::new(None) }
    }
}

impl<T: Clone> Looks<T> {
    /// Gives the result of a look that begins after this call.
    async fn share<F: Future<Output = T>>(&self, look: impl FnOnce() -> F) -> T {
        let before = self.begun.load(Ordering::Acquire);
        let mut found = self.found.lock().await;
        if let Some((number, there)) = &*found
            && *number > before
        {
            return there.clone();
        }
        let number = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let there = look().await;
        *found = Some((number, there.clone()));
        there
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    #[test]
    fn callers_who_come_during_a_look_share_the_next() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (looks, gate) = (Arc::new(Looks::default()), Arc::new(Semaphore::new(0)));
            let looked = Arc::new(AtomicU64::new(0));
            let ask = || {
                let (looks, gate, looked) = (looks.clone(), gate.clone(), looked.clone());
                tokio::spawn(async move {
                    let look = || async {
                        gate.acquire().await.unwrap().forget();
                        looked.fetch_add(1, Ordering::Relaxed) + 1
                    };
                    looks.share(look).await
                })
            };
            let first = ask();
            tokio::task::yield_now().await;
            let others: Vec<_> = (0..100).map(|_| ask()).collect();
            tokio::task::yield_now().await;
            gate.add_permits(2);
            assert_eq!(first.await.unwrap(), 1);
            for other in others {
                assert_eq!(other.await.unwrap(), 2, "no look that began before it came");
            }
            gate.add_permits(1);
            assert_eq!(ask().await.unwrap(), 3, "a later caller has a look of its own");
        });
    }
}
