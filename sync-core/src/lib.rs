//! This crate holds every rule of gridledger. I/O, clock, randomness and async stay outside: they are
//! parameters.
//!
//! Reading order: [`canonical`] is an entry's bytes and hash. [`document`], `branch` and [`mod@derive`] turn
//! entries into documents, [`fold`] turns events into a ticket's state, [`project`] turns documents into a
//! view. [`epoch`] ends histories, [`retention`] finds the fields whose time is up. [`rights`], [`known`] and
//! [`validate`] decide what an author may do, [`references`] finds the records and people an entry names.
//! [`mask`] shows personal values masked, [`reason`] checks the reason to see them whole. [`handlers`] names
//! the people who handle a record. [`clock`] packs the changes that were seen, [`digest`] proves two stores
//! equal, [`suite`] hashes and signs, [`receipt`] is the server's signed statement, [`recovery`] serves
//! restores, [`calendar`] writes times, and [`wire`] lays out a sync in bytes.

#![warn(missing_docs)]

mod branch;
pub mod calendar;
pub mod canonical;
pub mod clock;
pub mod derive;
pub mod digest;
pub mod document;
pub mod epoch;
pub mod fold;
pub mod handlers;
pub mod known;
pub mod mask;
mod message;
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
