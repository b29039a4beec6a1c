//! These tests check records as a whole: the creating role, the required fields, and the creator's own
//! fields.

use gridledger_schema::entry::{Entry, Target};
use gridledger_schema::ids::AreaNo;
use gridledger_schema::limits;
use serde_json::{Value, json};

use super::{
    COMMUNITY, GRID, OTHER_GRID, STREET, Subject, create, edit, entry, grant, schema, territory, validate,
};
use crate::calendar::Zone;
use crate::known::Standing;
use crate::project::View;
use crate::rights::Rights;
use crate::validate::check_own;

fn put(field: &str, value: Value) -> Value {
    json!({ "op": "put", "field": field, "value": value })
}

fn refused(entry: &Entry, area: AreaNo, entries: u64) -> String {
    let (schema, tree, grants, none) =
        (schema(), territory(), [grant(&entry.role, COMMUNITY)], View::default());
    let rights = Rights { schema: &schema, tree: &tree, grants: &grants };
    let subject = Subject { record_type: &schema.types["sample"], area, seen: &none, now: &none, entries };
    validate(&Standing::acting(rights, entry.at, &Zone::default()), "wang", entry, &subject)
        .map_or_else(|refusal| refusal.to_string(), |()| "ok".to_owned())
}

#[test]
fn a_record_is_created_by_who_may_with_what_it_needs() {
    let kind = json!([put("kind", json!("big"))]);
    let new = |role: &str, list: &Value| entry(role, create("sample"), list);
    assert_eq!(refused(&new("grid_worker", &kind), GRID, 0), "ok");
    assert_eq!(
        refused(&new("grid_worker", &json!([])), GRID, 0),
        "field_required: a new sample has it (kind)"
    );
    assert_eq!(
        refused(&new("grid_head", &kind), GRID, 0),
        "create_forbidden: grid_head may not create a sample"
    );
    assert_eq!(refused(&new("grid_worker", &kind), OTHER_GRID, 0), "area_unknown: not in area 5");
    assert_eq!(refused(&entry("grid_worker", create("visit"), &kind), GRID, 0), "type_unknown: not a sample");
}

#[test]
fn a_role_must_be_held_and_a_record_have_room() {
    let add = json!([{ "op": "add", "field": "tags", "item": "a" }]);
    let edit = entry("grid_worker", edit(), &add);
    assert_eq!(refused(&edit, GRID, limits::RECORD_ENTRIES - 1), "ok");
    assert_eq!(refused(&edit, GRID, limits::RECORD_ENTRIES), "record_full: at most 10000 entries a record");
    assert_eq!(refused(&edit, STREET, 0), "role_not_held: grid_worker in area 2 at that time");
}

#[test]
fn a_creators_own_field_is_not_for_others() {
    let schema = schema();
    let met = json!([put("kind", json!("big")), put("met", json!(3))]);
    let asks = |target: Target, creator: &str| {
        check_own(&schema.types["sample"], &entry("grid_worker", target, &met), "wang", creator)
    };
    assert_eq!(asks(edit(), "wang"), Ok(()));
    assert_eq!(asks(create("sample"), ""), Ok(()));
    let refusal = asks(edit(), "li").unwrap_err().to_string();
    assert_eq!(refusal, "field_forbidden: only by who created the record (met)");
}
