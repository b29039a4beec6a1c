//! These tests check the built-in set against the demands of the domain.

use crate::set::{Condition, Evidence, Kind, Mask, Merge, PrivacyClass, SchemaSet, Scope, bounds};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const FOLD_VERBS: [&str; 19] = [
    "accept",
    "assign",
    "close",
    "de_escalate",
    "escalate",
    "evaluate",
    "extend",
    "feedback",
    "merge",
    "reopen",
    "report",
    "resubmit",
    "resume",
    "return",
    "start",
    "suspend",
    "unmerge",
    "verify_fail",
    "void",
];

#[test]
fn the_record_types_are_those_of_the_domain() {
    let set = SchemaSet::builtin();
    let names: Vec<&str> = set.types.keys().map(String::as_str).collect();
    let expected =
        ["dwelling", "enterprise", "household", "patrol", "person", "place", "residency", "ticket", "visit"];
    assert_eq!(names, expected);
}

#[test]
fn fields_carry_their_merge_privacy_and_place() {
    let set = SchemaSet::builtin();
    let ticket = set.record_type("ticket").unwrap();
    assert_eq!(ticket.order()[0], "kind");
    assert_eq!(ticket.title.as_deref(), Some("title"));
    assert_eq!(ticket.field("urgency").unwrap().merge, Merge::Max);
    assert_eq!(ticket.field("urgency").unwrap().kind, Kind::Integer { min: 1, max: 4 });
    assert_eq!(ticket.events_field().unwrap().name, "events");
    assert!(ticket.field("title").unwrap().required);
    let household = set.record_type("household").unwrap();
    assert_eq!(household.field("consents").unwrap().merge, Merge::SetRemoveWins);
    let person = set.record_type("person").unwrap();
    let tags = person.field("care_tags").unwrap();
    assert_eq!((tags.facet, tags.privacy.class, tags.ledger), (1, PrivacyClass::Sensitive, None));
    assert_eq!(person.field("name").unwrap().privacy.mask, Some(Mask::Name));
    assert_eq!(person.field("phones").unwrap().merge, Merge::Map);
    assert_eq!(set.facet("sensitive"), Some(1));
}

#[test]
fn no_built_in_type_repeats_what_the_entry_already_says() {
    let envelope =
        ["id", "type", "created_by", "device_id", "grid", "grid_now", "area", "erased", "state", "level"];
    for record in SchemaSet::builtin().types.values() {
        for name in envelope {
            assert!(record.field(name).is_none(), "{}.{name}", record.name);
        }
    }
}

#[test]
fn roles_are_those_of_the_domain() {
    let set = SchemaSet::builtin();
    assert_eq!(set.roles.len(), 33);
    let role = |code| set.role(code).unwrap();
    assert_eq!((role("dept_handler").level, role("dept_handler").max_level), (3, 4));
    assert_eq!(role("grid_head").reads, ["sensitive"]);
    assert!(role("grid_worker").reads.is_empty());
    assert!(role("supervisor").supervises && !role("grid_worker").supervises);
    assert_eq!(role("new_group_worker").scope, Scope::Own);
    assert!(!role("resident").account);
}

#[test]
fn read_only_roles_write_nothing() {
    for record in SchemaSet::builtin().types.values() {
        for field in record.fields.values() {
            for role in ["supervisor", "auditor"] {
                assert!(!field.write.iter().any(|code| code == role), "{}.{}", record.name, field.name);
            }
        }
    }
}

#[test]
fn every_example_has_one_category_and_none_is_other() {
    let set = SchemaSet::builtin();
    let mut seen = BTreeSet::new();
    for category in &set.categories {
        let wants_examples = category.code != "other";
        assert_eq!(wants_examples, !category.examples.is_empty(), "{}", category.code);
        for example in &category.examples {
            assert!(seen.insert(example.as_str()), "{example} twice");
        }
    }
    for named in ["太阳能漏水", "河道养鸭", "焚烧秸秆", "944号4单元3楼的灯不亮了", "旧城改造", "老人生存认证"]
    {
        assert!(seen.contains(named), "{named}");
    }
    assert_eq!(set.category("certificate").unwrap().evidence, Evidence::None);
    assert!(set.category("illegal_posters").unwrap().auto_check);
}

