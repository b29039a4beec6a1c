//! The tables, as steps that only go forward: the same for every engine.

use crate::store::StoreError;
use crate::store::sql::Connection;

/// Steps in their order: names and SQL, as SQLite reads it.
pub type Steps<'a> = &'a [(&'a str, &'a str)];

/// The suffix in the name of a step that contracts: it removes or changes what the version before uses. All others
/// expand: a node that does not know them goes on serving the store.
const CONTRACTS: &str = "_contract";

/// Whether a step contracts.
pub fn contracts(name: &str) -> bool {
    name.ends_with(CONTRACTS)
}

/// Each step. A store counts the steps it has taken.
pub const STEPS: &[(&str, &str)] = &[
    ("0001_first", FIRST),
    ("0002_desk", DESK),
    ("0003_events", EVENTS),
    ("0004_epochs", EPOCHS),
    ("0005_moves", MOVES),
    ("0006_rights", RIGHTS),
    ("0007_residents", RESIDENTS),
    ("0008_restore", RESTORE),
    ("0009_views", VIEWS),
    ("0010_nodes", NODES),
    ("0011_suites", SUITES),
    ("0012_rights_now", RIGHTS_NOW),
    ("0013_clock", CLOCK),
    ("0014_halts", HALTS),
    ("0015_handlers", HANDLERS),
    ("0016_marks", MARKS),
    ("0017_imports", IMPORTS),
];

