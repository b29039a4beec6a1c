//! gridledger-field: the field command line.
fn main() {}
