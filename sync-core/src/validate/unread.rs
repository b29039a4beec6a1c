//! This file checks an edit of a record whose personal fields the phone holds but may not read now. It checks
//! everything that needs no personal value. The server can read the values and checks the rest.

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Intent, Op};
use gridledger_schema::set::{Field, Merge};
use serde_json::{Map, Value};

use super::explain::{refuse_part, refuse_value, shorten};
use super::staged::Staged;
use super::{Subject, check_not_empty, check_splices, check_target, field, find_writable_field};
use crate::known::Standing;
use crate::project::View;
use crate::rights::Rights;

/// Refuses `entry` as far as this side can tell. `subject.seen` holds the readable fields, `unread` names the
/// others, and `state` is the ticket's state if the record is a ticket. A splice of an unreadable text is
/// refused with `lease_ended`, because its position depends on the text.
pub fn validate_unread(
    standing: &Standing<'_>,
    entry: &Entry,
    subject: &Subject<'_>,
    state: Option<&str>,
    unread: impl Fn(&Field) -> bool,
) -> Result<(), Refusal> {
    check_not_empty(entry)?;
    check_target(standing, entry, subject)?;
    let mut staged = Staged::new(subject);
    let mut course = Course { state };
    for intent in &entry.intents {
        let field = find_writable_field(entry, intent, subject.record_type)?;
        match &intent.op {
            Op::Splice { .. } if unread(field) => return Err(withheld(field)),
            Op::Event { verb, args } if field.merge == Merge::Events => {
                course.take_step(standing.rights, entry, subject, field, (verb, args))?;
            }
            op if unread(field) => {
                let view = assume_valid_view(intent);
                let subject = Subject { seen: &view, now: &view, ..*subject };
                field::check_op(field, op, &mut Staged::new(&subject))?;
            }
            op => field::check_op(field, op, &mut staged)?,
        }
    }
    check_splices(entry)
}

/// Makes the refusal of an edit that needs an unreadable value.
pub fn withheld(field: &Field) -> Refusal {
    Refusal::of_field(Code::LeaseEnded, &field.name, "what it is now cannot be read")
}

/// A state in which the operation would be valid. The server knows the real one.
fn assume_valid_view(intent: &Intent) -> View {
    let value = match &intent.op {
        Op::Remove { item } => Value::Array(vec![item.as_str().into()]),
        Op::SetChild { child, .. } => {
            let there = (child.clone(), Value::Object(Map::new()));
            Value::Object(Map::from_iter([there]))
        }
        _ => return View::default(),
    };
    View { fields: Map::from_iter([(intent.field.clone(), value)]), ..View::default() }
}

/// A ticket's state while the entry's events are applied.
struct Course<'a> {
    state: Option<&'a str>,
}

