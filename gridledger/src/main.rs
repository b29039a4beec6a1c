//! The gridledger command.
fn main() {}
