//! Parts that both engines share: the queue before a writer, the versions of the tables, the heads that a poll
//! compares.

pub(crate) mod heads;
pub mod jobs;
pub mod steps;
pub mod times;
