//! Prints the output of commands.
//!
//! A pipe whose reader has gone is no failure: the command goes on without printing. Any other failure to write is
//! remembered and reported at the end.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a write failed for another reason than a closed pipe.
static FAILED: AtomicBool = AtomicBool::new(false);

/// The standard output.
#[derive(Clone, Copy, Debug)]
pub struct Out;

/// The standard error.
#[derive(Clone, Copy, Debug)]
pub struct Aside;

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        note_failure(io::stdout().write_all(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        note_failure(io::stdout().flush());
        Ok(())
    }
}

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // No other place takes a report of this failure.
        let _ = io::stderr().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn note_failure(written: io::Result<()>) {
    if written.is_err_and(|error| error.kind() != ErrorKind::BrokenPipe) {
        FAILED.store(true, Ordering::Relaxed);
    }
}

/// Flushes the output. Gives false if a write failed for another reason than a closed pipe.
pub fn finish() -> bool {
    let _ = Out.flush();
    !FAILED.load(Ordering::Relaxed)
}

/// Prints text.
pub fn text(text: fmt::Arguments<'_>) {
    let _ = Out.write_fmt(text);
}

/// Prints text on the standard error.
pub fn aside(text: fmt::Arguments<'_>) {
    let _ = Aside.write_fmt(text);
}

/// Prints a line, as `println!` does.
#[macro_export]
macro_rules! put_line {
    ($($part:tt)*) => { $crate::operate::print::text(format_args!("{}\n", format_args!($($part)*))) };
}

/// Prints a line on the standard error, as `eprintln!` does.
#[macro_export]
macro_rules! note_line {
    ($($part:tt)*) => { $crate::operate::print::aside(format_args!("{}\n", format_args!($($part)*))) };
}
