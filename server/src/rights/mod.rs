//! What a signed-in person may read.

pub mod reader;
