//! The rights of a signed-in person, as a desk reads with them: [`reader`].

pub mod reader;
