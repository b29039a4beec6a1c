//! Tests of verify: a whole store has no difference; each kind of planted damage is found and named.

use std::path::PathBuf;
use std::sync::Arc;

use gridledger_schema::entry::Intent;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::Grant;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::desk::writing::{DeskEntry, DeskTarget, submit};
use crate::ingest;
use crate::store::Store;
use crate::store::rows::people::{NewArea, NewUser};

struct Town {
    dir: TempDir,
}

impl Town {
    fn path(&self) -> PathBuf {
        self.dir.path().join("server.db")
    }

    fn open(&self) -> Service {
        let schema = SchemaSet::builtin();
        let store = Store::open_sqlite(&self.path(), ingest::decider(schema.clone())).unwrap();
        Service::new(Arc::new(store), schema).unwrap()
    }

    /// A store with a household two people wrote at once, a person with a sensitive field, a ticket, and a refusal.
    fn build() -> Self {
        let town = Self { dir: tempfile::tempdir().unwrap() };
        let service = town.open();
        let area = |code: &str, parent: Option<&str>, kind: &str| NewArea {
            code: code.into(),
            parent: parent.map(Into::into),
            kind: kind.into(),
            name: code.into(),
            from: None,
            to: None,
        };
        let areas = [
            area("D", None, "district"),
            area("S", Some("D"), "street"),
            area("C", Some("S"), "community"),
            area("G1", Some("C"), "basic_grid"),
        ];
        service.store.put_areas(&areas).unwrap();
        service.reload_tree().unwrap();
        let g1 = service.tree().by_code("G1").unwrap().no;
        for login in ["h1", "h2"] {
            let grant = Grant { role: "grid_head".into(), area: g1, from: 0, to: None };
            let user =
                NewUser { login: login.into(), name: login.into(), password: None, grants: vec![grant] };
            service.store.put_users(&[user], 0).unwrap();
        }
        Self::work(&service);
        service.store.close();
        town
    }

    fn work(service: &Service) {
        let create = |of: &str, intents: Value| {
            write(
                service,
                "h1",
                DeskTarget::Create { record_type: of.into(), area: "G1".into() },
                None,
                intents,
            )
        };
        let edit =
            |who: &str, record, seen, intents| write(service, who, DeskTarget::Edit(record), seen, intents);
        let dwelling = create(
            "dwelling",
            json!([
                {"op": "put", "field": "address", "value": {"road": "滨河路", "number": "1"}},
            ]),
        );
        let household = create(
            "household",
            json!([
                {"op": "put", "field": "dwelling_id", "value": dwelling},
                {"op": "put", "field": "label", "value": "东"},
            ]),
        )
        .unwrap();
        let seen = service.store.record(household).unwrap().unwrap().0.last;
        for (who, label) in [("h1", "东户"), ("h2", "东侧")] {
            edit(
                who,
                household,
                Some(seen),
                json!([
                    {"op": "put", "field": "label", "value": label},
                    {"op": "append", "field": "notes", "value": "见到户主"},
                ]),
            )
            .unwrap();
        }
        let person = create("person", json!([{"op": "put", "field": "name", "value": "陆小明"}])).unwrap();
        edit("h1", person, None, json!([{"op": "add", "field": "care_tags", "item": "hardship"}])).unwrap();
        let ticket = create(
            "ticket",
            json!([
                {"op": "put", "field": "kind", "value": "incident"},
                {"op": "put", "field": "title", "value": "路灯不亮"},
                {"op": "put", "field": "address_text", "value": "桥头"},
                {"op": "put", "field": "category", "value": service.schema.categories[0].code},
                {"op": "event", "field": "events", "verb": "report", "args": {}},
            ]),
        )
        .unwrap();
        let seen = service.store.record(ticket).unwrap().unwrap().0.last;
        for who in ["h1", "h2"] {
            edit(
                who,
                ticket,
                Some(seen),
                json!([{"op": "event", "field": "events", "verb": "accept", "args": {}}]),
            );
        }
        assert_eq!(edit("h1", ticket, None, json!([{"op": "put", "field": "urgency", "value": 9}])), None);
    }

    /// Changes the closed store's file by hand, then verifies it; the kinds of difference found, each once.
    fn after(&self, sql: &str) -> Vec<Kind> {
        let damaged = tempfile::tempdir().unwrap();
        std::fs::copy(self.path(), damaged.path().join("server.db")).unwrap();
        let town = Self { dir: damaged };
        let connection = Connection::open(town.path()).unwrap();
        let changed = connection.execute(sql, []).unwrap();
        assert!(changed > 0, "nothing was damaged by {sql}");
        drop(connection);
        let service = town.open();
        let report = verify(&service).unwrap();
        service.store.close();
        let mut kinds: Vec<Kind> = report.listed.iter().map(|difference| difference.kind).collect();
        kinds.sort_by_key(|kind| *kind as u8);
        kinds.dedup();
        assert_eq!(report.is_whole(), kinds.is_empty());
        kinds
    }
}

/// The record written, if it was stored.
fn write(
    service: &Service,
    who: &str,
    target: DeskTarget,
    seen: Option<u64>,
    intents: Value,
) -> Option<gridledger_schema::ids::RecordId> {
    let intents: Vec<Intent> = serde_json::from_value(intents).unwrap();
    let user = service.store.user_by_login(who).unwrap().unwrap();
    let entry = DeskEntry { target, role: None, intents, seen, request_id: None };
    submit(service, &user, vec![entry]).unwrap().remove(0).record
}

