//! This file reads the folder of a deployment. No other part of the crate touches a file system.
#![expect(clippy::disallowed_methods, reason = "a server starts from a folder; everything else takes texts")]

use super::load::NOT_OURS;
use super::{SchemaError, SchemaSet};
use std::path::Path;

/// The table of words that an import reads. It is no part of the set.
const WORDS: &str = "words.json";

impl SchemaSet {
    /// Loads the built-in files, overlaid by those in `dir`: `roles.json`, `categories.json`, `areas.json`,
    /// `records/*.json`, `workflows/*.json`. Imports read `words.json`; this method skips it. Any other
    /// `.json` file or folder is refused, so that a misspelt name does not pass in silence.
    pub fn load_dir(dir: &Path) -> Result<SchemaSet, SchemaError> {
        let mut overlay = Vec::new();
        for name in list_names(dir, "")? {
            if name == WORDS {
                continue;
            }
            let path = dir.join(&name);
            if path.is_dir() {
                if name != "records" && name != "workflows" {
                    return Err(SchemaError::in_file(&name, NOT_OURS));
                }
                for file in list_names(&path, &name)? {
                    read_json(&path.join(&file), format!("{name}/{file}"), &mut overlay)?;
                }
            } else {
                read_json(&path, name, &mut overlay)?;
            }
        }
        Self::from_files(&overlay)
    }
}

/// Lists the names in a folder, sorted, without hidden ones.
fn list_names(dir: &Path, shown: &str) -> Result<Vec<String>, SchemaError> {
    let cannot = |error: std::io::Error| {
        let shown = if shown.is_empty() { dir.display().to_string() } else { shown.to_owned() };
        SchemaError::in_file(&shown, format!("cannot be read: {error}"))
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(cannot)? {
        let name = entry.map_err(cannot)?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Adds one file to the overlay if it is JSON.
fn read_json(path: &Path, shown: String, overlay: &mut Vec<(String, String)>) -> Result<(), SchemaError> {
    if path.extension().is_some_and(|extension| extension == "json") {
        let text = std::fs::read_to_string(path)
            .map_err(|error| SchemaError::in_file(&shown, format!("cannot be read: {error}")))?;
        overlay.push((shown, text));
    }
    Ok(())
}
