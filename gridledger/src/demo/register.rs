//! stand-in
use std::collections::HashMap;

use ed25519_dalek::SigningKey;
use gridledger_core::canonical;
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{EntryHash, FeedId, RecordId};
use gridledger_server::import::register::Register;
use gridledger_server::service::Service;
use gridledger_server::store::people::{FeedRow, User};
use gridledger_server::store::records::{CheckedSegment, Push, SignedEntry};
use serde_json::{Value, json};

use super::DemoError;

pub fn take_in(service: &Service, user: &User, register: &Register) -> Result<usize, DemoError> {
    let key = SigningKey::from_bytes(&[7; 32]);
    let public = key.verifying_key().to_bytes();
    let feed = FeedId::of_key(&public, 0);
    let row = FeedRow {
        feed,
        device: None,
        user: user.no,
        author: user.login.clone(),
        public_key: public,
        ordinal: 0,
    };
    service.store.put_feed(&row)?;
    let tree = service.tree();
    let now = service.now();
    let mut entries: Vec<Entry> = Vec::new();
    let mut ids: HashMap<String, RecordId> = HashMap::new();
    let mut add =
        |ids: &mut HashMap<String, RecordId>, kind: &str, area: &str, key: &str, puts: Vec<(&str, Value)>| {
            let n = entries.len() as u64 + 1;
            ids.insert(format!("{kind}{key}"), RecordId::created_by(feed, n));
            let area = tree.by_code(area).unwrap().no;
            let intents = puts
                .into_iter()
                .filter(|(_, v)| !v.is_null())
                .map(|(f, value)| Intent {
                    facet: 0,
                    field: f.into(),
                    op: Op::Put { value },
                })
                .collect();
            entries.push(Entry {
                n,
                at: now,
                cursor: 0,
                role: "grid_head".into(),
                target: Target::Create {
                    record_type: kind.into(),
                    area,
                },
                intents,
            });
        };
    for d in &register.dwellings {
        let a = &d.address;
        let mut address = serde_json::Map::new();
        for (k, v) in [
            ("road", &a.road),
            ("number", &a.number),
            ("building", &a.building),
            ("unit", &a.unit),
            ("floor", &a.floor),
            ("room", &a.room),
        ] {
            if !v.is_empty() {
                address.insert(k.into(), json!(v));
            }
        }
        add(
            &mut ids,
            "dwelling",
            &d.area,
            &d.key,
            vec![("address", Value::Object(address)), ("use", json!(d.usage))],
        );
    }
    for h in &register.households {
        let dwelling = ids[&format!("dwelling{}", h.dwelling)].to_string();
        add(
            &mut ids,
            "household",
            &h.area,
            &h.key,
            vec![("dwelling_id", json!(dwelling)), ("label", json!(h.label))],
        );
    }
    for p in &register.people {
        add(
            &mut ids,
            "person",
            &p.area,
            &p.key,
            vec![
                ("name", json!(p.name)),
                ("gender", json!(p.gender)),
                ("birth_year", json!(p.birth_year)),
                ("relation_to_head", json!(p.relation_to_head)),
            ],
        );
    }
    for r in &register.residencies {
        let person = ids[&format!("person{}", r.person)].to_string();
        let household = ids[&format!("household{}", r.household)].to_string();
        add(
            &mut ids,
            "residency",
            &r.area,
            &r.key,
            vec![
                ("person", json!(person)),
                ("household", json!(household)),
                ("kind", json!(r.kind)),
            ],
        );
    }
    let total = entries.len();
    let mut before = EntryHash::ZERO;
    for chunk in entries.chunks(2000) {
        let mut signed = Vec::new();
        for entry in chunk {
            let body = canonical::encode(entry);
            before = canonical::hash(before, &body);
            signed.push(SignedEntry {
                entry: entry.clone(),
                body,
                hash: before,
            });
        }
        let n = chunk.last().unwrap().n;
        let signature = canonical::sign_segment(&key, feed, n, before);
        let push = Push {
            carrier: None,
            segments: vec![CheckedSegment {
                feed: row.clone(),
                entries: signed,
                signature,
            }],
            now,
        };
        for verdict in service.store.push(push)? {
            if let Some((n, refusal)) = verdict.refused.first() {
                return Err(DemoError::Town(format!("entry {n}: {refusal}")));
            }
        }
    }
    Ok(total)
}
