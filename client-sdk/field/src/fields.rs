//! Assignments `field=value`, turned into the operations that suit the way each field merges.

use gridledger_client::Intents;
use gridledger_core::mask;
use gridledger_schema::set::{Field, Kind, Merge, RecordType};
use serde_json::{Map, Value};

use crate::app::App;
use crate::failure::Failure;
use crate::text::clip;
use crate::values;

/// The way a value is joined to the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Is,
    Plus,
    Minus,
}

/// An assignment: `path=text`, `path+=text` or `path-=text`.
struct Assignment<'a> {
    field: &'a str,
    /// The part of the path after the field's name and a dot.
    inside: Option<&'a str>,
    sign: Sign,
    text: &'a str,
}

fn assignment<'a>(app: &App, given: &'a str) -> Result<Assignment<'a>, Failure> {
    let missing = || {
        let shown = clip(given, 40);
        Failure::Usage(say!(
            app.lang,
            "看不懂“{shown}”：请写成 字段=值。",
            "\"{shown}\" is not understood: write FIELD=VALUE."
        ))
    };
    let (path, text) = given.split_once('=').ok_or_else(missing)?;
    let (path, sign) = match (path.strip_suffix('+'), path.strip_suffix('-')) {
        (Some(path), _) => (path, Sign::Plus),
        (_, Some(path)) => (path, Sign::Minus),
        _ => (path, Sign::Is),
    };
    let (field, inside) = path.split_once('.').map_or((path, None), |(field, inside)| (field, Some(inside)));
    if field.is_empty() {
        return Err(missing());
    }
    Ok(Assignment { field, inside, sign, text })
}

/// Splits `key=value`.
pub fn split_pair<'a>(app: &App, given: &'a str) -> Result<(&'a str, &'a str), Failure> {
    let split = given.split_once('=').filter(|(key, _)| !key.is_empty());
    split.ok_or_else(|| {
        let shown = clip(given, 40);
        Failure::Usage(say!(
            app.lang,
            "看不懂“{shown}”：请写成 名称=值。",
            "\"{shown}\" is not understood: write KEY=VALUE."
        ))
    })
}

/// Assignments on their way to intents. Parts of one child, or of one object, go into one intent.
struct Gathered<'a> {
    app: &'a App,
    intents: Intents,
    children: Vec<(String, String, Map<String, Value>)>,
    objects: Vec<(String, Map<String, Value>)>,
}

/// Makes the intents of assignments to a record with this view.
pub fn make_intents(
    app: &App,
    record_type: &RecordType,
    view: &Value,
    given: &[String],
) -> Result<Intents, Failure> {
    let mut gathered = Gathered { app, intents: Intents::new(), children: Vec::new(), objects: Vec::new() };
    for given in given {
        let one = assignment(app, given)?;
        match record_type.field(one.field) {
            Some(field) => gathered.take(field, view, &one)?,
            // The rules refuse an unknown field in the same words as everywhere.
            None => gathered.with(|intents| intents.put(one.field, one.text)),
        }
    }
    let Gathered { mut intents, children, objects, .. } = gathered;
    for (field, child, value) in children {
        intents = intents.set_child(&field, &child, value);
    }
    for (field, value) in objects {
        intents = intents.put(&field, value);
    }
    Ok(intents)
}

/// Whether an assignment changes a part of a value that is shown masked. The rest of the value is written back, so it must be
/// whole.
pub fn needs_whole(record_type: &RecordType, given: &[String]) -> bool {
    let paths = given.iter().filter_map(|given| given.split_once('='));
    let mut fields =
        paths.filter_map(|(path, _)| path.split_once('.')).filter_map(|(name, _)| record_type.field(name));
    fields.any(|field| {
        field.merge != Merge::Map && matches!(field.kind, Kind::Object { .. }) && mask::rule(field).is_some()
    })
}

