//! This file puts the files of a set together: the built-in ones, those of a deployment, or a bundle.

use super::bounds::{FILE_BYTES_MAX, TYPES_MAX, WORKFLOW_MAX};
use super::json::{At, Node};
use super::names::{Names, is_name};
use super::{Choice, SchemaError, SchemaSet, dictionary, read_lists, read_record, read_workflow};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../", $path)))),*]
    };
}

/// The files that every deployment starts from.
const BUILTIN: &[(&str, &str)] = files![
    "areas.json",
    "categories.json",
    "records/dwelling.json",
    "records/enterprise.json",
    "records/household.json",
    "records/patrol.json",
    "records/person.json",
    "records/place.json",
    "records/residency.json",
    "records/ticket.json",
    "records/visit.json",
    "roles.json",
    "workflows/ticket.json",
];

/// The files that every set has once.
const LISTS: [&str; 3] = ["roles.json", "categories.json", "areas.json"];

type Files = BTreeMap<String, Node>;

impl SchemaSet {
    /// The built-in set, read once in a process.
    pub fn builtin() -> Arc<SchemaSet> {
        static SET: OnceLock<Arc<SchemaSet>> = OnceLock::new();
        let read = || Arc::new(Self::from_files(&[]).expect("BUG: the built-in schema set is invalid"));
        Arc::clone(SET.get_or_init(read))
    }

    /// Loads the built-in files, overlaid by (path, text) pairs of a deployment (`records/foo.json`,
    /// `roles.json` …). A file of the same path replaces the built-in one.
    pub fn from_files(overlay: &[(String, String)]) -> Result<SchemaSet, SchemaError> {
        let mut texts: BTreeMap<&str, &str> = BUILTIN.iter().copied().collect();
        let mut seen = BTreeSet::new();
        for (path, text) in overlay {
            check_path(path)?;
            if !seen.insert(path) {
                return Err(SchemaError::in_file(path, "the file is given twice"));
            }
            texts.insert(path, text);
        }
        let mut files = Files::new();
        for (path, text) in texts {
            if text.len() > FILE_BYTES_MAX {
                return Err(SchemaError::in_file(path, format!("longer than {FILE_BYTES_MAX} bytes")));
            }
            files.insert(path.to_owned(), Node::parse(path, text)?);
        }
        build_set(files)
    }

    /// Loads a set from its [`SchemaSet::bundle`], without the built-in files.
    pub fn from_bundle(text: &str) -> Result<SchemaSet, SchemaError> {
        let Node::Map(entries) = Node::parse("bundle", text)? else {
            return Err(SchemaError::in_file("bundle", "must be an object"));
        };
        let mut files = Files::new();
        for (path, node) in entries {
            check_path(&path)?;
            files.insert(path, node);
        }
        build_set(files)
    }
}

pub(super) const NOT_OURS: &str = "is not a file of a schema set";

fn check_path(path: &str) -> Result<(), SchemaError> {
    let named =
        strip_folder(path, "records/").or_else(|| strip_folder(path, "workflows/")).is_some_and(is_name);
    if named || LISTS.contains(&path) {
        return Ok(());
    }
    Err(SchemaError::in_file(path, NOT_OURS))
}

/// Returns `foo` for `records/foo.json`.
fn strip_folder<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    path.strip_prefix(folder)?.strip_suffix(".json")
}

fn find_root<'a>(files: &'a Files, path: &'a str) -> Result<At<'a>, SchemaError> {
    let node = files.get(path).ok_or_else(|| SchemaError::in_file(path, "the file is missing"))?;
    Ok(At::root(path, node))
}

/// Collects names and roots of the files in a folder, at most `max`.
fn list_folder<'a>(
    files: &'a Files,
    folder: &str,
    max: usize,
) -> Result<Vec<(&'a str, At<'a>)>, SchemaError> {
    let found: Vec<_> = files
        .iter()
        .filter_map(|(path, node)| strip_folder(path, folder).map(|name| (name, At::root(path, node))))
        .collect();
    match found.get(max) {
        Some((_, at)) => at.fail(format!("{} files of this kind, {max} are allowed", found.len())),
        None => Ok(found),
    }
}

fn build_set(files: Files) -> Result<SchemaSet, SchemaError> {
    let rights = read_lists::read_rights(&find_root(&files, "roles.json")?)?;
    let (categories, lines) = read_lists::read_categories(&find_root(&files, "categories.json")?)?;
    let area_kinds = read_lists::read_area_kinds(&find_root(&files, "areas.json")?)?;
    let records = list_folder(&files, "records/", TYPES_MAX)?;
    let flows = list_folder(&files, "workflows/", WORKFLOW_MAX)?;
    let as_choice = |code: &str, label: &super::Label| Choice { code: code.to_owned(), label: label.clone() };
    let codes = categories.iter().map(|category| as_choice(&category.code, &category.label)).collect();
    let names = Names {
        roles: rights.roles.iter().map(|role| role.code.clone()).collect(),
        groups: rights.groups,
        classes: rights.read_classes,
        workflows: flows.iter().map(|(name, _)| (*name).to_owned()).collect(),
        types: records.iter().map(|(name, _)| (*name).to_owned()).collect(),
        lists: BTreeMap::from([("categories", codes), ("lines", lines)]),
    };
    let mut workflows = BTreeMap::new();
    for (name, at) in flows {
        workflows.insert(name.to_owned(), read_workflow::read_workflow(&at, name, &names)?);
    }
    let mut types = BTreeMap::new();
    for (name, at) in records {
        types.insert(name.to_owned(), read_record::read_record(&at, name, &names, &workflows)?);
    }
    let bundle = serde_json::to_string(&files).expect("BUG: a parsed file does not serialise");
    let digest = Sha256::digest(bundle.as_bytes());
    let mut fingerprint = [0; 8];
    fingerprint.copy_from_slice(&digest[..8]);
    let Names { groups, classes, mut lists, .. } = names;
    let mut set = SchemaSet {
        types,
        roles: rights.roles,
        groups,
        read_classes: classes,
        categories,
        lines: lists.remove("lines").unwrap_or_default(),
        area_kinds,
        workflows,
        bundle,
        fingerprint,
        dictionary: Vec::new(),
    };
    set.dictionary = dictionary::build_dictionary(&set);
    Ok(set)
}
