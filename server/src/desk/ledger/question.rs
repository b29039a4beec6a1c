//! The question of a ledger pull (area, position, filters, form), read from a query string.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::limits;
use gridledger_schema::set::{RecordType, SchemaSet};

use super::cursor;
use crate::desk::disclosure::unmask::Unmask;
use crate::lang::Lang;
use crate::shown::columns::{Source, columns};
use gridledger_core::mask;

/// Rows of a page if the question does not say.
const LIMIT: usize = 1_000;
/// Characters of a search text and of a filter's value.
const TEXT_CHARS: usize = 200;
/// Filters of one question.
const FILTERS: usize = 50;
/// Sets a field apart from a parameter of the same name.
const FIELD_PREFIX: &str = "field.";
/// Columns that are the type or the area itself, which have parameters of their own.
const NOT_FILTERED: &[&str] = &["type", "area"];

/// The forms of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One object with the rows.
    Json,
    /// One row a line.
    Ndjson,
    /// A sheet.
    Csv,
}

/// A ledger pull.
#[derive(Clone, Debug, PartialEq)]
pub struct Question<'a> {
    /// The type.
    pub record_type: &'a RecordType,
    /// The code of the area; all below it count. `None` for all the caller may read.
    pub area: Option<String>,
    /// The cursor to go on from.
    pub since: Option<String>,
    /// Rows of a page.
    pub limit: usize,
    /// Column to the values of which one is wanted; an empty text stands for none.
    pub filters: BTreeMap<String, BTreeSet<String>>,
    /// A text that is part of some shown value, in lower case.
    pub text: Option<String>,
    /// The request for unmasked values; `None` for masked ones.
    pub unmask: Option<Unmask>,
    /// The form asked for, if one is.
    pub format: Option<Format>,
    /// The language asked for, if one is.
    pub lang: Option<Lang>,
    /// The time for which an empty page may wait for news.
    pub wait: Duration,
}

impl<'a> Question<'a> {
    /// Reads a question from the pairs of a query string.
    pub fn read(schema: &'a SchemaSet, type_name: &str, pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let record_type = schema
            .record_type(type_name)
            .ok_or_else(|| Refusal::new(Code::TypeUnknown, "no such record type"))?;
        let mut question = Self {
            record_type,
            area: None,
            since: None,
            limit: LIMIT,
            filters: BTreeMap::new(),
            text: None,
            unmask: None,
            format: None,
            lang: None,
            wait: Duration::ZERO,
        };
        let mut seen = BTreeSet::new();
        for (key, value) in pairs {
            let parameter = matches!(
                key.as_str(),
                "area"
                    | "since"
                    | "limit"
                    | "q"
                    | "unmask"
                    | "reason"
                    | "export"
                    | "format"
                    | "lang"
                    | "wait"
            );
            if parameter && !seen.insert(key.as_str()) {
                return Err(wrong(key, "is there twice"));
            }
            if !matches!(key.as_str(), "since" | "reason") && value.chars().count() > TEXT_CHARS {
                return Err(Refusal::of_field(
                    Code::LimitExceeded,
                    key,
                    format!("at most {TEXT_CHARS} characters"),
                ));
            }
            match key.as_str() {
                "area" => question.area = Some(value.clone()),
                "since" => question.since = Some(value.clone()).filter(|since| !since.is_empty()),
                "limit" => question.limit = limit(value)?,
                "q" => question.text = Some(value.trim().to_lowercase()).filter(|text| !text.is_empty()),
                // Read together, below.
                "unmask" | "reason" | "export" => {}
                "wait" => question.wait = wait(value)?,
                "format" => question.format = Some(format(value)?),
                "lang" => {
                    question.lang = Some(Lang::parse(value).ok_or_else(|| wrong("lang", "zh or en"))?);
                }
                name => question.filter(name.strip_prefix(FIELD_PREFIX).unwrap_or(name), value)?,
            }
        }
        question.unmask = Unmask::read(pairs)?;
        if question.unmask.is_some() && !question.wait.is_zero() {
            return Err(wrong("wait", "goes with masked values only"));
        }
        question.check_masked()?;
        Ok(question)
    }

