//! This file builds the compression dictionary: bytes that a set makes likely, the likeliest last.
//!
//! zstd reaches the end of a raw dictionary with the shortest offsets, and drops its beginning first.

use super::bounds::DICTIONARY_BYTES_MAX;
use super::{Field, Kind, Label, Merge, RecordType, SchemaSet, Workflow};
use std::collections::BTreeSet;

/// Builds the dictionary of a set: labels, then JSON shapes, then CBOR strings, then CBOR shapes.
pub(super) fn build_dictionary(set: &SchemaSet) -> Vec<u8> {
    let mut writer = Writer::default();
    add_labels(set, &mut writer);
    add_json_shapes(set, &mut writer);
    add_cbor_strings(set, &mut writer);
    add_cbor_shapes(set, &mut writer);
    let cut = writer.bytes.len().saturating_sub(DICTIONARY_BYTES_MAX);
    writer.bytes.split_off(cut)
}

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    seen: BTreeSet<Vec<u8>>,
}

impl Writer {
    /// Adds a piece unless the same piece was added before.
    fn add_piece(&mut self, piece: &[u8]) {
        if self.seen.insert(piece.to_vec()) {
            self.bytes.extend_from_slice(piece);
        }
    }

    fn add_cbor(&mut self, text: &str) {
        self.add_piece(&write_cbor_text(text));
    }
}

/// Writes a CBOR text string (RFC 8949, major type 3) of at most 255 bytes.
fn write_cbor_text(text: &str) -> Vec<u8> {
    let mut out = match text.len() {
        length @ 0..24 => vec![0x60 | length as u8],
        length => vec![0x78, length.min(255) as u8],
    };
    out.extend_from_slice(text.as_bytes());
    out
}

fn add_labels(set: &SchemaSet, writer: &mut Writer) {
    let mut add = |label: &Label| {
        writer.add_piece(label.en.as_bytes());
        writer.add_piece(label.zh.as_bytes());
    };
    set.area_kinds.iter().for_each(|kind| add(&kind.label));
    set.roles.iter().for_each(|role| add(&role.label));
    set.categories.iter().for_each(|category| add(&category.label));
    for record in set.types.values() {
        add(&record.label);
        record.fields.values().for_each(|field| add(&field.label));
    }
}

/// Adds the JSON forms of views and answers, which put fields and codes between quotes.
fn add_json_shapes(set: &SchemaSet, writer: &mut Writer) {
    for record in set.types.values() {
        for field in record.order() {
            writer.add_piece(format!("\"{field}\":\"").as_bytes());
        }
        writer.add_piece(format!("\"type\":\"{}\",\"fields\":{{", record.name).as_bytes());
    }
}

fn add_cbor_strings(set: &SchemaSet, writer: &mut Writer) {
    set.area_kinds.iter().for_each(|kind| writer.add_cbor(&kind.code));
    set.lines.iter().for_each(|line| writer.add_cbor(&line.code));
    set.categories.iter().for_each(|category| writer.add_cbor(&category.code));
    set.roles.iter().for_each(|role| writer.add_cbor(&role.code));
    set.workflows.values().for_each(|workflow| add_verbs(workflow, writer));
    for record in set.types.values() {
        for field in list_fields(record) {
            add_codes(&field.kind, writer);
            writer.add_cbor(&field.name);
        }
    }
    set.types.keys().for_each(|name| writer.add_cbor(name));
}

fn add_verbs(workflow: &Workflow, writer: &mut Writer) {
    workflow.states.iter().for_each(|state| writer.add_cbor(&state.code));
    for verb in workflow.verbs.values() {
        verb.args.keys().for_each(|arg| writer.add_cbor(arg));
        writer.add_cbor(&verb.name);
    }
}

/// Adds the codes and property names inside a kind.
fn add_codes(kind: &Kind, writer: &mut Writer) {
    match kind {
        Kind::Enum(choices) => choices.iter().for_each(|choice| writer.add_cbor(&choice.code)),
        Kind::List { item, .. } => add_codes(item, writer),
        Kind::Object { fields, .. } => {
            for (name, inner) in fields {
                add_codes(inner, writer);
                writer.add_cbor(name);
            }
        }
        _ => {}
    }
}

fn list_fields(record: &RecordType) -> impl Iterator<Item = &Field> {
    record.order().iter().filter_map(|name| record.field(name))
}

/// Adds objects with their property names in order, and the runs of fields that an entry writes when it
/// creates or changes a record.
fn add_cbor_shapes(set: &SchemaSet, writer: &mut Writer) {
    for record in set.types.values() {
        let mut run = write_cbor_text(&record.name);
        for field in list_fields(record) {
            if let Kind::Object { fields, .. } = &field.kind {
                let mut shape = write_cbor_text(&field.name);
                shape.push(0xa0 | fields.len().min(23) as u8);
                for name in fields.keys() {
                    shape.extend(write_cbor_text(name));
                }
                writer.add_piece(&shape);
            }
            if field.required || field.merge == Merge::Register {
                run.extend(write_cbor_text(&field.name));
            }
        }
        writer.add_piece(&run);
    }
}
