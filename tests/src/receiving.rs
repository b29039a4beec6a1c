//! Answers that arrive, or are made, while other things happen.

use gridledger_client::engine::{Exchange, Progress};
use gridledger_client::{ClientError, SyncReport};
use gridledger_core::wire::envelope::read_answer_head;
use gridledger_core::wire::squeeze::Unpacker;
use gridledger_schema::code::Code;
use gridledger_schema::limits;
use gridledger_server::sync::error::SyncError;
use gridledger_server::sync::request as sync;

use crate::world::{Phone, SyncFailure, World, answer};

/// An answer that arrives while other things happen.
pub struct Receiving {
    /// The exchange, until the answer has ended.
    exchange: Option<Exchange>,
    to_come: Vec<u8>,
    arrived: Vec<u8>,
    /// The report of the frames taken so far.
    pub report: SyncReport,
}

impl Receiving {
    /// Bytes of the largest frame that is still to come.
    pub fn largest_frame(&self) -> usize {
        let (mut largest, mut rest) = (0, &self.to_come[..]);
        while let Some((first, after)) = rest.split_first() {
            // A frame is a CBOR byte string.
            let (of_length, short) = match first & 31 {
                24 => (1, None),
                25 => (2, None),
                26 => (4, None),
                27 => (8, None),
                short => (0, Some(usize::from(short))),
            };
            let (length, after) = after.split_at(of_length);
            let length =
                short.unwrap_or_else(|| length.iter().fold(0, |n, byte| n << 8 | usize::from(*byte)));
            largest = largest.max(length);
            rest = &after[length..];
        }
        largest
    }
}

/// An answer that is made while other things happen.
pub struct Pulling {
    /// The exchange, until the answer has ended.
    exchange: Option<Exchange>,
    answer: gridledger_server::sync::answer::Answer,
    unpacker: Option<Unpacker>,
    head: Vec<u8>,
    arrived: Vec<u8>,
    report: SyncReport,
}

impl Pulling {
    /// The report of the frames taken so far.
    pub fn report(&self) -> &SyncReport {
        &self.report
    }
}

impl Phone {
    /// Sends a request; what was answered is on its way.
    pub fn send(&mut self, world: &World, budget: u32) -> Result<Receiving, SyncFailure> {
        let answer = self.answered(world, budget, &mut SyncReport::default())?;
        self.unpacked(&answer)
    }

    /// The next request, counted in the report.
    pub(crate) fn made(&mut self, budget: u32, report: &mut SyncReport) -> Result<Vec<u8>, SyncFailure> {
        let body = self.request(budget)?;
        report.round_trips += 1;
        report.bytes_up += body.len() as u64;
        self.last_request.clone_from(&body);
        Ok(body)
    }

    /// The server's answer to the next request, which is made again where the server asks for it.
    pub(crate) fn answered(
        &mut self,
        world: &World,
        budget: u32,
        report: &mut SyncReport,
    ) -> Result<Vec<u8>, SyncFailure> {
        loop {
            let body = self.made(budget, report)?;
            let answer = match answer(world, &body) {
                Err(SyncError::Counter(used)) => {
                    self.engine().counter_at_least(used);
                    continue;
                }
                // The server seems to have less than it confirmed: the phone asks once more, with its receipts.
                Err(SyncError::Refused(Code::ServerBehind)) if self.doubt_server()? => continue,
                other => other?,
            };
            self.last_answer.clone_from(&answer);
            return Ok(answer);
        }
    }

    /// The server seems to have less than it confirmed: whether the last request did not show it the receipts.
    fn doubt_server(&mut self) -> Result<bool, ClientError> {
        let exchange = self.exchange(0)?;
        self.engine().doubt_server(&exchange)
    }

    /// Takes the frames that have arrived. `Some(more)` once the answer has ended.
    fn apply(
        &mut self,
        exchange: &mut Option<Exchange>,
        arrived: &mut Vec<u8>,
        report: &mut SyncReport,
    ) -> Result<Option<bool>, ClientError> {
        let Some(waiting) = exchange.take() else {
            return Ok(Some(true));
        };
        match self.engine().apply(waiting, arrived, report)? {
            Progress::Waiting(waiting) => *exchange = Some(*waiting),
            Progress::Ended { more } => return Ok(Some(more)),
        }
        Ok(None)
    }

    /// The frames of an answer, none of which has been taken.
    pub fn unpacked(&mut self, answer: &[u8]) -> Result<Receiving, SyncFailure> {
        let (head, rest) = answer.split_first_chunk::<2>().expect("an answer has a head");
        let packing = read_answer_head(*head).map_err(ClientError::from)?;
        let mut unpacker =
            Unpacker::new(packing, self.engine().dictionary(packing)).map_err(ClientError::from)?;
        let mut to_come = Vec::new();
        unpacker.push(rest, &mut to_come, usize::MAX).map_err(ClientError::from)?;
        let exchange = Some(self.exchange(0)?);
        Ok(Receiving { exchange, to_come, arrived: Vec::new(), report: SyncReport::default() })
    }

    /// Takes so many bytes more of an answer's frames. `Some(more)` at its end.
    pub fn take(&mut self, receiving: &mut Receiving, bytes: usize) -> Result<Option<bool>, SyncFailure> {
        let bytes = bytes.min(receiving.to_come.len());
        receiving.arrived.extend(receiving.to_come.drain(..bytes));
        let Receiving { exchange, arrived, report, .. } = receiving;
        Ok(self.apply(exchange, arrived, report)?)
    }

    /// Sends a request whose answer is made piece by piece, each when it is asked for.
    pub fn begin_pull(&mut self, world: &World, budget: u32) -> Result<Pulling, SyncFailure> {
        loop {
            let body = self.request(budget)?;
            let answer = match sync::open(&world.service, &body) {
                Err(SyncError::Counter(used)) => {
                    self.engine().counter_at_least(used);
                    continue;
                }
                // The server seems to have less than it confirmed: the phone asks once more, with its receipts.
                Err(SyncError::Refused(Code::ServerBehind)) if self.doubt_server()? => continue,
                other => other?,
            };
            return Ok(Pulling {
                exchange: Some(self.exchange(budget)?),
                answer,
                unpacker: None,
                head: Vec::new(),
                arrived: Vec::new(),
                report: SyncReport::default(),
            });
        }
    }

    /// Has the next piece made, and takes it. `Some(more)` at the end.
    pub fn pull(&mut self, world: &World, pulling: &mut Pulling) -> Result<Option<bool>, SyncFailure> {
        let (mut piece, last) = pulling.answer.next(&world.service).map_err(SyncError::from)?;
        let Pulling { exchange, unpacker, head, arrived, report, .. } = pulling;
        if unpacker.is_none() {
            head.append(&mut piece);
            let Some((start, rest)) = head.split_first_chunk::<2>() else {
                return Ok(last.then_some(true));
            };
            let packing = read_answer_head(*start).map_err(ClientError::from)?;
            let dictionary = self.engine().dictionary(packing).to_vec();
            *unpacker = Some(Unpacker::new(packing, &dictionary).map_err(ClientError::from)?);
            piece = rest.to_vec();
        }
        if let Some(unpacker) = unpacker {
            unpacker.push(&piece, arrived, limits::FRAME_BYTES * 2).map_err(ClientError::from)?;
        }
        let ended = self.apply(exchange, arrived, report)?;
        Ok(ended.or(last.then_some(true)))
    }
}
