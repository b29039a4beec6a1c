//! Writes a compared spreadsheet: first dwellings that move to another grid, then new records and edits in pushes.

use std::collections::HashMap;
use std::sync::Arc;

use gridledger_schema::entry::{Intent, Target};
use gridledger_schema::ids::{AreaNo, RecordId};
use serde_json::{Value, json};

use super::names::Namer;
use super::outlook::ImportReport;
use super::survey::{Move, Prepared, Step, names_of};
use super::things::{Thing, put};
use super::{ImportError, survey};
use crate::calendar::date::Date;
use crate::desk::writing::DeskVerdict;
use crate::desk::writing::feed::{DeskFeed, Draft, SheetNotes};
use crate::record::moving;
use crate::record::parts::Part;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::desk::{ImportKey, Notes};
use crate::store::rows::people::User;
use crate::territory::survey::Survey;

/// Entries of one push: one transaction, one signature.
const CHUNK: usize = 2_000;
/// Records of one transaction that moves them.
const BATCH: usize = 250;

/// Whoever imports.
struct Desk<'s> {
    service: &'s Service,
    user: &'s User,
    feed: DeskFeed,
    run: u64,
    today: i64,
}

type Records<'a> = HashMap<(&'static str, &'a str), RecordId>;

pub(crate) fn carry_out(
    service: &Service,
    user: &User,
    prepared: Prepared<'_>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<ImportReport, ImportError> {
    let total = prepared.things.len();
    if prepared.has_nothing_to_do() {
        progress(total, total);
        return Ok(prepared.report);
    }
    let desk = Desk {
        service,
        user,
        feed: DeskFeed::open(service, user)?,
        run: service.store.begin_import()?,
        today: Date::at(service.zone(), service.now()).start(service.zone()),
    };
    let Prepared { things, steps, areas, names, mut records, moves, ends, roles, mut report } = prepared;
    move_dwellings(service, &moves)?;
    let drafts = ends.iter().map(|end| desk.end(end, &roles)).collect();
    for (end, told) in ends.iter().zip(desk.push(drafts)?) {
        let refused = told.refused.map(|refusal| (end.line, refusal));
        report.refused.extend(refused);
    }
    let mut done = 0;
    let mut waiting: Vec<Job<'_, '_>> = Vec::new();
    let jobs = things.iter().zip(&steps).zip(areas).zip(names);
    let mut jobs = jobs.map(|(((thing, step), area), names)| Job { thing, step, area, names }).peekable();
    while let Some(job) = jobs.next() {
        let record_type = job.thing.record_type;
        waiting.push(job);
        let ends = jobs.peek().is_none_or(|next| next.thing.record_type != record_type);
        if ends || waiting.len() == CHUNK {
            desk.write(&waiting, &roles, &mut records, &mut report)?;
            done += waiting.len();
            waiting.clear();
            progress(done, total);
        }
    }
    Ok(report)
}

impl Prepared<'_> {
    fn has_nothing_to_do(&self) -> bool {
        self.moves.is_empty()
            && self.ends.is_empty()
            && self.names.iter().all(Vec::is_empty)
            && self.steps.iter().all(|step| matches!(step, Step::Leave))
    }
}

/// A thing and its step.
struct Job<'p, 'a> {
    thing: &'p Thing<'a>,
    step: &'p Step,
    area: AreaNo,
    names: Vec<ImportKey>,
}

