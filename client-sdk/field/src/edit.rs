//! Edits: new records, fields, counters, logs, events.

use gridledger_client::{Intents, Purpose, Record};
use gridledger_schema::set::{Merge, RecordType, Workflow};
use serde_json::{Map, Value};

use crate::app::{Answer, App, unknown_area};
use crate::args::{Append, Event, Incr, Item, New, Set};
use crate::failure::Failure;
use crate::{fields, values};

pub fn new(app: &App, new: &New) -> Result<Answer, Failure> {
    let record_type = app.record_type(&new.record_type)?;
    let area = choose_area(app, new.area.as_deref())?;
    let mut intents = fields::make_intents(app, record_type, &Value::Null, &new.fields)?;
    for event in &new.events {
        let (verb, args) = split_event(app, event)?;
        intents = intents.event(find_verb(app, record_type, verb), args);
    }
    let saved = app.client.engine().create(&record_type.name, &area, intents);
    app.answer_saved(saved.map_err(|e| app.explain_refusal(&record_type.name, e))?)
}

/// Finds the area given; without one, the only area if this phone knows one alone.
fn choose_area(app: &App, given: Option<&str>) -> Result<String, Failure> {
    let areas = app.client.areas();
    if areas.is_empty() {
        return Err(gridledger_client::ClientError::NotEnrolled.into());
    }
    match (given, areas.as_slice()) {
        (Some(code), areas) if areas.iter().any(|area| area.code == code) => Ok(code.to_owned()),
        (Some(code), _) => Err(unknown_area(code)),
        (None, [only]) => Ok(only.code.clone()),
        (None, areas) => {
            let codes: Vec<&str> = areas.iter().take(20).map(|area| area.code.as_str()).collect();
            let codes = codes.join(app.lang.comma());
            Err(Failure::Usage(say!(
                app.lang,
                "请用 --area 指明区域：{codes}",
                "Name the area with --area: {codes}"
            )))
        }
    }
}

/// Splits `verb` or `verb:{…}`.
fn split_event<'a>(app: &App, given: &'a str) -> Result<(&'a str, Map<String, Value>), Failure> {
    let Some((verb, args)) = given.split_once(':') else {
        return Ok((given, Map::new()));
    };
    let args = serde_json::from_str(args).map_err(|error| values::bad_json(app, args, &error))?;
    Ok((verb, args))
}

fn workflow<'a>(app: &'a App, record_type: &RecordType) -> Option<&'a Workflow> {
    app.schema.workflow(record_type.workflow.as_ref()?)
}

/// Finds a verb by its code, or by its label in either language.
fn find_verb<'a>(app: &'a App, record_type: &RecordType, given: &'a str) -> &'a str {
    let Some(workflow) = workflow(app, record_type) else {
        return given;
    };
    let labelled = || {
        let mut verbs = workflow.verbs.values();
        verbs.find(|verb| verb.label.zh == given || verb.label.en.eq_ignore_ascii_case(given))
    };
    workflow.verb(given).or_else(labelled).map_or(given, |verb| &verb.name)
}

fn save(app: &App, record: &Record, intents: Intents) -> Result<Answer, Failure> {
    let saved = app.client.edit(record.id, intents);
    app.answer_saved(saved.map_err(|e| app.explain_refusal(&record.record_type, e))?)
}

pub fn set(app: &App, set: &Set) -> Result<Answer, Failure> {
    let mut record = app.record(&set.record)?;
    let record_type = app.record_type(&record.record_type)?;
    if fields::needs_whole(record_type, &set.fields) {
        record = app.open_whole(record, &Purpose::Edit)?;
    }
    let intents = fields::make_intents(app, record_type, &record.view, &set.fields)?;
    save(app, &record, intents)
}

pub fn add(app: &App, given: &Item) -> Result<Answer, Failure> {
    let record = app.record(&given.record)?;
    let item = match app.record_type(&record.record_type)?.field(&given.field) {
        Some(field) => fields::read_item(app, field, &given.value)?,
        None => given.value.clone(),
    };
    save(app, &record, Intents::new().add(&given.field, &item))
}

pub fn remove(app: &App, given: &Item) -> Result<Answer, Failure> {
    let record = app.record(&given.record)?;
    let intents = match app.record_type(&record.record_type)?.field(&given.field) {
        Some(field) if field.merge == Merge::Map => Intents::new().remove_child(&given.field, &given.value),
        Some(field) => Intents::new().remove(&given.field, &fields::read_item(app, field, &given.value)?),
        None => Intents::new().remove(&given.field, &given.value),
    };
    save(app, &record, intents)
}

pub fn increment(app: &App, given: &Incr) -> Result<Answer, Failure> {
    let record = app.record(&given.record)?;
    save(app, &record, Intents::new().increment(&given.field, given.by))
}

pub fn append(app: &App, given: &Append) -> Result<Answer, Failure> {
    let record = app.record(&given.record)?;
    let value = match app.record_type(&record.record_type)?.field(&given.field) {
        Some(field) => values::read(app, &field.kind, &given.value)?,
        None => given.value.as_str().into(),
    };
    save(app, &record, Intents::new().append(&given.field, value))
}

pub fn event(app: &App, given: &Event) -> Result<Answer, Failure> {
    let record = app.record(&given.record)?;
    let record_type = app.record_type(&record.record_type)?;
    let verb = find_verb(app, record_type, &given.verb);
    let rule = workflow(app, record_type).and_then(|workflow| workflow.verb(verb));
    let mut args = Map::new();
    for given in &given.args {
        let (key, text) = fields::split_pair(app, given)?;
        let value = match rule.and_then(|rule| rule.args.get(key)) {
            Some(kind) => values::read(app, kind, text)?,
            None => values::json(app, text)?,
        };
        args.insert(key.to_owned(), value);
    }
    save(app, &record, Intents::new().event(verb, args))
}
