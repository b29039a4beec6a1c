//! The messages of the changes in a base.

use gridledger_schema::ids::FeedId;

/// The message of a base's change. A link names the feed of the entry it stands for, and the number of that
/// feed's change in the facet.
pub(crate) enum Message {
    Link(FeedId, u64),
    Text,
    Seal,
}

const TEXT: &str = "text";
const SEAL: &str = "seal";

impl Message {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            TEXT => return Some(Self::Text),
            SEAL => return Some(Self::Seal),
            _ => {}
        }
        let (feed, n) = text.split_once(' ')?;
        Some(Self::Link(feed.parse().ok()?, n.parse().ok()?))
    }

    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Link(feed, n) => format!("{feed} {n}"),
            Self::Text => TEXT.into(),
            Self::Seal => SEAL.into(),
        }
    }
}
