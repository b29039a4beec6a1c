//! This file builds the compression dictionary: bytes that a set makes likely, the likeliest last.
//!
//! zstd reaches the end of a raw dictionary with the shortest offsets, and drops its beginning first.

use super::bounds::DICTIONARY_BYTES_MAX;
use super::{Field, Kind, Label, Merge, RecordType, SchemaSet, Workflow};
use std::collections::BTreeSet;

/// Builds the dictionary of a set: labels, then JSON shapes, then CBOR strings, then CBOR shapes.
pub(super) fn build(set: &SchemaSet) -> Vec<u8> {
    let mut writer = Writer::default();
    labels(set, &mut writer);
    json_shapes(set, &mut writer);
    cbor_strings(set, &mut writer);
    cbor_shapes(set, &mut writer);
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
    fn piece(&mut self, piece: &[u8]) {
        if self.seen.insert(piece.to_vec()) {
            self.bytes.extend_from_slice(piece);
        }
    }

    fn cbor(&mut self, text: &str) {
        self.piece(&cbor_text(text));
    }
}

/// Writes a CBOR text string (RFC 8949, major type 3) of at most 255 bytes.
fn cbor_text(text: &str) -> Vec<u8> {
    let mut out = match text.len() {
        length @ 0..24 => vec![0x60 | length as u8],
        length => vec![0x78, length.min(255) as u8],
    };
    out.extend_from_slice(text.as_bytes());
    out
}

fn labels(set: &SchemaSet, writer: &mut Writer) {
    let mut add = |label: &Label| {
        writer.piece(label.en.as_bytes());
        writer.piece(label.zh.as_bytes());
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
fn json_shapes(set: &SchemaSet, writer: &mut Writer) {
    for record in set.types.values() {
        for field in record.order() {
            writer.piece(format!("\"{field}\":\"").as_bytes());
        }
        writer.piece(format!("\"type\":\"{}\",\"fields\":{{", record.name).as_bytes());
    }
}

fn cbor_strings(set: &SchemaSet, writer: &mut Writer) {
    set.area_kinds.iter().for_each(|kind| writer.cbor(&kind.code));
    set.lines.iter().for_each(|line| writer.cbor(&line.code));
    set.categories.iter().for_each(|category| writer.cbor(&category.code));
    set.roles.iter().for_each(|role| writer.cbor(&role.code));
    set.workflows.values().for_each(|workflow| verbs(workflow, writer));
    for record in set.types.values() {
        for field in fields(record) {
            codes(&field.kind, writer);
            writer.cbor(&field.name);
        }
    }
    set.types.keys().for_each(|name| writer.cbor(name));
}

fn verbs(workflow: &Workflow, writer: &mut Writer) {
    workflow.states.iter().for_each(|state| writer.cbor(&state.code));
    for verb in workflow.verbs.values() {
        verb.args.keys().for_each(|arg| writer.cbor(arg));
        writer.cbor(&verb.name);
    }
}

/// Adds the codes and property names inside a kind.
fn codes(kind: &Kind, writer: &mut Writer) {
    match kind {
        Kind::Enum(choices) => choices.iter().for_each(|choice| writer.cbor(&choice.code)),
        Kind::List { item, .. } => codes(item, writer),
        Kind::Object { fields, .. } => {
            for (name, inner) in fields {
                codes(inner, writer);
                writer.cbor(name);
            }
        }
        _ => {}
    }
}

fn fields(record: &RecordType) -> impl Iterator<Item = &Field> {
    record.order().iter().filter_map(|name| record.field(name))
}

/// Adds objects with their property names in order, and the runs of fields that an entry writes when it
/// creates or changes a record.
fn cbor_shapes(set: &SchemaSet, writer: &mut Writer) {
    for record in set.types.values() {
        let mut run = cbor_text(&record.name);
        for field in fields(record) {
            if let Kind::Object { fields, .. } = &field.kind {
                let mut shape = cbor_text(&field.name);
                shape.push(0xa0 | fields.len().min(23) as u8);
                for name in fields.keys() {
                    shape.extend(cbor_text(name));
                }
                writer.piece(&shape);
            }
            if field.required || field.merge == Merge::Register {
                run.extend(cbor_text(&field.name));
            }
        }
        writer.piece(&run);
    }
}
