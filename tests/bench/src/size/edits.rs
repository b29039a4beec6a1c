//! The edits of the measurement: records that are repeated, and a worker's day.

use gridledger_schema::entry::{Intent, Target};
use gridledger_schema::ids::{AreaNo, EntryHash, RecordId};
use serde_json::json;

use crate::BenchError;
use crate::author::{Author, put};
use gridledger_server::service::Service;
use gridledger_server::store::rows::people::User;
use gridledger_server::store::rows::records::Push;
use gridledger_server::store::tables::bulk::{self, Size};

/// The time everything was written, ms since 1970.
const AT: i64 = 1_767_571_200_000;
/// The role of who writes.
const ROLE: &str = "grid_worker";
/// Edits of a day's push.
pub(crate) const DAY: u64 = 60;
/// The types that are repeated, in turn.
pub(crate) const TYPES: [&str; 3] = ["household", "person", "dwelling"];

/// A record of each type with so many entries, written as a phone's push is.
pub(crate) fn patterns(
    service: &Service,
    user: &User,
    area: AreaNo,
    entries: u64,
) -> Result<Vec<RecordId>, BenchError> {
    let mut author = Author::new(user, 9, ROLE, AT);
    service.store.put_feed(&author.row)?;
    let mut records = Vec::new();
    let target = |record_type: &str| Target::Create { record_type: record_type.to_owned(), area };
    // The household of the pattern lies in a dwelling that is there.
    let home = author.sign(target("dwelling"), 0, creation("dwelling", ""));
    let home_id = home.entry.record(author.row.feed).to_string();
    service.store.push(author.push(vec![home]))?;
    for record_type in TYPES {
        let mut signed = vec![author.sign(target(record_type), 0, creation(record_type, &home_id))];
        let record = signed[0].entry.record(author.row.feed);
        for k in 1..entries {
            signed.push(author.sign(Target::Edit { record }, 0, change(record_type, k)));
        }
        let verdicts = service.store.push(author.push(signed))?;
        if verdicts.iter().any(|verdict| !verdict.refused.is_empty() || verdict.stopped.is_some()) {
            return Err(format!("a pattern was refused: {verdicts:?}").into());
        }
        records.push(record);
    }
    Ok(records)
}

fn creation(record_type: &str, home: &str) -> Vec<Intent> {
    match record_type {
        "household" => vec![
            put("dwelling_id", json!(home)),
            put("label", json!("#户 三楼北")),
            put("status", json!("active")),
        ],
        "person" => vec![
            put("name", json!("陆#")),
            put("gender", json!("female")),
            put("birth_year", json!(1957)),
            put("relation_to_head", json!("head")),
        ],
        _ => vec![
            put(
                "address",
                json!({ "road": "滨河路", "number": "#号", "building": "3栋", "unit": "2单元", "room": "401" }),
            ),
            put("use", json!("self")),
            put("floor_area", json!(88.5)),
        ],
    }
}

fn change(record_type: &str, k: u64) -> Vec<Intent> {
    let pick = |codes: [&str; 2]| json!(codes[k as usize % 2]);
    match record_type {
        "household" => vec![put("status", pick(["active", "vacant"]))],
        "person" => vec![put("relation_to_head", pick(["head", "spouse"]))],
        _ => vec![put("use", pick(["self", "rented"]))],
    }
}

/// A day's push in the first grid, by an author who has seen all of it.
pub(crate) fn day(user: &User, size: Size) -> Push {
    let mut author = Author::new(user, 0, ROLE, AT);
    (author.n, author.hash) = (size.feed_head(), EntryHash(bulk::FILLER));
    author.row.feed = bulk::feed(0);
    let edits = (0..DAY.min(size.records / size.areas)).map(|place| {
        let record = bulk::record(size, place);
        let record_type = TYPES[place as usize % TYPES.len()];
        author.sign(Target::Edit { record }, size.head(), change(record_type, place + 1))
    });
    let edits = edits.collect();
    author.push(edits)
}
