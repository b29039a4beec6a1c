//! The kinds of heavy entries, each on a record that was made as heavy as it may be.

use gridledger_schema::entry::{Intent, Op, Target};
use gridledger_schema::ids::RecordId;
use gridledger_schema::limits;
use serde_json::{Map, Value, json};

use super::{Ready, TYPE, Town};
use crate::BenchError;
use crate::author::{intent, put};

/// Prepares one entry.
type Prepare = fn(&mut Town) -> Result<Ready, BenchError>;

/// Every kind.
pub(crate) const KINDS: &[(&str, Prepare)] = &[
    ("a form of every day on a new record", ordinary),
    ("200 notes on a full record", notes),
    ("200 notes on a full record, not all of it seen", notes_unseen),
    ("200 tags where 4,800 are", tags),
    ("200 children where 4,800 are", children),
    ("200 events where 800 are", events),
    ("200 events where 800 are, not all of them seen", events_unseen),
    ("a text of 4,000 characters rewritten", rewritten_short),
    ("the same, not all of it seen", rewritten_short_unseen),
    ("a text of 20,000 characters rewritten", rewritten),
    ("the same, not all of it seen", rewritten_unseen),
    ("200 small changes of a text of 20,000", touches),
];

const NOTE: usize = 500;
const EVENTS: usize = 800;
/// Characters of the longest text of the built-in types.
const SHORT: usize = 4_000;
const ITEMS: usize = 4_800;

/// Letters that no compression makes small.
fn noise(seed: u64, chars: usize) -> String {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + (state % 90) as u8)
    };
    std::iter::repeat_with(letter).take(chars).collect()
}

fn splice(pos: usize, delete: usize, insert: String) -> Intent {
    let (pos, delete) = (pos as u32, delete as u32);
    intent("body", Op::Splice { pos, delete, insert })
}

fn event(verb: &str, args: Value) -> Intent {
    let args = args.as_object().cloned().unwrap_or_default();
    let verb = verb.to_owned();
    intent("events", Op::Event { verb, args })
}

fn note(no: usize) -> Intent {
    let value = json!(noise(no as u64, NOTE));
    intent("notes", Op::Append { value })
}

fn tag(no: usize) -> Intent {
    let item = noise(no as u64, 64);
    intent("tags", Op::Add { item })
}

fn child(no: usize) -> Intent {
    let value: Map<String, Value> =
        [("item".to_owned(), json!(noise(no as u64, 60))), ("done".to_owned(), json!(true))]
            .into_iter()
            .collect();
    let child = format!("c{no}");
    intent("parts", Op::SetChild { child, value })
}

impl Town {
    /// A new record that the worker made.
    fn record(&mut self) -> Result<RecordId, BenchError> {
        let target = Target::Create { record_type: TYPE.to_owned(), area: self.area };
        let intents = vec![put("title", json!("路灯不亮")), event("report", json!({}))];
        let signed = self.worker.sign(target, self.position()?, intents);
        let record = signed.entry.record(self.worker.row.feed);
        self.push_all(&self.worker, vec![signed])?;
        Ok(record)
    }

    /// Has the worker make the intents, so many an entry.
    fn fill(
        &mut self,
        record: RecordId,
        intents: Vec<Intent>,
        an_entry: usize,
        a_push: usize,
    ) -> Result<(), BenchError> {
        let entries: Vec<Vec<Intent>> = intents.chunks(an_entry).map(<[Intent]>::to_vec).collect();
        for some in entries.chunks(a_push) {
            let position = self.position()?;
            let signed = some
                .iter()
                .map(|intents| self.worker.sign(Target::Edit { record }, position, intents.clone()));
            let signed = signed.collect();
            self.push_all(&self.worker, signed)?;
        }
        Ok(())
    }

    /// Makes an edit of another author.
    fn elsewhere(&mut self, record: RecordId) -> Result<(), BenchError> {
        let intents = vec![put("title", json!("漏水")), note(9_999)];
        let signed = self.other.sign(Target::Edit { record }, self.position()?, intents);
        self.push_all(&self.other, vec![signed])
    }

    fn ready(&mut self, record: RecordId, intents: Vec<Intent>) -> Result<Ready, BenchError> {
        let signed = self.worker.sign(Target::Edit { record }, self.position()?, intents);
        let push = self.worker.push(vec![signed]);
        Ok(Ready { record, push })
    }

    /// The same, by an author who has not seen another author's edit.
    fn ready_unseen(&mut self, record: RecordId, intents: Vec<Intent>) -> Result<Ready, BenchError> {
        let position = self.position()?;
        self.elsewhere(record)?;
        let signed = self.worker.sign(Target::Edit { record }, position, intents);
        let push = self.worker.push(vec![signed]);
        Ok(Ready { record, push })
    }
}

