//! Progress while the demo works: a line a stage, in the language of the locale, with the time it took so far.

use std::time::Instant;

/// The receiver of the demo's messages, and their form.
pub struct Tell {
    zh: bool,
    /// Standard output belongs to the result; progress goes to the standard error.
    aside: bool,
    begun: Instant,
}

impl Tell {
    /// Begins to count the time.
    pub fn new(zh: bool, aside: bool) -> Self {
        Self { zh, aside, begun: Instant::now() }
    }

    /// Whether Chinese is spoken.
    pub fn is_chinese(&self) -> bool {
        self.zh
    }

    /// Milliseconds since the beginning.
    pub fn ms(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    /// One line.
    pub fn line(&self, zh: &str, en: &str) {
        let text = if self.zh { zh } else { en };
        let seconds = self.begun.elapsed().as_secs_f64();
        if self.aside {
            gridledger_server::note_line!("[{seconds:5.1} s] {text}");
        } else {
            gridledger_server::put_line!("[{seconds:5.1} s] {text}");
        }
    }
}
