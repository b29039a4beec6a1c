//! The service: actix-web in front of a transactional store.
//!
//! Reading order: [`service`] holds the parts; [`sync`] is the main route: it opens a request, [`ingest`] decides its
//! entries inside a [`store`] transaction, [`pull`] answers with news. The rest serves people at desks: [`import`] reads
//! the office's spreadsheets, [`town`] makes up a town of them for trials; [`desk`] takes what they write, [`reading`] says
//! what they may read, [`ledger`] and [`view`] show it masked, [`unmask`] as it is, with [`exports`] where it takes two;
//! [`shares`] are what departments get, [`tools`] what programs read in the database, [`reads`] the log of all that is seen; [`epochs`] ends histories, [`verify`] proves
//! the store, [`explain`] a ticket. [`http`] carries all of it, [`auth`] says who asks, [`config`] and [`cli`] are how an
//! operator starts and manages it.

pub mod answers;
pub mod auth;
pub mod bench;
pub mod calendar;
pub mod cli;
pub mod clock;
pub mod config;
pub mod counters;
pub mod day;
pub mod desk;
pub mod epochs;
pub mod explain;
pub mod exports;
pub mod faults;
pub mod given;
pub mod http;
pub mod import;
pub mod ingest;
pub mod lang;
pub mod lease;
pub mod ledger;
pub mod lost;
pub mod print;
pub mod pull;
pub mod reading;
pub mod reads;
pub mod recovery;
pub mod refused;
pub mod segments;
pub mod service;
pub mod set_back;
pub mod shares;
pub mod store;
pub mod sync;
pub mod territory;
pub mod tools;
pub mod town;
pub mod unmask;
pub mod verify;
pub mod view;
