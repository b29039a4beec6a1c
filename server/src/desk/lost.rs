//! Lists changes that some phone holds and a restored server did not get back, by record and author.
//!
//! The list has counts and names, never values: those are on the phones.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use gridledger_core::document::Document;
use gridledger_schema::code::Code;
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::limits;
use serde_json::{Value, json};

use crate::rights::reader::{ReadError, Reader};
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::people::UserNo;
use crate::store::rows::restores::MissingRow;

/// The areas of the question.
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
        return Err(ReadError::refused(Code::Forbidden, "no role that supervises there"));
    }
    let lost = missing(reader.service, |area| areas.contains(&area))?;
    Ok(json!({ "lost": lost }))
}

/// Each feed's changes in a record that are missing, of the areas that `wanted` names: by area and record.
pub fn missing(service: &Service, wanted: impl Fn(AreaNo) -> bool) -> Result<Vec<Value>, StoreError> {
    let tree = service.tree();
    let (mut clocks, mut writers) = (HashMap::new(), None);
    let mut lost = Vec::new();
    for told in service.store.told_missing()? {
        if !wanted(told.area) {
            continue;
        }
        let here = match clocks.entry(told.record) {
            Entry::Occupied(slot) => slot.into_mut(),
            Entry::Vacant(slot) => slot.insert(clock(service, told.record)?),
        };
        let has = here.as_ref().and_then(|clock| clock.get(&(told.facet, told.feed))).copied().unwrap_or(0);
        let Some(changes) = told.count.checked_sub(has).filter(|changes| *changes > 0) else {
            continue;
        };
        let MissingRow { record, area, facet, feed, device, at, .. } = told;
        let author = author_of(service, feed, &mut writers)?;
        lost.push(json!({
            "area": tree.get(area).map(|info| info.code.clone()), "record": record, "here": here.is_some(),
            "facet": facet, "feed": feed, "author": author, "changes": changes, "told_by": device, "at": at,
        }));
    }
    Ok(lost)
}

/// The authors of feeds that have no entry in this store, by feed.
type Writers = HashMap<FeedId, String>;

/// Finds the author of a feed; `None` if this store does not know the device.
fn author_of(
    service: &Service,
    feed: FeedId,
    writers: &mut Option<Writers>,
) -> Result<Option<String>, StoreError> {
    if let Some(known) = service.store.feed(feed)? {
        return Ok(Some(known.author));
    }
    let writers = match writers {
        Some(writers) => writers,
        None => writers.insert(all_writers(service)?),
    };
    Ok(writers.get(&feed).cloned())
}

fn all_writers(service: &Service) -> Result<Writers, StoreError> {
    let logins: HashMap<UserNo, String> =
        service.store.users()?.into_iter().map(|u| (u.no, u.login)).collect();
    let mut writers = Writers::new();
    for device in service.store.devices()? {
        let feeds = (0..limits::DEVICE_FEEDS).map(|ordinal| FeedId::of_key(&device.public_key, ordinal));
        let login = logins.get(&device.user).cloned().unwrap_or_default();
        writers.extend(feeds.map(|feed| (feed, login.clone())));
    }
    Ok(writers)
}

type Clocks = HashMap<(u8, FeedId), u64>;

/// Counts the changes of each feed in each facet of a record; `None` if there is no such record.
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
