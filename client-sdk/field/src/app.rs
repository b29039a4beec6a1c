//! The phone that a command works on: its client, its schema, the language. Also the answer and how it is printed.

use std::sync::Arc;

use gridledger_client::{Client, ClientError, Options};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::set::{RecordType, SchemaSet};
use serde_json::Value;

use crate::args::Global;
use crate::failure::Failure;
use crate::lang::Lang;
use crate::lock::make_lock;
use crate::output::print_line;
use crate::text;

/// An answer for a program and for a person.
pub struct Answer {
    pub json: Value,
    pub text: String,
}

impl Answer {
    pub fn new(json: Value, text: impl Into<String>) -> Self {
        Self { json, text: text.into() }
    }
}

/// An open phone.
pub struct App {
    pub client: Client,
    pub schema: Arc<SchemaSet>,
    pub lang: Lang,
}

/// Loads the schema set of the directory given, if there is one.
pub fn load_schema(global: &Global) -> Result<Option<Arc<SchemaSet>>, Failure> {
    let load = |dir: &std::path::PathBuf| SchemaSet::load_dir(dir).map(Arc::new);
    let loaded = global.schema.as_ref().map(load).transpose();
    loaded.map_err(|error| Failure::other("schema", error.to_string()))
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
            return Err(Failure::other("not_enrolled", message));
        }
        Self::create(global, lang)
    }

    /// Opens the store, and makes it if there is none.
    pub fn create(global: &Global, lang: Lang) -> Result<Self, Failure> {
        let client = open_client(global, lang)?;
        let schema = client.schema();
        Ok(Self { client, schema, lang })
    }

    /// Finds a record type by its name.
    pub fn record_type(&self, name: &str) -> Result<&RecordType, Failure> {
        self.schema.record_type(name).ok_or_else(|| unknown_type(&self.schema, name))
    }

    /// Makes the failure of a refused edit; it names the field by its label.
    pub fn explain_refusal(&self, record_type: &str, error: ClientError) -> Failure {
        let ClientError::Refused(refusal) = error else {
            return error.into();
        };
        let known = self.schema.record_type(record_type);
        let field = refusal.field.as_deref().and_then(|name| known?.field(name));
        let label = field.map(|field| self.lang.label(&field.label).to_owned());
        Failure::Edit { refusal, label, record_type: record_type.to_owned() }
    }
}

/// Reads the certificates to trust, if some were given.
fn read_roots(global: &Global, lang: Lang) -> Result<Vec<u8>, Failure> {
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
        Failure::other("certificates", message)
    })
}

fn open_client(global: &Global, lang: Lang) -> Result<Client, Failure> {
    let options = Options {
        schema: load_schema(global)?,
        timezone: global.timezone.clone(),
        roots: read_roots(global, lang)?,
        ..Options::default()
    };
    let lock = make_lock(global, &global.store, lang)?;
    Ok(Client::open(&global.store, &lock, options)?)
}

/// Makes the refusal of a type that the schema does not have; it names those it has.
pub fn unknown_type(schema: &SchemaSet, name: &str) -> Failure {
    let names: Vec<&str> = schema.types.keys().map(String::as_str).collect();
    let rule = format!("no type {}; there are {}", text::clip(name, 40), names.join(", "));
    Refusal::new(Code::TypeUnknown, rule).into()
}

pub fn unknown_record(text: &str) -> Failure {
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

/// Makes the refusal of an area that is not known here.
pub fn unknown_area(code: &str) -> Failure {
    Refusal::new(Code::AreaUnknown, format!("no area {} here", text::clip(code, 40))).into()
}
