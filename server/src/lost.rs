//! What a restored server did not get back: the changes that some phone holds, by record and author, as far as they are
//! still missing. Counts and names, never values: those are on the phones.

use std::collections::HashMap;

use gridledger_core::document::Document;
use gridledger_schema::code::Code;
use gridledger_schema::ids::{AreaNo, RecordId};
use serde_json::{Value, json};

use crate::reading::{ReadError, Reader};
use crate::service::Service;
use crate::store::StoreError;
use crate::store::restores::MissingRow;

/// Which areas are asked about.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The code of an area: its records and those of the areas below.
    pub area: Option<String>,
}

/// `GET /v1/lost`: what is missing in the areas the reader supervises.
pub fn list(reader: &Reader<'_>, question: &Question) -> Result<Value, ReadError> {
    let mut areas = reader.areas(question.area.as_deref())?;
    areas.retain(|area| reader.reach(*area).supervises);
    if areas.is_empty() {
        return Err(ReadError::refused(
            Code::Forbidden,
            "no role that supervises there",
        ));
    }
    let lost = missing(reader.service, |area| areas.contains(&area))?;
    Ok(json!({ "lost": lost }))
}

/// Each feed's changes in a record that are missing, of the areas that `wanted` names: by area and record.
pub fn missing(service: &Service, wanted: impl Fn(AreaNo) -> bool) -> Result<Vec<Value>, StoreError> {
    let tree = service.tree();
    let mut clocks = HashMap::new();
    let mut lost = Vec::new();
    for told in service.store.told_missing()? {
        if !wanted(told.area) {
            continue;
        }
        let here = match clocks.entry(told.record) {
            std::collections::hash_map::Entry::Occupied(slot) => slot.into_mut(),
            std::collections::hash_map::Entry::Vacant(slot) => slot.insert(clock(service, told.record)?),
        };
        let has = here
            .as_ref()
            .and_then(|clock| clock.get(&(told.facet, told.feed)))
            .copied()
            .unwrap_or(0);
        let Some(changes) = told.count.checked_sub(has).filter(|changes| *changes > 0) else {
            continue;
        };
        let MissingRow { record, area, facet, feed, device, at, .. } = told;
        let author = service.store.feed(feed)?.map(|feed| feed.author);
        lost.push(json!({
            "area": tree.get(area).map(|info| info.code.clone()), "record": record, "here": here.is_some(),
            "facet": facet, "feed": feed, "author": author, "changes": changes, "told_by": device, "at": at,
        }));
    }
    Ok(lost)
}

type Clocks = HashMap<(u8, gridledger_schema::ids::FeedId), u64>;

/// How many changes each feed has made in each facet of a record; `None` if there is no such record.
fn clock(service: &Service, record: RecordId) -> Result<Option<Clocks>, StoreError> {
    let Some((_, documents)) = service.store.record(record)? else {
        return Ok(None);
    };
    let mut clocks = Clocks::new();
    for document in documents {
        let loaded = Document::load(&document.bytes).map_err(|_| StoreError::Damaged("documents"))?;
        let clock = loaded.clock().into_iter();
        clocks.extend(clock.map(|(feed, count)| ((document.facet, feed), count)));
    }
    Ok(Some(clocks))
}
