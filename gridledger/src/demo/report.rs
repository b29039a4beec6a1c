//! The report of the day as data: counted from the diary, the phones and the ledger; printed as JSON or by `page`.

use std::collections::BTreeMap;

use gridledger_client::RecordId;
use gridledger_schema::entry::{Intent, Op};
use gridledger_schema::set::{Label, RecordType, SchemaSet};
use serde::Serialize;
use serde_json::{Value, json};

use super::check::{Evidence, Outcome, merged};
use super::day::Day;
use super::error::DemoError;
use super::phone::{Phone, Traffic};
use super::spread::{Needed, Spread};

/// How much was recorded of one type.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Recorded {
    /// Records created.
    pub created: usize,
    /// Edits of records that were there.
    pub edits: usize,
}

/// A name in both languages.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

impl Named {
    /// The one that is wanted.
    pub fn pick(&self, zh: bool) -> &str {
        if zh { &self.zh } else { &self.en }
    }
}

impl From<&Label> for Named {
    fn from(label: &Label) -> Self {
        Self { zh: label.zh.clone(), en: label.en.clone() }
    }
}

/// A field with several values, as the ledger shows it.
#[derive(Clone, Debug, Serialize)]
pub struct OpenConflict {
    /// The record.
    pub record: RecordId,
    /// Its type.
    pub record_type: String,
    /// The type's name.
    pub type_label: Named,
    /// The name that people give the record.
    pub label: String,
    /// The field.
    pub field: String,
    /// The field's name.
    pub field_label: Named,
    /// The values, the one shown first.
    pub values: Vec<String>,
}

/// An edit that was refused.
#[derive(Clone, Debug, Serialize)]
pub struct RefusedEdit {
    /// The login of the phone's user.
    pub phone: String,
    /// Its number in the feed; none if the phone did not save it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// The attempt in words.
    pub tried: Named,
    /// The code.
    pub code: &'static str,
    /// The code's sentence.
    pub message: Named,
    /// The rule.
    pub rule: String,
}

/// The report of the day.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The seed it was played with.
    pub seed: u64,
    /// Phones.
    pub phones: usize,
    /// Grids of the town.
    pub grids: u32,
    /// Households of the town.
    pub households: u32,
    /// Records made from the office's register.
    pub registered: usize,
    /// Edits saved on phones.
    pub saves: usize,
    /// The records made, by type.
    pub recorded: BTreeMap<String, Recorded>,
    /// Names of those types.
    #[serde(skip)]
    pub type_labels: BTreeMap<String, Named>,
    /// Tickets by state.
    pub tickets: BTreeMap<String, usize>,
    /// Names of those states.
    #[serde(skip)]
    pub state_labels: BTreeMap<String, Named>,
    /// Records a phone held after its first sync.
    pub first_records: Spread,
    /// The traffic of the first sync.
    pub first_sync: Needed,
    /// The traffic of sending the day's work, noon and evening together, including colleagues' work coming down.
    pub day_push: Needed,
    /// The traffic of a sync that had nothing new either way.
    pub idle_sync: Needed,
    /// Syncs that broke off, of all phones.
    pub broken: u64,
    /// Edits of a phone.
    pub phone_saves: Spread,
    /// Fields with several values.
    pub conflicts: Vec<OpenConflict>,
    /// Refused on the phone: nothing was saved.
    pub refused_on_phone: Vec<RefusedEdit>,
    /// Refused by the server: kept on the author's phone with the reason.
    pub refused_by_server: Vec<RefusedEdit>,
    /// Areas proven equal by digest, over all syncs.
    pub proven: u64,
    /// Milliseconds from beginning to end.
    pub ms: u64,
    /// The comparisons made.
    #[serde(serialize_with = "outcome_json")]
    pub check: Outcome,
}

fn outcome_json<S: serde::Serializer>(outcome: &Outcome, out: S) -> Result<S::Ok, S::Error> {
    let differences = outcome
        .differences
        .iter()
        .map(|d| json!({ "code": d.code(), "zh": d.say(true), "en": d.say(false) }));
    json!({
        "ok": outcome.differences.is_empty(),
        "views": outcome.views,
        "edits": outcome.edits,
        "counters": outcome.sums,
        "items": outcome.items,
        "values": outcome.values,
        "differences": differences.collect::<Vec<_>>(),
    })
    .serialize(out)
}

/// Counts everything.
pub fn report(
    day: &Day<'_>,
    seed: u64,
    evidence: &Evidence,
    check: Outcome,
    ms: u64,
) -> Result<Report, DemoError> {
    let world = day.world();
    let schema = &world.service.schema;
    let traffic = |of: fn(&Phone) -> Traffic| Needed::of(&day.phones.iter().map(of).collect::<Vec<_>>());
    Ok(Report {
        seed,
        phones: day.phones.len(),
        grids: world.counts.grids,
        households: world.counts.households,
        registered: world.registered,
        saves: day.diary.kept.len(),
        recorded: recorded(day),
        type_labels: schema.types.values().map(|t| (t.name.clone(), Named::from(&t.label))).collect(),
        tickets: tickets(evidence),
        state_labels: state_labels(schema),
        first_records: Spread::of(day.phones.iter().map(|phone| phone.held_first)),
        first_sync: traffic(|phone| phone.first),
        day_push: traffic(|phone| phone.push),
        idle_sync: traffic(|phone| phone.idle),
        broken: day.phones.iter().map(Phone::broken).sum(),
        phone_saves: Spread::of(day.phones.iter().map(|phone| phone.saves)),
        conflicts: conflicts(schema, evidence),
        refused_on_phone: refused_on_phone(day),
        refused_by_server: refused_by_server(schema, day)?,
        proven: day.phones.iter().map(|phone| phone.proven).sum(),
        ms,
        check,
    })
}

