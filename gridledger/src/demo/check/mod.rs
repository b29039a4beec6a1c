//! The demo checks itself: what the phones show, what the ledger holds and what was saved are held against each other.
//! Pure: [`gather`](super::gather) reads, this compares, so that a test can show it a tampered world.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use gridledger_client::RecordId;
use gridledger_schema::code::Refusal;
use gridledger_schema::entry::{Intent, Op};
use gridledger_schema::ids::FeedId;
use serde_json::{Map, Value};

use super::differ::Difference;
use super::phone::{Contest, Kept};

/// A record as the ledger holds it.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its type.
    pub record_type: String,
    /// Its area's number.
    pub area: u32,
    /// The view of each facet.
    pub views: Vec<(u8, Value)>,
}

/// The screen of a phone.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The login of the phone's user, for the messages.
    pub name: String,
    /// Facets it may read, by area; areas it holds nothing of are not named.
    pub facets: BTreeMap<u32, u64>,
    /// Its records with their views.
    pub records: BTreeMap<RecordId, Value>,
    /// Edits the ledger does not hold yet.
    pub open: u64,
    /// Numbers of its refused edits.
    pub attention: BTreeSet<u64>,
}

/// An entry as the server has stored or refused it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The record.
    pub record: RecordId,
    /// The content of the edit.
    pub intents: Vec<Intent>,
    /// Why it was refused, if it was.
    pub refusal: Option<Refusal>,
}

/// Everything there is to compare.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The ledger.
    pub ledger: BTreeMap<RecordId, Held>,
    /// The phones.
    pub phones: Vec<Shown>,
    /// Every entry of the phones' feeds, each time it was found.
    pub stored: BTreeMap<(FeedId, u64), Vec<Stored>>,
}

/// The comparisons made, and the differences found.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Views compared, phone against ledger.
    pub views: usize,
    /// Edits looked for in the history.
    pub edits: usize,
    /// Counters, notes and set items, contested values looked for.
    pub sums: usize,
    /// Notes and other log items looked for.
    pub items: usize,
    /// Contested values looked for.
    pub values: usize,
    /// The differences; empty when all is well.
    pub differences: Vec<Difference>,
}

/// Compares everything.
pub fn check(evidence: &Evidence, kept: &[Kept], contests: &[Contest]) -> Outcome {
    let mut outcome = Outcome::default();
    phones(evidence, &mut outcome);
    edits(evidence, kept, &mut outcome);
    let accepted: Vec<&Kept> = kept.iter().filter(|kept| is_stored(evidence, kept)).collect();
    sums(evidence, &accepted, &mut outcome);
    items(evidence, &accepted, &mut outcome);
    contested(evidence, contests, &mut outcome);
    outcome
}

/// The view of a record for who may read these facets.
pub fn merged(views: &[(u8, Value)], facets: u64) -> Value {
    let mut out = Map::new();
    for (_, view) in views.iter().filter(|(facet, _)| facets & (1 << facet) != 0) {
        for (field, value) in view.as_object().into_iter().flatten() {
            match (field.as_str(), out.get_mut(field)) {
                ("_conflicts", Some(Value::Object(all))) => {
                    all.extend(value.as_object().cloned().unwrap_or_default());
                }
                _ => _ = out.insert(field.clone(), value.clone()),
            }
        }
    }
    Value::Object(out)
}

fn phones(evidence: &Evidence, outcome: &mut Outcome) {
    for phone in &evidence.phones {
        if phone.open > 0 {
            outcome.differences.push(Difference::Open { phone: phone.name.clone(), count: phone.open });
        }
        for (record, held) in &evidence.ledger {
            let facets = phone.facets.get(&held.area).copied().unwrap_or(0);
            if facets == 0 {
                continue;
            }
            outcome.views += 1;
            let wanted = merged(&held.views, facets);
            let differs = match phone.records.get(record) {
                None => Some(Difference::RecordMissing { phone: phone.name.clone(), record: *record }),
                Some(shown) if *shown != wanted => Some(view_differs(&phone.name, *record, shown, &wanted)),
                Some(_) => None,
            };
            outcome.differences.extend(differs);
        }
        let may = |record: &RecordId| {
            let held = evidence.ledger.get(record);
            held.is_some_and(|held| phone.facets.get(&held.area).is_some_and(|facets| *facets != 0))
        };
        let extra = phone.records.keys().filter(|record| !may(record));
        outcome.differences.extend(
            extra.map(|record| Difference::RecordExtra { phone: phone.name.clone(), record: *record }),
        );
    }
}

/// The first field in which two views differ.
fn view_differs(phone: &str, record: RecordId, shown: &Value, wanted: &Value) -> Difference {
    let names = [shown, wanted].into_iter().filter_map(Value::as_object).flat_map(Map::keys);
    let field = names.into_iter().find(|name| shown[name.as_str()] != wanted[name.as_str()]);
    let field = field.cloned().unwrap_or_default();
    Difference::View {
        phone: phone.to_owned(),
        record,
        shown: shown[field.as_str()].clone(),
        ledger: wanted[field.as_str()].clone(),
        field,
    }
}

fn is_stored(evidence: &Evidence, kept: &Kept) -> bool {
    let found = evidence.stored.get(&(kept.feed, kept.n));
    found.is_some_and(|found| found.iter().any(|stored| stored.refusal.is_none()))
}

