//! How long writes wait in a queue, and how long their commits take.

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

/// Times of one node's writers, in seconds; clones share their counts.
#[derive(Clone, Debug)]
pub struct WriteTimes {
    /// From the call until a writer takes the job.
    pub queued: Histogram,
    /// From the last statement until the commit is durable.
    pub commit: Histogram,
}

impl Default for WriteTimes {
    fn default() -> Self {
        // 100 µs to 6.6 s: a commit in memory, and one behind a disk that hangs.
        let histogram = || Histogram::new(exponential_buckets(0.000_1, 3.0, 11));
        Self { queued: histogram(), commit: histogram() }
    }
}
