//! The record types, and one type's fields with their labels, values and writers.

use std::fmt::Write as _;

use std::sync::Arc;

use gridledger_client::{Client, Options};
use gridledger_schema::set::{Field, Kind, Merge, RecordType, SchemaSet, VerbRule};
use serde_json::{Map, Value, json};

use crate::app::{Answer, load_schema, unknown_type};
use crate::args::Global;
use crate::failure::Failure;
use crate::lang::Lang;
use crate::lock::make_lock;
use crate::text::table;

/// Finds the schema set: that of `--schema`, else the store's, else the built-in one.
fn find_schema(global: &Global, lang: Lang) -> Result<Arc<SchemaSet>, Failure> {
    match load_schema(global)? {
        Some(schema) => Ok(schema),
        None if global.store.exists() => {
            let lock = make_lock(global, &global.store, lang)?;
            Ok(Client::open(&global.store, &lock, Options::default())?.schema())
        }
        None => Ok(SchemaSet::builtin()),
    }
}

pub fn run(global: &Global, lang: Lang, name: Option<&str>) -> Result<Answer, Failure> {
    let schema = find_schema(global, lang)?;
    match name {
        None => Ok(types(&schema, lang)),
        Some(name) => {
            let record_type = schema.record_type(name).ok_or_else(|| unknown_type(&schema, name))?;
            Ok(Answer::new(type_json(&schema, record_type), type_text(&schema, lang, record_type)))
        }
    }
}

fn types(schema: &SchemaSet, lang: Lang) -> Answer {
    let row = |t: &RecordType| {
        vec![t.name.clone(), lang.label(&t.label).to_owned(), list_roles(schema, lang, &t.create)]
    };
    let mut rows = vec![["类型", "名称", "谁可以新建"], ["TYPE", "name", "who may create"]];
    let head = rows.swap_remove(usize::from(lang == Lang::En)).map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = [head].into_iter().chain(schema.types.values().map(row)).collect();
    let json = schema
        .types
        .values()
        .map(|t| json!({ "name": t.name, "label": label(&t.label), "create": t.create }));
    Answer::new(
        json.collect(),
        table(&rows, "")
            + lang.pick("字段：gridledger-field schema 类型", "fields: gridledger-field schema TYPE"),
    )
}

fn label(label: &gridledger_schema::set::Label) -> Value {
    json!({ "zh": label.zh, "en": label.en })
}

/// Lists roles by their labels.
fn list_roles(schema: &SchemaSet, lang: Lang, codes: &[String]) -> String {
    let word = |code: &String| {
        schema.role(code).map_or_else(|| code.clone(), |role| lang.label(&role.label).to_owned())
    };
    codes.iter().map(word).collect::<Vec<_>>().join(lang.comma())
}

/// Describes the values of a kind in a few words.
fn describe_kind(kind: &Kind, lang: Lang) -> String {
    match kind {
        Kind::Text { max_chars } => {
            say!(lang, "文字，最多 {max_chars} 字", "text, at most {max_chars} characters")
        }
        Kind::Integer { min, max } => say!(lang, "整数 {min} 到 {max}", "whole number {min} to {max}"),
        Kind::Number { min, max } => say!(lang, "数 {min} 到 {max}", "number {min} to {max}"),
        Kind::Boolean => lang.pick("是/否", "true or false").to_owned(),
        Kind::Time => {
            lang.pick("时间（now 或 2025-06-01T08:30）", "time (now or 2025-06-01T08:30)").to_owned()
        }
        Kind::Enum(choices) => choices
            .iter()
            .map(|c| format!("{} {}", c.code, lang.label(&c.label)))
            .collect::<Vec<_>>()
            .join(" | "),
        Kind::Ref(to) => say!(lang, "档案编号（{to}）", "id of a {to}"),
        Kind::List { item, max_items } => {
            let item = describe_kind(item, lang);
            say!(lang, "列表，最多 {max_items} 项：{item}", "list of at most {max_items}: {item}")
        }
        Kind::Object { fields, required } => {
            let part = |(name, kind): (&String, &Kind)| {
                let star = if required.contains(name) { "*" } else { "" };
                format!("{name}{star}: {}", describe_kind(kind, lang))
            };
            format!("{{ {} }}", fields.iter().map(part).collect::<Vec<_>>().join("; "))
        }
    }
}

/// Shows how a field is written on this command line.
fn show_form(field: &Field) -> String {
    let name = &field.name;
    match field.merge {
        Merge::Counter => format!("{name}+=N"),
        Merge::SetAddWins | Merge::SetRemoveWins => format!("{name}+=… {name}-=…"),
        Merge::Log => format!("{name}+=…"),
        Merge::Map => format!("{name}.ID.KEY=…"),
        Merge::Events => "event VERB".to_owned(),
        _ => format!("{name}=…"),
    }
}

