//! Plays random histories one after another until one breaks a promise: for runs with a fault planted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use crate::{copies, simulation};

/// A kind of random history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A few phones, an office, a server: everything.
    World,
    /// Copies of phones, and two processes on one file.
    Copies,
}

impl Kind {
    /// The kind of a name on a command line.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "world" => Some(Self::World),
            "copies" => Some(Self::Copies),
            _ => None,
        }
    }

    /// Its name on a command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::World => "world",
            Self::Copies => "copies",
        }
    }
}

/// Plays a seed; the steps and what was broken, if something was.
pub fn play(kind: Kind, seed: u64) -> Result<(), String> {
    let steps = Mutex::new(Vec::new());
    let run = || match kind {
        Kind::World => simulation::run(seed, &steps).map(|_| ()),
        Kind::Copies => copies::run(seed, &steps).map(|_| ()),
    };
    let what = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(what)) => what,
        Err(panic) => panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|&said| said.to_owned()))
            .unwrap_or_else(|| "a panic".into()),
    };
    let steps = steps.lock().unwrap_or_else(PoisonError::into_inner);
    Err(format!("{}\n{what}", steps.join("\n")))
}
