//! `exec`: the device program of the benchmark's line protocol. Each line of standard input is a JSON request, each line of
//! standard output its answer.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use gridledger_client::engine::Clock;
use gridledger_client::{Client, Intents, Invite, Options, Query, Record, RecordId};
use gridledger_schema::set::{Merge, SchemaSet};
use serde_json::{Map, Value, json};

use crate::args::Global;
use crate::lang::Lang;
use crate::lock::make_lock;

type Failure = Box<dyn std::error::Error>;

/// The field that holds the trace's own document id.
const REF: &str = "ref";

/// Serves requests until `close` or the end of the input.
pub fn run(schema: Option<Arc<SchemaSet>>, global: &Global, lang: Lang) -> std::process::ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else {
        return std::process::ExitCode::FAILURE;
    };
    let mut device = Device { schema, global, lang, open: None };
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let request: Value = serde_json::from_str(&line).unwrap_or_default();
        let answer = runtime
            .block_on(device.handle(&request))
            .unwrap_or_else(|error| json!({ "ok": false, "error": error.to_string() }));
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{answer}").and_then(|()| out.flush()).is_err() || request["cmd"] == "close" {
            break;
        }
    }
    std::process::ExitCode::SUCCESS
}

struct Device<'a> {
    schema: Option<Arc<SchemaSet>>,
    global: &'a Global,
    lang: Lang,
    open: Option<Open>,
}

struct Open {
    client: Client,
    /// The trace's time, ms since 1970; 0 for the system's.
    time: Arc<AtomicI64>,
    /// The trace's document ids.
    records: HashMap<String, RecordId>,
}

impl Device<'_> {
    async fn handle(&mut self, request: &Value) -> Result<Value, Failure> {
        match request["cmd"].as_str() {
            Some("open") => self.open(request),
            Some("apply") => self.opened()?.apply(request),
            Some("sync") => self.opened()?.sync().await,
            Some("dump") => self.opened()?.dump(request),
            Some("close") => {
                self.open = None;
                Ok(json!({ "ok": true }))
            }
            _ => Err("unknown command".into()),
        }
    }

    fn opened(&mut self) -> Result<&mut Open, Failure> {
        self.open.as_mut().ok_or_else(|| "open comes first".into())
    }

    fn open(&mut self, request: &Value) -> Result<Value, Failure> {
        let dir = PathBuf::from(text(request, "dir")?);
        std::fs::create_dir_all(&dir)?;
        let time = Arc::new(AtomicI64::new(0));
        let options = Options {
            schema: self.schema.clone(),
            clock: Some(clock(&time)),
            timezone: self.global.timezone.clone(),
            ..Options::default()
        };
        let store = dir.join("phone.db");
        let lock = make_lock(self.global, &store, self.lang).map_err(|failure| failure.message(self.lang))?;
        let client = Client::open(&store, &lock, options)?;
        // The trace's days go by in seconds. The lease counts the system's time.
        client.engine().count_lease_by(clock(&Arc::default()));
        if client.status()?.server.is_none() {
            client.accept(&claim(Path::new(text(request, "shared")?))?)?;
        }
        client.engine().set_server(text(request, "url")?)?;
        let grids: Vec<String> = request["grids"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(Into::into)
            .collect();
        client.engine().hold_only(&grids)?;
        let mut open = Open { client, time, records: HashMap::new() };
        open.index()?;
        self.open = Some(open);
        Ok(json!({ "ok": true }))
    }
}

fn text<'a>(request: &'a Value, key: &str) -> Result<&'a str, Failure> {
    request[key].as_str().ok_or_else(|| format!("{key} is missing").into())
}

fn clock(time: &Arc<AtomicI64>) -> Clock {
    let time = time.clone();
    Arc::new(move || match time.load(Ordering::Relaxed) {
        0 => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64),
        at => at,
    })
}

/// Takes an invite that is free. Renaming its file claims it.
fn claim(shared: &Path) -> Result<Invite, Failure> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(shared.join("invites"))?.flatten().map(|f| f.path()).collect();
    files.sort();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "json")) {
        let mine = file.with_extension("taken");
        if std::fs::rename(file, &mine).is_ok() {
            return Ok(serde_json::from_slice(&std::fs::read(mine)?)?);
        }
    }
    Err("no invite is left".into())
}

impl Open {
    /// Lists every record with its whole values, to be compared.
    fn list_all(&self) -> Result<Vec<Record>, Failure> {
        Ok(self.client.engine().for_check().list(&Query::default())?)
    }

    fn index(&mut self) -> Result<(), Failure> {
        for record in self.list_all()? {
            if let Some(reference) = record.view[REF].as_str() {
                self.records.insert(reference.to_owned(), record.id);
            }
        }
        Ok(())
    }

