//! The service: actix-web in front of a transactional store.
//!
//! Reading order: [`service`] holds the parts of a node; [`sync`] is the main route: it opens a request, [`ingest`] decides
//! its entries on [`record`]s inside a [`store`] transaction, and `sync` answers with news. [`rights`] and [`shown`] say what
//! a person may read; [`desk`] serves people who write without a phone, [`office`] reads their spreadsheets. [`epochs`] ends
//! histories, [`territory`] splits and merges areas. [`http`] carries all of it, [`auth`] signs people in, [`operate`] is
//! how an operator starts, manages and verifies it, with the settings of [`config`].

pub mod auth;
pub mod calendar;
pub mod config;
pub mod desk;
pub mod epochs;
pub mod faults;
pub mod http;
pub mod ingest;
pub mod lang;
pub mod office;
pub mod operate;
pub mod record;
pub mod rights;
pub mod service;
pub mod shown;
pub mod store;
pub mod sync;
pub mod territory;
