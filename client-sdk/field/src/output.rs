//! Lines on standard output and standard error.

use std::io::{ErrorKind, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the reader of standard output has gone.
static READER_GONE: AtomicBool = AtomicBool::new(false);

/// Prints a line. A reader that closed the pipe does not want it. After any other error the rest would be of no use, so the
/// program ends with 1.
pub fn print_line(line: &str) {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => READER_GONE.store(true, Ordering::Relaxed),
        Err(error) => {
            complain(&error.to_string());
            std::process::exit(1);
        }
    }
}

/// Whether nobody reads standard output any more.
pub fn reader_is_gone() -> bool {
    READER_GONE.load(Ordering::Relaxed)
}

/// Prints a line on standard error.
pub fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