impl Gathered<'_> {
    fn with(&mut self, more: impl FnOnce(Intents) -> Intents) {
        self.intents = more(std::mem::take(&mut self.intents));
    }

    fn take(&mut self, field: &Field, view: &Value, one: &Assignment<'_>) -> Result<(), Failure> {
        let name = &*field.name;
        match (field.merge, one.sign, one.inside) {
            (Merge::SetAddWins | Merge::SetRemoveWins, Sign::Plus, None) => {
                let item = read_item(self.app, field, one.text)?;
                self.with(|intents| intents.add(name, &item));
            }
            (Merge::SetAddWins | Merge::SetRemoveWins, Sign::Minus, None) => {
                let item = read_item(self.app, field, one.text)?;
                self.with(|intents| intents.remove(name, &item));
            }
            (Merge::Log, Sign::Plus, None) => {
                let value = values::read(self.app, &field.kind, one.text)?;
                self.with(|intents| intents.append(name, value));
            }
            (Merge::Counter, Sign::Plus | Sign::Minus, None) => self.count(field, one)?,
            (Merge::Map, Sign::Minus, None) => self.with(|intents| intents.remove_child(name, one.text)),
            (Merge::Map, Sign::Is, Some(inside)) => self.child(field, inside, one.text)?,
            (_, Sign::Is, Some(part)) if matches!(field.kind, Kind::Object { .. }) => {
                self.part(field, view, part, one.text)?;
            }
            (_, Sign::Is, None) => {
                let value = if one.text.is_empty() {
                    make_cleared(field)
                } else {
                    values::read(self.app, &field.kind, one.text)?
                };
                self.with(|intents| intents.put(name, value));
            }
            _ => return Err(self.does_not_take(field, one)),
        }
        Ok(())
    }

    fn count(&mut self, field: &Field, one: &Assignment<'_>) -> Result<(), Failure> {
        let by = one
            .text
            .parse::<i64>()
            .ok()
            .and_then(|by| if one.sign == Sign::Minus { by.checked_neg() } else { Some(by) });
        let by = by.ok_or_else(|| {
            let shown = clip(one.text, 40);
            Failure::Usage(say!(self.app.lang, "“{shown}”不是整数。", "\"{shown}\" is not a whole number."))
        })?;
        self.with(|intents| intents.increment(&field.name, by));
        Ok(())
    }

    /// Adds an assignment such as `contacts.ID.phone`. The id stands between the first dot and the last.
    fn child(&mut self, field: &Field, inside: &str, text: &str) -> Result<(), Failure> {
        let Some((id, key)) = inside.rsplit_once('.').filter(|(id, key)| !id.is_empty() && !key.is_empty())
        else {
            let name = &field.name;
            let message = say!(self.app.lang, "请写成 {name}.编号.项目=值。", "Write {name}.ID.KEY=VALUE.");
            return Err(Failure::Usage(message));
        };
        let value = self.inner(field, key, text)?;
        let there = self.children.iter_mut().find(|(of, child, _)| *of == field.name && child == id);
        match there {
            Some((_, _, child)) => _ = child.insert(key.to_owned(), value),
            None => self.children.push((
                field.name.clone(),
                id.to_owned(),
                Map::from_iter([(key.to_owned(), value)]),
            )),
        }
        Ok(())
    }

    /// Adds an assignment such as `address.road`: the present object with this part changed.
    fn part(&mut self, field: &Field, view: &Value, part: &str, text: &str) -> Result<(), Failure> {
        let value = self.inner(field, part, text)?;
        if self.objects.iter().all(|(of, _)| *of != field.name) {
            let now = view.get(&field.name).and_then(Value::as_object).cloned().unwrap_or_default();
            self.objects.push((field.name.clone(), now));
        }
        if let Some((_, object)) = self.objects.iter_mut().find(|(of, _)| *of == field.name) {
            if value.is_null() {
                object.remove(part);
            } else {
                object.insert(part.to_owned(), value);
            }
        }
        Ok(())
    }

    fn inner(&self, field: &Field, key: &str, text: &str) -> Result<Value, Failure> {
        let kind = match &field.kind {
            Kind::Object { fields, .. } => fields.get(key),
            _ => None,
        };
        match kind {
            _ if text.is_empty() => Ok(Value::Null),
            Some(kind) => values::read(self.app, kind, text),
            None => Ok(text.into()),
        }
    }

    fn does_not_take(&self, field: &Field, one: &Assignment<'_>) -> Failure {
        let (name, merge) = (&field.name, field.merge.as_str());
        let form = match field.merge {
            Merge::SetAddWins | Merge::SetRemoveWins => format!("{name}+=…  {name}-=…"),
            Merge::Log => format!("{name}+=…"),
            Merge::Counter => format!("{name}+=N  {name}-=N"),
            Merge::Map => format!("{name}.ID.KEY=…  {name}-=ID"),
            Merge::Events => "gridledger-field event RECORD VERB".to_owned(),
            _ => format!("{name}=…"),
        };
        let given = clip(one.text, 20);
        Failure::Usage(say!(
            self.app.lang,
            "字段 {name}（{merge}）不能这样填写“{given}”，请写成：{form}",
            "The field {name} ({merge}) does not take \"{given}\" this way; write: {form}"
        ))
    }
}

/// Makes the value that `field=` writes: null, or an empty text for a shared text.
fn make_cleared(field: &Field) -> Value {
    if field.merge == Merge::Text { "".into() } else { Value::Null }
}

/// Reads an item of a set, which is a text on the wire.
pub fn read_item(app: &App, field: &Field, text: &str) -> Result<String, Failure> {
    let value = values::read(app, &field.kind, text)?;
    Ok(value.as_str().map_or_else(|| text.to_owned(), str::to_owned))
}
