//! Columns put values of the same place in a record side by side, so that a compressor sees like beside like.
//! A column begins when it is first named. Reader and writer name the columns in the same order, so no names
//! travel.
//!
//! Every column has two parts: *marks* (a tag for each value, lengths) and *data* (text bytes, numbers). A
//! repeated text of a column travels as a number. An integer travels as itself, as the difference to the one
//! above, or as the difference to the entry's time, whichever is shortest. A decimal fraction travels as a
//! scaled integer.

use std::collections::HashMap;

use gridledger_schema::limits;
use serde_json::{Map, Number, Value};

use super::WireError;

mod tag {
    pub const NULL: u8 = 0;
    pub const FALSE: u8 = 1;
    pub const TRUE: u8 = 2;
    pub const INT: u8 = 3;
    pub const INT_FROM_ABOVE: u8 = 4;
    pub const INT_FROM_TIME: u8 = 5;
    pub const FLOAT: u8 = 6;
    pub const DECIMAL: u8 = 7;
    pub const TEXT_AGAIN: u8 = 8;
    pub const LIST: u8 = 9;
    pub const OBJECT: u8 = 10;
    /// From here on: a text of (tag − TEXT) bytes. At 255 − TEXT bytes and more, the rest of the length
    /// follows.
    pub const TEXT: u8 = 16;
}

/// The most decimal digits after the point that a scaled integer may have.
const DECIMAL_DIGITS: u8 = 7;
/// The most texts that a column remembers.
const REMEMBERED: usize = 1 << 16;
/// The most bytes of a column's name. Each level of a value adds a key, and names are kept while a sheet is
/// read.
const NAME_BYTES: usize = 1_024;
const KEY_SEPARATOR: char = '\u{1f}';

/// Appends an unsigned LEB128 varint (7 bits a byte, lowest first).
pub fn put_uint(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.push(v as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

fn zigzag(v: i64) -> u64 {
    ((v << 1) ^ (v >> 63)) as u64
}

fn unzigzag(v: u64) -> i64 {
    (v >> 1) as i64 ^ -((v & 1) as i64)
}

/// Takes an unsigned LEB128 varint off the front.
pub fn take_uint(input: &mut &[u8]) -> Result<u64, WireError> {
    let mut v = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = input.split_first().ok_or(WireError::Truncated)?;
        *input = rest;
        v |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(v);
        }
    }
    Err(WireError::Malformed("number"))
}

/// Takes `n` bytes off the front.
pub fn take<'a>(input: &mut &'a [u8], n: usize) -> Result<&'a [u8], WireError> {
    let (head, rest) = input.split_at_checked(n).ok_or(WireError::Truncated)?;
    *input = rest;
    Ok(head)
}

#[derive(Default)]
struct Column {
    marks: Vec<u8>,
    data: Vec<u8>,
    texts: HashMap<String, u64>,
    above: i64,
}

/// Writes columns.
#[derive(Default)]
pub struct Writer {
    names: HashMap<String, usize>,
    columns: Vec<Column>,
    time: i64,
}

impl Writer {
    /// A writer with no columns yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the time (ms since 1970) that integers may be a difference to.
    pub fn set_time(&mut self, at: i64) {
        self.time = at;
    }

    fn column(&mut self, name: &str) -> &mut Column {
        let index = self.names.get(name).copied().unwrap_or_else(|| {
            self.columns.push(Column::default());
            self.names.insert(name.to_owned(), self.columns.len() - 1);
            self.columns.len() - 1
        });
        &mut self.columns[index]
    }

    /// Writes an unsigned number.
    pub fn uint(&mut self, column: &str, v: u64) {
        put_uint(&mut self.column(column).data, v);
    }

    /// Writes a signed number as the difference to the one above it.
    pub fn step(&mut self, column: &str, v: i64) {
        let column = self.column(column);
        put_uint(&mut column.data, zigzag(v.wrapping_sub(column.above)));
        column.above = v;
    }

    /// Writes bytes of a length that the reader knows.
    pub fn raw(&mut self, column: &str, bytes: &[u8]) {
        self.column(column).data.extend_from_slice(bytes);
    }

    /// Writes bytes of any length.
    pub fn bytes(&mut self, column: &str, bytes: &[u8]) {
        let column = self.column(column);
        put_uint(&mut column.marks, bytes.len() as u64);
        column.data.extend_from_slice(bytes);
    }

