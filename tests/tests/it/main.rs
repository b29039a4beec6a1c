//! The one integration-test binary: each one more would be one more link.

mod desks;
mod http_desk;
mod http_errors;
mod ledgers;
mod line;
mod register;
mod sessions;
mod simulation;
mod store_people;
mod tidy;