fn type_text(schema: &SchemaSet, lang: Lang, record_type: &RecordType) -> String {
    let creators = list_roles(schema, lang, &record_type.create);
    let (name, title) = (&record_type.name, lang.label(&record_type.label));
    let mut out = say!(
        lang,
        "{name}  {title}\n谁可以新建：{creators}\n\n",
        "{name}  {title}\nwho may create: {creators}\n\n"
    );
    for field in record_type.order().iter().filter_map(|name| record_type.field(name)) {
        let required = if field.required { lang.pick("（必填）", " (required)") } else { "" };
        let (form, label, merge) = (show_form(field), lang.label(&field.label), field.merge.as_str());
        _ = writeln!(out, "{form}  {label}{required}  [{merge}]");
        if field.merge != Merge::Events {
            _ = writeln!(out, "    {}", describe_kind(&field.kind, lang));
        }
        let (writers, own) = (list_roles(schema, lang, &field.write), own(field, lang));
        out.push_str(&say!(lang, "    谁可以填写：{writers}{own}\n", "    who may write: {writers}{own}\n"));
    }
    if let Some(workflow) = record_type.workflow.as_ref().and_then(|name| schema.workflow(name)) {
        out.push_str(lang.pick("\n办理环节（event）\n", "\nsteps (event)\n"));
        workflow.verbs.values().for_each(|verb| out.push_str(&verb_text(schema, lang, verb)));
    }
    out
}

fn own(field: &Field, lang: Lang) -> &'static str {
    if field.own { lang.pick("（仅限自己新建的）", " (only on records of their own)") } else { "" }
}

fn verb_text(schema: &SchemaSet, lang: Lang, verb: &VerbRule) -> String {
    let (name, label) = (&verb.name, lang.label(&verb.label));
    let from = if verb.from.is_empty() { "–".to_owned() } else { verb.from.join(" ") };
    let to = verb.to.as_deref().unwrap_or("=");
    let arg = |name: &String| format!("{name}{}=…", if verb.required_args.contains(name) { "*" } else { "" });
    let args = verb.args.keys().map(arg).collect::<Vec<_>>().join(" ");
    let who = list_roles(schema, lang, &verb.roles);
    say!(
        lang,
        "{name}  {label}  {from} → {to}\n    参数：{args}\n    谁可以：{who}\n",
        "{name}  {label}  {from} → {to}\n    arguments: {args}\n    who may: {who}\n"
    )
}

fn type_json(schema: &SchemaSet, record_type: &RecordType) -> Value {
    let fields = record_type.order().iter().filter_map(|name| record_type.field(name)).map(field_json);
    let workflow = record_type.workflow.as_ref().and_then(|name| schema.workflow(name)).map(|workflow| {
        let verb = |v: &VerbRule| json!({
            "name": v.name, "label": label(&v.label), "from": v.from, "to": v.to, "roles": v.roles,
            "args": v.args.keys().collect::<Vec<_>>(), "required_args": v.required_args,
        });
        let state = |s: &gridledger_schema::set::WorkflowState| json!({ "code": s.code, "label": label(&s.label), "open": s.open });
        json!({
            "name": workflow.name, "states": workflow.states.iter().map(state).collect::<Vec<_>>(),
            "verbs": workflow.verbs.values().map(verb).collect::<Vec<_>>(),
        })
    });
    json!({
        "name": record_type.name, "label": label(&record_type.label), "create": record_type.create,
        "title": record_type.title, "fields": fields.collect::<Vec<_>>(), "workflow": workflow,
    })
}

fn field_json(field: &Field) -> Value {
    json!({
        "name": field.name, "label": label(&field.label), "merge": field.merge.as_str(), "kind": kind_json(&field.kind),
        "required": field.required, "write": field.write, "own": field.own, "facet": field.facet,
        "max_items": field.max_items,
    })
}

fn kind_json(kind: &Kind) -> Value {
    let mut out = Map::from_iter([("is".to_owned(), json!(kind.name()))]);
    let mut add = |key: &str, value: Value| out.insert(key.to_owned(), value);
    match kind {
        Kind::Text { max_chars } => _ = add("max_chars", json!(max_chars)),
        Kind::Integer { min, max } => _ = (add("min", json!(min)), add("max", json!(max))),
        Kind::Number { min, max } => _ = (add("min", json!(min)), add("max", json!(max))),
        Kind::Boolean | Kind::Time => {}
        Kind::Enum(choices) => {
            let choices = choices.iter().map(|c| json!({ "code": c.code, "label": label(&c.label) }));
            add("choices", choices.collect());
        }
        Kind::Ref(to) => _ = add("to", json!(to)),
        Kind::List { item, max_items } => {
            _ = (add("item", kind_json(item)), add("max_items", json!(max_items)));
        }
        Kind::Object { fields, required } => {
            let fields: Map<String, Value> =
                fields.iter().map(|(name, kind)| (name.clone(), kind_json(kind))).collect();
            _ = (add("fields", json!(fields)), add("required", json!(required)));
        }
    }
    Value::Object(out)
}
