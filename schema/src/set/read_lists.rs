//! This file reads `roles.json`, `categories.json` and `areas.json`.

use super::bounds::{CHOICES_MAX, READ_CLASSES_MAX, ROLES_MAX};
use super::json::At;
use super::names::{check_name, read_coded, read_groups, read_label, read_name, read_word};
use super::{AreaKind, Category, Choice, Evidence, ReadClass, Role, SchemaError, Scope, Unmasks};
use std::collections::{BTreeMap, BTreeSet};

const SCOPES: [(&str, Scope); 3] =
    [("area", Scope::Area), ("assigned", Scope::Assigned), ("own", Scope::Own)];

const UNMASKS: [(&str, Unmasks); 2] = [("handled", Unmasks::Handled), ("area", Unmasks::Area)];

const EVIDENCE: [(&str, Evidence); 3] =
    [("photo", Evidence::Photo), ("note", Evidence::Note), ("none", Evidence::None)];

/// The content of `roles.json`.
pub(super) struct Rights {
    pub(super) read_classes: Vec<ReadClass>,
    pub(super) roles: Vec<Role>,
    pub(super) groups: BTreeMap<String, Vec<String>>,
}

pub(super) fn read_rights(at: &At) -> Result<Rights, SchemaError> {
    at.allow_only(&["description", "read_classes", "roles", "groups"])?;
    let read_classes = read_read_classes(&at.need("read_classes")?)?;
    let roles = read_coded(&at.need("roles")?, ROLES_MAX, |item, code| read_role(item, code, &read_classes))?;
    let groups = at.get("groups").map_or(Ok(BTreeMap::new()), |at| read_groups(&at, &roles))?;
    Ok(Rights { read_classes, roles, groups })
}

fn read_read_classes(at: &At) -> Result<Vec<ReadClass>, SchemaError> {
    let classes = read_coded(at, READ_CLASSES_MAX, |item, code| {
        item.allow_only(&["code", "label"])?;
        check_name(item, &code)?;
        Ok(ReadClass { name: code, label: read_label(&item.need("label")?)? })
    })?;
    match classes.first() {
        Some(first) if first.name == "ordinary" => Ok(classes),
        _ => at.fail("the first read class must be `ordinary`"),
    }
}

fn read_role(at: &At, code: String, classes: &[ReadClass]) -> Result<Role, SchemaError> {
    at.allow_only(&[
        "code",
        "label",
        "level",
        "max_level",
        "reads",
        "supervises",
        "erases",
        "plans",
        "scope",
        "unmasks",
        "audits",
        "shares",
        "account",
    ])?;
    check_name(at, &code)?;
    let level = at.need("level")?.integer(0, 4)? as u8;
    let mut reads = Vec::new();
    for item in at.get("reads").map_or(Ok(Vec::new()), |reads| reads.items())? {
        let class = item.text()?;
        if !classes.iter().any(|known| known.name == class) {
            return item.fail(format!("unknown read class `{class}`"));
        }
        reads.push(class.to_owned());
    }
    Ok(Role {
        label: read_label(&at.need("label")?)?,
        max_level: at.get("max_level").map_or(Ok(i64::from(level)), |max| max.integer(level.into(), 4))?
            as u8,
        supervises: read_flag(at, "supervises", false)?,
        erases: read_flag(at, "erases", false)?,
        plans: read_flag(at, "plans", false)?,
        scope: at.get("scope").map_or(Ok(Scope::Area), |scope| read_word(&scope, &SCOPES, "scope"))?,
        unmasks: at
            .get("unmasks")
            .map(|unmasks| read_word(&unmasks, &UNMASKS, "reach of unmasking"))
            .transpose()?,
        audits: read_flag(at, "audits", false)?,
        shares: read_flag(at, "shares", false)?,
        account: read_flag(at, "account", true)?,
        code,
        level,
        reads,
    })
}

fn read_flag(at: &At, key: &str, default: bool) -> Result<bool, SchemaError> {
    at.get(key).map_or(Ok(default), |flag| flag.boolean())
}

/// Reads categories and lines of work.
pub(super) fn read_categories(at: &At) -> Result<(Vec<Category>, Vec<Choice>), SchemaError> {
    at.allow_only(&["description", "categories", "lines"])?;
    let categories = read_coded(&at.need("categories")?, CHOICES_MAX, read_category)?;
    if categories.is_empty() {
        return at.need("categories")?.fail("must name at least one category");
    }
    let lines = read_coded(&at.need("lines")?, CHOICES_MAX, |item, code| {
        item.allow_only(&["code", "label"])?;
        check_name(item, &code)?;
        Ok(Choice { code, label: read_label(&item.need("label")?)? })
    })?;
    Ok((categories, lines))
}

fn read_category(at: &At, code: String) -> Result<Category, SchemaError> {
    at.allow_only(&["code", "label", "evidence", "auto_check", "examples"])?;
    check_name(at, &code)?;
    let mut examples = Vec::new();
    for item in at.get("examples").map_or(Ok(Vec::new()), |list| list.items())? {
        examples.push(item.text()?.to_owned());
    }
    Ok(Category {
        code,
        label: read_label(&at.need("label")?)?,
        evidence: at
            .get("evidence")
            .map_or(Ok(Evidence::Note), |evidence| read_word(&evidence, &EVIDENCE, "evidence"))?,
        auto_check: read_flag(at, "auto_check", false)?,
        examples,
    })
}

/// Reads the kinds of area. Each lies in kinds that are declared.
pub(super) fn read_area_kinds(at: &At) -> Result<Vec<AreaKind>, SchemaError> {
    at.allow_only(&["description", "kinds"])?;
    let kinds_at = at.need("kinds")?;
    let kinds = read_coded(&kinds_at, CHOICES_MAX, read_area_kind)?;
    let known: BTreeSet<&str> = kinds.iter().map(|kind| kind.code.as_str()).collect();
    for (item, kind) in kinds_at.items()?.iter().zip(&kinds) {
        if let Some(parent) = kind.parents.iter().find(|parent| !known.contains(parent.as_str())) {
            return item.need("parents")?.fail(format!("unknown kind of area `{parent}`"));
        }
    }
    if kinds.is_empty() {
        return kinds_at.fail("must name at least one kind of area");
    }
    Ok(kinds)
}

fn read_area_kind(at: &At, code: String) -> Result<AreaKind, SchemaError> {
    at.allow_only(&["code", "label", "level", "parents"])?;
    check_name(at, &code)?;
    let parents = at.need("parents")?.items()?.iter().map(read_name).collect::<Result<_, _>>()?;
    let level = at.need("level")?.integer(1, 4)? as u8;
    Ok(AreaKind { code, label: read_label(&at.need("label")?)?, level, parents })
}
