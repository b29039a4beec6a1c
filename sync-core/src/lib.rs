//! Every rule of gridledger, without I/O, clock, randomness or async: those are parameters.
//!
//! Reading order: [`canonical`] is an entry's bytes and hash; [`document`], `branch` and [`mod@derive`] turn entries into documents,
//! [`fold`] events into a ticket's state, [`project`] documents into a view; [`epoch`] ends histories, [`retention`] says
//! when; [`rights`], [`known`] and [`validate`] say what an author may do, [`mask`] how personal values are shown and
//! [`reason`] what it takes to see them whole; [`digest`] proves two stores equal,
//! [`suite`] hashes and signs, [`receipt`] is the server's word, [`recovery`] what holds after a restore; [`wire`] is how all of it travels.

mod branch;
pub mod calendar;
pub mod canonical;
pub mod derive;
pub mod digest;
pub mod document;
pub mod epoch;
pub mod fold;
pub mod handlers;
pub mod known;
pub mod mask;
pub mod project;
pub mod reason;
pub mod receipt;
pub mod recovery;
pub mod references;
pub mod retention;
pub mod rights;
pub mod suite;
pub mod validate;
pub mod wire;
