//! This file reads one record file.

use super::bounds::FIELDS_MAX;
use super::json::At;
use super::names::{Names, read_label};
use super::read_field::{read_device, read_field, read_retain_from};
use super::read_kind::{check_closed, read_required};
use super::{Kind, Merge, RecordType, RetainFrom, SchemaError, Workflow, banned, read_keeping};
use std::collections::BTreeMap;

/// The only JSON Schema dialect that is read.
pub(super) const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

const RECORD_KEYS: &[&str] = &[
    "$schema",
    "type",
    "description",
    "properties",
    "required",
    "additionalProperties",
    "x-label",
    "x-create",
    "x-title",
    "x-workflow",
    "x-device",
    "x-retain-from",
];

/// Reads the record type `name` from the root of its file.
pub(super) fn read_record(
    at: &At,
    name: &str,
    names: &Names,
    workflows: &BTreeMap<String, Workflow>,
) -> Result<RecordType, SchemaError> {
    check_head(at, name)?;
    let label_at = at.need("x-label")?;
    let label = read_label(&label_at)?;
    banned::check_label(&label_at, &label)?;
    let workflow = read_workflow_name(at, names)?;
    let properties = at.need("properties")?;
    let declared = properties.entries()?;
    if declared.is_empty() || declared.len() > FIELDS_MAX {
        return properties.fail(format!("{} fields, 1 to {FIELDS_MAX} are allowed", declared.len()));
    }
    let required = read_required(at, |name| declared.iter().any(|(known, _)| *known == name))?;
    let rules = workflow.as_ref().and_then(|name| workflows.get(name));
    let mut fields = BTreeMap::new();
    for (field_name, field_at) in &declared {
        let needed = required.iter().any(|name| name == field_name);
        fields.insert((*field_name).to_owned(), read_field(field_at, field_name, names, rules, needed)?);
    }
    let record = RecordType {
        name: name.to_owned(),
        label,
        create: names.role_list(&at.need("x-create")?)?,
        title: at.get("x-title").map(|title| title.text().map(str::to_owned)).transpose()?,
        workflow,
        device: at.get("x-device").map(|stay| read_device(&stay, names)).transpose()?,
        retain_from: at
            .get("x-retain-from")
            .map_or(Ok(RetainFrom::default()), |from| read_retain_from(&from))?,
        fields,
        order: declared.iter().map(|(name, _)| (*name).to_owned()).collect(),
    };
    check_title(at, &record)?;
    check_events(at, &record)?;
    read_keeping::check_keeping(at, &record)?;
    check_creators(at, &record)?;
    Ok(record)
}

fn check_head(at: &At, name: &str) -> Result<(), SchemaError> {
    at.allow_only(RECORD_KEYS)?;
    banned::check_name(at, name)?;
    let dialect = at.need("$schema")?;
    if dialect.text()? != DIALECT {
        return dialect.fail(format!("must be `{DIALECT}`"));
    }
    let kind = at.need("type")?;
    if kind.text()? != "object" {
        return kind.fail("must be `object`");
    }
    check_closed(at)
}

fn read_workflow_name(at: &At, names: &Names) -> Result<Option<String>, SchemaError> {
    let Some(workflow) = at.get("x-workflow") else {
        return Ok(None);
    };
    let name = workflow.text()?;
    if !names.workflows.contains(name) {
        return workflow.fail(format!("unknown workflow `{name}`"));
    }
    Ok(Some(name.to_owned()))
}

/// Checks the title. Lists show it to every reader, so it must be one plain ordinary value.
fn check_title(at: &At, record: &RecordType) -> Result<(), SchemaError> {
    let Some(title_at) = at.get("x-title") else {
        return Ok(());
    };
    let title = title_at.text()?;
    let Some(field) = record.field(title) else {
        return title_at.fail(format!("unknown field `{title}`"));
    };
    let plain = matches!(field.kind, Kind::Text { .. } | Kind::Enum(_) | Kind::Ref(_) | Kind::Object { .. });
    let single = matches!(field.merge, Merge::Once | Merge::Register | Merge::Multi | Merge::Text);
    if field.facet != 0 || !plain || !single {
        return title_at
            .fail(format!("field `{title}` cannot be a title: it is not one ordinary text, code or object"));
    }
    Ok(())
}

fn check_events(at: &At, record: &RecordType) -> Result<(), SchemaError> {
    let count = record.fields.values().filter(|field| field.merge == Merge::Events).count();
    match at.get("x-workflow") {
        Some(workflow) if count != 1 => {
            workflow.fail(format!("needs exactly one field of merge kind `events`, there are {count}"))
        }
        _ => Ok(()),
    }
}

/// Checks that every role that may create a record may also write its required fields.
fn check_creators(at: &At, record: &RecordType) -> Result<(), SchemaError> {
    for role in &record.create {
        let blocked = record.fields.values().find(|field| field.required && !field.write.contains(role));
        if let Some(field) = blocked {
            let reason =
                format!("role `{role}` may create but not write the required field `{}`", field.name);
            return at.need("x-create")?.fail(reason);
        }
    }
    Ok(())
}
