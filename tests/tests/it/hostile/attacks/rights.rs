//! Attacks on rights: other grids, other roles, other classes, roles that have ended.

use gridledger_core::receipt;
use gridledger_schema::code::Code;
use gridledger_schema::entry::{Op, Target};
use gridledger_schema::ids::{FeedId, RecordId};
use gridledger_schema::limits;
use gridledger_schema::wire::{GrantSet, Request};
use gridledger_tests::attacker::{intent, put};
use serde_json::json;

use super::{DAY, after, attack};
use crate::hostile::ring::{Attack, CANARY, Town};

pub(super) fn rights() -> Vec<Attack> {
    use Code::{CreateForbidden, FieldForbidden, FieldUnknown, RecordUnknown, RoleNotHeld, ValueInvalid};
    vec![
        attack("a record in another grid", &[RoleNotHeld], |t| {
            let mut entry = t.marked();
            entry.target = Target::Create { record_type: "patrol".into(), area: t.world.area("G2") };
            t.push(entry)
        }),
        attack("an edit of a record of another grid", &[RoleNotHeld], |t| {
            let mut entry = t.edit(t.elsewhere, vec![put("use", json!("vacant"))]);
            entry.cursor = 0;
            t.push(entry)
        }),
        attack("a role it does not hold", &[RoleNotHeld], |t| {
            let mut entry = t.marked();
            entry.role = "grid_head".into();
            t.push(entry)
        }),
        attack("a role that is none", &[RoleNotHeld], |t| {
            let mut entry = t.marked();
            entry.role = "emperor' OR 1=1 --".into();
            t.push(entry)
        }),
        attack("a type its role may not create", &[CreateForbidden], |t| {
            let mut entry = t.marked();
            entry.target = Target::Create { record_type: "place".into(), area: t.world.area("G1") };
            t.push(entry)
        }),
        attack("a field its role may not write", &[FieldForbidden], |t| {
            let entry = t.edit(t.mine, vec![put("review", json!(CANARY))]);
            t.push(entry)
        }),
        attack("a field that belongs to the record's creator", &[FieldForbidden], |t| {
            let entry = t.edit(t.theirs, vec![put("coverage_note", json!(CANARY))]);
            t.push(entry)
        }),
        attack("a field of a read class it may not read", &[FieldForbidden], |t| {
            let mut entry = t.patrol();
            entry.target = Target::Create { record_type: "person".into(), area: t.world.area("G1") };
            let mut tags = intent("care_tags", Op::Add { item: "chronic_illness".into() });
            tags.facet = 1;
            entry.intents = vec![put("name", json!(CANARY)), tags];
            t.push(entry)
        }),
        attack("an ordinary field smuggled into another facet", &[ValueInvalid], |t| {
            let mut note = put("coverage_note", json!(CANARY));
            note.facet = 1;
            let entry = t.edit(t.mine, vec![note]);
            t.push(entry)
        }),
        attack("a facet past all", &[ValueInvalid], |t| {
            let mut note = put("coverage_note", json!(CANARY));
            note.facet = 63;
            let entry = t.edit(t.mine, vec![note]);
            t.push(entry)
        }),
        attack("the inner key of a field", &[FieldUnknown], |t| {
            let entry = t.edit(t.mine, vec![put("media/0", json!(CANARY))]);
            t.push(entry)
        }),
        attack("a record nobody made", &[RecordUnknown], |t| {
            let entry = t.edit(RecordId([7; 16]), vec![put("coverage_note", json!(CANARY))]);
            t.push(entry)
        }),
        attack("a record that a colleague's feed will make", &[RecordUnknown], |t| {
            let feed = FeedId::of_key(&t.honest.engine().public_key(), 0);
            let entry = t.edit(RecordId::created_by(feed, 9_999), vec![put("coverage_note", json!(CANARY))]);
            t.push(entry)
        }),
    ]
}

/// The attacker's role has ended, and the device has said that it knows.
fn ended_and_told(town: &mut Town) {
    town.world.pass(1);
    town.world.give("ex", "grid_worker", "G1");
    town.as_user("ex", 150 + (town.head() % 50) as u8);
    town.fetch();
    town.world.pass(DAY);
    assert!(town.world.take("ex", "grid_worker", "G1"));
    let user = town.world.account("ex");
    let grants = town.world.store().grants(user.no);
    let territory = town.world.service.territory().expect("territory").1;
    let request = Request {
        grants: receipt::grants_fingerprint(&GrantSet { grants, territory }),
        ..Request::default()
    };
    assert_eq!(town.send(&request), []);
}

/// … and the grace is over.
fn long_ended(town: &mut Town) {
    ended_and_told(town);
    town.world.pass(limits::RIGHTS_GRACE_MS);
}

fn revoked(town: &mut Town) {
    town.world.store().set_device_revoked(town.evil.device, true);
}

pub(super) fn ended() -> Vec<Attack> {
    use Code::{DeviceRevoked, GraceOver, GrantEnded, SignatureInvalid, UserRevoked};
    vec![
        after(ended_and_told, "a role that has ended", &[GrantEnded], |t| {
            let entry = t.marked();
            t.push(entry)
        }),
        after(ended_and_told, "a clock set ahead over a role's end", &[GrantEnded], |t| {
            let mut entry = t.marked();
            entry.at += limits::CLOCK_AHEAD_MS;
            t.push(entry)
        }),
        after(ended_and_told, "an old cursor, after it was told of the end", &[GrantEnded], |t| {
            let mut entry = t.marked();
            entry.cursor = 0;
            t.push(entry)
        }),
        after(long_ended, "a clock set back over a role's end, when the grace is over", &[GraceOver], |t| {
            let mut entry = t.marked();
            entry.at -= limits::RIGHTS_GRACE_MS + DAY;
            t.push(entry)
        }),
        after(revoked, "a revoked device", &[DeviceRevoked], |t| {
            let entry = t.marked();
            t.push(entry)
        }),
        attack("a colleague's device number", &[SignatureInvalid], |t| {
            t.evil.device.0 = 1;
            let entry = t.marked();
            t.push(entry)
        }),
        after(
            |t| {
                let world = &t.world;
                world.user("gone", "grid_worker", "G1");
                t.as_user("gone", 149);
                let gone = t.world.account("gone");
                t.world.store().set_user_revoked(gone.no, true);
            },
            "a revoked account",
            &[UserRevoked],
            |t| {
                let entry = t.marked();
                t.push(entry)
            },
        ),
    ]
}