fn recorded(day: &Day<'_>) -> BTreeMap<String, Recorded> {
    let mut all: BTreeMap<String, Recorded> = BTreeMap::new();
    for kept in &day.diary.kept {
        let of_type = all.entry(kept.record_type.clone()).or_default();
        of_type.created += usize::from(kept.creates);
        of_type.edits += usize::from(!kept.creates);
    }
    all
}

fn tickets(evidence: &Evidence) -> BTreeMap<String, usize> {
    let mut states = BTreeMap::new();
    for held in evidence.ledger.values().filter(|held| held.record_type == "ticket") {
        let view = merged(&held.views, 1);
        let state = view["_ticket"]["state"].as_str().unwrap_or("?").to_owned();
        *states.entry(state).or_default() += 1;
    }
    states
}

fn state_labels(schema: &SchemaSet) -> BTreeMap<String, Named> {
    let states = schema.workflow("ticket").map(|workflow| workflow.states.iter());
    states.into_iter().flatten().map(|state| (state.code.clone(), Named::from(&state.label))).collect()
}

fn conflicts(schema: &SchemaSet, evidence: &Evidence) -> Vec<OpenConflict> {
    let mut all = Vec::new();
    for (record, held) in &evidence.ledger {
        let view = merged(&held.views, u64::MAX);
        for (field, candidates) in view["_conflicts"].as_object().into_iter().flatten() {
            let Some(record_type) = schema.record_type(&held.record_type) else {
                continue;
            };
            let name = field.split('/').next().unwrap_or(field);
            let plain = || Named { zh: field.clone(), en: field.clone() };
            all.push(OpenConflict {
                record: *record,
                record_type: held.record_type.clone(),
                type_label: Named::from(&record_type.label),
                label: called(evidence, *record),
                field: field.clone(),
                field_label: record_type.field(name).map_or_else(plain, |f| Named::from(&f.label)),
                values: candidates.as_array().into_iter().flatten().map(|c| words(&c["value"])).collect(),
            });
        }
    }
    all
}

/// The name that people give a record: a household's address, a ticket's title.
fn called(evidence: &Evidence, record: RecordId) -> String {
    let Some(held) = evidence.ledger.get(&record) else {
        return record.to_string();
    };
    let view = merged(&held.views, 1);
    let dwelling = view["dwelling_id"].as_str().and_then(|id| id.parse().ok());
    match (held.record_type.as_str(), dwelling) {
        ("household", Some(dwelling)) => called(evidence, dwelling),
        ("dwelling", _) => words(&view["address"]),
        _ => ["title", "name", "label"]
            .iter()
            .find_map(|field| view[*field].as_str())
            .map_or_else(|| record.to_string(), str::to_owned),
    }
}

/// A value for a person; an address as it is written on an envelope.
fn words(value: &Value) -> String {
    let Some(parts) = value.as_object().filter(|parts| parts.contains_key("road")) else {
        return value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    };
    let units = [
        ("road", ""),
        ("number", "号"),
        ("building", "栋"),
        ("unit", "单元"),
        ("floor", "楼"),
        ("room", "室"),
    ];
    let part = |(name, unit): (&str, &str)| Some(format!("{}{unit}", parts.get(name)?.as_str()?));
    units.into_iter().filter_map(part).collect()
}

fn refused_on_phone(day: &Day<'_>) -> Vec<RefusedEdit> {
    let refused = day.diary.early.iter().map(|early| {
        let (zh, en) = early.tried;
        let tried = Named { zh: zh.into(), en: en.into() };
        refused_edit(&day.phones[early.phone], None, tried, &early.refusal)
    });
    refused.collect()
}

fn refused_by_server(schema: &SchemaSet, day: &Day<'_>) -> Result<Vec<RefusedEdit>, DemoError> {
    let mut all = Vec::new();
    for phone in &day.phones {
        for refused in phone.client.attention()? {
            let of_type =
                day.diary.kept.iter().find(|kept| (kept.feed, kept.n) == (phone.feed, refused.id.n));
            let record_type = of_type.and_then(|kept| schema.record_type(&kept.record_type));
            let tried = Named {
                zh: meant(record_type, &refused.intents, true),
                en: meant(record_type, &refused.intents, false),
            };
            all.push(refused_edit(phone, Some(refused.id.n), tried, &refused.refusal));
        }
    }
    Ok(all)
}

/// The effect that an edit was to have, by the fields' names.
fn meant(record_type: Option<&RecordType>, intents: &[Intent], zh: bool) -> String {
    let one = |intent: &Intent| {
        let field = record_type.and_then(|record_type| record_type.field(&intent.field));
        let label =
            field.map_or_else(|| intent.field.clone(), |field| Named::from(&field.label).pick(zh).to_owned());
        match &intent.op {
            Op::Put { value } => format!("{label} = {}", words(value)),
            op => format!("{label}: {}", op.name()),
        }
    };
    intents.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn refused_edit(
    phone: &Phone,
    n: Option<u64>,
    tried: Named,
    refusal: &gridledger_schema::code::Refusal,
) -> RefusedEdit {
    RefusedEdit {
        phone: phone.part.login.clone(),
        n,
        tried,
        code: refusal.code.as_str(),
        message: Named { zh: refusal.code.zh().to_owned(), en: refusal.code.en().to_owned() },
        rule: refusal.rule.clone(),
    }
}
