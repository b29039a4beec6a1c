//! Admits a refused entry: the supervisor writes the author's intents under the supervisor's own name and role.

use gridledger_core::canonical;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Target};
use gridledger_schema::ids::FeedId;

use super::compose::{self, Composed};
use super::entry::{DeskEntry, DeskTarget, DeskVerdict};
use super::feed::DeskFeed;
use crate::rights::reader::{ReadError, Reader};
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::people::User;
use crate::store::rows::records::HistoryRow;
use crate::store::rows::refusals::{RefusedRow, RulingRow};

/// Saves a refused entry's intents as an entry of `user`, and the ruling in the same transaction. The verdict says why
/// not, if the supervisor may not do it either: then there is no ruling.
pub fn admit(
    service: &Service,
    user: &User,
    refused: &RefusedRow,
    note: &str,
) -> Result<DeskVerdict, ReadError> {
    let entry = canonical::decode(&refused.body).map_err(|_| StoreError::Damaged("entries"))?;
    let grants = service.store.grants(user.no)?;
    let feed = DeskFeed::open(service, user)?;
    let _turn = service.desks.turn(user.no);
    let reader = Reader::new(service, &user.login, &grants);
    let meant = meant(&reader, refused, &entry)?;
    let mut draft = match compose::compose(&reader, meant)? {
        Composed::Draft(draft) => draft,
        Composed::Refused(refusal) => return Ok(DeskVerdict::refused(refusal)),
    };
    draft.ruling = Some(RulingRow {
        feed: refused.feed,
        n: refused.n,
        by: user.login.clone(),
        at: reader.now,
        note: note.to_owned(),
        admitted_as: None,
    });
    let verdict = feed.push(service, vec![draft]).map_err(|error| match error {
        StoreError::Taken(_) => ReadError::refused(Code::AlreadyRuled, "somebody ruled on it meanwhile"),
        other => other.into(),
    })?;
    let verdict = verdict.into_iter().next();
    Ok(verdict.ok_or(StoreError::Busy)?)
}

/// The refused entry as a desk's: on the same record, seen as its author had seen it.
fn meant(reader: &Reader<'_>, refused: &RefusedRow, entry: &Entry) -> Result<DeskEntry, ReadError> {
    let (target, seen) = match &entry.target {
        Target::Create { record_type, area } => {
            let area = reader.tree().get(*area).map(|info| info.code.clone());
            let area = area.ok_or_else(|| Refusal::new(Code::AreaUnknown, "no such area"))?;
            let record_type = record_type.clone();
            (DeskTarget::Create { record_type, area }, None)
        }
        Target::Edit { record } => {
            let seen = seen_by_author(reader.service, refused, entry)?;
            (DeskTarget::Edit(*record), Some(seen))
        }
    };
    Ok(DeskEntry { target, role: None, intents: entry.intents.clone(), seen, request_id: None })
}

/// Finds the position up to which the author had seen the record's log. It covers the entry's cursor, the author's own
/// earlier entries, and the entries of the device's earlier feeds that were made by then.
fn seen_by_author(service: &Service, refused: &RefusedRow, entry: &Entry) -> Result<u64, StoreError> {
    let feed = service.store.feed(refused.feed)?;
    let earlier: Vec<FeedId> = feed.map_or_else(Vec::new, |feed| {
        let of = |ordinal| FeedId::of_key(&feed.public_key, ordinal);
        (0..feed.ordinal).map(of).collect()
    });
    let by_then = |row: &HistoryRow| canonical::decode(&row.body).is_ok_and(|made| made.at <= entry.at);
    let lines = service.store.history(refused.record)?;
    let seen = lines.iter().filter_map(|row| {
        let line = row.log.as_ref()?;
        let own = (line.feed == refused.feed && line.n < refused.n)
            || (earlier.contains(&line.feed) && by_then(row));
        (own || line.seq <= entry.cursor).then_some(line.seq)
    });
    Ok(seen.max().unwrap_or(0))
}
