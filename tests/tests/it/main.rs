//! The one integration-test binary: each one more would be one more link.

mod line;
mod simulation;
mod tidy;
