//! This file checks names, resolves the names that a file refers to, and reads labels.

use super::bounds::NAME_CHARS_MAX;
use super::json::At;
use super::{Choice, Label, ReadClass, Role, SchemaError};
use std::collections::{BTreeMap, BTreeSet};

/// Every name that another file may refer to.
pub(super) struct Names {
    pub(super) roles: BTreeSet<String>,
    pub(super) groups: BTreeMap<String, Vec<String>>,
    pub(super) classes: Vec<ReadClass>,
    pub(super) workflows: BTreeSet<String>,
    pub(super) types: BTreeSet<String>,
    /// Lists of codes that `x-enum-from` names.
    pub(super) lists: BTreeMap<&'static str, Vec<Choice>>,
}

impl Names {
    /// Reads a list of role codes and `@groups` as role codes, each once, in order.
    pub(super) fn role_list(&self, at: &At) -> Result<Vec<String>, SchemaError> {
        let mut codes: Vec<String> = Vec::new();
        for item in at.items()? {
            let name = item.text()?;
            let found = match name.strip_prefix('@') {
                Some(group) => self.groups.get(group).cloned(),
                None => self.roles.get(name).map(|code| vec![code.clone()]),
            };
            let Some(found) = found else {
                let word = if name.starts_with('@') { "group of roles" } else { "role" };
                return item.fail(format!("unknown {word} `{name}`"));
            };
            for code in found {
                if !codes.contains(&code) {
                    codes.push(code);
                }
            }
        }
        if codes.is_empty() {
            return at.fail("must name at least one role");
        }
        Ok(codes)
    }

    pub(super) fn facet(&self, at: &At) -> Result<u8, SchemaError> {
        let name = at.text()?;
        match self.classes.iter().position(|class| class.name == name) {
            Some(facet) => Ok(facet as u8),
            None => at.fail(format!("unknown read class `{name}`")),
        }
    }
}

/// Reads the groups of `roles.json` and checks them against its roles.
pub(super) fn read_groups(at: &At, roles: &[Role]) -> Result<BTreeMap<String, Vec<String>>, SchemaError> {
    let mut names = Names {
        roles: roles.iter().map(|role| role.code.clone()).collect(),
        groups: BTreeMap::new(),
        classes: Vec::new(),
        workflows: BTreeSet::new(),
        types: BTreeSet::new(),
        lists: BTreeMap::new(),
    };
    for (name, members) in at.entries()? {
        check_name(&members, name)?;
        let codes = names.role_list(&members)?;
        names.groups.insert(name.to_owned(), codes);
    }
    Ok(names.groups)
}

/// Whether a name has the form `^[a-z][a-z0-9_]{0,39}$`.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= NAME_CHARS_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// Refuses a name of another form. The error points to `at`.
pub(super) fn check_name(at: &At, name: &str) -> Result<(), SchemaError> {
    if is_name(name) {
        return Ok(());
    }
    at.fail(format!("name `{name}` does not match ^[a-z][a-z0-9_]{{0,39}}$"))
}

/// Reads a text that is a name.
pub(super) fn read_name(at: &At) -> Result<String, SchemaError> {
    let text = at.text()?;
    check_name(at, text)?;
    Ok(text.to_owned())
}

/// Reads `{"zh": …, "en": …}`.
pub(super) fn read_label(at: &At) -> Result<Label, SchemaError> {
    at.allow_only(&["zh", "en"])?;
    let (zh, en) = (at.need("zh")?.text()?, at.need("en")?.text()?);
    Ok(Label { zh: zh.to_owned(), en: en.to_owned() })
}

/// Reads a list of objects that each have a `code`. A doubled code and more than `max` objects are refused.
pub(super) fn read_coded<T>(
    at: &At,
    max: usize,
    mut read: impl FnMut(&At, String) -> Result<T, SchemaError>,
) -> Result<Vec<T>, SchemaError> {
    let items = at.items()?;
    if items.len() > max {
        return at.fail(format!("{} entries, {max} are allowed", items.len()));
    }
    let mut codes = BTreeSet::new();
    let mut out = Vec::new();
    for item in items {
        let code_at = item.need("code")?;
        let code = code_at.text()?.to_owned();
        if !codes.insert(code.clone()) {
            return code_at.fail(format!("code `{code}` appears twice"));
        }
        out.push(read(&item, code)?);
    }
    Ok(out)
}

/// Finds a word in a table of words.
pub(super) fn read_word<T: Copy>(at: &At, table: &[(&str, T)], what: &str) -> Result<T, SchemaError> {
    let text = at.text()?;
    match table.iter().find(|(name, _)| *name == text) {
        Some((_, value)) => Ok(*value),
        None => at.fail(format!("unknown {what} `{text}`")),
    }
}