const FIRST: &str = "
CREATE TABLE settings (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE areas (
  area INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, parent INTEGER REFERENCES areas, kind TEXT NOT NULL,
  name TEXT NOT NULL, valid_from INTEGER, valid_to INTEGER,
  head INTEGER NOT NULL DEFAULT 0, digests BLOB NOT NULL DEFAULT x'') STRICT;

CREATE TABLE users (
  user INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE, name TEXT NOT NULL, password TEXT,
  revoked INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE grants (
  user INTEGER NOT NULL REFERENCES users, role TEXT NOT NULL, area INTEGER NOT NULL REFERENCES areas,
  valid_from INTEGER NOT NULL, valid_to INTEGER, PRIMARY KEY (user, role, area, valid_from)) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
  device INTEGER PRIMARY KEY, user INTEGER NOT NULL REFERENCES users, public_key BLOB NOT NULL UNIQUE,
  label TEXT NOT NULL, revoked INTEGER NOT NULL DEFAULT 0, counter INTEGER NOT NULL DEFAULT 0,
  enrolled_at INTEGER NOT NULL, last_seen INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE enrolment_codes (
  hash BLOB PRIMARY KEY, user INTEGER NOT NULL REFERENCES users, expires INTEGER NOT NULL,
  device INTEGER REFERENCES devices) STRICT, WITHOUT ROWID;
CREATE TABLE refresh_tokens (
  hash BLOB PRIMARY KEY, family BLOB NOT NULL, user INTEGER NOT NULL REFERENCES users, expires INTEGER NOT NULL,
  used INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);

CREATE TABLE feeds (
  feed BLOB PRIMARY KEY, device INTEGER REFERENCES devices, user INTEGER NOT NULL REFERENCES users,
  author TEXT NOT NULL, public_key BLOB NOT NULL, ordinal INTEGER NOT NULL,
  n INTEGER NOT NULL DEFAULT 0, hash BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE entries (
  feed BLOB NOT NULL, n INTEGER NOT NULL, record BLOB NOT NULL, body BLOB NOT NULL, hash BLOB NOT NULL,
  refusal TEXT, carrier INTEGER, received_at INTEGER NOT NULL, PRIMARY KEY (feed, n)) STRICT, WITHOUT ROWID;
CREATE INDEX entries_refused ON entries (record) WHERE refusal IS NOT NULL;
CREATE TABLE signatures (
  feed BLOB NOT NULL, n INTEGER NOT NULL, signature BLOB NOT NULL, PRIMARY KEY (feed, n)) STRICT, WITHOUT ROWID;

CREATE TABLE records (
  record BLOB PRIMARY KEY, area INTEGER NOT NULL, type TEXT NOT NULL, epoch INTEGER NOT NULL,
  created INTEGER NOT NULL, last INTEGER NOT NULL, entries INTEGER NOT NULL, entry_bytes INTEGER NOT NULL,
  created_by TEXT NOT NULL, created_at INTEGER NOT NULL, changed_by TEXT NOT NULL, changed_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX records_created ON records (area, created);
CREATE UNIQUE INDEX records_last ON records (area, last);
CREATE INDEX records_type ON records (area, type, last);
CREATE TABLE documents (
  record BLOB NOT NULL, facet INTEGER NOT NULL, bytes BLOB NOT NULL, term BLOB NOT NULL,
  PRIMARY KEY (record, facet)) STRICT;
CREATE TABLE log (
  area INTEGER NOT NULL, seq INTEGER NOT NULL, record BLOB NOT NULL, feed BLOB NOT NULL, n INTEGER NOT NULL,
  facets INTEGER NOT NULL, seen BLOB, PRIMARY KEY (area, seq)) STRICT, WITHOUT ROWID;
CREATE INDEX log_record ON log (record, seq);
CREATE TABLE ledger (
  record BLOB NOT NULL, facet INTEGER NOT NULL, view TEXT NOT NULL, PRIMARY KEY (record, facet)) STRICT;
";

/// Notes that keep a desk's work from being done twice: requests answered, things imported.
const DESK: &str = "
CREATE TABLE requests (
  user INTEGER NOT NULL REFERENCES users, request TEXT NOT NULL, feed BLOB NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY (user, request)) STRICT, WITHOUT ROWID;
CREATE TABLE import_keys (key BLOB PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
";

/// Log events: rights change, records move, begin new generations, are erased.
const EVENTS: &str = "
ALTER TABLE records ADD COLUMN began INTEGER NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN arrived INTEGER NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;
CREATE TABLE events (
  area INTEGER NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, record BLOB, at INTEGER NOT NULL,
  PRIMARY KEY (area, seq)) STRICT, WITHOUT ROWID;
CREATE INDEX events_kind ON events (area, kind, seq);
CREATE TABLE departures (
  area INTEGER NOT NULL, seq INTEGER NOT NULL, record BLOB NOT NULL, to_area INTEGER NOT NULL,
  PRIMARY KEY (area, seq)) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX departures_record ON departures (record, area);
CREATE TABLE stays (
  area INTEGER NOT NULL, created INTEGER NOT NULL, record BLOB NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (area, created)) STRICT, WITHOUT ROWID;
CREATE INDEX stays_record ON stays (record, until);
CREATE TABLE bases (
  record BLOB NOT NULL, facet INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (record, facet)) STRICT;
";

/// A record's size before its generation, when something of it may be due, and the erasures.
const EPOCHS: &str = "
ALTER TABLE records ADD COLUMN before_entries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN before_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN base_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN rules INTEGER NOT NULL DEFAULT 1;
ALTER TABLE records ADD COLUMN due_at INTEGER;
CREATE INDEX records_due ON records (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE erasures (
  no INTEGER PRIMARY KEY, record BLOB NOT NULL, area INTEGER NOT NULL, seq INTEGER NOT NULL, fields TEXT NOT NULL,
  reason TEXT NOT NULL, asked_by TEXT NOT NULL, asked_at INTEGER NOT NULL, done_at INTEGER NOT NULL) STRICT;
CREATE INDEX erasures_record ON erasures (record);
";

/// The territory in time, and the plans that change it.
const MOVES: &str = "
ALTER TABLE areas ADD COLUMN closed INTEGER;
CREATE TABLE edges (
  area INTEGER NOT NULL REFERENCES areas, above INTEGER NOT NULL REFERENCES areas, valid_from INTEGER NOT NULL,
  valid_to INTEGER, ended_at INTEGER, PRIMARY KEY (area, above, valid_from)) STRICT, WITHOUT ROWID;
CREATE INDEX edges_above ON edges (above);
CREATE TABLE lineage (
  area INTEGER NOT NULL REFERENCES areas, successor INTEGER NOT NULL REFERENCES areas, kind TEXT NOT NULL,
  plan INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (area, successor, plan)) STRICT, WITHOUT ROWID;
CREATE TABLE routes (
  area INTEGER PRIMARY KEY REFERENCES areas, seq INTEGER NOT NULL, closed INTEGER NOT NULL, parts TEXT NOT NULL) STRICT;
CREATE TABLE plans (plan INTEGER PRIMARY KEY, state TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE territory_changes (told_at INTEGER PRIMARY KEY, plan INTEGER NOT NULL REFERENCES plans) STRICT;
";

/// Grants as they were before they were shortened, and up to which of them each device is known to have been told; the
/// areas and questions of refused entries, and the rulings.
const RIGHTS: &str = "
CREATE TABLE replaced_grants (
  user INTEGER NOT NULL REFERENCES users, role TEXT NOT NULL, area INTEGER NOT NULL REFERENCES areas,
  valid_from INTEGER NOT NULL, valid_to INTEGER, replaced_at INTEGER NOT NULL) STRICT;
CREATE INDEX replaced_grants_user ON replaced_grants (user, replaced_at);
CREATE INDEX replaced_grants_at ON replaced_grants (replaced_at);
ALTER TABLE users ADD COLUMN rights_cut INTEGER NOT NULL DEFAULT 0;
ALTER TABLE devices ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
CREATE TABLE evidence (
  feed BLOB NOT NULL, n INTEGER NOT NULL, area INTEGER NOT NULL, at INTEGER NOT NULL, asked_at INTEGER, note TEXT,
  PRIMARY KEY (feed, n)) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_area ON evidence (area, at);
CREATE INDEX evidence_asked ON evidence (area, asked_at) WHERE asked_at IS NOT NULL;
CREATE TABLE rulings (
  feed BLOB NOT NULL, n INTEGER NOT NULL, by TEXT NOT NULL, at INTEGER NOT NULL, note TEXT NOT NULL,
  as_feed BLOB, as_n INTEGER, PRIMARY KEY (feed, n)) STRICT, WITHOUT ROWID;
INSERT INTO evidence (feed, n, area, at)
  SELECT e.feed, e.n, coalesce(r.area, 0), e.received_at FROM entries e LEFT JOIN records r USING (record)
  WHERE e.refusal IS NOT NULL;
";

/// The read log, shares and exports. `received_at` never falls from one row to the next, so that a time bounds the
/// numbers.
const RESIDENTS: &str = "
CREATE TABLE read_log (
  no INTEGER PRIMARY KEY, at INTEGER NOT NULL, received_at INTEGER NOT NULL, user TEXT NOT NULL, device INTEGER,
  device_n INTEGER, kind TEXT NOT NULL, subject TEXT NOT NULL, area INTEGER, fields TEXT NOT NULL, reason TEXT NOT NULL,
  records BLOB NOT NULL, share INTEGER, hash BLOB NOT NULL) STRICT;
CREATE INDEX read_log_user ON read_log (user, no);
CREATE INDEX read_log_received ON read_log (received_at);
CREATE INDEX read_log_device ON read_log (device, device_n) WHERE device_n IS NOT NULL;
CREATE INDEX read_log_share ON read_log (share, no) WHERE share IS NOT NULL;
CREATE TABLE read_records (
  record BLOB NOT NULL, no INTEGER NOT NULL, PRIMARY KEY (record, no)) STRICT, WITHOUT ROWID;

CREATE TABLE shares (
  share INTEGER PRIMARY KEY, login TEXT NOT NULL, type TEXT NOT NULL, fields TEXT NOT NULL, area INTEGER NOT NULL,
  purpose TEXT NOT NULL, until INTEGER NOT NULL, made_by TEXT NOT NULL, made_at INTEGER NOT NULL,
  revoked_at INTEGER) STRICT;
CREATE TABLE exports (
  export INTEGER PRIMARY KEY, asked_by TEXT NOT NULL, type TEXT NOT NULL, area INTEGER NOT NULL, reason TEXT NOT NULL,
  asked_at INTEGER NOT NULL, approved_by TEXT, approved_at INTEGER) STRICT;
CREATE INDEX exports_asked ON exports (asked_at);
";

/// Restores; which devices offered again what they hold; what they miss; re-offered entries whose place another entry
/// took.
const RESTORE: &str = "
CREATE TABLE restores (
  no INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, former INTEGER NOT NULL, at INTEGER NOT NULL, first INTEGER NOT NULL,
  until INTEGER NOT NULL, numbers INTEGER NOT NULL, active_since INTEGER NOT NULL, ended_at INTEGER) STRICT;
CREATE TABLE offers (
  restore INTEGER NOT NULL, device INTEGER NOT NULL, settled INTEGER NOT NULL, PRIMARY KEY (restore, device)
  ) STRICT, WITHOUT ROWID;
CREATE TABLE missing (
  area INTEGER NOT NULL, record BLOB NOT NULL, facet INTEGER NOT NULL, feed BLOB NOT NULL, count INTEGER NOT NULL,
  device INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (record, facet, feed)) STRICT, WITHOUT ROWID;
CREATE TABLE displaced (
  feed BLOB NOT NULL, n INTEGER NOT NULL, hash BLOB NOT NULL, body BLOB NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (feed, n, hash)) STRICT, WITHOUT ROWID;
";

/// The values that tools may see of a record, beside its view. Positions are unique in an area's log already; to let
/// the records be split by their ids, no index of theirs enforces it again.
const VIEWS: &str = "
ALTER TABLE ledger ADD COLUMN shown TEXT;
DROP INDEX records_created;
DROP INDEX records_last;
CREATE INDEX records_created ON records (area, created);
CREATE INDEX records_last ON records (area, last);
";

/// Rows that nodes share: the version of the territory; the work done by one node at a time; devices' counters and
/// given positions, which a crash may take.
const NODES: &str = "
CREATE TABLE territory (one INTEGER PRIMARY KEY, version INTEGER NOT NULL) STRICT;
INSERT INTO territory (one, version) VALUES (1, 1);
CREATE TABLE turns (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO turns (name) VALUES ('read_log');
CREATE /*UNLOGGED*/ TABLE counters (
  device INTEGER NOT NULL, counter INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (device)) STRICT, WITHOUT ROWID;
CREATE /*UNLOGGED*/ TABLE given (
  device INTEGER NOT NULL, area INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (device, area)) STRICT, WITHOUT ROWID;
";

/// The suite of each key; earlier keys are of the first suite. Generations that began and were lost, when the store was
/// set back to a state before them.
const SUITES: &str = "
ALTER TABLE devices ADD COLUMN suite INTEGER NOT NULL DEFAULT 1;
ALTER TABLE feeds ADD COLUMN suite INTEGER NOT NULL DEFAULT 1;
CREATE TABLE lost_generations (epoch INTEGER PRIMARY KEY) STRICT;
";

/// The records whose values each person saw without a second person, and when last; the approver of a share; since when
/// the content of a refused entry is gone; refused entries erased by themselves; the record of a displaced entry.
const RIGHTS_NOW: &str = "
CREATE TABLE seen_alone (
  user TEXT NOT NULL, record BLOB NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (user, record)) STRICT, WITHOUT ROWID;
CREATE INDEX seen_alone_at ON seen_alone (user, at);
INSERT INTO seen_alone (user, record, at)
  SELECT r.user, x.record, max(CASE WHEN r.at < r.received_at THEN r.at ELSE r.received_at END)
  FROM read_log r JOIN read_records x ON x.no = r.no
  WHERE r.kind IN ('view', 'ledger', 'offline')
    AND r.received_at > (SELECT max(received_at) - 172800000 FROM read_log)
  GROUP BY r.user, x.record;
CREATE INDEX read_log_kind ON read_log (kind, no);
ALTER TABLE shares ADD COLUMN approved_by TEXT;
ALTER TABLE shares ADD COLUMN approved_at INTEGER;
ALTER TABLE evidence ADD COLUMN ended_at INTEGER;
CREATE INDEX evidence_kept ON evidence (at) WHERE ended_at IS NULL;
ALTER TABLE erasures ADD COLUMN feed BLOB;
ALTER TABLE erasures ADD COLUMN n INTEGER;
ALTER TABLE displaced ADD COLUMN record BLOB;
CREATE INDEX displaced_record ON displaced (record);
";

/// The time: the latest that a trusted clock showed, how often a time was confirmed, and when the last daily run was
/// over.
const CLOCK: &str = "
CREATE TABLE clock (one INTEGER PRIMARY KEY, beat INTEGER, confirmed INTEGER NOT NULL, daily INTEGER) STRICT;
INSERT INTO clock (one, beat, confirmed, daily) VALUES (1, NULL, 0, NULL);
";

/// Pushes that ended before the entry that their author signed: the last entry decided, a feed at a time.
const HALTS: &str = "
CREATE TABLE halts (feed BLOB PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
";

/// When people handled records, in log positions; the records that devices were sent by themselves, which a crash may
/// take. Amounts brought in a feed on a day; whether the content of a refused entry was not kept. Refused entries
/// belong to the area where their record is now.
const HANDLERS: &str = "
CREATE TABLE handlers (
  record BLOB NOT NULL, login TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER,
  PRIMARY KEY (record, login, since)) STRICT, WITHOUT ROWID;
CREATE /*UNLOGGED*/ TABLE sent (
  device INTEGER NOT NULL, record BLOB NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (device, record)) STRICT, WITHOUT ROWID;
ALTER TABLE feeds ADD COLUMN day INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feeds ADD COLUMN day_entries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feeds ADD COLUMN day_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feeds ADD COLUMN day_refused INTEGER NOT NULL DEFAULT 0;
CREATE INDEX feeds_device ON feeds (device);
ALTER TABLE evidence ADD COLUMN unkept INTEGER NOT NULL DEFAULT 0;
UPDATE evidence SET area = (
    SELECT r.area FROM entries e JOIN records r ON r.record = e.record WHERE e.feed = evidence.feed AND e.n = evidence.n)
  WHERE EXISTS (
    SELECT 1 FROM entries e JOIN records r ON r.record = e.record WHERE e.feed = evidence.feed AND e.n = evidence.n);
";

/// A number for each position at which an area's log stood after a commit: a log that was set back and went on has others.
/// How long the store was served since a restore, ms. The generations, not known here, that devices say they are of.
const MARKS: &str = "
CREATE TABLE marks (
  area INTEGER NOT NULL, seq INTEGER NOT NULL, mark INTEGER NOT NULL, PRIMARY KEY (area, seq)) STRICT, WITHOUT ROWID;
ALTER TABLE restores ADD COLUMN served INTEGER NOT NULL DEFAULT 0;
CREATE TABLE claimed_generations (device INTEGER PRIMARY KEY, epoch INTEGER NOT NULL) STRICT;
";

/// An office's names for a record in its spreadsheets; the values of the last spreadsheet that changed it, as keyed
/// hashes, and the position up to which that import knew it; the number of the import that may write now.
const IMPORTS: &str = "
CREATE TABLE import_names (name BLOB NOT NULL, record BLOB NOT NULL, PRIMARY KEY (name, record)) STRICT, WITHOUT ROWID;
CREATE TABLE import_said (record BLOB PRIMARY KEY, seen INTEGER NOT NULL, said TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE import_runs (one INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT;
INSERT INTO import_runs (one, n) VALUES (1, 0);
";

/// Makes the store's generation and keys, where there are none yet.
pub fn make_identity(c: &Connection<'_>) -> Result<(), StoreError> {
    let mut random = [0u8; 104];
    getrandom::fill(&mut random).map_err(|_| StoreError::Busy)?;
    let insert = "INSERT INTO settings (key, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    // Seven bytes: an epoch fits a signed integer of every engine.
    for (key, value) in [
        ("server_epoch", &random[..7]),
        ("receipt_seed", &random[8..40]),
        ("desk_seed", &random[40..72]),
        ("lease_seed", &random[72..]),
    ] {
        c.execute(insert, (key, value))?;
    }
    Ok(())
}