    /// Writes a text.
    pub fn text(&mut self, column: &str, text: &str) {
        let column = self.column(column);
        if let Some(&index) = column.texts.get(text) {
            column.marks.push(tag::TEXT_AGAIN);
            put_uint(&mut column.data, index);
            return;
        }
        if column.texts.len() < REMEMBERED {
            column.texts.insert(text.to_owned(), column.texts.len() as u64);
        }
        let room = usize::from(u8::MAX - tag::TEXT);
        column.marks.push(tag::TEXT + text.len().min(room) as u8);
        if text.len() >= room {
            put_uint(&mut column.marks, (text.len() - room) as u64);
        }
        column.data.extend_from_slice(text.as_bytes());
    }

    /// Writes a JSON value; its parts go to columns named after their place in it.
    pub fn value(&mut self, column: &str, value: &Value) {
        match value {
            Value::Null => self.column(column).marks.push(tag::NULL),
            Value::Bool(b) => self.column(column).marks.push(if *b { tag::TRUE } else { tag::FALSE }),
            Value::Number(n) => self.number(column, n),
            Value::String(s) => self.text(column, s),
            Value::Array(items) => {
                let marks = &mut self.column(column).marks;
                marks.push(tag::LIST);
                put_uint(marks, items.len() as u64);
                let inner = format!("{column}[]");
                for item in items {
                    self.value(&inner, item);
                }
            }
            Value::Object(map) => {
                self.column(column).marks.push(tag::OBJECT);
                self.map(column, map);
            }
        }
    }

    /// Writes an object: its keys as one text, each value in a column of its own.
    pub fn map(&mut self, column: &str, map: &Map<String, Value>) {
        let mut keys: Vec<&str> = map.keys().map(String::as_str).collect();
        keys.sort_unstable();
        self.text(&format!("{column}{{}}"), &keys.join(&KEY_SEPARATOR.to_string()));
        for key in keys {
            self.value(&format!("{column}.{key}"), &map[key]);
        }
    }

    fn number(&mut self, column: &str, n: &Number) {
        let time = self.time;
        let column = self.column(column);
        match (n.as_i64(), n.as_f64()) {
            (Some(i), _) => write_int(column, i, time),
            (None, f) => write_float(column, f.unwrap_or(0.0)),
        }
    }

    /// Returns the columns in one piece.
    pub fn finish(self) -> Vec<u8> {
        let mut out = Vec::new();
        put_uint(&mut out, self.columns.len() as u64);
        for column in &self.columns {
            put_uint(&mut out, column.marks.len() as u64);
            put_uint(&mut out, column.data.len() as u64);
        }
        for column in &self.columns {
            out.extend_from_slice(&column.marks);
            out.extend_from_slice(&column.data);
        }
        out
    }
}

fn write_int(column: &mut Column, v: i64, time: i64) {
    let choices = [
        (tag::INT, zigzag(v)),
        (tag::INT_FROM_ABOVE, zigzag(v.wrapping_sub(column.above))),
        (tag::INT_FROM_TIME, zigzag(v.wrapping_sub(time))),
    ];
    let length = |v: u64| (64 - v.leading_zeros()).div_ceil(7);
    let (tag, coded) =
        choices.into_iter().min_by_key(|&(tag, coded)| (length(coded), tag)).expect("BUG: three choices");
    column.above = v;
    column.marks.push(tag);
    put_uint(&mut column.data, coded);
}

fn write_float(column: &mut Column, f: f64) {
    for digits in 0..=DECIMAL_DIGITS {
        let scale = 10f64.powi(i32::from(digits));
        let scaled = (f * scale).round() as i64;
        if scaled.unsigned_abs() < 1 << 50 && (scaled as f64 / scale).to_bits() == f.to_bits() {
            column.marks.extend([tag::DECIMAL, digits]);
            put_uint(&mut column.data, zigzag(scaled));
            return;
        }
    }
    column.marks.push(tag::FLOAT);
    column.data.extend_from_slice(&f.to_be_bytes());
}

struct ReadColumn<'a> {
    marks: &'a [u8],
    data: &'a [u8],
    texts: Vec<&'a str>,
    above: i64,
}

/// Reads columns. Every length is checked before it is used.
pub struct Reader<'a> {
    names: HashMap<String, usize>,
    columns: Vec<ReadColumn<'a>>,
    time: i64,
    values_left: usize,
    text_bytes_left: usize,
}

impl<'a> Reader<'a> {
    /// Opens the bytes of [`Writer::finish`].
    pub fn new(mut input: &'a [u8]) -> Result<Self, WireError> {
        let count = take_uint(&mut input)? as usize;
        if count > limits::SHEET_COLUMNS {
            return Err(WireError::TooLarge("columns of a sheet"));
        }
        let mut lengths = Vec::with_capacity(count);
        for _ in 0..count {
            lengths.push((take_uint(&mut input)? as usize, take_uint(&mut input)? as usize));
        }
        let mut columns = Vec::with_capacity(count);
        for (marks, data) in lengths {
            let (marks, data) = (take(&mut input, marks)?, take(&mut input, data)?);
            columns.push(ReadColumn { marks, data, texts: Vec::new(), above: 0 });
        }
        Ok(Self {
            names: HashMap::new(),
            columns,
            time: 0,
            values_left: limits::SHEET_VALUES,
            text_bytes_left: limits::SHEET_TEXT_BYTES,
        })
    }

