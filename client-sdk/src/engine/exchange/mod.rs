//! Exchanges: one request and its answer.

pub(crate) mod answer;
pub(crate) mod apply;
pub(crate) mod former_feeds;
pub(crate) mod kept_receipts;
pub(crate) mod lease;
pub(crate) mod lost;
pub(crate) mod news;
pub(crate) mod reach;
pub(crate) mod receipts;
pub(crate) mod request;
pub(crate) mod restored;
pub(crate) mod segments;
pub(crate) mod time;
pub(crate) mod times;
