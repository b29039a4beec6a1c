//! Records found by an id or the beginning of one, and the answer to a save.

use std::fmt::Write as _;

use gridledger_client::{Purpose, Record, RecordId, Saved};
use serde_json::json;

use crate::app::{Answer, App, unknown_record};
use crate::failure::Failure;
use crate::{text, words};

/// The fewest digits of an id that are accepted.
const PREFIX_DIGITS: usize = 4;

/// The most records named if the beginning of an id fits several.
const CANDIDATES: usize = 8;

impl App {
    /// Finds the record of an id, or of the beginning of one.
    pub fn record(&self, text: &str) -> Result<Record, Failure> {
        let id = self.record_id(text)?;
        self.client.get(id)?.ok_or_else(|| unknown_record(text))
    }

    /// Opens a record with its whole values, which leaves a row in the read log.
    pub fn open_whole(&self, record: Record, purpose: &Purpose) -> Result<Record, Failure> {
        let opened = self.client.open_record(record.id, purpose);
        let opened = opened.map_err(|error| self.explain_refusal(&record.record_type, error))?;
        Ok(opened.unwrap_or(record))
    }

    fn record_id(&self, text: &str) -> Result<RecordId, Failure> {
        let digits = text.replace('-', "");
        let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_hex || !(PREFIX_DIGITS..=32).contains(&digits.len()) {
            let shown = text::clip(text, 40);
            return Err(Failure::Usage(say!(
                self.lang,
                "“{shown}”不是档案编号：请给出编号，或它的前几位（至少 4 位，0-9、a-f）。",
                "\"{shown}\" is not a record's id: give the id, or its beginning (4 digits or more, 0-9 and a-f)."
            )));
        }
        let found = self.client.engine().find_prefix(&digits, CANDIDATES + 1)?;
        match found.as_slice() {
            [] => Err(unknown_record(text)),
            [one] => Ok(*one),
            several => Err(self.ambiguous(text, several)),
        }
    }

    fn ambiguous(&self, text: &str, several: &[RecordId]) -> Failure {
        let mut message = say!(
            self.lang,
            "有几条档案的编号以 {text} 开头，请多给几位：",
            "Several ids begin with {text}; give more digits:"
        );
        for id in several.iter().take(CANDIDATES) {
            let title =
                self.client.get(*id).ok().flatten().map(|r| words::title(self, &r)).unwrap_or_default();
            _ = write!(message, "\n  {id}  {title}");
        }
        if several.len() > CANDIDATES {
            message.push_str("\n  …");
        }
        Failure::Usage(message)
    }

    /// Reads a reference: an id, or the unique beginning of one that is here. Anything else stays as it is, for the
    /// schema to judge.
    pub fn reference(&self, text: &str) -> Result<String, Failure> {
        let digits = text.replace('-', "");
        let could_be =
            (PREFIX_DIGITS..32).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if could_be { Ok(self.record_id(text)?.to_string()) } else { Ok(text.to_ascii_lowercase()) }
    }

    /// Makes the answer to a save.
    pub fn answer_saved(&self, saved: Saved) -> Result<Answer, Failure> {
        let record =
            self.client.get(saved.record)?.ok_or_else(|| unknown_record(&saved.record.to_string()))?;
        let (what, n) = (words::headline(self, &record), saved.n);
        let line = say!(
            self.lang,
            "已保存 {what}（第 {n} 笔，待发送）",
            "saved {what} (edit {n}, waiting to be sent)"
        );
        let json = json!({ "record": saved.record, "record_type": record.record_type, "n": saved.n });
        Ok(Answer::new(json, line))
    }
}