    fn apply(&mut self, request: &Value) -> Result<Value, Failure> {
        let file = std::fs::read_to_string(text(request, "file")?)?;
        let worker = request["worker"].as_str();
        let ops = file.lines().filter(|l| !l.is_empty()).map(serde_json::from_str::<Value>);
        let ops: Vec<Value> = ops.collect::<Result<_, _>>()?;
        let mine: Vec<&Value> = ops.iter().filter(|op| worker.is_none_or(|w| op["w"] == w)).collect();
        let begun = Instant::now();
        let mut latencies = Vec::new();
        for save in mine.chunk_by(|a, b| a["w"] == b["w"] && a["x"] == b["x"]) {
            let begun = Instant::now();
            for entry in save.chunk_by(|a, b| a["d"] == b["d"]) {
                self.save(entry)?;
            }
            latencies.push(begun.elapsed().as_micros() as u64);
        }
        self.time.store(0, Ordering::Relaxed);
        let ms = begun.elapsed().as_secs_f64() * 1e3;
        let mut answer = json!({ "ok": true, "ops": mine.len(), "tx": latencies.len(), "ms": ms });
        if request["lat"] == true {
            answer["lat_us"] = json!(latencies);
        }
        Ok(answer)
    }

    fn save(&mut self, ops: &[&Value]) -> Result<(), Failure> {
        let first = ops[0];
        self.time.store(first["t"].as_i64().unwrap_or(0), Ordering::Relaxed);
        let reference = text(first, "d")?;
        if first["op"] == "create" {
            let mut intents = self.make_intents(reference, &first["v"]);
            intents = ops[1..].iter().fold(intents, edit);
            let record = self.client.create(text(&first["v"], "type")?, text(first, "g")?, intents)?;
            self.records.insert(reference.to_owned(), record);
            return Ok(());
        }
        let record = *self.records.get(reference).ok_or_else(|| format!("no record {reference}"))?;
        self.client.edit(record, ops.iter().fold(Intents::new(), edit))?;
        Ok(())
    }

    /// Makes the intents that create a whole record. Its type and grid are not fields here.
    fn make_intents(&self, reference: &str, v: &Value) -> Intents {
        let engine = self.client.engine();
        let record_type = v["type"].as_str().and_then(|t| engine.schema().record_type(t));
        let mut intents = Intents::new().put(REF, reference);
        for (field, value) in
            v.as_object().into_iter().flatten().filter(|(f, _)| *f != "type" && *f != "grid")
        {
            let merge = record_type.and_then(|t| t.field(field)).map(|f| f.merge);
            intents = match (merge, value) {
                (Some(Merge::Log), Value::Array(items)) => {
                    items.iter().fold(intents, |i, item| i.append(field, item.clone()))
                }
                _ => intents.put(field, value.clone()),
            };
        }
        intents
    }

    async fn sync(&mut self) -> Result<Value, Failure> {
        self.client.sync().await?;
        if self.client.status()?.attention > 0 {
            return Err(format!("refused: {:?}", self.client.attention()?.first()).into());
        }
        self.index()?;
        Ok(json!({ "ok": true }))
    }

    fn dump(&self, request: &Value) -> Result<Value, Failure> {
        let mut lines = BTreeMap::new();
        for record in self.list_all()? {
            let mut v = record.view.as_object().cloned().unwrap_or_default();
            let Some(Value::String(reference)) = v.remove(REF) else {
                continue;
            };
            v.insert("type".into(), record.record_type.clone().into());
            v.insert("grid".into(), record.area.into());
            self.add_empty_logs(&record.record_type, &mut v);
            lines.insert(reference, v);
        }
        let mut out = String::new();
        for (d, v) in &lines {
            out.push_str(&json!({ "d": d, "v": v }).to_string());
            out.push('\n');
        }
        std::fs::write(text(request, "file")?, out)?;
        Ok(json!({ "ok": true, "docs": lines.len() }))
    }

    /// Adds empty logs as empty lists, as the trace's shape has them.
    fn add_empty_logs(&self, record_type: &str, v: &mut Map<String, Value>) {
        let engine = self.client.engine();
        let Some(record_type) = engine.schema().record_type(record_type) else {
            return;
        };
        for field in record_type.fields.values().filter(|f| f.merge == Merge::Log) {
            v.entry(&*field.name).or_insert_with(|| json!([]));
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "folding over a slice hands over references")]
fn edit(intents: Intents, op: &&Value) -> Intents {
    let field = op["p"][0].as_str().unwrap_or_default();
    let number = |key: &str| op[key].as_u64().unwrap_or(0) as u32;
    match op["op"].as_str() {
        Some("set") => intents.put(field, op["v"].clone()),
        Some("append") => intents.append(field, op["v"].clone()),
        Some("incr") => intents.increment(field, op["n"].as_i64().unwrap_or(0)),
        Some("splice") => {
            intents.splice(field, number("pos"), number("del"), op["ins"].as_str().unwrap_or_default())
        }
        _ => intents,
    }
}
