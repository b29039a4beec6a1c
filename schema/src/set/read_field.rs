//! This file reads one field of a record file and checks that its parts fit together.

use super::bounds::ITEMS_MAX;
use super::json::{At, Node};
use super::names::{Names, check_name, read_label, read_word};
use super::read_kind::{check_keywords, read_kind, read_max_items};
use super::{
    Device, Field, Keep, Kind, LedgerColumn, Mask, Merge, Privacy, PrivacyClass, RetainFrom, SchemaError,
    Workflow, banned,
};
use crate::limits::ITEM_CHARS;
use std::collections::BTreeMap;

/// Keywords that belong to a field, not to its value.
const FIELD_KEYS: &[&str] =
    &["x-label", "x-merge", "x-write", "x-own", "x-privacy", "x-ledger", "x-read", "x-device"];

const CLASSES: [(&str, PrivacyClass); 3] = [
    ("none", PrivacyClass::None),
    ("personal", PrivacyClass::Personal),
    ("sensitive", PrivacyClass::Sensitive),
];

const KEEPS: [(&str, Keep); 3] = [("always", Keep::Always), ("open", Keep::Open), ("never", Keep::Never)];

/// Reads the field at `at`. `workflow` is the record type's; `required` says whether creation needs the
/// field.
pub(super) fn read_field(
    at: &At,
    name: &str,
    names: &Names,
    workflow: Option<&Workflow>,
    required: bool,
) -> Result<Field, SchemaError> {
    check_name(at, name)?;
    banned::check_name(at, name)?;
    let label_at = at.need("x-label")?;
    let label = read_label(&label_at)?;
    banned::check_label(&label_at, &label)?;
    let merge = read_word(&at.need("x-merge")?, &Merge::ALL, "merge kind")?;
    let (kind, max_items) = read_value_kind(at, merge, names, workflow)?;
    check_merge_fits(at, merge, &kind)?;
    banned::check_series(at, merge.is_collection() || merge == Merge::Map, &kind)?;
    let field = Field {
        name: name.to_owned(),
        label,
        kind,
        merge,
        write: names.role_list(&at.need("x-write")?)?,
        own: at.get("x-own").map_or(Ok(false), |own| own.boolean())?,
        facet: at.get("x-read").map_or(Ok(0), |class| names.facet(&class))?,
        privacy: at.get("x-privacy").map_or(Ok(Privacy::default()), |privacy| read_privacy(&privacy))?,
        ledger: at.get("x-ledger").map_or(Ok(None), |ledger| read_column(&ledger))?,
        device: at.get("x-device").map(|stay| read_device(&stay, names)).transpose()?,
        required,
        max_items,
    };
    check_sensitive(at, &field)?;
    Ok(field)
}

/// Reads the kind of one written value, and how many values a collection may hold.
fn read_value_kind(
    at: &At,
    merge: Merge,
    names: &Names,
    workflow: Option<&Workflow>,
) -> Result<(Kind, Option<u32>), SchemaError> {
    let type_at = at.need("type")?;
    let type_name = type_at.text()?;
    if merge == Merge::Map {
        if type_name != "object" {
            return type_at.fail("merge kind `map` needs type `object`");
        }
        check_keywords(at, FIELD_KEYS, &["additionalProperties", "maxProperties"])?;
        let child = read_kind(&at.need("additionalProperties")?, names, &[], 2)?;
        return Ok((child, Some(read_max_items(at, "maxProperties")?)));
    }
    if !merge.is_collection() {
        return Ok((read_kind(at, names, FIELD_KEYS, 1)?, None));
    }
    if type_name != "array" {
        return type_at.fail(format!("merge kind `{}` needs type `array`", merge.as_str()));
    }
    let max = Some(read_max_items(at, "maxItems")?);
    if merge != Merge::Events {
        check_keywords(at, FIELD_KEYS, &["items", "maxItems"])?;
        return Ok((read_kind(&at.need("items")?, names, &[], 2)?, max));
    }
    check_keywords(at, FIELD_KEYS, &["maxItems"])?;
    match workflow {
        Some(workflow) => Ok((make_event_kind(workflow), max)),
        None => at.fail("merge kind `events` needs `x-workflow` on the record type"),
    }
}

/// Makes the kind `{verb, args}` with the workflow's verbs and arguments.
fn make_event_kind(workflow: &Workflow) -> Kind {
    let choice =
        |rule: &super::VerbRule| super::Choice { code: rule.name.clone(), label: rule.label.clone() };
    let verbs = Kind::Enum(workflow.verbs.values().map(choice).collect());
    let args = workflow.verbs.values().flat_map(|rule| rule.args.clone()).collect();
    let args = Kind::Object { fields: args, required: Vec::new() };
    Kind::Object {
        fields: BTreeMap::from([("verb".to_owned(), verbs), ("args".to_owned(), args)]),
        required: vec!["verb".to_owned()],
    }
}

