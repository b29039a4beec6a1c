//! One record being changed: its working copy, its generation, its way into another area, its cost.

pub mod cost;
pub mod moving;
pub mod parts;
pub mod references;
pub(crate) mod stop;
pub(crate) mod wiping;
pub(crate) mod working;