/// Every edit is in the history exactly once, as it was meant; a refused one also on its author's phone; nothing else.
fn edits(evidence: &Evidence, kept: &[Kept], outcome: &mut Outcome) {
    let mut meant = BTreeSet::new();
    for kept in kept {
        outcome.edits += 1;
        meant.insert((kept.feed, kept.n));
        let name = evidence.phones.get(kept.phone).map(|phone| phone.name.clone()).unwrap_or_default();
        let found = evidence.stored.get(&(kept.feed, kept.n)).map_or(&[][..], Vec::as_slice);
        let differs = match found {
            [] => Some(Difference::EditMissing { phone: name, n: kept.n, record: kept.record }),
            [one] if one.record != kept.record || !same_intents(&kept.intents, &one.intents) => {
                Some(Difference::EditAltered { phone: name, n: kept.n, record: kept.record })
            }
            [one] => unexplained(evidence, kept, one, name),
            more => Some(Difference::EditTwice { phone: name, n: kept.n, times: more.len() }),
        };
        outcome.differences.extend(differs);
    }
    let unmeant = evidence.stored.keys().filter(|key| !meant.contains(*key));
    outcome.differences.extend(unmeant.map(|(feed, n)| Difference::EditUnmeant { feed: *feed, n: *n }));
}

/// A refused edit must wait on its author's phone, an accepted one must not.
fn unexplained(evidence: &Evidence, kept: &Kept, stored: &Stored, phone: String) -> Option<Difference> {
    let waits = evidence.phones.get(kept.phone).is_some_and(|phone| phone.attention.contains(&kept.n));
    let n = kept.n;
    match (stored.refusal.is_some(), waits) {
        (true, false) => Some(Difference::RefusalUntold { phone, n }),
        (false, true) => Some(Difference::RefusalUnfounded { phone, n }),
        _ => None,
    }
}

fn same_intents(meant: &[Intent], stored: &[Intent]) -> bool {
    let same = |(meant, stored): (&Intent, &Intent)| {
        meant.field == stored.field
            && match (&meant.op, &stored.op) {
                // The SDK raises a `max` field where an app puts one.
                (Op::Put { value }, Op::Raise { value: raised }) => value.as_i64() == Some(*raised),
                (meant, stored) => meant == stored,
            }
    };
    meant.len() == stored.len() && meant.iter().zip(stored).all(same)
}

/// The value of a record's field in the ledger.
fn field_of(evidence: &Evidence, record: RecordId, field: &str) -> Value {
    let held = evidence.ledger.get(&record);
    held.map(|held| merged(&held.views, u64::MAX)[field].clone()).unwrap_or_default()
}

/// Every counter is the sum of what was added to it.
fn sums(evidence: &Evidence, kept: &[&Kept], outcome: &mut Outcome) {
    let mut sums: BTreeMap<(RecordId, &str), i64> = BTreeMap::new();
    for kept in kept {
        for intent in &kept.intents {
            if let Op::Increment { by } = &intent.op {
                *sums.entry((kept.record, &intent.field)).or_default() += by;
            }
        }
    }
    for ((record, field), sum) in sums {
        outcome.sums += 1;
        let found = field_of(evidence, record, field);
        if found.as_i64() != Some(sum) {
            outcome.differences.push(Difference::Sum {
                record,
                field: field.to_owned(),
                added: sum,
                ledger: found,
            });
        }
    }
}

/// Every note is there as often as it was written; every item put into a set and never taken out is in it.
fn items(evidence: &Evidence, kept: &[&Kept], outcome: &mut Outcome) {
    let mut wanted: HashMap<(RecordId, &str, String), usize> = HashMap::new();
    let mut removed: BTreeSet<(RecordId, &str, &str)> = BTreeSet::new();
    let intents = || kept.iter().flat_map(|kept| kept.intents.iter().map(|intent| (kept.record, intent)));
    for (record, intent) in intents() {
        match &intent.op {
            Op::Append { value } => {
                *wanted.entry((record, &intent.field, value.to_string())).or_default() += 1;
            }
            Op::Remove { item } => _ = removed.insert((record, &intent.field, item)),
            _ => {}
        }
    }
    for (record, intent) in intents() {
        if let Op::Add { item } = &intent.op
            && !removed.contains(&(record, &*intent.field, &**item))
        {
            wanted.insert((record, &intent.field, Value::from(item.as_str()).to_string()), 1);
        }
    }
    for ((record, field, item), times) in wanted {
        outcome.items += 1;
        let list = field_of(evidence, record, field);
        let found = list.as_array().into_iter().flatten().filter(|one| one.to_string() == item).count();
        if found != times {
            outcome.differences.push(Difference::Item {
                record,
                field: field.to_owned(),
                item,
                written: times,
                found,
            });
        }
    }
}

/// Checks that every value of a field that several wrote at once is shown, until somebody has settled it.
fn contested(evidence: &Evidence, contests: &[Contest], outcome: &mut Outcome) {
    for contest in contests {
        let held = evidence.ledger.get(&contest.record);
        let view = held.map(|held| merged(&held.views, u64::MAX)).unwrap_or_default();
        let shown = &view[contest.field];
        let found: Vec<&Value> = match view["_conflicts"][contest.field].as_array() {
            Some(values) => values.iter().map(|candidate| &candidate["value"]).collect(),
            None => vec![shown],
        };
        let wanted: Vec<&Value> = match &contest.settled {
            Some(value) => vec![value],
            None => contest.values.iter().collect(),
        };
        outcome.values += wanted.len();
        let lost = wanted.iter().filter(|value| !found.contains(value));
        outcome.differences.extend(lost.map(|value| Difference::ValueLost {
            record: contest.record,
            field: contest.field.to_owned(),
            value: (*value).clone(),
        }));
        let extra = found.iter().filter(|value| !wanted.contains(value));
        outcome.differences.extend(extra.map(|value| Difference::ValueExtra {
            record: contest.record,
            field: contest.field.to_owned(),
            value: (*value).clone(),
        }));
    }
}

#[cfg(test)]
mod tests;
