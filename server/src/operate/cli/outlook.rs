//! Prints the lists of a register import: new, changed, moved, missing, kept, doubtful.

use gridledger_schema::set::SchemaSet;
use serde_json::{Value, json};

use super::say::Speaker;
use crate::office::reconcile::{ImportReport, Item};

/// Lines of one list that are shown, unless all are asked for.
pub const LISTED: usize = 50;

/// Names one list in both languages.
type Title = (&'static str, &'static str);

/// The sentences about an import.
pub struct Telling<'a> {
    /// For the names of types and fields.
    pub schema: &'a SchemaSet,
    /// The language and form.
    pub speaker: Speaker,
    /// Whether every line is shown.
    pub all: bool,
}

impl Telling<'_> {
    /// The lists, each line on the standard output.
    pub fn lists(&self, report: &ImportReport) {
        if self.speaker.is_json() {
            return;
        }
        let lists: [(Title, &[Item]); 5] = [
            (("新增", "new"), &report.fresh),
            (("更正", "changed"), &report.changed),
            (("迁移", "moved"), &report.moved),
            (("本表未列出（不作改动）", "not in this sheet (nothing is done)"), &report.missing),
            (
                (
                    "登记后有人改过，表格仍是旧值（保留系统中的值）",
                    "written by somebody since; the sheet is as before (the stored value stays)",
                ),
                &report.kept,
            ),
        ];
        for ((zh, en), items) in lists {
            self.list(self.speaker.pick(zh, en), items.len(), items.iter().map(|item| self.item(item)));
        }
        let doubts = report.doubtful.iter().map(|doubt| {
            let text = self.speaker.pick(&doubt.wrong.zh, &doubt.wrong.en);
            format!("{}{} {text}", self.place(doubt.line), self.type_name(doubt.record_type))
        });
        let title = self.speaker.pick("存疑（未导入）", "doubtful (not taken)");
        self.list(title, report.doubtful.len(), doubts);
    }

    fn list(&self, title: &str, count: usize, lines: impl Iterator<Item = String>) {
        if count == 0 {
            return;
        }
        crate::put_line!("{title}: {count}");
        let most = if self.all { count } else { LISTED };
        for line in lines.take(most) {
            crate::put_line!("  {line}");
        }
        if count > most {
            let more = count - most;
            self.speaker.line(
                &format!("  ……另有 {more} 条，加 --all 全部列出"),
                &format!("  … {more} more; --all lists them"),
            );
        }
    }

    fn place(&self, line: u64) -> String {
        match line {
            0 => String::new(),
            line if self.speaker.is_chinese() => format!("第 {line} 行 "),
            line => format!("line {line} "),
        }
    }

    fn type_name(&self, record_type: &str) -> &str {
        let found = self.schema.record_type(record_type);
        found.map_or("", |found| self.speaker.pick(&found.label.zh, &found.label.en))
    }

    fn item(&self, item: &Item) -> String {
        let mut text = format!("{}{}", self.place(item.line), self.type_name(item.record_type));
        let Some(name) = item.field else {
            let id = item.record.map(|record| record.to_string()).unwrap_or_default();
            let short = id.get(..8).unwrap_or_default();
            for part in [show_value(&item.old), short.to_owned()] {
                if !part.is_empty() {
                    text.push(' ');
                    text.push_str(&part);
                }
            }
            return text;
        };
        let found = self.schema.record_type(item.record_type).and_then(|of| of.field(name));
        let label = match found {
            Some(field) => self.speaker.pick(&field.label.zh, &field.label.en),
            None if name == "area" => self.speaker.pick("网格", "grid"),
            None => self.speaker.pick("户", "household"),
        };
        let new = show_value(&item.new);
        let arrow = if new.is_empty() { String::new() } else { format!(" → {new}") };
        text = format!("{text} {label}: {}{arrow}", show_value(&item.old));
        if item.contested {
            text.push_str(self.speaker.pick(
                "（有人同时改过，两个值都保留，待核对）",
                " (somebody else wrote it; both values stay, to be settled)",
            ));
        }
        text
    }

    /// The lists as JSON.
    pub fn json(report: &ImportReport) -> Value {
        let doubts: Vec<Value> = report
            .doubtful
            .iter()
            .map(|doubt| json!({ "line": doubt.line, "record_type": doubt.record_type, "code": doubt.wrong.code, "zh": doubt.wrong.zh, "en": doubt.wrong.en }))
            .collect();
        json!({
            "new": report.fresh, "changed": report.changed, "moved": report.moved, "missing": report.missing,
            "kept": report.kept, "doubtful": doubts,
        })
    }
}

/// A value in one line.
fn show_value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => crate::office::import::fault::quoted(text).trim_matches(['“', '”']).to_owned(),
        Value::Object(parts) => parts.values().map(show_value).collect::<Vec<_>>().join("-"),
        Value::Array(items) => items.iter().map(show_value).collect::<Vec<_>>().join("、"),
        other => other.to_string(),
    }
}