#[test]
fn areas_stand_below_those_they_lie_in() {
    let set = SchemaSet::builtin();
    let level = |code: &str| set.area_kinds.iter().find(|kind| kind.code == code).unwrap().level;
    for kind in &set.area_kinds {
        assert!(kind.parents.iter().all(|parent| level(parent) >= kind.level), "{}", kind.code);
    }
    assert_eq!((level("district"), level("street"), level("community"), level("basic_grid")), (4, 3, 2, 1));
}

#[test]
fn the_ticket_knows_every_verb_and_who_may() {
    let set = SchemaSet::builtin();
    let flow = set.workflow("ticket").unwrap();
    assert_eq!(flow.verbs.keys().map(String::as_str).collect::<Vec<_>>(), FOLD_VERBS);
    assert_eq!((flow.states.len(), flow.levels.len()), (11, 5));
    assert!(!flow.state("CLOSED").unwrap().open && flow.state("FEEDBACK").unwrap().open);
    let may = |verb: &str, role: &str| flow.verb(verb).unwrap().roles.iter().any(|code| code == role);
    assert!(may("report", "new_group_worker") && may("report", "connector"));
    assert!(!may("void", "grid_worker") && may("void", "dispatcher_community"));
    assert!(!may("suspend", "grid_head") && may("suspend", "dispatcher_street"));
    assert!(may("close", "resident") && !may("assign", "grid_worker"));
    assert_eq!(flow.verb("escalate").unwrap().grants[0].to_level, Some((2, 2)));
    assert_eq!(
        flow.verb("close").unwrap().conditions,
        [Condition::NotHandler, Condition::SeenEveryObligation]
    );
    assert!(flow.verb("report").unwrap().from.is_empty() && flow.verb("extend").unwrap().to.is_none());
}

#[test]
fn arguments_of_a_verb_are_checked() {
    let set = SchemaSet::builtin();
    let escalate = set.workflow("ticket").unwrap().verb("escalate").unwrap();
    let outcome = |args: Value| match escalate.check_args(args.as_object().unwrap()) {
        Ok(()) => "ok".to_owned(),
        Err(fault) => fault.to_string(),
    };
    assert_eq!(outcome(json!({ "to": 2, "reason": "要换变压器", "note": "见照片" })), "ok");
    assert_eq!(outcome(json!({ "to": 2 })), "`/reason` breaks the rule `required`");
    assert_eq!(outcome(json!({ "to": 7, "reason": "x" })), "`/to` breaks the rule `range`");
    assert_eq!(
        outcome(json!({ "to": 2, "reason": "x", "who": "a" })),
        "`/who` breaks the rule `unknown_key`"
    );
}

#[test]
fn an_event_is_a_verb_with_arguments() {
    let set = SchemaSet::builtin();
    let events = set.record_type("ticket").unwrap().events_field().unwrap();
    assert_eq!(events.kind.check(&json!({ "verb": "close", "args": { "note": "已修好" } })), Ok(()));
    let fault = events.kind.check(&json!({ "verb": "redo" })).unwrap_err();
    assert_eq!((fault.pointer.as_str(), fault.rule), ("/verb", "enum"));
}

#[test]
fn the_dictionary_is_bounded_and_knows_the_words() {
    let set = SchemaSet::builtin();
    let dictionary = set.dictionary();
    assert!(dictionary.len() > 4_000 && dictionary.len() <= bounds::DICTIONARY_BYTES_MAX);
    for word in ["coverage_note", "grid_worker", "escalate", "HANDLING", "straw_burning", "not_home"] {
        let found = dictionary.windows(word.len()).any(|window| window == word.as_bytes());
        assert!(found, "{word}");
    }
    let again = SchemaSet::from_files(&[]).unwrap();
    assert_eq!(again.dictionary(), dictionary);
}