    /// Limits the bytes of texts that may be read.
    pub fn bound_texts(&mut self, bytes: usize) {
        self.text_bytes_left = bytes;
    }

    /// Counts a text before it is copied.
    fn count_text(&mut self, text: &'a str) -> Result<&'a str, WireError> {
        let left = self.text_bytes_left.checked_sub(text.len());
        self.text_bytes_left = left.ok_or(WireError::TooLarge("texts of a sheet"))?;
        Ok(text)
    }

    /// Sets the time (ms since 1970) that integers may be a difference to.
    pub fn set_time(&mut self, at: i64) {
        self.time = at;
    }

    fn column(&mut self, name: &str) -> Result<&mut ReadColumn<'a>, WireError> {
        self.values_left = self.values_left.checked_sub(1).ok_or(WireError::TooLarge("values of a sheet"))?;
        let index = if let Some(&index) = self.names.get(name) {
            index
        } else if name.len() > NAME_BYTES {
            return Err(WireError::TooLarge("name of a column"));
        } else {
            let index = self.names.len();
            self.names.insert(name.to_owned(), index);
            index
        };
        self.columns.get_mut(index).ok_or(WireError::Truncated)
    }

    /// Whether a column that was read from holds more.
    pub fn has_more(&self, column: &str) -> bool {
        let column = self.names.get(column).and_then(|&index| self.columns.get(index));
        column.is_some_and(|column| !column.data.is_empty())
    }

    /// Reads an unsigned number.
    pub fn uint(&mut self, column: &str) -> Result<u64, WireError> {
        take_uint(&mut self.column(column)?.data)
    }

    /// Reads a signed number written as a step.
    pub fn step(&mut self, column: &str) -> Result<i64, WireError> {
        let column = self.column(column)?;
        column.above = column.above.wrapping_add(unzigzag(take_uint(&mut column.data)?));
        Ok(column.above)
    }

    /// Reads `n` bytes.
    pub fn raw(&mut self, column: &str, n: usize) -> Result<&'a [u8], WireError> {
        take(&mut self.column(column)?.data, n)
    }

    /// Reads bytes of any length.
    pub fn bytes(&mut self, column: &str) -> Result<&'a [u8], WireError> {
        let column = self.column(column)?;
        let length = take_uint(&mut column.marks)? as usize;
        take(&mut column.data, length)
    }

    /// Reads a text.
    pub fn text(&mut self, column: &str) -> Result<&'a str, WireError> {
        let column = self.column(column)?;
        let mark = take_mark(column)?;
        let text = read_text(column, mark)?;
        self.count_text(text)
    }

    /// Reads a JSON value.
    pub fn value(&mut self, column: &str) -> Result<Value, WireError> {
        self.value_at(column, 0)
    }

    /// Reads an object written by [`Writer::map`].
    pub fn map(&mut self, column: &str) -> Result<Map<String, Value>, WireError> {
        self.map_at(column, 0)
    }

    fn value_at(&mut self, name: &str, depth: usize) -> Result<Value, WireError> {
        if depth > limits::VALUE_DEPTH {
            return Err(WireError::TooLarge("nesting of a value"));
        }
        let time = self.time;
        let column = self.column(name)?;
        let mark = take_mark(column)?;
        match mark {
            tag::NULL => Ok(Value::Null),
            tag::FALSE => Ok(false.into()),
            tag::TRUE => Ok(true.into()),
            tag::INT | tag::INT_FROM_ABOVE | tag::INT_FROM_TIME => {
                read_int(column, mark, time).map(Value::from)
            }
            tag::FLOAT | tag::DECIMAL => read_float(column, mark),
            tag::LIST => {
                let count = take_uint(&mut column.marks)?;
                let inner = format!("{name}[]");
                (0..count)
                    .map(|_| self.value_at(&inner, depth + 1))
                    .collect::<Result<_, _>>()
                    .map(Value::Array)
            }
            tag::OBJECT => self.map_at(name, depth).map(Value::Object),
            _ => {
                let text = read_text(column, mark)?;
                Ok(self.count_text(text)?.into())
            }
        }
    }

    fn map_at(&mut self, name: &str, depth: usize) -> Result<Map<String, Value>, WireError> {
        let keys = self.text(&format!("{name}{{}}"))?;
        if keys.is_empty() {
            return Ok(Map::new());
        }
        keys.split(KEY_SEPARATOR)
            .map(|key| Ok((key.to_owned(), self.value_at(&format!("{name}.{key}"), depth + 1)?)))
            .collect()
    }
}

