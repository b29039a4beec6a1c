//! This file names every limit, with its unit and its reason. Phone and server refuse at the same number.

/// Milliseconds of a day of 24 hours: the unit of the limits below that count days.
pub const DAY_MS: i64 = 24 * 3_600_000;
/// Bytes of one sync request as received. A worker's week of full days stays under 100 kB.
pub const SYNC_BODY_BYTES: usize = 4 << 20;
/// Bytes of a request's inflated payload, from a device that has proven itself. Four times the body bounds a
/// decompression bomb. A phone's largest request needs a tenth of it.
pub const SYNC_INFLATED_BYTES: usize = 16 << 20;
/// Bytes of an enrolling request as received: the server does not know the sender yet.
pub const STRANGER_BODY_BYTES: usize = 256 << 10;
/// Bytes of an enrolling request's inflated payload. An enrolment takes a few hundred bytes; a phone with
/// more work than this enrols first.
pub const STRANGER_INFLATED_BYTES: usize = 256 << 10;
/// Enrolling requests that are opened at once; others wait for their turn. With the limit above this is 1
/// MiB.
pub const STRANGERS_AT_ONCE: usize = 4;
/// Bytes of a JSON request body from a caller who is not signed in: a login and a password.
pub const STRANGER_JSON_BYTES: usize = 16 << 10;
/// Bytes of request bodies that are received at once from all callers, beyond the first
/// [`STRANGER_JSON_BYTES`] of each.
pub const BODIES_BYTES: usize = 256 << 20;
/// The same for the unproven senders of one network: an eighth, enough for some hundred phones that bring a
/// day's work at once.
pub const NETWORK_BODIES_BYTES: usize = BODIES_BYTES / 8;
/// Answers to syncs that are sent in pieces at once, one for each device. Each holds the state of its
/// compression, up to 17 MiB.
pub const ANSWERS_AT_ONCE: usize = 128;
/// Requests of one person at desks that run or wait for their turn; the server asks further ones to come
/// back. A browser sends six at once.
pub const USER_REQUESTS: usize = 32;
/// Requests of one person at desks that run at once, or whose large answers are being sent. Each holds a
/// thread, then a page of a ledger: some megabytes.
pub const USER_AT_WORK: usize = 4;
/// Requests of all desks that run at once, each on a thread. Syncs have threads of their own.
pub const DESKS_AT_WORK: usize = 64;
/// Requests of all desks that run, or whose large answers are being sent, at once. At some megabytes each
/// they stay below 1 GiB.
pub const DESK_ANSWERS_AT_ONCE: usize = 128;
/// Bytes of a desk's answer that counts as sent at once: a connection takes it without waiting. A larger
/// answer counts until it is sent.
pub const DESK_ANSWER_BYTES: u64 = 64 << 10;
/// Bytes of one inflated answer frame: a phone holds it in memory at once.
pub const FRAME_BYTES: usize = 8 << 20;
/// Bytes of any JSON request body.
pub const JSON_BODY_BYTES: usize = 1 << 20;
/// Entries of one push. A phone with more sends again.
pub const PUSH_ENTRIES: usize = 1_000;
/// Segments (feeds) of one push: the phone's own, and those it carries for colleagues.
pub const PUSH_SEGMENTS: usize = 64;
/// Feeds of a device key that one request names: the feed that the phone writes, and the latest ones before
/// it.
pub const DEVICE_FEEDS: u32 = 64;
/// Feeds of one device key: the first, and one for each fork. A phone forks when a copy of it appears.
pub const DEVICE_FORKS: u32 = 4_096;
/// Intents of one entry: one form save.
pub const ENTRY_INTENTS: usize = 200;
/// Bytes of one entry in canonical form.
pub const ENTRY_BYTES: usize = 256 << 10;
/// Nesting of a field's value (lists and objects).
pub const VALUE_DEPTH: usize = 8;
/// Values (scalars, lists, objects) in one sheet; bounds memory while decoding.
pub const SHEET_VALUES: usize = 4_000_000;
/// Bytes of all texts of one sheet; a repeated text counts each time. A mark of two bytes can repeat a text
/// of any length.
pub const SHEET_TEXT_BYTES: usize = 32 << 20;
/// Bytes of all texts of a push, counted in the same way: four times [`PUSH_BYTES`].
pub const PUSH_TEXT_BYTES: usize = 8 << 20;
/// Columns of one sheet.
pub const SHEET_COLUMNS: usize = 20_000;
/// Characters of a field name.
pub const FIELD_NAME_CHARS: usize = 40;
/// Characters of a set's item and of a child's id.
pub const ITEM_CHARS: usize = 200;
/// Characters of a shared text after an edit.
pub const TEXT_CHARS: usize = 20_000;
/// Characters that all splices of one entry insert and delete: enough to replace the longest text. Each takes
/// some ten microseconds, and one entry must not hold the writer for long ([`PUSH_MS`]).
pub const ENTRY_SPLICED_CHARS: usize = 2 * TEXT_CHARS;
/// Characters that the splices of one entry may always insert and delete in one text. The limit is twice the
/// text's maximum length, but at least this. A form save replaces a text once.
pub const FIELD_SPLICED_CHARS: usize = 2_000;
/// Entries of one record's generation before the server refuses more. A record with a long history begins a
/// new epoch.
pub const RECORD_ENTRIES: u64 = 10_000;
/// Bytes of one record's entries in canonical form. A record's news travel in one frame, which a phone must
/// be able to take ([`FRAME_BYTES`]).
pub const RECORD_BYTES: u64 = 2 << 20;
/// Entries of a generation after which a record begins the next one by itself.
pub const EPOCH_ENTRIES: u64 = RECORD_ENTRIES / 2;
/// Bytes of a generation (base and entries) after which a record begins the next one by itself, once a
/// quarter of them are entries.
pub const EPOCH_BYTES: u64 = RECORD_BYTES / 2;
/// Operations of a record's documents after which it begins the next generation by itself, once a quarter of
/// them come from entries. A text of [`TEXT_CHARS`] characters has one for each. Deriving and loading take
/// time in proportion.
pub const EPOCH_OPERATIONS: u64 = 50_000;
/// Events of one ticket.
pub const TICKET_EVENTS: usize = 1_000;
/// Records a device holds. Above it the phone warns and the server reports.
pub const DEVICE_RECORDS: usize = 20_000;
/// Reads reported in one request, and refused entries asked about.
pub const REQUEST_NOTES: usize = 2_000;
/// Days a phone keeps receipts. A restored server asks for them as proof.
pub const RECEIPT_DAYS: i64 = 90;
/// Receipts of one request, and changes it reports missing.
pub const REQUEST_RECEIPTS: usize = 2_000;
/// Characters of the reason for a read, and of a note to or from a supervisor.
pub const REASON_CHARS: usize = 200;
/// Fields that one read names.
pub const READ_FIELDS: usize = 100;
/// Areas of one request.
pub const REQUEST_AREAS: usize = 5_000;
/// Milliseconds by which an entry's time may be ahead of the server's clock on arrival. An entry further
/// ahead waits until its phone has corrected the time. It exceeds [`CLOCK_AGREES_MS`], by which a trusted
/// clock may be behind.
pub const CLOCK_AHEAD_MS: i64 = 3_600_000;
/// Milliseconds by which an entry's time may be ahead of its arrival and still be shown in lists, where its
/// phone cannot correct it. Further ahead, lists show the time of arrival.
pub const CLOCK_SHOWN_AHEAD_MS: i64 = 10 * DAY_MS;
/// Milliseconds by which two clocks may differ and still agree. A clock that is behind its store's knowledge
/// by more is wrong: it would take rights for not yet given.
pub const CLOCK_AGREES_MS: i64 = 15 * 60_000;
/// Milliseconds by which a server's clock may be later than the latest time it was sure of. A server may be
/// off for a weekend without a question. After a longer pause phones or an operator confirm the time.
pub const CLOCK_JUMP_MS: i64 = 3 * DAY_MS;
/// People whose phones settle a doubt about the server's clock. One or two hostile phones must not settle it.
pub const CLOCK_WITNESSES: usize = 3;
/// Days before the latest sync of any phone within which a phone counts as in use. It matters where fewer
/// than [`CLOCK_WITNESSES`] people have one.
pub const CLOCK_WITNESS_DAYS: i64 = 30;
/// The earliest and the latest time an entry may carry, in ms since 1970: the years 2000 to 2200.
pub const TIME_RANGE_MS: std::ops::RangeInclusive<i64> = 946_684_800_000..=7_258_118_400_000;
/// Seconds to receive one request body.
pub const BODY_SECONDS: u64 = 30;
/// Days for which the server still takes work that was done before a right ended, or without knowing of its
/// end. A phone may reasonably be out of signal for that long.
pub const RIGHTS_GRACE_DAYS: i64 = 30;
/// [`RIGHTS_GRACE_DAYS`] in ms.
pub const RIGHTS_GRACE_MS: i64 = RIGHTS_GRACE_DAYS * DAY_MS;
/// Milliseconds that one push may hold the writer of a store. The server keeps the entries decided by then;
/// the phone sends the rest again.
pub const PUSH_MS: u64 = 250;
/// Units of work that one push may take: about as many microseconds on two cores. The count bounds a push
/// where a clock cannot.
pub const PUSH_WORK: u64 = 250_000;
/// Milliseconds after which a writer takes no further push into a commit, so that earlier pushes get their
/// answers.
pub const WRITER_MS: u64 = PUSH_MS;
/// Bytes of the entries of one request in canonical form. The limit bounds the writes of one push; a phone
/// sends half of it at a time.
pub const PUSH_BYTES: usize = 2 << 20;
/// Splits and mergers that the server follows in a row to place a new record, and references from record to
/// record.
pub const PLACING_HOPS: usize = 8;
/// Records that the server looks at to place one new record. After that the record goes where the rest goes.
pub const PLACING_RECORDS: usize = 200;
/// Rows of the read log that one device may bring in a day; the rest comes the next day. A worker opens some
/// hundred records.
pub const DEVICE_DAY_READS: u64 = 10_000;
/// Rows of the read log that are written at once. The writer must not be held for long.
pub const READS_AT_ONCE: usize = 100;
/// Bytes of records that the server looks at to place one new record. After that the record goes where the
/// rest goes. [`PLACING_RECORDS`] records of everyday size have a tenth of it.
pub const PLACING_BYTES: u64 = 4 << 20;
/// Rows of one ledger page.
pub const LEDGER_PAGE_ROWS: usize = 10_000;
/// Entries that one device may bring in a day; the rest comes the next day. A worker makes some dozens.
pub const DEVICE_DAY_ENTRIES: u64 = 50_000;
/// Bytes of entries, in canonical form, that one device may bring in a day.
pub const DEVICE_DAY_BYTES: u64 = 64 << 20;
/// Refused entries that the history of one record lists: the latest. A device may bring thousands about one
/// record.
pub const HISTORY_REFUSED: usize = 500;
/// Entries that one person may write at desks in a day, counted by one server process. A clerk writes some
/// hundred.
pub const DESK_DAY_ENTRIES: u64 = 20_000;
/// Bytes of the intents of such entries, as JSON.
pub const DESK_DAY_BYTES: u64 = 64 << 20;
/// Bytes of refused entries that the server keeps from one device in a day. Past that it keeps number, hash
/// and verdict; the words stay on the phone.
pub const REFUSED_DAY_BYTES: u64 = 1 << 20;
/// Positions of logs and of records that a node remembers to have given to devices, 32 bytes each. Past them
/// the node forgets all.
pub const GIVEN_POSITIONS: usize = 1_000_000;
/// Levels of a territory, from the outermost area to the innermost.
pub const AREA_DEPTH: usize = 32;
/// Areas that one area lay in, in turn or, during a hand-over, at once.
pub const AREA_EDGES: usize = 64;
/// Least characters of a reason to see values unmasked: a shorter one says nothing.
pub const REASON_LEAST_CHARS: usize = 4;
/// Records whose values one person may see unmasked in ledgers within a day. More needs a second person.
pub const BULK_RECORDS: usize = 100;
/// Hours that an approved export lasts, and the day that [`BULK_RECORDS`] counts.
pub const EXPORT_HOURS: i64 = 24;
/// Days for which the server keeps the content of refused entries, and of entries displaced after a restore.
/// Half a year leaves time for a question, its ruling, and a complaint about that. It is longer than a phone
/// can prove anything about them ([`RECEIPT_DAYS`]).
pub const EVIDENCE_DAYS: i64 = 180;
/// [`EVIDENCE_DAYS`] in ms.
pub const EVIDENCE_MS: i64 = EVIDENCE_DAYS * DAY_MS;
/// Days after its day within which a plan may be drawn up, approved and begun: the longest public holiday,
/// and a day more.
pub const PLAN_LATE_DAYS: i64 = 10;
/// Days that a plan's day may lie ahead. A plan for a later day is drawn up nearer to it.
pub const PLAN_AHEAD_DAYS: i64 = 366;
/// Rows of one page of the read log.
pub const READ_LOG_PAGE_ROWS: usize = 1_000;
/// Seconds a ledger pull may wait for news.
pub const WAIT_SECONDS: u64 = 60;
