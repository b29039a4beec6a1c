//! The entries of a record that an erasure empties, and the reasons for erasures.

use gridledger_core::canonical;
use gridledger_core::epoch::Erasure;
use gridledger_schema::ids::FeedId;

/// The reasons for an erasure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The person concerned asked for it.
    Request,
    /// Consent was withdrawn.
    Consent,
    /// It was objected to.
    Objection,
    /// It should not have been written.
    Mistake,
    /// An authority or a court ordered it.
    Order,
    /// Its time is up.
    Retention,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Request, Self::Consent, Self::Objection, Self::Mistake, Self::Order, Self::Retention];

    /// The word it is known by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Consent => "consent",
            Self::Objection => "objection",
            Self::Mistake => "mistake",
            Self::Order => "order",
            Self::Retention => "retention",
        }
    }

    /// The reason of a word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}

/// A record's entries that hold something erased; an entry that cannot be read counts too.
pub(crate) fn wiped<'a>(
    bodies: &'a [(FeedId, u64, Vec<u8>)],
    erased: &'a [Erasure],
) -> impl Iterator<Item = (FeedId, u64)> + 'a {
    let holds =
        |body: &[u8]| canonical::decode(body).map_or(true, |entry| erased.iter().any(|e| e.covers(&entry)));
    let gone = bodies.iter().filter(move |(_, _, body)| holds(body));
    gone.map(|(feed, n, _)| (*feed, *n))
}
