//! Counts of what happened in a history.

/// Counts of what happened in a history, so that a test can show that it was not idle.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Edits saved.
    pub saved: usize,
    /// Saved edits that the server refused.
    pub refused: usize,
    /// Edits a phone refused at once.
    pub refused_early: usize,
    /// Requests, answers or parts of answers lost.
    pub lost: usize,
    /// Old requests delivered again.
    pub repeated: usize,
    /// Entries whose author had not seen all that was there.
    pub concurrent: usize,
    /// Tickets that ended closed or evaluated.
    pub closed: usize,
    /// Changes of the territory.
    pub plans: usize,
    /// Records that moved, each time counted.
    pub moved: usize,
    /// Records that began anew, nothing erased.
    pub epochs: usize,
    /// Erasures asked for.
    pub erased: usize,
    /// Edits that an erasure beat.
    pub beaten: usize,
    /// Restores from an older backup.
    pub restored: usize,
    /// Restores up to the last whose recovery ended with its time only.
    pub waited_out: usize,
    /// Tickets given to another handler.
    pub handed_over: usize,
    /// Areas split or merged again before phones heard of the first time.
    pub chains: usize,
    /// Requests answered at the same time.
    pub together: usize,
    /// Times another process of a phone took over.
    pub turns: usize,
    /// Pieces of answers with something else between them.
    pub between: usize,
    /// Devices and people revoked between two pieces.
    pub revoked: usize,
    /// Ledgers pulled on from a cursor.
    pub pulled: usize,
    /// Bytes of the heaviest record.
    pub heaviest: usize,
    /// Phones that fetched heavy records with a budget.
    pub fetched: usize,
    /// Times the store was set back by hand.
    pub set_back: usize,
    /// Times a phone was told of it.
    pub told_behind: usize,
    /// Times a phone let go of what a store that was set back does not have.
    pub healed: usize,
    /// Lies told after restores.
    pub forged: usize,
    /// Jumps of the server's clock.
    pub jumps: usize,
    /// Jumps of phones' clocks by more than lines and leases last.
    pub far: usize,
    /// Times a phone was told that the server's clock is in doubt.
    pub told_unsure: usize,
    /// Large households.
    pub households: usize,
    /// Edits of one text without a sync between them.
    pub splices: usize,
    /// Units of work of the dearest push.
    pub dearest: usize,
}
