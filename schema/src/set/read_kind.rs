//! This file reads the kind of a value from the part of JSON Schema that this vocabulary supports.

use super::bounds::{CHOICES_MAX, INTEGER_MAX, ITEMS_MAX, NESTING_MAX, TEXT_CHARS_MAX};
use super::json::At;
use super::names::{Names, check_name, read_label};
use super::{Choice, Kind, SchemaError, banned};
use std::collections::{BTreeMap, BTreeSet};

/// Reads the kind at `at`. `extra` are the keywords of the surrounding field. `depth` is the level of
/// nesting, 1 for a field's own value.
pub(super) fn read_kind(at: &At, names: &Names, extra: &[&str], depth: usize) -> Result<Kind, SchemaError> {
    if depth > NESTING_MAX {
        return at.fail(format!("nested deeper than {NESTING_MAX} levels"));
    }
    let type_at = at.need("type")?;
    match type_at.text()? {
        "string" => read_text_like(at, names, extra),
        "integer" => read_integer_like(at, extra),
        "number" => read_number(at, extra),
        "boolean" => {
            check_keywords(at, extra, &[])?;
            Ok(Kind::Boolean)
        }
        "array" => {
            check_keywords(at, extra, &["items", "maxItems"])?;
            let item = Box::new(read_kind(&at.need("items")?, names, &[], depth + 1)?);
            Ok(Kind::List { item, max_items: read_max_items(at, "maxItems")? })
        }
        "object" => read_object(at, names, extra, depth),
        other => type_at.fail(format!("unknown type `{other}`")),
    }
}

/// Refuses keywords other than `type`, `description`, `extra` and `own`.
pub(super) fn check_keywords(at: &At, extra: &[&str], own: &[&str]) -> Result<(), SchemaError> {
    at.allow_only(&[&["type", "description"], extra, own].concat())
}

/// Reads the required bound on the number of items.
pub(super) fn read_max_items(at: &At, keyword: &str) -> Result<u32, SchemaError> {
    Ok(at.need(keyword)?.integer(1, ITEMS_MAX)? as u32)
}

fn read_text_like(at: &At, names: &Names, extra: &[&str]) -> Result<Kind, SchemaError> {
    if let Some(target) = at.get("x-ref") {
        check_keywords(at, extra, &["x-ref"])?;
        let name = target.text()?;
        if !names.types.contains(name) {
            return target.fail(format!("unknown record type `{name}`"));
        }
        return Ok(Kind::Ref(name.to_owned()));
    }
    if let Some(list) = at.get("x-enum-from") {
        check_keywords(at, extra, &["x-enum-from"])?;
        let name = list.text()?;
        return match names.lists.get(name) {
            Some(choices) => Ok(Kind::Enum(choices.clone())),
            None => list.fail(format!("unknown list `{name}`")),
        };
    }
    if let Some(codes) = at.get("enum") {
        check_keywords(at, extra, &["enum", "x-enum-labels"])?;
        return read_choices(&codes, &at.need("x-enum-labels")?);
    }
    check_keywords(at, extra, &["maxLength"])?;
    Ok(Kind::Text { max_chars: at.need("maxLength")?.integer(1, TEXT_CHARS_MAX)? as u32 })
}

fn read_choices(codes: &At, labels: &At) -> Result<Kind, SchemaError> {
    let items = codes.items()?;
    if items.is_empty() || items.len() > CHOICES_MAX {
        return codes.fail(format!("{} codes, 1 to {CHOICES_MAX} are allowed", items.len()));
    }
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    for item in &items {
        let code = item.text()?;
        check_name(item, code)?;
        banned::check_name(item, code)?;
        if !seen.insert(code) {
            return item.fail(format!("code `{code}` appears twice"));
        }
        let label = read_label(&labels.need(code)?)?;
        banned::check_label(item, &label)?;
        out.push(Choice { code: code.to_owned(), label });
    }
    for (code, at) in labels.entries()? {
        if !seen.contains(code) {
            return at.fail(format!("label of `{code}`, which is not a code of the enum"));
        }
    }
    Ok(Kind::Enum(out))
}

fn read_integer_like(at: &At, extra: &[&str]) -> Result<Kind, SchemaError> {
    if let Some(format) = at.get("format") {
        check_keywords(at, extra, &["format"])?;
        let name = format.text()?;
        if name != "time-ms" {
            return format.fail(format!("unknown format `{name}`"));
        }
        return Ok(Kind::Time);
    }
    check_keywords(at, extra, &["minimum", "maximum"])?;
    let bound = |keyword: &str, default: i64| match at.get(keyword) {
        Some(bound) => bound.integer(-INTEGER_MAX, INTEGER_MAX),
        None => Ok(default),
    };
    let (min, max) = (bound("minimum", -INTEGER_MAX)?, bound("maximum", INTEGER_MAX)?);
    if min > max {
        return at.fail("minimum is above maximum");
    }
    Ok(Kind::Integer { min, max })
}

fn read_number(at: &At, extra: &[&str]) -> Result<Kind, SchemaError> {
    check_keywords(at, extra, &["minimum", "maximum"])?;
    let bound = |keyword: &str, default: f64| match at.get(keyword) {
        Some(bound) => bound.number(),
        None => Ok(default),
    };
    let (min, max) = (bound("minimum", f64::MIN)?, bound("maximum", f64::MAX)?);
    if min > max {
        return at.fail("minimum is above maximum");
    }
    Ok(Kind::Number { min, max })
}

fn read_object(at: &At, names: &Names, extra: &[&str], depth: usize) -> Result<Kind, SchemaError> {
    check_keywords(at, extra, &["properties", "required", "additionalProperties"])?;
    check_closed(at)?;
    let mut fields = BTreeMap::new();
    let properties = at.need("properties")?;
    for (name, property) in properties.entries()? {
        check_name(&property, name)?;
        banned::check_name(&property, name)?;
        fields.insert(name.to_owned(), read_kind(&property, names, &[], depth + 1)?);
    }
    if fields.is_empty() {
        return properties.fail("must name at least one property");
    }
    let required = read_required(at, |name| fields.contains_key(name))?;
    Ok(Kind::Object { fields, required })
}

/// Refuses an `additionalProperties` other than false: undeclared names are never allowed.
pub(super) fn check_closed(at: &At) -> Result<(), SchemaError> {
    match at.get("additionalProperties") {
        Some(at) if at.boolean()? => at.fail("must be false"),
        _ => Ok(()),
    }
}

/// Reads the `required` list. Each name must be declared and stand once.
pub(super) fn read_required(at: &At, declared: impl Fn(&str) -> bool) -> Result<Vec<String>, SchemaError> {
    let mut out: Vec<String> = Vec::new();
    let Some(list) = at.get("required") else {
        return Ok(out);
    };
    for item in list.items()? {
        let name = item.text()?;
        if !declared(name) {
            return item.fail(format!("`{name}` is not among the properties"));
        }
        if out.iter().any(|seen| seen == name) {
            return item.fail(format!("`{name}` appears twice"));
        }
        out.push(name.to_owned());
    }
    Ok(out)
}