/// Refuses a merge kind that cannot merge values of this kind.
fn check_merge_fits(at: &At, merge: Merge, kind: &Kind) -> Result<(), SchemaError> {
    let needs = match (merge, kind) {
        (Merge::Counter, Kind::Integer { .. })
        | (Merge::Text, Kind::Text { .. })
        | (Merge::Max, Kind::Integer { .. } | Kind::Time)
        | (Merge::Map, Kind::Object { .. })
        | (Merge::SetAddWins | Merge::SetRemoveWins, Kind::Enum(_) | Kind::Ref(_)) => return Ok(()),
        (Merge::SetAddWins | Merge::SetRemoveWins, Kind::Text { max_chars }) => {
            return check_item_length(at, *max_chars as usize);
        }
        (Merge::Counter, _) => "an integer",
        (Merge::Text, _) => "a text",
        (Merge::Max, _) => "an integer or a time",
        (Merge::Map, _) => "an object",
        (Merge::SetAddWins | Merge::SetRemoveWins, _) => "a text, a code or a reference",
        _ => return Ok(()),
    };
    let reason = format!("merge kind `{}` needs {needs}, this is `{}`", merge.as_str(), kind.name());
    at.need("x-merge")?.fail(reason)
}

/// Refuses long items: an item of a set is its own key.
fn check_item_length(at: &At, max_chars: usize) -> Result<(), SchemaError> {
    if max_chars > ITEM_CHARS {
        return at
            .need("items")?
            .need("maxLength")?
            .fail(format!("an item of a set has at most {ITEM_CHARS} characters"));
    }
    Ok(())
}

fn read_privacy(at: &At) -> Result<Privacy, SchemaError> {
    if matches!(at.node, Node::Text(_)) {
        let class = read_word(at, &CLASSES, "privacy class")?;
        return require_purpose(at, Privacy { class, ..Privacy::default() });
    }
    at.allow_only(&["class", "mask", "retain_days", "retain_from", "purpose", "consent"])?;
    let privacy = Privacy {
        class: read_word(&at.need("class")?, &CLASSES, "privacy class")?,
        mask: at.get("mask").map(|mask| read_word(&mask, &Mask::ALL, "mask")).transpose()?,
        retain_days: at
            .get("retain_days")
            .map(|days| days.integer(1, 36_500))
            .transpose()?
            .map(|days| days as u32),
        retain_from: at.get("retain_from").map(|from| read_retain_from(&from)).transpose()?,
        purpose: at.get("purpose").map(|purpose| purpose.text().map(str::to_owned)).transpose()?,
        consent: at.get("consent").map(|purpose| purpose.text().map(str::to_owned)).transpose()?,
    };
    require_purpose(at, privacy)
}

/// Reads `written`, `changed`, `closed`, or the name of a field.
pub(super) fn read_retain_from(at: &At) -> Result<RetainFrom, SchemaError> {
    Ok(match at.text()? {
        "written" => RetainFrom::Written,
        "changed" => RetainFrom::Changed,
        "closed" => RetainFrom::Closed,
        field => RetainFrom::Field(field.to_owned()),
    })
}

/// Refuses personal data without a purpose: it must not be collected.
fn require_purpose(at: &At, privacy: Privacy) -> Result<Privacy, SchemaError> {
    if privacy.class != PrivacyClass::None && privacy.purpose.is_none() {
        return at.fail("a personal or sensitive field needs a `purpose`");
    }
    Ok(privacy)
}

fn read_column(at: &At) -> Result<Option<LedgerColumn>, SchemaError> {
    if matches!(at.node, Node::Bool(_)) {
        return Ok(at.boolean()?.then_some(LedgerColumn { indexed: false }));
    }
    at.allow_only(&["indexed"])?;
    Ok(Some(LedgerColumn { indexed: at.need("indexed")?.boolean()? }))
}

/// Reads how long, under which condition and for which roles something stays on phones.
pub(super) fn read_device(at: &At, names: &Names) -> Result<Device, SchemaError> {
    at.allow_only(&["keep", "days", "roles"])?;
    Ok(Device {
        keep: read_word(&at.need("keep")?, &KEEPS, "stay")?,
        days: at.get("days").map(|days| days.integer(1, ITEMS_MAX)).transpose()?.map(|days| days as u32),
        roles: at.get("roles").map_or(Ok(Vec::new()), |roles| names.role_list(&roles))?,
    })
}

/// Keeps sensitive values out of the ordinary document and out of every export.
fn check_sensitive(at: &At, field: &Field) -> Result<(), SchemaError> {
    if field.privacy.class != PrivacyClass::Sensitive {
        return Ok(());
    }
    if field.facet == 0 {
        return at.fail("a sensitive field needs a read class of its own (`x-read`)");
    }
    if field.ledger.is_some() {
        return at.fail("a sensitive field cannot be a ledger column");
    }
    if field.privacy.mask == Some(Mask::Shown) {
        return at.need("x-privacy")?.fail("a sensitive field cannot be `shown`");
    }
    Ok(())
}