fn take_mark(column: &mut ReadColumn<'_>) -> Result<u8, WireError> {
    let (&mark, rest) = column.marks.split_first().ok_or(WireError::Truncated)?;
    column.marks = rest;
    Ok(mark)
}

fn read_int(column: &mut ReadColumn<'_>, mark: u8, time: i64) -> Result<i64, WireError> {
    let coded = unzigzag(take_uint(&mut column.data)?);
    let base = match mark {
        tag::INT_FROM_ABOVE => column.above,
        tag::INT_FROM_TIME => time,
        _ => 0,
    };
    column.above = base.wrapping_add(coded);
    Ok(column.above)
}

fn read_float(column: &mut ReadColumn<'_>, tag: u8) -> Result<Value, WireError> {
    let f = if tag == tag::DECIMAL {
        let digits = take_mark(column)?;
        if digits > DECIMAL_DIGITS {
            return Err(WireError::Malformed("decimal"));
        }
        unzigzag(take_uint(&mut column.data)?) as f64 / 10f64.powi(i32::from(digits))
    } else {
        let bytes = take(&mut column.data, 8)?;
        f64::from_be_bytes(bytes.try_into().expect("BUG: eight bytes taken"))
    };
    Number::from_f64(f).map(Value::Number).ok_or(WireError::Malformed("number"))
}

fn read_text<'a>(column: &mut ReadColumn<'a>, mark: u8) -> Result<&'a str, WireError> {
    if mark == tag::TEXT_AGAIN {
        let index = take_uint(&mut column.data)? as usize;
        return column.texts.get(index).copied().ok_or(WireError::Malformed("repeated text"));
    }
    let Some(short) = mark.checked_sub(tag::TEXT) else {
        return Err(WireError::Malformed("text"));
    };
    let mut length = usize::from(short);
    if mark == u8::MAX {
        length = length.checked_add(take_uint(&mut column.marks)? as usize).ok_or(WireError::Truncated)?;
    }
    let text =
        std::str::from_utf8(take(&mut column.data, length)?).map_err(|_| WireError::Malformed("UTF-8"))?;
    if column.texts.len() < REMEMBERED {
        column.texts.push(text);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_come_back_as_they_went() {
        let values = json!([null, true, false, 0, -1, i64::MAX, i64::MIN, 1.5, 30.107_715, 1e300, -0.0, "", "好", "好",
            "x".repeat(300), [], [[1], []], {}, {"a": {"b": [1, 2.0]}, "": "empty"}]);
        let mut w = Writer::new();
        w.set_time(1_767_225_969_653);
        w.value("v", &values);
        w.value("v", &json!(1_767_225_969_700_i64));
        let bytes = w.finish();
        let mut r = Reader::new(&bytes).unwrap();
        r.set_time(1_767_225_969_653);
        let back = r.value("v").unwrap();
        // An object whose only key is empty reads as an empty one. Field names are never empty.
        assert_eq!(back[10].as_f64().unwrap().to_bits(), (-0.0f64).to_bits());
        assert_eq!(back.as_array().unwrap()[..18], values.as_array().unwrap()[..18]);
        assert_eq!(back[18], values[18]);
        assert_eq!(r.value("v").unwrap(), json!(1_767_225_969_700_i64));
    }

    #[test]
    fn a_text_that_stands_again_counts_again() {
        let text = "长".repeat(1_000);
        let mut w = Writer::new();
        for _ in 0..4 {
            w.value("v", &json!(text));
            w.text("t", &text);
        }
        let bytes = w.finish();
        for (most, fits) in [(8 * text.len(), true), (8 * text.len() - 1, false)] {
            let mut r = Reader::new(&bytes).unwrap();
            r.bound_texts(most);
            let read = (0..4).try_for_each(|_| {
                r.value("v")?;
                r.text("t").map(drop)
            });
            assert_eq!(read.is_ok(), fits, "{most}");
        }
    }

    #[test]
    fn every_cut_of_a_sheet_is_an_error_and_no_panic() {
        let mut w = Writer::new();
        w.value("v", &json!([1, "two", {"three": [4.5, 10]}]));
        w.text("t", &"长".repeat(200));
        let bytes = w.finish();
        for cut in 0..bytes.len() {
            let read = Reader::new(&bytes[..cut]).and_then(|mut r| {
                r.value("v")?;
                r.text("t").map(str::to_owned)
            });
            assert!(read.is_err(), "cut at {cut}");
        }
    }
}
