//! These tests check the schema set: its content, its refusals with their exact words, and round trips.

mod builtin;
mod deployment;
mod refusals;
mod refused_keeping;
mod refused_lists;
mod refused_names;
mod values;

use super::{SchemaError, SchemaSet};

/// The smallest record file with one field, whose keywords are `keywords`.
fn one_field(keywords: &str) -> String {
    record(&format!(r#""x": {{ "x-label": {{ "zh": "甲", "en": "X" }}, {keywords} }}"#), "")
}

/// A record file with these properties and these further keywords (ending in a comma).
fn record(properties: &str, more: &str) -> String {
    format!(
        r#"{{ "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", {more}
              "x-label": {{ "zh": "丙", "en": "Foo" }}, "x-create": ["grid_worker"],
              "properties": {{ {properties} }} }}"#
    )
}

/// The keywords of a plain text field.
const TEXT: &str = r#""type": "string", "maxLength": 9, "x-merge": "register", "x-write": ["grid_worker"]"#;

fn load(path: &str, text: &str) -> Result<SchemaSet, SchemaError> {
    SchemaSet::from_files(&[(path.to_owned(), text.to_owned())])
}

/// The message of a file's refusal.
fn refusal(path: &str, text: &str) -> String {
    load(path, text).expect_err(text).to_string()
}
