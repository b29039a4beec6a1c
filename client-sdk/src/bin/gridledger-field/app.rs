//! What a command works on: the phone's client, its schema, the language; and how an answer is printed.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gridledger_client::{Client, ClientError, Options, Purpose, Record, RecordId, Saved};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::set::{RecordType, SchemaSet};
use serde_json::{Value, json};

use crate::args::Global;
use crate::failure::Failure;
use crate::lang::Lang;
use crate::lock::lock_of;
use crate::text;

/// Digits a record's id must be given with, at least.
const PREFIX_DIGITS: usize = 4;
/// Records named when the beginning of an id fits several.
const CANDIDATES: usize = 8;

/// An answer, for a program and for a person.
pub struct Answer {
    pub json: Value,
    pub text: String,
}

impl Answer {
    pub fn new(json: Value, text: impl Into<String>) -> Self {
        Self { json, text: text.into() }
    }
}

/// A phone, opened.
pub struct App {
    pub client: Client,
    pub schema: Arc<SchemaSet>,
    pub lang: Lang,
}

/// The schema set a directory holds, if one was given.
pub fn schema_of(global: &Global) -> Result<Option<Arc<SchemaSet>>, Failure> {
    let load = |dir: &std::path::PathBuf| SchemaSet::load_dir(dir).map(Arc::new);
    let loaded = global.schema.as_ref().map(load).transpose();
    loaded.map_err(|error| Failure::told("schema", error.to_string()))
}

impl App {
    /// Opens the store, which must be there.
    pub fn open(global: &Global, lang: Lang) -> Result<Self, Failure> {
        if !global.store.exists() {
            let file = global.store.display();
            let message = say!(
                lang,
                "这里没有本机数据库 {file}：请先注册这台设备，或用 --store 指定文件。",
                "There is no store {file} here: enrol this device first, or name its file with --store."
            );
            return Err(Failure::told("not_enrolled", message));
        }
        Self::create(global, lang)
    }

    /// Opens the store, making it if it is not there.
    pub fn create(global: &Global, lang: Lang) -> Result<Self, Failure> {
        let client = open_client(global, lang)?;
        let schema = client.schema();
        Ok(Self { client, schema, lang })
    }

    /// A record type by name.
    pub fn record_type(&self, name: &str) -> Result<&RecordType, Failure> {
        self.schema.record_type(name).ok_or_else(|| unknown_type(&self.schema, name))
    }

    /// The record an id, or the beginning of one, means.
    pub fn record(&self, text: &str) -> Result<Record, Failure> {
        let id = self.record_id(text)?;
        self.client.get(id)?.ok_or_else(|| unknown_record(text))
    }

    /// A record with its whole values, which leaves a row in the read log.
    pub fn opened(&self, record: Record, purpose: &Purpose) -> Result<Record, Failure> {
        let opened = self.client.open_record(record.id, purpose);
        let opened = opened.map_err(|error| self.about(&record.record_type, error))?;
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
                self.client.get(*id).ok().flatten().map(|r| text::title(self, &r)).unwrap_or_default();
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

    /// The answer to a save.
    pub fn saved(&self, saved: Saved) -> Result<Answer, Failure> {
        let record =
            self.client.get(saved.record)?.ok_or_else(|| unknown_record(&saved.record.to_string()))?;
        let (what, n) = (text::headline(self, &record), saved.n);
        let line = say!(
            self.lang,
            "已保存 {what}（第 {n} 笔，待发送）",
            "saved {what} (edit {n}, waiting to be sent)"
        );
        let json = json!({ "record": saved.record, "record_type": record.record_type, "n": saved.n });
        Ok(Answer::new(json, line))
    }

    /// Makes a refusal of an edit name the field as a person knows it.
    pub fn about(&self, record_type: &str, error: ClientError) -> Failure {
        let ClientError::Refused(refusal) = error else {
            return error.into();
        };
        let known = self.schema.record_type(record_type);
        let field = refusal.field.as_deref().and_then(|name| known?.field(name));
        let label = field.map(|field| self.lang.label(&field.label).to_owned());
        Failure::Edit { refusal, label, record_type: record_type.to_owned() }
    }
}

/// The certificates to trust, if some were given.
fn roots(global: &Global, lang: Lang) -> Result<Vec<u8>, Failure> {
    let Some(file) = &global.ca else {
        return Ok(Vec::new());
    };
    std::fs::read(file).map_err(|error| {
        let shown = file.display();
        let message = say!(
            lang,
            "读不了证书文件 {shown}：{error}",
            "The certificates in {shown} cannot be read: {error}"
        );
        Failure::told("certificates", message)
    })
}

fn open_client(global: &Global, lang: Lang) -> Result<Client, Failure> {
    let options = Options { schema: schema_of(global)?, roots: roots(global, lang)?, ..Options::default() };
    let lock = lock_of(global, &global.store, lang)?;
    Ok(Client::open(&global.store, &lock, options)?)
}

/// The refusal of a type that is not in the schema, with those that are.
pub fn unknown_type(schema: &SchemaSet, name: &str) -> Failure {
    let names: Vec<&str> = schema.types.keys().map(String::as_str).collect();
    let rule = format!("no type {}; there are {}", text::clip(name, 40), names.join(", "));
    Refusal::new(Code::TypeUnknown, rule).into()
}

fn unknown_record(text: &str) -> Failure {
    Refusal::new(Code::RecordUnknown, format!("no record {} on this phone", text::clip(text, 40))).into()
}

/// Prints an answer.
pub fn print(answer: &Answer, json: bool) {
    if json {
        print_line(&answer.json.to_string());
    } else {
        print_line(answer.text.trim_end());
    }
}

/// Whether whoever read the standard output has gone.
static READER_GONE: AtomicBool = AtomicBool::new(false);

/// Prints a line; whoever closed the pipe does not want it. Where the line cannot be written for another reason, what
/// follows would be of no use: the program ends with 1.
pub fn print_line(line: &str) {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => READER_GONE.store(true, Ordering::Relaxed),
        Err(error) => {
            complain(&error.to_string());
            std::process::exit(1);
        }
    }
}

/// Whether nobody reads what is printed any more.
pub fn reader_is_gone() -> bool {
    READER_GONE.load(Ordering::Relaxed)
}

/// Prints a line on standard error.
pub fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
