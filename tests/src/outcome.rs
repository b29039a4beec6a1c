//! Takes the good outcome of a step, or panics at the line of the story with what failed and why.

use std::fmt::Display;

/// The outcome of a step that the story needs.
///
/// # Panics
///
/// Panics at the caller's line if the step failed.
#[track_caller]
pub(crate) fn done<T, E: Display>(step: &str, outcome: Result<T, E>) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("{step} failed: {error}"),
    }
}

/// The error of a step that the story expects to fail.
///
/// # Panics
///
/// Panics at the caller's line if the step succeeded.
#[track_caller]
pub(crate) fn failed<T, E>(step: &str, outcome: Result<T, E>) -> E {
    match outcome {
        Ok(_) => panic!("{step} succeeded, and should have been refused"),
        Err(error) => error,
    }
}
