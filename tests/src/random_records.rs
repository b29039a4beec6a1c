//! Records of every type of a schema set with random values in every field, written by people whose roles may write them; some of
//! them by two who had not seen each other.

use std::collections::{BTreeMap, BTreeSet};

use gridledger_core::validate::is_blank;
use gridledger_schema::ids::RecordId;
use gridledger_schema::set::{Field, Kind, Merge, RecordType, TIME_MAX_MS};
use gridledger_server::desk::writing::DeskEntry;
use serde_json::{Map, Value, json};

use crate::office::{Clerk, creating, editing, event};
use crate::simulation::rng::Rng;
use crate::world::{MORNING, World};

/// Texts as people write them, and as nobody should.
const TEXTS: &[&str] = &[
    "路灯不亮",
    "陆小明",
    "欧阳小明",
    "O'Neil \"the\" one",
    "请打12800001234",
    "人民路12号3栋2单元401",
    "=1+1",
    "\\u0000 %s ?1 $1",
    "line\nbreak\tand 🦉",
    " ",
    "滨河路",
];
/// Tries for one value that the rules take.
const TRIES: usize = 3;

/// Fills a world's grids `G1` and `G2`: so many records of each type. Returns how many entries were stored.
pub fn fill(world: &World, rng: &mut Rng, of_each: usize) -> usize {
    let schema = world.service.schema.clone();
    for role in &schema.roles {
        if world.service.store.user_by_login(&role.code).expect("users").is_none() {
            world.user(&role.code, &role.code, "C");
        }
    }
    let mut made: BTreeMap<String, Vec<RecordId>> = BTreeMap::new();
    let mut stored = 0;
    // In rounds, so that from the second on there is a record of each type to refer to.
    for _ in 0..of_each {
        for record_type in schema.types.values() {
            let mut filling = Filling { world, rng, made: &made };
            let (record, entries) = filling.record(record_type);
            stored += entries;
            made.entry(record_type.name.clone()).or_default().push(record);
        }
    }
    stored
}

struct Filling<'a> {
    world: &'a World,
    rng: &'a mut Rng,
    made: &'a BTreeMap<String, Vec<RecordId>>,
}

