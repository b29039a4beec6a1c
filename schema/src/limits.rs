//! Every limit: a name, a unit, a reason. Phone and server refuse at the same number.

/// Bytes of one sync request as received. A worker's week of full days stays under 100 kB.
pub const SYNC_BODY_BYTES: usize = 4 << 20;
/// Bytes of a request's payload once inflated, of a device that has proven itself. Four times the body bounds a decompression
/// bomb; a phone's largest request has a tenth of it.
pub const SYNC_INFLATED_BYTES: usize = 16 << 20;
/// Bytes of a request that enrols, as received: who sends it is not known yet.
pub const STRANGER_BODY_BYTES: usize = 256 << 10;
/// The same once inflated. An enrolment is a few hundred bytes; a phone with more work than this enrols first.
pub const STRANGER_INFLATED_BYTES: usize = 256 << 10;
/// Requests that enrol and are opened at once; others wait for their turn. With the limit above this is 1 MiB.
pub const STRANGERS_AT_ONCE: usize = 4;
/// Bytes of a JSON request body of somebody who is not signed in: a login and a password.
pub const STRANGER_JSON_BYTES: usize = 16 << 10;
/// Bytes of request bodies beyond the first [`STRANGER_JSON_BYTES`] of each that are received at once, of all callers.
pub const BODIES_BYTES: usize = 256 << 20;
/// The same of one network, for senders that are not proven yet: an eighth, and some hundred phones that bring a day's work at once.
pub const NETWORK_BODIES_BYTES: usize = BODIES_BYTES / 8;
/// Answers to syncs that are sent in pieces at once, of each device one. Each holds the state of its compression, up to 17 MiB.
pub const ANSWERS_AT_ONCE: usize = 128;
/// Requests of one person at desks that are at work or wait for their turn; more are told to come back. A browser sends six at once.
pub const USER_REQUESTS: usize = 32;
/// Requests of one person at desks that work at once, or whose large answers are being sent. Each holds a thread, then a page of a
/// ledger: some megabytes.
pub const USER_AT_WORK: usize = 4;
/// Requests of all desks that work at once, each on a thread; syncs have threads of their own.
pub const DESKS_AT_WORK: usize = 64;
/// Requests of all desks that work, or whose large answers are being sent, at once: with some megabytes each, below 1 GiB.
pub const DESK_ANSWERS_AT_ONCE: usize = 128;
/// Bytes of an answer to a desk that keeps no place while it is sent: a line takes it at once.
pub const DESK_ANSWER_BYTES: u64 = 64 << 10;
/// Bytes of one answer frame once inflated: what a phone holds in memory at once.
pub const FRAME_BYTES: usize = 8 << 20;
/// Bytes of any JSON request body.
pub const JSON_BODY_BYTES: usize = 1 << 20;
/// Entries of one push; a phone with more sends again.
pub const PUSH_ENTRIES: usize = 1_000;
/// Segments (feeds) of one push: one's own and those carried for colleagues.
pub const PUSH_SEGMENTS: usize = 64;
/// Feeds of a device key that one request names: the one it writes, and the latest of those before.
pub const DEVICE_FEEDS: u32 = 64;
/// Feeds of one device key: the first, and one for each fork. A phone forks when a copy of it comes back.
pub const DEVICE_FORKS: u32 = 4_096;
/// Intents of one entry: one form save.
pub const ENTRY_INTENTS: usize = 200;
/// Bytes of one entry in canonical form.
pub const ENTRY_BYTES: usize = 256 << 10;
/// Nesting of a field's value (lists and objects).
pub const VALUE_DEPTH: usize = 8;
/// Values (scalars, lists, objects) in one sheet; bounds memory while decoding.
pub const SHEET_VALUES: usize = 4_000_000;
/// Bytes of the texts of one sheet, a text that stands again counted again: a mark of two bytes gives back a text of any length.
pub const SHEET_TEXT_BYTES: usize = 32 << 20;
/// Bytes of the texts of a push, counted in the same way: four times what a push may hold.
pub const PUSH_TEXT_BYTES: usize = 8 << 20;
/// Columns of one sheet.
pub const SHEET_COLUMNS: usize = 20_000;
/// Characters of a field name.
pub const FIELD_NAME_CHARS: usize = 40;
/// Characters of a set's item and of a child's id.
pub const ITEM_CHARS: usize = 200;
/// Characters of a shared text after an edit.
pub const TEXT_CHARS: usize = 20_000;
/// Characters that the splices of one entry insert and delete: the longest text is replaced whole. Each takes some ten
/// microseconds, and one entry must not hold the writer for long ([`PUSH_MS`]).
pub const ENTRY_SPLICED_CHARS: usize = 2 * TEXT_CHARS;
/// Characters that the splices of one entry insert and delete in one text: twice as many as the text may have, and this at
/// least. A form save replaces a text once.
pub const FIELD_SPLICED_CHARS: usize = 2_000;
/// Entries of one record before the server refuses more (a record whose history must end starts a new epoch).
pub const RECORD_ENTRIES: u64 = 10_000;
/// Bytes of one record's entries in canonical form: a record's news travel in one frame, which a phone must be able to
/// take ([`FRAME_BYTES`]).
pub const RECORD_BYTES: u64 = 2 << 20;
/// Entries of a generation after which a record begins the next by itself.
pub const EPOCH_ENTRIES: u64 = RECORD_ENTRIES / 2;
/// Bytes of a generation, its base and its entries, after which a record begins the next by itself, once a quarter of
/// them are entries.
pub const EPOCH_BYTES: u64 = RECORD_BYTES / 2;
/// Operations of a record's documents after which it begins the next generation by itself, once a quarter of them are
/// entries'. A text of [`TEXT_CHARS`] characters has one for each; deriving and loading take time with their number.
pub const EPOCH_OPERATIONS: u64 = 50_000;
/// Events of one ticket.
pub const TICKET_EVENTS: usize = 1_000;
/// Records a device holds (the phone warns, the server reports).
pub const DEVICE_RECORDS: usize = 20_000;
/// Reads reported, and refused entries asked about, in one request.
pub const REQUEST_NOTES: usize = 2_000;
/// Days a phone keeps receipts, and with them the proof that a restored server asks for.
pub const RECEIPT_DAYS: i64 = 90;
/// Receipts, and changes told missing, of one request.
pub const REQUEST_RECEIPTS: usize = 2_000;
/// Characters of the reason of a read, and of a note to or from a supervisor.
pub const REASON_CHARS: usize = 200;
/// Fields one read names.
pub const READ_FIELDS: usize = 100;
/// Areas of one request.
pub const REQUEST_AREAS: usize = 5_000;
/// Milliseconds an entry's time may be ahead of the server's clock when it arrives; one further ahead waits until its phone has
/// corrected it. More than [`CLOCK_AGREES_MS`], by which a trusted clock may be behind.
pub const CLOCK_AHEAD_MS: i64 = 3_600_000;
/// Milliseconds by which the time of an entry whose phone cannot correct it may be ahead of its arrival, and still be shown in
/// lists: further ahead, lists show when it arrived.
pub const CLOCK_SHOWN_AHEAD_MS: i64 = 10 * 24 * 3_600_000;
/// Milliseconds by which two clocks may differ and still say the same time. A clock behind what its store knows by more is wrong:
/// it would take rights for not yet given.
pub const CLOCK_AGREES_MS: i64 = 15 * 60_000;
/// Milliseconds by which a server's clock may be later than the latest time it was sure of. A server may be off for a weekend
/// without a word; after a longer pause phones or an operator confirm the time.
pub const CLOCK_JUMP_MS: i64 = 3 * 24 * 3_600_000;
/// People whose phones settle a doubt about the server's clock: one hostile phone, or two, must not.
pub const CLOCK_WITNESSES: usize = 3;
/// Days before the last sync within which a phone counts as in use, where fewer people have one.
pub const CLOCK_WITNESS_DAYS: i64 = 30;
/// The earliest and the latest time an entry may carry, in ms since 1970: the years 2000 to 2200.
pub const TIME_RANGE_MS: std::ops::RangeInclusive<i64> = 946_684_800_000..=7_258_118_400_000;
/// Seconds to receive one request body.
pub const BODY_SECONDS: u64 = 30;
/// Days for which work done before a right's end, or without having heard of it, is still taken. As long as a phone may
/// reasonably be out of signal.
pub const RIGHTS_GRACE_DAYS: i64 = 30;
/// The same in ms.
pub const RIGHTS_GRACE_MS: i64 = RIGHTS_GRACE_DAYS * 24 * 3_600_000;
/// Milliseconds that one push may hold the writer of a store. What is decided by then is kept; the rest comes again.
pub const PUSH_MS: u64 = 250;
/// Units of work that one push may take, counted: about as many microseconds on two cores. It bounds a push where a clock
/// says nothing.
pub const PUSH_WORK: u64 = 250_000;
/// Milliseconds after which a writer takes no further push into a commit: those before are answered first.
pub const WRITER_MS: u64 = PUSH_MS;
/// Bytes of the entries of one request in canonical form. It bounds what one push writes; a phone sends half of it at a time.
pub const PUSH_BYTES: usize = 2 << 20;
/// Splits and mergers followed one after another to place a new record, and references from record to record.
pub const PLACING_HOPS: usize = 8;
/// Records looked at to place one new record; after that it goes where the rest goes.
pub const PLACING_RECORDS: usize = 200;
/// Rows of the read log that one device may bring in a day; the rest comes tomorrow. A worker opens some hundred records.
pub const DEVICE_DAY_READS: u64 = 10_000;
/// Rows of the read log that are written at once: the writer must not be held for long.
pub const READS_AT_ONCE: usize = 100;
/// Bytes of records looked at to place one new record; after that it goes where the rest goes. As many records of everyday
/// size have a tenth of it.
pub const PLACING_BYTES: u64 = 4 << 20;
/// Rows of one ledger page.
pub const LEDGER_PAGE_ROWS: usize = 10_000;
/// Entries that one device may bring in a day; more is told to come tomorrow. A worker makes some dozens.
pub const DEVICE_DAY_ENTRIES: u64 = 50_000;
/// Bytes of entries, in canonical form, that one device may bring in a day.
pub const DEVICE_DAY_BYTES: u64 = 64 << 20;
/// Refused entries that the history of one record lists, the latest. A device may bring thousands about one record.
pub const HISTORY_REFUSED: usize = 500;
/// Entries that one person may write at a desk in a day, by one server process. A clerk writes some hundred.
pub const DESK_DAY_ENTRIES: u64 = 20_000;
/// Bytes of what such entries say, as JSON.
pub const DESK_DAY_BYTES: u64 = 64 << 20;
/// Bytes of refused entries that are kept of one device and day. Of more, number, hash and verdict are kept and not the words:
/// those stay on the phone.
pub const REFUSED_DAY_BYTES: u64 = 1 << 20;
/// Positions of logs, and of records, that a node remembers to have given to devices: 32 bytes each. Past them it forgets all.
pub const GIVEN_POSITIONS: usize = 1_000_000;
/// Areas one above another, from a territory's outermost to its innermost.
pub const AREA_DEPTH: usize = 32;
/// Areas an area lay in, one after another or in a hand-over at once.
pub const AREA_EDGES: usize = 64;
/// Characters that a reason to see values unmasked has at least: less says nothing.
pub const REASON_LEAST_CHARS: usize = 4;
/// Records whose values one person may see unmasked in ledgers within a day; more needs a second person.
pub const BULK_RECORDS: usize = 100;
/// Hours an approved export, and the day of [`BULK_RECORDS`], last.
pub const EXPORT_HOURS: i64 = 24;
/// Days for which what a refused entry said is kept, and what was displaced after a restore: half a year, for a question, its
/// ruling, and a complaint about that. Longer than a phone can prove anything about it ([`RECEIPT_DAYS`]).
pub const EVIDENCE_DAYS: i64 = 180;
/// The same in ms.
pub const EVIDENCE_MS: i64 = EVIDENCE_DAYS * 24 * 3_600_000;
/// Days for which a plan may be drawn up, approved and begun after its day: the longest public holiday, and a day more.
pub const PLAN_LATE_DAYS: i64 = 10;
/// Days that a plan's day may lie ahead: what is further off is drawn up when it comes.
pub const PLAN_AHEAD_DAYS: i64 = 366;
/// Rows of one page of the read log.
pub const READ_LOG_PAGE_ROWS: usize = 1_000;
/// Seconds a ledger pull may wait for news.
pub const WAIT_SECONDS: u64 = 60;