impl Desk<'_> {
    /// Writes things of one type, which refer only to records in `records`.
    fn write<'a>(
        &self,
        jobs: &[Job<'_, 'a>],
        roles: &survey::Roles,
        records: &mut Records<'a>,
        report: &mut ImportReport,
    ) -> Result<(), StoreError> {
        let find = |record_type, key: &str| records.get(&(record_type, key)).copied();
        let (mut drafts, mut made) = (Vec::new(), Vec::new());
        let mut notes = Notes { run: Some(self.run), ..Notes::default() };
        for job in jobs {
            let role = || roles.get(&(job.thing.record_type, job.area)).cloned().unwrap_or_default();
            let of_sheet = |names, said| Some(Box::new(SheetNotes { names, said, run: self.run }));
            match job.step {
                Step::Create => {
                    let names = names_of(Namer::new(self.service), job.thing, &find);
                    let target =
                        Target::Create { record_type: job.thing.record_type.to_owned(), area: job.area };
                    drafts.push(draft(target, role(), 0, job.thing.creation(&find), of_sheet(names, None)));
                    made.push(job);
                }
                Step::Edit(record, difference) => {
                    let mut intents: Vec<Intent> = difference.intents.clone();
                    for (field, (record_type, key)) in &difference.waiting {
                        intents.extend(find(record_type, key).map(|record| put(field, json!(record))));
                    }
                    let said = difference.said.clone().map(|said| (*record, said));
                    if intents.is_empty() {
                        notes.names.extend(job.names.iter().map(|name| (*name, *record)));
                        notes.said.extend(said.map(|(record, said)| (record, said, None)));
                        continue;
                    }
                    let target = Target::Edit { record: *record };
                    let sheet = of_sheet(job.names.clone(), said);
                    drafts.push(draft(target, role(), difference.cursor, intents, sheet));
                    made.push(job);
                }
                Step::Leave => {
                    let record = find(job.thing.record_type, job.thing.key);
                    let names = job.names.iter();
                    notes.names.extend(names.filter_map(|name| Some((*name, record?))));
                }
            }
        }
        if !notes.names.is_empty() || !notes.said.is_empty() {
            self.service.store.note_import(notes)?;
        }
        for (job, told) in made.into_iter().zip(self.push(drafts)?) {
            match (told.record, told.refused) {
                (Some(record), None) => {
                    records.insert((job.thing.record_type, job.thing.key), record);
                    if matches!(job.step, Step::Create) {
                        *report.created.entry(job.thing.record_type).or_default() += 1;
                    }
                }
                (_, refused) => report.refused.extend(refused.map(|refusal| (job.thing.line, refusal))),
            }
        }
        Ok(())
    }

    fn push(&self, drafts: Vec<Draft>) -> Result<Vec<DeskVerdict>, StoreError> {
        let _turn = self.service.desks.turn(self.user.no);
        self.feed.push(self.service, drafts)
    }

    fn end(&self, end: &survey::End, roles: &survey::Roles) -> Draft {
        let role = roles.get(&("residency", end.area)).cloned().unwrap_or_default();
        let target = Target::Edit { record: end.residency };
        let intents = vec![put("to", Value::from(self.today))];
        let noted = Box::new(SheetNotes { names: Vec::new(), said: None, run: self.run });
        draft(target, role, end.cursor, intents, Some(noted))
    }
}

fn draft(
    target: Target,
    role: String,
    cursor: u64,
    intents: Vec<Intent>,
    sheet: Option<Box<SheetNotes>>,
) -> Draft {
    Draft { target, role, cursor, intents, request: None, sheet, ruling: None }
}

/// Moves dwellings and people to their grids, with everything that belongs to them.
fn move_dwellings(service: &Service, moves: &[Move]) -> Result<(), StoreError> {
    let tree = service.tree();
    let code = |area: AreaNo| tree.get(area).map_or_else(String::new, |info| info.code.clone());
    let mut by_area: HashMap<AreaNo, HashMap<AreaNo, Vec<String>>> = HashMap::new();
    for one in moves {
        let to = by_area.entry(one.from).or_default();
        to.entry(one.to).or_default().push(one.record.to_string());
    }
    for (from, to) in by_area {
        let mut parts: Vec<Part> = to
            .into_iter()
            .map(|(area, dwellings)| Part { area: code(area), dwellings, ..Part::default() })
            .collect();
        parts.push(Part::rest(&code(from)));
        let survey = Survey::take(service, from, &code(from), &parts)?;
        let mut going: Vec<(bool, RecordId, AreaNo)> = Vec::new();
        for located in survey.records() {
            let to = survey.destination(located.record).area;
            let to = tree.by_code(&to).map_or(from, |info| info.no);
            if to != from {
                // People first: residencies tell where people live, and must stay here as long as the people do.
                going.push((located.record_type != "person", located.record, to));
            }
        }
        going.sort_unstable();
        let going: Vec<(RecordId, AreaNo)> = going.into_iter().map(|(_, record, to)| (record, to)).collect();
        for batch in going.chunks(BATCH) {
            let (batch, now) = (batch.to_vec(), service.trusted_now()?);
            service.store.act(Arc::new(move |source| moving::batch(source, from, &batch, now)))?;
        }
    }
    Ok(())
}