impl Filling<'_> {
    fn submit(&self, role: &str, mut entry: DeskEntry) -> Option<RecordId> {
        entry.role = Some(role.to_owned());
        let verdict = Clerk::new(&self.world.service, role).submit(vec![entry]).remove(0);
        verdict.refused.is_none().then_some(verdict.record)?
    }

    fn record(&mut self, record_type: &RecordType) -> (RecordId, usize) {
        let area = if self.rng.percent(50) { "G1" } else { "G2" };
        let record = self.create(record_type, area);
        let (first, mut stored) = (self.last(record), 1);
        let fields = record_type.fields.values().filter(|field| !field.required);
        for field in fields {
            for _ in 0..self.rng.below(3) {
                stored += usize::from((0..TRIES).any(|_| {
                    // An author who saw only the creation writes beside all later authors.
                    let seen = if self.rng.percent(50) { first } else { self.last(record) };
                    self.write(record, field, seen)
                }));
            }
        }
        (record, stored)
    }

    fn last(&self, record: RecordId) -> u64 {
        let found = self.world.service.store.record(record).expect("records");
        found.map_or(0, |(row, _)| row.last)
    }

    fn create(&mut self, record_type: &RecordType, area: &str) -> RecordId {
        let mut intents = Vec::new();
        let mut roles: BTreeSet<&String> = record_type.create.iter().collect();
        for field in record_type.fields.values().filter(|field| field.required) {
            let mut value = self.value(&field.kind);
            if value.as_str().is_some_and(is_blank) {
                value = json!("一");
            }
            roles.retain(|role| field.write.contains(role));
            intents.push(json!({ "op": "put", "field": field.name, "value": value }));
        }
        if record_type.events_field().is_some() {
            intents.push(json!({ "op": "put", "field": "address_text", "value": "滨河路1号" }));
            intents.push(json!({ "op": "event", "field": "events", "verb": "report", "args": {} }));
        }
        let roles: Vec<&String> = roles.into_iter().collect();
        let entry = creating(&record_type.name, area, intents.into());
        let made = roles.iter().find_map(|role| self.submit(role, entry.clone()));
        made.unwrap_or_else(|| panic!("nobody of {roles:?} makes a {}", record_type.name))
    }

    fn write(&mut self, record: RecordId, field: &Field, seen: u64) -> bool {
        let role = self.rng.pick(&field.write).clone();
        let name = &field.name;
        let intent = match field.merge {
            Merge::Events => return self.step(record, field),
            Merge::Once | Merge::Register | Merge::Multi => {
                json!({ "op": "put", "field": name, "value": self.value(&field.kind) })
            }
            Merge::Max => json!({ "op": "raise", "field": name, "value": self.value(&field.kind) }),
            Merge::Counter => json!({ "op": "increment", "field": name, "by": self.rng.range(-3, 9) }),
            Merge::Text => {
                json!({ "op": "splice", "field": name, "pos": 0, "delete": 0, "insert": self.rng.word(TEXTS) })
            }
            Merge::SetAddWins | Merge::SetRemoveWins => {
                let op = if self.rng.percent(70) { "add" } else { "remove" };
                json!({ "op": op, "field": name, "item": self.value(&field.kind) })
            }
            Merge::Log => json!({ "op": "append", "field": name, "value": self.value(&field.kind) }),
            Merge::Map => {
                json!({ "op": "set_child", "field": name, "child": "1", "value": self.value(&field.kind) })
            }
        };
        self.submit(&role, editing(record, Some(seen), json!([intent]))).is_some()
    }

    /// The next step of a ticket, by whoever may take it.
    fn step(&mut self, record: RecordId, field: &Field) -> bool {
        let verb = self.rng.word(&["accept", "start", "feedback", "close", "evaluate", "escalate"]);
        let args = match verb {
            "feedback" => json!({ "mode": "on_spot" }),
            "evaluate" => json!({ "score": self.rng.range(1, 5) }),
            "escalate" => json!({ "to": 3, "reason": "要上级协调" }),
            _ => json!({}),
        };
        let seen = self.last(record);
        field
            .write
            .iter()
            .any(|role| self.submit(role, editing(record, Some(seen), event(verb, args.clone()))).is_some())
    }

    fn value(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Text { max_chars } => {
                let text = self.rng.word(TEXTS);
                text.chars().take(*max_chars as usize).collect::<String>().into()
            }
            Kind::Integer { min, max } => {
                let (low, high) = ((*min).max(-1_000_000), (*max).min(1_000_000));
                self.rng.range(low.min(*max), high.max(*min)).into()
            }
            Kind::Number { min, max } => {
                let part = self.rng.range(0, 8) as f64 / 8.0;
                json!(min + (max - min) * part)
            }
            Kind::Boolean => self.rng.percent(50).into(),
            Kind::Time => {
                let times = [0, 1, MORNING, MORNING + 987, 951_782_399_999, TIME_MAX_MS];
                (*self.rng.pick(&times)).into()
            }
            Kind::Enum(choices) => self.rng.pick(choices).code.clone().into(),
            Kind::Ref(of) => match self.made.get(of) {
                Some(records) => self.rng.pick(records).to_string().into(),
                None => "00000000-0000-8000-8000-000000000000".into(),
            },
            Kind::List { item, .. } => (0..self.rng.below(3)).map(|_| self.value(item)).collect(),
            Kind::Object { fields, required } => {
                let mut object = Map::new();
                for (name, kind) in fields {
                    if required.contains(name) || self.rng.percent(60) {
                        object.insert(name.clone(), self.value(kind));
                    }
                }
                object.into()
            }
        }
    }
}