fn ordinary(town: &mut Town) -> Result<Ready, BenchError> {
    let record = town.record()?;
    town.ready(record, vec![put("title", json!("路灯")), note(1), splice(0, 0, noise(2, 40))])
}

/// A record with as many notes as it takes.
fn full(town: &mut Town) -> Result<RecordId, BenchError> {
    let record = town.record()?;
    town.fill(record, (0..3_000).map(note).collect(), 100, 1)?;
    Ok(record)
}

fn notes(town: &mut Town) -> Result<Ready, BenchError> {
    let record = full(town)?;
    town.ready(record, (0..limits::ENTRY_INTENTS).map(note).collect())
}

fn notes_unseen(town: &mut Town) -> Result<Ready, BenchError> {
    let record = full(town)?;
    town.ready_unseen(record, (0..limits::ENTRY_INTENTS).map(note).collect())
}

fn tags(town: &mut Town) -> Result<Ready, BenchError> {
    let record = town.record()?;
    town.fill(record, (0..ITEMS).map(tag).collect(), 200, 1)?;
    town.ready(record, (ITEMS..ITEMS + limits::ENTRY_INTENTS).map(tag).collect())
}

fn children(town: &mut Town) -> Result<Ready, BenchError> {
    let record = town.record()?;
    town.fill(record, (0..ITEMS).map(child).collect(), 200, 1)?;
    town.ready(record, (ITEMS..ITEMS + limits::ENTRY_INTENTS).map(child).collect())
}

fn assign(no: usize) -> Intent {
    let (who, note) = (["w1", "w2"][no % 2], noise(no as u64, 500));
    event("assign", json!({ "who": who, "note": note }))
}

/// A ticket that was handed to and fro.
fn handed(town: &mut Town) -> Result<RecordId, BenchError> {
    let record = town.record()?;
    let accept = put("title", json!("路灯"));
    for part in 0..EVENTS / 100 {
        let mut intents = Vec::new();
        if part == 0 {
            intents.extend([accept.clone(), event("accept", json!({}))]);
        }
        intents.extend((0..100).map(assign));
        let signed = town.head.sign(Target::Edit { record }, town.position()?, intents);
        town.push_all(&town.head, vec![signed])?;
    }
    Ok(record)
}

fn events(town: &mut Town) -> Result<Ready, BenchError> {
    let record = handed(town)?;
    let intents = (0..limits::ENTRY_INTENTS - 2).map(assign).collect();
    let signed = town.head.sign(Target::Edit { record }, town.position()?, intents);
    let push = town.head.push(vec![signed]);
    Ok(Ready { record, push })
}

fn events_unseen(town: &mut Town) -> Result<Ready, BenchError> {
    let record = handed(town)?;
    let position = town.position()?;
    town.elsewhere(record)?;
    let intents = (0..limits::ENTRY_INTENTS - 2).map(assign).collect();
    let signed = town.head.sign(Target::Edit { record }, position, intents);
    let push = town.head.push(vec![signed]);
    Ok(Ready { record, push })
}

/// A record with a text of so many characters.
fn long(town: &mut Town, chars: usize) -> Result<RecordId, BenchError> {
    let record = town.record()?;
    town.fill(record, vec![splice(0, 0, noise(1, chars))], 1, 1)?;
    Ok(record)
}

fn rewrite(chars: usize) -> Vec<Intent> {
    vec![splice(0, chars, noise(7, chars))]
}

fn rewritten_short(town: &mut Town) -> Result<Ready, BenchError> {
    let record = long(town, SHORT)?;
    town.ready(record, rewrite(SHORT))
}

fn rewritten_short_unseen(town: &mut Town) -> Result<Ready, BenchError> {
    let record = long(town, SHORT)?;
    town.ready_unseen(record, rewrite(SHORT))
}

fn rewritten(town: &mut Town) -> Result<Ready, BenchError> {
    let record = long(town, limits::TEXT_CHARS)?;
    town.ready(record, rewrite(limits::TEXT_CHARS))
}

fn rewritten_unseen(town: &mut Town) -> Result<Ready, BenchError> {
    let record = long(town, limits::TEXT_CHARS)?;
    town.ready_unseen(record, rewrite(limits::TEXT_CHARS))
}

fn touches(town: &mut Town) -> Result<Ready, BenchError> {
    let record = long(town, limits::TEXT_CHARS)?;
    let touch = |no: usize| splice(no * 97, 1, noise(no as u64, 1));
    town.ready(record, (0..limits::ENTRY_INTENTS).map(touch).collect())
}