    fn filter(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let known = columns(self.record_type)
            .iter()
            .any(|column| column.key == name && !NOT_FILTERED.contains(&name));
        if !known {
            let name: String = name.chars().take(limits::FIELD_NAME_CHARS).collect();
            return Err(Refusal::of_field(
                Code::FieldUnknown,
                &name,
                format!("not a column of {}", self.record_type.name),
            ));
        }
        let values = self.filters.entry(name.to_owned()).or_default();
        values.insert(value.to_owned());
        if self.filters.values().map(BTreeSet::len).sum::<usize>() > FILTERS {
            return Err(Refusal::new(Code::LimitExceeded, format!("at most {FILTERS} filters")));
        }
        Ok(())
    }

    /// Whoever may not see a value may not find out about it by asking for it either.
    fn check_masked(&self) -> Result<(), Refusal> {
        if self.unmask.is_some() {
            return Ok(());
        }
        let masked = columns(self.record_type).into_iter().find(|column| {
            let is_masked = matches!(column.source, Source::Field(field) if mask::rule(field).is_some());
            is_masked && self.filters.contains_key(column.key)
        });
        match masked {
            Some(column) => {
                Err(Refusal::of_field(Code::Forbidden, column.key, "a masked column is not filtered by"))
            }
            None => Ok(()),
        }
    }

