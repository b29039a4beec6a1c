//! Reads what is to be compared: the ledger and the history from the server's store, the lists from every phone.

use std::collections::{BTreeMap, BTreeSet};

use gridledger_client::{Query, RecordId};
use gridledger_core::canonical;
use gridledger_core::rights::Rights;
use gridledger_schema::ids::FeedId;
use gridledger_server::service::Service;

use super::check::{Evidence, Held, Shown, Stored};
use super::day::Day;
use super::error::DemoError;
use super::phone::{Kept, Phone};

/// Reads everything.
pub fn gather(day: &Day<'_>) -> Result<Evidence, DemoError> {
    let service = &day.world().service;
    let ledger = ledger(service)?;
    let feeds: BTreeSet<FeedId> = day.phones.iter().map(|phone| phone.feed).collect();
    let stored = stored(service, &ledger, &day.diary.kept, &feeds)?;
    let phones = day.phones.iter().map(|phone| shown(service, phone)).collect::<Result<_, _>>()?;
    Ok(Evidence { ledger, phones, stored })
}

fn ledger(service: &Service) -> Result<BTreeMap<RecordId, Held>, DemoError> {
    let mut ledger = BTreeMap::new();
    for area in service.store.areas()? {
        for row in service.store.records_of(area.no)? {
            let views = service.store.ledger_row(row.record)?.map(|found| found.views).unwrap_or_default();
            let held = Held { record_type: row.record_type, area: row.area.0, views };
            ledger.insert(row.record, held);
        }
    }
    Ok(ledger)
}

/// Every entry of these feeds, wherever the history has it: about records that are there, and about those that were
/// only meant.
fn stored(
    service: &Service,
    ledger: &BTreeMap<RecordId, Held>,
    kept: &[Kept],
    feeds: &BTreeSet<FeedId>,
) -> Result<BTreeMap<(FeedId, u64), Vec<Stored>>, DemoError> {
    let records: BTreeSet<RecordId> =
        ledger.keys().copied().chain(kept.iter().map(|kept| kept.record)).collect();
    let mut stored: BTreeMap<(FeedId, u64), Vec<Stored>> = BTreeMap::new();
    for record in records {
        for row in service.store.history(record)? {
            if !feeds.contains(&row.feed) {
                continue;
            }
            let entry = canonical::decode(&row.body).map_err(|error| DemoError::Town(error.to_string()))?;
            stored.entry((row.feed, entry.n)).or_default().push(Stored {
                record,
                intents: entry.intents,
                refusal: row.refusal,
            });
        }
    }
    Ok(stored)
}

fn shown(service: &Service, phone: &Phone) -> Result<Shown, DemoError> {
    let user = service.store.user_by_login(&phone.part.login)?;
    let grants = user.map(|user| service.store.grants(user.no)).transpose()?.unwrap_or_default();
    let (tree, now) = (service.tree(), service.now());
    let rights = Rights { schema: &service.schema, tree: &tree, grants: &grants };
    let facets = rights.areas(now).into_iter().map(|area| (area.0, rights.facets(area, now)));
    let status = phone.client.status()?;
    let records = phone.client.engine().for_check().list(&Query::default())?;
    Ok(Shown {
        name: phone.part.login.clone(),
        facets: facets.collect(),
        records: records.into_iter().map(|record| (record.id, record.view)).collect(),
        open: status.unsent + status.sent,
        attention: phone.client.attention()?.iter().map(|refused| refused.id.n).collect(),
    })
}
