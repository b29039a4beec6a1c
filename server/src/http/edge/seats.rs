//! Seats of people at desks: a person's requests wait for each other without a thread, and leave threads and memory to others.
//!
//! A request takes a seat as soon as its token is read. Its work waits for one of the person's places; a writing request
//! also waits for the person's turn. Only then it gets a thread. A large answer keeps its place until the connection has
//! taken it.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;
use gridledger_schema::code::Code;
use gridledger_schema::limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::store::rows::people::UserNo;

/// The seats of all people.
pub struct Seats(Arc<Shared>);

struct Shared {
    /// Those who have a request now.
    people: Mutex<HashMap<UserNo, Person>>,
    threads: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    wait: Duration,
}

struct Person {
    seats: usize,
    turn: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// A request's seat, held until its last copy is dropped.
#[derive(Clone)]
pub struct Seat(Arc<Taken>);

struct Taken {
    shared: Arc<Shared>,
    user: UserNo,
    turn: Arc<Semaphore>,
    places: Arc<Semaphore>,
    answer: Mutex<Option<Place>>,
}

/// A place of the person's, and one among the answers to all.
struct Place {
    _own: OwnedSemaphorePermit,
    _any: OwnedSemaphorePermit,
}

/// The place, turn and thread that a request holds while it works.
pub struct Working {
    place: Place,
    _turn: Option<OwnedSemaphorePermit>,
    _thread: OwnedSemaphorePermit,
}

impl Seats {
    /// Seats whose work waits so long at most.
    pub fn new(wait: Duration) -> Self {
        Self(Arc::new(Shared {
            people: Mutex::default(),
            threads: Arc::new(Semaphore::new(limits::DESKS_AT_WORK)),
            answers: Arc::new(Semaphore::new(limits::DESK_ANSWERS_AT_ONCE)),
            wait,
        }))
    }

    /// A seat for one more request of a person, if there is one.
    pub fn take(&self, user: UserNo) -> Result<Seat, Code> {
        let mut people = self.0.people();
        let person = people.entry(user).or_insert_with(|| Person {
            seats: 0,
            turn: Arc::new(Semaphore::new(1)),
            places: Arc::new(Semaphore::new(limits::USER_AT_WORK)),
        });
        if person.seats >= limits::USER_REQUESTS {
            return Err(Code::RateLimited);
        }
        person.seats += 1;
        Ok(Seat(Arc::new(Taken {
            shared: self.0.clone(),
            user,
            turn: person.turn.clone(),
            places: person.places.clone(),
            answer: Mutex::default(),
        })))
    }
}

impl Shared {
    fn people(&self) -> MutexGuard<'_, HashMap<UserNo, Person>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut people = self.shared.people();
        let Some(person) = people.get_mut(&self.user) else {
            return;
        };
        person.seats -= 1;
        if person.seats == 0 {
            people.remove(&self.user);
        }
    }
}

impl Seat {
    /// Waits for the seats of the work in a fixed order. A writing request waits for the person's turn first.
    pub async fn work(&self, writes: bool) -> Result<Working, Code> {
        let taken = &*self.0;
        let next = async |of: &Arc<Semaphore>| of.clone().acquire_owned().await.map_err(|_| Code::Busy);
        let all = async {
            let turn = if writes { Some(next(&taken.turn).await?) } else { None };
            Ok(Working {
                place: Place { _own: next(&taken.places).await?, _any: next(&taken.shared.answers).await? },
                _turn: turn,
                _thread: next(&taken.shared.threads).await?,
            })
        };
        tokio::time::timeout(taken.shared.wait, all).await.unwrap_or(Err(Code::Busy))
    }

    /// The work is done: its turn and thread go to others, its place stays for the answer.
    pub fn done(&self, working: Working) {
        let mut answer = self.0.answer.lock().unwrap_or_else(PoisonError::into_inner);
        *answer = Some(working.place);
    }
}

/// A body that keeps a seat until it was sent.
struct Seated {
    body: BoxBody,
    _seat: Seat,
}

/// A body that keeps the seat until it was sent, if it is too large for the line to take at once.
pub fn seated(body: BoxBody, seat: Seat) -> BoxBody {
    match body.size() {
        BodySize::Sized(bytes) if bytes > limits::DESK_ANSWER_BYTES => {}
        BodySize::Stream => {}
        _ => return body,
    }
    BoxBody::new(Seated { body, _seat: seat })
}

impl MessageBody for Seated {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: UserNo = UserNo(1);
    const OTHER: UserNo = UserNo(65);

    #[actix_web::test]
    async fn one_persons_requests_wait_for_each_other_and_for_nobody_else() {
        let seats = Seats::new(Duration::ZERO);
        let mut taken: Vec<Seat> = Vec::new();
        for _ in 0..limits::USER_REQUESTS {
            taken.push(seats.take(ONE).expect("a seat"));
        }
        assert_eq!(seats.take(ONE).err(), Some(Code::RateLimited));
        let other = seats.take(OTHER).expect("another person has seats of their own");
        let writing = taken[0].work(true).await.expect("the turn");
        assert_eq!(taken[1].work(true).await.err(), Some(Code::Busy));
        assert!(other.work(true).await.is_ok(), "another person has another turn");
        let mut reading = Vec::new();
        for seat in &taken[1..limits::USER_AT_WORK] {
            reading.push(seat.work(false).await.expect("a place"));
        }
        let last = taken.pop().expect("seats");
        assert_eq!(last.work(false).await.err(), Some(Code::Busy));
        // A large answer keeps the place, a small one gives it back; the turn goes to the next at once.
        taken[0].done(writing);
        assert_eq!(last.work(false).await.err(), Some(Code::Busy));
        let large = BoxBody::new(vec![0; limits::DESK_ANSWER_BYTES as usize + 1]);
        let sent = seated(large, taken.remove(0));
        assert_eq!(last.work(false).await.err(), Some(Code::Busy));
        drop(sent);
        assert!(last.work(true).await.is_ok());
        drop((taken, last, other, reading));
        assert!(seats.0.people().is_empty(), "nobody is remembered who asks nothing");
    }

    #[actix_web::test]
    async fn desks_leave_threads_to_others() {
        let seats = Seats::new(Duration::ZERO);
        let mut working = Vec::new();
        for user in 0..limits::DESKS_AT_WORK as u32 {
            let seat = seats.take(UserNo(user)).expect("a seat");
            working.push(seat.work(false).await.expect("a thread"));
        }
        let late = seats.take(UserNo(u32::MAX)).expect("a seat");
        assert_eq!(late.work(false).await.err(), Some(Code::Busy));
        working.pop();
        assert!(late.work(false).await.is_ok());
    }
}
