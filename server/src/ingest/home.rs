//! The place of a new record: the area its author named, or, if that one was split or closed since the author looked,
//! the successor that the plan's rule chooses. The record's id is the same either way, and nothing is refused because a
//! grid is gone.

use std::collections::HashMap;
use std::rc::Rc;

use gridledger_schema::entry::{Entry, Op, Target};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::limits;
use serde_json::{Map, Value};

use super::Plan;
use crate::faults;
use crate::record::parts::{Part, named};
use crate::record::references::references;
use crate::store::StoreError;
use crate::store::rows::plans::RouteRow;
use crate::store::rows::records::Push;

/// Households that a push says people live in: a new person says nothing of a place.
pub(super) type Homes = HashMap<RecordId, RecordId>;

/// An area's rule, read.
struct Rule<'a> {
    area: AreaNo,
    row: &'a RouteRow,
    parts: Vec<Part>,
}

impl Rule<'_> {
    fn area_of(&self, part: &Part) -> AreaNo {
        let found = self.row.areas.iter().find(|(code, _)| *code == part.area);
        found.map_or(self.area, |(_, area)| *area)
    }
}

/// A record as far as its place is concerned.
pub(super) struct Near {
    area: AreaNo,
    record_type: String,
    /// Its fields that everybody with a role there reads.
    view: Map<String, Value>,
    /// Bytes that had to be looked at.
    bytes: u64,
}

/// One walk along references. What a record says of a place with so many hops left is found once, so that the walk takes
/// no longer than the records it meets. It ends at [`limits::PLACING_RECORDS`] and at [`limits::PLACING_BYTES`].
#[derive(Default)]
struct Walk {
    bytes: u64,
    found: HashMap<(RecordId, usize), Option<AreaNo>>,
    met: HashMap<RecordId, Option<Rc<Near>>>,
}

impl Walk {
    fn is_over(&self) -> bool {
        self.met.len() >= limits::PLACING_RECORDS || self.bytes >= limits::PLACING_BYTES
    }

    fn meet(&mut self, record: RecordId, near: Option<Rc<Near>>) {
        self.bytes += near.as_ref().map_or(0, |near| near.bytes);
        self.met.insert(record, near);
    }
}

