//! The one integration-test binary: each one more would be one more link.

mod conformance;
mod desks;
mod doors;
mod epochs;
mod golden;
mod hostile;
mod http_desk;
mod http_errors;
mod http_hostile;
mod kills;
mod ledgers;
mod line;
mod moves;
mod phones;
mod refused;
mod register;
mod rights;
mod sessions;
mod simulation;
mod store_people;
mod tidy;
