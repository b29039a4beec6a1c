//! Submits the entries of a person at a desk.

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::wire::Grant;

use super::compose::{self, Composed};
use super::entry::{DeskEntry, DeskVerdict, REQUEST_ID_CHARS};
use super::feed::{DeskFeed, Draft};
use crate::rights::reader::Reader;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::people::User;
use gridledger_core::canonical;

/// Submits entries of one user, in order. Each stands or falls by itself. Returns only after the commit.
pub fn submit(
    service: &Service,
    user: &User,
    entries: Vec<DeskEntry>,
) -> Result<Vec<DeskVerdict>, StoreError> {
    let grants = service.store.grants(user.no)?;
    let feed = DeskFeed::open(service, user)?;
    let _turn = service.desks.turn(user.no);
    let mut verdicts: Vec<Option<DeskVerdict>> = vec![None; entries.len()];
    let mut left: Vec<(usize, DeskEntry)> = entries.into_iter().enumerate().collect();
    while !left.is_empty() {
        // An entry waits for an earlier one on its record or with its name: it is to see what that one did.
        let round = compose::take_round(&mut left);
        let said = match decide_round(service, user, (&feed, &grants), &round) {
            // Another node took the same request at the same moment: give its answer.
            Err(StoreError::Taken(_)) => decide_round(service, user, (&feed, &grants), &round),
            said => said,
        };
        for ((at, _), verdict) in round.iter().zip(said?) {
            verdicts[*at] = Some(verdict);
        }
    }
    Ok(verdicts.into_iter().map(|verdict| verdict.expect("BUG: an entry without a verdict")).collect())
}

/// Has the entries of a round decided; a verdict for each.
fn decide_round(
    service: &Service,
    user: &User,
    (feed, grants): (&DeskFeed, &[Grant]),
    round: &[(usize, DeskEntry)],
) -> Result<Vec<DeskVerdict>, StoreError> {
    let reader = Reader::new(service, &user.login, grants);
    let mut verdicts: Vec<Option<DeskVerdict>> = vec![None; round.len()];
    let mut drafts: Vec<(usize, Draft)> = Vec::new();
    for (place, (_, entry)) in round.iter().enumerate() {
        match answered(service, user, entry)? {
            Some(verdict) => verdicts[place] = Some(verdict),
            None => match compose::compose(&reader, entry.clone())? {
                Composed::Draft(draft) => drafts.push((place, draft)),
                Composed::Refused(refusal) => verdicts[place] = Some(DeskVerdict::refused(refusal)),
            },
        }
    }
    let (places, drafts): (Vec<usize>, Vec<Draft>) = drafts.into_iter().unzip();
    for (place, verdict) in places.into_iter().zip(feed.push(service, drafts)?) {
        verdicts[place] = Some(verdict);
    }
    let verdict = |verdict: Option<DeskVerdict>| verdict.ok_or(StoreError::Busy);
    verdicts.into_iter().map(verdict).collect()
}

/// The verdict of an earlier request of the same name.
fn answered(service: &Service, user: &User, entry: &DeskEntry) -> Result<Option<DeskVerdict>, StoreError> {
    let Some(request) = &entry.request_id else {
        return Ok(None);
    };
    let is_name =
        (1..=REQUEST_ID_CHARS).contains(&request.len()) && request.bytes().all(|b| b.is_ascii_graphic());
    if !is_name {
        let rule = format!("1 to {REQUEST_ID_CHARS} visible ASCII characters");
        let refusal = Refusal::of_field(Code::BadRequest, "request_id", rule);
        return Ok(Some(DeskVerdict::refused(refusal)));
    }
    let Some(earlier) = service.store.answered(user.no, request)? else {
        return Ok(None);
    };
    // The first entry may have been erased since; then the request's name alone decides.
    if !earlier.body.is_empty() {
        let first = canonical::decode(&earlier.body).map_err(|_| StoreError::Damaged("entries"))?;
        if !compose::is_same(service, entry, &first) {
            let refusal =
                Refusal::of_field(Code::BadRequest, "request_id", "it named another request before");
            return Ok(Some(DeskVerdict::refused(refusal)));
        }
    }
    Ok(Some(DeskVerdict {
        n: Some(earlier.n),
        record: earlier.refusal.is_none().then_some(earlier.record),
        refused: earlier.refusal,
    }))
}
