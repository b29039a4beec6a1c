//! Where a new record is to be: in the area its author named, or, if that one was split or closed since the author looked,
//! in the successor that the plan's rule gives it to. Its id is the same either way, and nothing is refused because a
//! grid is no more.

use std::collections::HashMap;

use gridledger_core::project::project;
use gridledger_schema::entry::{Entry, Op, Target};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use serde_json::{Map, Value};

use super::Plan;
use crate::store::StoreError;
use crate::store::plans::RouteRow;
use crate::store::records::Push;
use crate::territory::parts::{Part, named};
use crate::territory::survey::references;

/// Splits and mergers followed one after another at most, and references.
const HOPS: usize = 8;

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

impl Plan<'_> {
    /// The area in which the record that `entry` creates is to be.
    pub(super) fn home_of(&mut self, feed: FeedId, entry: &Entry) -> Result<AreaNo, StoreError> {
        let Target::Create { record_type, area } = &entry.target else {
            return Ok(AreaNo(0));
        };
        let mut home = *area;
        for _ in 0..HOPS {
            let Some(route) = self.route(home)? else { break };
            // Of an area that goes on, somebody who knew means the area as it is now.
            let knew = home == *area && entry.cursor >= route.seq;
            if knew && !route.closed {
                break;
            }
            let parts: Vec<Part> =
                serde_json::from_str(&route.parts).map_err(|_| StoreError::Damaged("routes"))?;
            let rule = Rule {
                area: home,
                row: &route,
                parts,
            };
            let to = self.goes(&rule, entry.record(feed), record_type, &written(entry), HOPS)?;
            let rest = || rule.parts.iter().find(|part| part.rest).or(rule.parts.first());
            let to = to
                .or_else(|| rest().map(|part| rule.area_of(part)))
                .unwrap_or(home);
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

    /// Where the rule, or what the record refers to, puts it; `None` if neither says.
    fn goes(
        &mut self,
        rule: &Rule<'_>,
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
            let found = self.place_of(rule, next, hops - 1)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Where a record that another refers to is, if that is one of the rule's areas; one that still waits to be moved
    /// goes by the rule itself.
    fn place_of(
        &mut self,
        rule: &Rule<'_>,
        record: RecordId,
        hops: usize,
    ) -> Result<Option<AreaNo>, StoreError> {
        let schema = self.schema;
        let (area, record_type, view) = if let Some(working) = self.records.get_mut(&record) {
            let Some(record_type) = schema.record_type(&working.row.record_type) else {
                return Ok(None);
            };
            let view = working.view(record_type).to_json();
            (working.row.area, record_type.name.clone(), view)
        } else {
            let Some((row, documents)) = self.source.record(record)? else {
                return Ok(None);
            };
            let Some(record_type) = schema.record_type(&row.record_type) else {
                return Ok(None);
            };
            let facets = documents.iter().filter(|document| document.facet == 0);
            let facets: Vec<_> = facets
                .filter_map(|d| gridledger_core::document::Document::load(&d.bytes).ok())
                .collect();
            (
                row.area,
                row.record_type.clone(),
                project(record_type, &facets).to_json(),
            )
        };
        if area != rule.area {
            let is_part = rule.row.areas.iter().any(|(_, part)| *part == area);
            return Ok(is_part.then_some(area));
        }
        let view = view.as_object().cloned().unwrap_or_default();
        self.goes(rule, record, &record_type, &view, hops)
    }
}

/// What a creating entry puts, as a view would show it.
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