    /// Describes the question for the read log: type, area and the columns of its filters, but no value.
    pub fn subject(&self) -> String {
        let text = self.text.is_some().then_some("q");
        let by: Vec<&str> = self.filters.keys().map(String::as_str).chain(text).collect();
        let export = self.unmask.as_ref().and_then(|unmask| unmask.export);
        let parts = [
            Some(self.record_type.name.clone()),
            self.area.as_ref().map(|area| format!("area={area}")),
            (!by.is_empty()).then(|| format!("by={}", by.join(","))),
            export.map(|export| format!("export={export}")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// Hashes everything that decides which rows there are; the question's cursors are bound to the hash.
    pub fn binding(&self) -> [u8; 8] {
        let filters = self
            .filters
            .iter()
            .flat_map(|(name, values)| values.iter().flat_map(move |value| [name.as_str(), value.as_str()]));
        let mut parts = vec![
            self.record_type.name.as_str(),
            self.area.as_deref().unwrap_or_default(),
            self.text.as_deref().unwrap_or_default(),
        ];
        parts.extend(filters);
        cursor::binding(parts)
    }
}

fn wrong(parameter: &str, rule: &str) -> Refusal {
    Refusal::of_field(Code::BadRequest, parameter, rule)
}

fn wait(value: &str) -> Result<Duration, Refusal> {
    let seconds = value.parse().ok().filter(|seconds| *seconds <= limits::WAIT_SECONDS);
    let seconds = seconds.ok_or_else(|| wrong("wait", &format!("0 to {} seconds", limits::WAIT_SECONDS)))?;
    Ok(Duration::from_secs(seconds))
}

fn limit(value: &str) -> Result<usize, Refusal> {
    let most = limits::LEDGER_PAGE_ROWS;
    let number: usize = value.parse().map_err(|_| wrong("limit", "a number"))?;
    if (1..=most).contains(&number) {
        return Ok(number);
    }
    Err(Refusal::of_field(Code::LimitExceeded, "limit", format!("from 1 to {most} rows")))
}

fn format(value: &str) -> Result<Format, Refusal> {
    match value {
        "json" => Ok(Format::Json),
        "ndjson" => Ok(Format::Ndjson),
        "csv" => Ok(Format::Csv),
        _ => Err(wrong("format", "json, ndjson or csv")),
    }
}

impl Format {
    /// The form an `Accept` header asks for; JSON if it names none of them.
    pub fn accepted(header: &str) -> Self {
        let named = header.split(',').find_map(|part| {
            let kind = part.split(';').next().unwrap_or_default().trim();
            match kind.to_ascii_lowercase().as_str() {
                "application/json" => Some(Self::Json),
                "application/x-ndjson" | "application/ndjson" => Some(Self::Ndjson),
                "text/csv" => Some(Self::Csv),
                _ => None,
            }
        });
        named.unwrap_or(Self::Json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(schema: &'a SchemaSet, of: &str, query: &[(&str, &str)]) -> Result<Question<'a>, Refusal> {
        let pairs: Vec<_> = query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Question::read(schema, of, &pairs)
    }

    #[test]
    fn a_question_reads_every_parameter() {
        let schema = SchemaSet::builtin();
        let query = [
            ("area", "G1"),
            ("limit", "5"),
            ("q", " Lamp "),
            ("kind", "incident"),
            ("kind", "hazard"),
            ("field.state", "HANDLING"),
            ("format", "csv"),
            ("lang", "en"),
        ];
        let question = read(&schema, "ticket", &query).unwrap();
        assert_eq!((question.area.as_deref(), question.limit), (Some("G1"), 5));
        assert_eq!(question.text.as_deref(), Some("lamp"));
        assert_eq!(question.filters["kind"].len(), 2);
        assert!(question.filters.contains_key("state"));
        assert_eq!((question.format, question.lang), (Some(Format::Csv), Some(Lang::En)));
    }

    /// A type, a query, and the code and field it is refused with.
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Code, Option<&'a str>);

    #[test]
    fn what_is_wrong_is_refused_by_name() {
        let schema = SchemaSet::builtin();
        let long = "x".repeat(TEXT_CHARS + 1);
        let cases: &[Case<'_>] = &[
            ("nothing", &[], Code::TypeUnknown, None),
            ("ticket", &[("colour", "red")], Code::FieldUnknown, Some("colour")),
            ("ticket", &[("type", "ticket")], Code::FieldUnknown, Some("type")),
            ("ticket", &[("followers", "w1")], Code::FieldUnknown, Some("followers")),
            ("dwelling", &[("state", "CLOSED")], Code::FieldUnknown, Some("state")),
            ("ticket", &[("limit", "0")], Code::LimitExceeded, Some("limit")),
            ("ticket", &[("limit", "10001")], Code::LimitExceeded, Some("limit")),
            ("ticket", &[("limit", "many")], Code::BadRequest, Some("limit")),
            ("ticket", &[("area", "A"), ("area", "B")], Code::BadRequest, Some("area")),
            ("ticket", &[("format", "xlsx")], Code::BadRequest, Some("format")),
            ("ticket", &[("lang", "fr")], Code::BadRequest, Some("lang")),
            ("ticket", &[("unmask", "yes")], Code::BadRequest, Some("unmask")),
            ("ticket", &[("unmask", "1")], Code::ReasonRequired, Some("reason")),
            ("ticket", &[("q", &long)], Code::LimitExceeded, Some("q")),
            ("person", &[("name", "陆小明")], Code::Forbidden, Some("name")),
        ];
        for (of, query, code, field) in cases {
            let refusal = read(&schema, of, query).unwrap_err();
            assert_eq!((refusal.code, refusal.field.as_deref()), (*code, *field), "{query:?}");
        }
    }

    #[test]
    fn a_cursor_is_bound_to_what_says_which_rows_there_are() {
        let schema = SchemaSet::builtin();
        let bound = |query: &[(&str, &str)]| read(&schema, "ticket", query).unwrap().binding();
        let plain = bound(&[]);
        assert_eq!(plain, bound(&[("limit", "7"), ("format", "csv"), ("lang", "en")]));
        for query in [("area", "G1"), ("q", "lamp"), ("kind", "hazard")] {
            assert_ne!(plain, bound(&[query]), "{query:?}");
        }
    }

    #[test]
    fn the_form_follows_the_accept_header() {
        for (header, form) in [
            ("", Format::Json),
            ("*/*", Format::Json),
            ("text/csv", Format::Csv),
            ("text/html, application/x-ndjson;q=0.9", Format::Ndjson),
        ] {
            assert_eq!(Format::accepted(header), form, "{header}");
        }
    }
}