impl<'a> Course<'a> {
    fn take_step(
        &mut self,
        rights: Rights<'a>,
        entry: &Entry,
        subject: &Subject<'_>,
        field: &Field,
        (verb, args): (&str, &Map<String, Value>),
    ) -> Result<(), Refusal> {
        let workflow = subject.record_type.workflow.as_ref();
        let workflow = workflow.and_then(|name| rights.schema.workflow(name));
        let Some(rule) = workflow.and_then(|workflow| workflow.verb(verb)) else {
            return Err(refuse_value(&field.name, &format!("there is no verb {}", shorten(verb))));
        };
        if !rule.roles.contains(&entry.role) {
            let text = format!("{} may not {}", entry.role, rule.name);
            return Err(Refusal::of_field(Code::EventForbidden, &field.name, text));
        }
        if let Some(state) = self.state
            && !rule.from.iter().any(|from| from == state)
        {
            let text = format!("no {} in {state}", rule.name);
            return Err(Refusal::of_field(Code::EventIllegal, &field.name, text));
        }
        rule.check_args(args).map_err(|fault| refuse_part(&field.name, &rule.args, &fault))?;
        self.state = rule.to.as_deref().or(self.state);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use gridledger_schema::entry::Target;
    use gridledger_schema::ids::{AreaNo, RecordId};
    use gridledger_schema::set::{PrivacyClass, SchemaSet};
    use gridledger_schema::wire::{AreaInfo, Grant};
    use serde_json::json;

    use super::*;
    use crate::calendar::Zone;
    use crate::rights::AreaTree;

    fn checked(
        record_type: &str,
        fields: Value,
        state: Option<&str>,
        field: &str,
        op: Op,
    ) -> Result<(), Code> {
        let schema = SchemaSet::builtin();
        let grid = AreaInfo {
            no: AreaNo(1),
            parent: None,
            code: "G1".into(),
            kind: "basic_grid".into(),
            name: "第一网格".into(),
            edges: Vec::new(),
        };
        let grants = [Grant { role: "grid_worker".into(), area: grid.no, from: 0, to: None }];
        let tree = AreaTree::new([grid]);
        let rights = Rights { schema: &schema, tree: &tree, grants: &grants };
        let record_type = schema.record_type(record_type).unwrap();
        let view = View { fields: fields.as_object().cloned().unwrap_or_default(), ..View::default() };
        let subject = Subject { record_type, area: AreaNo(1), seen: &view, now: &view, entries: 0 };
        let entry = Entry {
            n: 1,
            at: 1_767_571_200_000,
            cursor: 0,
            role: "grid_worker".into(),
            target: Target::Edit { record: RecordId([1; 16]) },
            intents: vec![Intent {
                facet: record_type.field(field).map_or(0, |field| field.facet),
                field: field.into(),
                op,
            }],
        };
        let zone = Zone::default();
        let personal = |field: &Field| field.privacy.class != PrivacyClass::None;
        let standing = Standing::acting(rights, entry.at, &zone);
        validate_unread(&standing, &entry, &subject, state, personal).map_err(|refusal| refusal.code)
    }

    fn put(value: Value) -> Op {
        Op::Put { value }
    }

    #[test]
    fn what_cannot_be_read_is_checked_by_its_shape_alone() {
        let person = |field, op| checked("person", json!({}), None, field, op);
        assert_eq!(person("name", put("陆小青".into())), Ok(()));
        assert_eq!(person("name", put(7.into())), Err(Code::ValueInvalid));
        assert_eq!(person("id_ref", put("x".into())), Err(Code::FieldForbidden));
        assert_eq!(person("phones", put("x".into())), Err(Code::OperationMismatch));
        assert_eq!(person("colour", put("x".into())), Err(Code::FieldUnknown));
        // The child may already exist; the server knows.
        let label = json!({ "label": "家" }).as_object().cloned().unwrap();
        let child = |value| Op::SetChild { child: "a".into(), value };
        assert_eq!(person("phones", child(label)), Ok(()));
        let number = json!({ "number": 7 }).as_object().cloned().unwrap();
        assert_eq!(person("phones", child(number)), Err(Code::ValueInvalid));
    }

    #[test]
    fn what_needs_the_old_value_is_refused_and_what_can_be_read_is_checked_by_it() {
        let splice = Op::Splice { pos: 0, delete: 0, insert: "新".into() };
        let ticket = |fields, field, op| checked("ticket", fields, Some("HANDLING"), field, op);
        assert_eq!(ticket(json!({}), "description", splice), Err(Code::LeaseEnded));
        let kind = json!({ "kind": "incident" });
        assert_eq!(ticket(kind.clone(), "kind", put("incident".into())), Ok(()));
        assert_eq!(ticket(kind, "kind", put("hazard".into())), Err(Code::AlreadySet));
    }

    #[test]
    fn a_step_is_taken_from_the_state_that_is_known() {
        let step = |state, verb: &str, args: Value| {
            let args = args.as_object().cloned().unwrap();
            let op = Op::Event { verb: verb.into(), args };
            checked("ticket", json!({}), state, "events", op)
        };
        assert_eq!(step(Some("HANDLING"), "feedback", json!({ "level_seen": 1, "mode": "on_spot" })), Ok(()));
        assert_eq!(step(Some("CLOSED"), "feedback", json!({})), Err(Code::EventIllegal));
        assert_eq!(step(Some("HANDLING"), "dance", json!({})), Err(Code::ValueInvalid));
        assert_eq!(step(Some("HANDLING"), "feedback", json!({ "colour": 1 })), Err(Code::ValueInvalid));
    }
}
