//! The one integration-test binary: each one more would be one more link.

mod http_errors;
mod line;
mod sessions;
mod simulation;
mod store_people;
mod tidy;
