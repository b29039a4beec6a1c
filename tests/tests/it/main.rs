//! The one integration-test binary: each one more would be one more link.

mod canaries;
mod conformance;
mod desks;
mod doors;
mod epochs;
mod golden;
mod hostile;
mod http_desk;
mod http_erasure;
mod http_errors;
mod http_hostile;
mod kills;
mod kills_epochs;
mod ledgers;
mod line;
mod moves;
mod phones;
mod refused;
mod register;
mod residents;
mod rights;
mod sessions;
mod shares;
mod simulation;
mod store_people;
mod tidy;