impl Plan<'_> {
    /// The area in which the record that `entry` creates is to be.
    pub(super) fn find_home(&mut self, feed: FeedId, entry: &Entry) -> Result<AreaNo, StoreError> {
        let Target::Create { record_type, area } = &entry.target else {
            return Ok(AreaNo(0));
        };
        let mut home = *area;
        for _ in 0..limits::PLACING_HOPS {
            let Some(route) = self.route(home)? else { break };
            if !route.leads_on((home == *area).then_some(entry.cursor)) {
                break;
            }
            let parts: Vec<Part> =
                serde_json::from_str(&route.parts).map_err(|_| StoreError::Damaged("routes"))?;
            let rule = Rule { area: home, row: &route, parts };
            let (record, mut walk) = (entry.record(feed), Walk::default());
            let hops = limits::PLACING_HOPS;
            let to = self.goes((&rule, &mut walk), record, record_type, &written(entry), hops)?;
            let rest = || rule.parts.iter().find(|part| part.rest).or(rule.parts.first());
            let to = to.or_else(|| rest().map(|part| rule.area_of(part))).unwrap_or(home);
            if to == home {
                break;
            }
            home = to;
        }
        Ok(home)
    }

    fn route(&mut self, area: AreaNo) -> Result<Option<RouteRow>, StoreError> {
        if let Some(known) = self.routes.get(&area) {
            return Ok(known.clone());
        }
        let found = self.source.route(area)?;
        self.routes.insert(area, found.clone());
        Ok(found)
    }

    /// The area that the rule, or a record it refers to, gives it; `None` if neither gives one.
    fn goes(
        &mut self,
        (rule, walk): (&Rule<'_>, &mut Walk),
        record: RecordId,
        record_type: &str,
        view: &Map<String, Value>,
        hops: usize,
    ) -> Result<Option<AreaNo>, StoreError> {
        if let Some(part) = named(&rule.parts, &record.to_string(), view) {
            return Ok(Some(rule.area_of(part)));
        }
        let schema = self.schema;
        let mut next = schema
            .record_type(record_type)
            .map_or_else(Vec::new, |record_type| references(record_type, view));
        next.extend(self.homes.get(&record));
        for next in next.into_iter().take_while(|_| hops > 0) {
            let found = self.find_place((rule, &mut *walk), next, hops - 1)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The area of a record that another refers to, if it is one of the rule's areas. A record that still waits to be
    /// moved goes by the rule itself.
    fn find_place(
        &mut self,
        (rule, walk): (&Rule<'_>, &mut Walk),
        record: RecordId,
        hops: usize,
    ) -> Result<Option<AreaNo>, StoreError> {
        let forgets = faults::is_planted("14");
        if let Some(known) = walk.found.get(&(record, hops)).filter(|_| !forgets) {
            return Ok(*known);
        }
        if !walk.met.contains_key(&record) || forgets {
            if walk.is_over() {
                return Ok(None);
            }
            let near = self.near(record)?;
            walk.meet(record, near);
        }
        let near = walk.met.get(&record).cloned().flatten();
        let found = match near {
            None => None,
            Some(near) if near.area != rule.area => {
                let is_part = rule.row.areas.iter().any(|(_, part)| *part == near.area);
                is_part.then_some(near.area)
            }
            Some(near) => self.goes((rule, &mut *walk), record, &near.record_type, &near.view, hops)?,
        };
        walk.found.insert((record, hops), found);
        Ok(found)
    }

    /// Reads a record as it is for this push.
    fn near(&mut self, record: RecordId) -> Result<Option<Rc<Near>>, StoreError> {
        let schema = self.schema;
        if let Some(working) = self.records.get_mut(&record) {
            let Some(record_type) = schema.record_type(&working.row.record_type) else {
                return Ok(None);
            };
            let (view, bytes) = (working.view(record_type)?.to_json(), working.bytes());
            return Ok(Some(Rc::new(Near {
                bytes,
                area: working.row.area,
                record_type: record_type.name.clone(),
                view: view.as_object().cloned().unwrap_or_default(),
            })));
        }
        if let Some(known) = self.near.get(&record).filter(|_| !faults::is_planted("14")) {
            return Ok(known.clone());
        }
        let found = self.source.located(record)?.map(|(area, record_type, view)| {
            Rc::new(Near {
                area,
                record_type,
                bytes: view.len() as u64,
                view: serde_json::from_str(&view).unwrap_or_default(),
            })
        });
        self.near.insert(record, found.clone());
        Ok(found)
    }
}

/// The fields that a creating entry puts, as a view would show them.
fn written(entry: &Entry) -> Map<String, Value> {
    let put = |intent: &gridledger_schema::entry::Intent| match &intent.op {
        Op::Put { value } => Some((intent.field.clone(), value.clone())),
        _ => None,
    };
    entry.intents.iter().filter_map(put).collect()
}

/// The households people are said to live in by the new residencies of a push.
pub(super) fn homes(push: &Push) -> Homes {
    let entries = push.segments.iter().flat_map(|segment| &segment.entries);
    let residencies = entries.filter(
        |signed| matches!(&signed.entry.target, Target::Create { record_type, .. } if record_type == "residency"),
    );
    let id = |view: &Map<String, Value>, field: &str| view.get(field)?.as_str()?.parse().ok();
    residencies
        .filter_map(|signed| {
            let view = written(&signed.entry);
            Some((id(&view, "person")?, id(&view, "household")?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks over records of so many bytes until it is over; how many it met.
    fn met(bytes: u64) -> usize {
        let mut walk = Walk::default();
        for no in 0..u64::MAX {
            if walk.is_over() {
                break;
            }
            let near = Near { area: AreaNo(1), record_type: "ticket".into(), view: Map::new(), bytes };
            walk.meet(RecordId::created_by(FeedId([1; 16]), no), Some(Rc::new(near)));
        }
        walk.met.len()
    }

    #[test]
    fn a_walk_ends_at_so_many_records_and_at_so_many_bytes() {
        assert_eq!(met(1_000), limits::PLACING_RECORDS);
        assert_eq!(met(limits::RECORD_BYTES), 2);
        assert_eq!(met(limits::PLACING_BYTES / 10), 11);
    }
}