#[test]
fn a_whole_store_has_no_difference() {
    let town = Town::build();
    let service = town.open();
    let report = verify(&service).unwrap();
    assert_eq!(report.listed, []);
    assert_eq!((report.areas, report.records, report.feeds), (4, 4, 2));
    assert_eq!((report.lines, report.entries), (9, 10));
    let mut out = Vec::new();
    assert_eq!(cli_verify(&service, false, crate::lang::Lang::En, &mut out).unwrap(), 0);
    assert!(String::from_utf8(out).unwrap().ends_with("Everything is as it should be.\n"));
}

#[test]
fn each_kind_of_damage_is_found() {
    let town = Town::build();
    let flipped = |column: &str, at: &str| {
        // One byte in the middle becomes another.
        format!(
            "{column} = cast(substr({column}, 1, {at}) || CASE WHEN substr({column}, {at} + 1, 1) = x'00'
             THEN x'01' ELSE x'00' END || substr({column}, {at} + 2) AS BLOB)"
        )
    };
    let middle = |table: &str, column: &str, which: &str| {
        format!("UPDATE {table} SET {} WHERE {which}", flipped(column, &format!("(length({column}) / 2)")))
    };
    let one = |table: &str, key: &str| format!("{key} = (SELECT max({key}) FROM {table})");
    let cases: &[(String, &[Kind])] = &[
        (middle("documents", "bytes", &one("documents", "record")), &[Kind::Document]),
        (middle("documents", "term", &one("documents", "record")), &[Kind::Document]),
        ("DELETE FROM documents WHERE facet = 1".into(), &[Kind::Document, Kind::Stray]),
        ("UPDATE ledger SET view = replace(view, '东', '西')".into(), &[Kind::Ledger]),
        ("UPDATE ledger SET view = 'x' WHERE facet = 1".into(), &[Kind::Unreadable]),
        ("DELETE FROM ledger WHERE facet = 1".into(), &[Kind::Ledger]),
        (format!("DELETE FROM log WHERE {}", one("log", "seq")), &[Kind::Log, Kind::Record, Kind::Stray]),
        ("UPDATE records SET entries = entries + 1".into(), &[Kind::Record]),
        ("UPDATE records SET changed_by = 'h9' WHERE type = 'person'".into(), &[Kind::Record]),
        ("UPDATE areas SET head = head + 1 WHERE code = 'G1'".into(), &[Kind::Log]),
        (middle("areas", "digests", "code = 'G1'"), &[Kind::Digest]),
        (middle("signatures", "signature", &one("signatures", "n")), &[Kind::Signature]),
        ("DELETE FROM signatures WHERE n = (SELECT max(n) FROM signatures)".into(), &[Kind::Signature]),
        (middle("entries", "hash", "refusal IS NOT NULL"), &[Kind::Chain]),
        ("UPDATE feeds SET n = n - 1 WHERE author = 'h1'".into(), &[Kind::Chain]),
        ("UPDATE feeds SET public_key = zeroblob(32) WHERE author = 'h2'".into(), &[Kind::Signature]),
        ("UPDATE log SET seen = x'' WHERE seen IS NOT NULL".into(), &[Kind::Document, Kind::Digest]),
    ];
    for (sql, expected) in cases {
        let found = town.after(sql);
        for kind in *expected {
            assert!(found.contains(kind), "{sql}: {found:?}");
        }
    }
}

/// A changed entry is found by its hash and by its signature.
#[test]
fn a_changed_entry_breaks_its_chain_and_its_signature() {
    let town = Town::build();
    let sql = "UPDATE entries SET body = cast(replace(cast(body AS TEXT), '见到户主', '见到租客') AS BLOB)
               WHERE instr(body, cast('见到户主' AS BLOB)) > 0";
    let found = town.after(sql);
    assert!(found.contains(&Kind::Chain) && found.contains(&Kind::Signature), "{found:?}");
    assert!(found.contains(&Kind::Document) && found.contains(&Kind::Ledger), "{found:?}");
}

/// A store stays provable after an erasure. Bytes that should be gone, or are gone and should not be, are found.
#[test]
fn a_store_in_which_something_was_erased_is_proven_too() {
    let town = Town::build();
    let service = town.open();
    let area = service.tree().by_code("G1").unwrap().no;
    let rows = service.store.records_of(area).unwrap();
    let of = |record_type: &str| rows.iter().find(|row| row.record_type == record_type).unwrap().record;
    for (record, fields) in [(of("household"), vec!["notes".to_owned()]), (of("person"), vec![])] {
        let wanted = crate::epochs::Wanted {
            record,
            fields,
            reason: crate::epochs::Reason::Request,
            by: "h1".into(),
            asked_at: 0,
        };
        crate::epochs::erase(&service, &wanted).unwrap();
    }
    let report = verify(&service).unwrap();
    assert_eq!(report.listed, []);
    service.store.close();
    drop(service);
    let cases: &[(&str, Kind)] = &[
        ("DELETE FROM erasures", Kind::Erased),
        (
            "UPDATE entries SET body = x'' WHERE feed IN (SELECT feed FROM feeds WHERE author = 'h2')
             AND record IN (SELECT record FROM records WHERE type = 'ticket')",
            Kind::Erased,
        ),
        ("UPDATE records SET erased = 1 WHERE type = 'ticket'", Kind::Erased),
        ("DELETE FROM bases", Kind::Document),
        ("UPDATE records SET began = began + 1 WHERE type = 'household'", Kind::Record),
        ("UPDATE records SET epoch = epoch + 1 WHERE type = 'household'", Kind::Document),
        ("DELETE FROM events", Kind::Log),
    ];
    for (sql, kind) in cases {
        let found = town.after(sql);
        assert!(found.contains(kind), "{sql}: {found:?}");
    }
}
