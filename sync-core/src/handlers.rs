//! The handlers of a record are the people to whom it is assigned.

use gridledger_schema::set::{Merge, RecordType};
use serde_json::Value;

/// The field that names further handlers beside those of the ticket.
const CO_HANDLERS: &str = "co_handlers";

/// Lists the logins of a record's handlers, from its view (a JSON object): the assignees and co-handlers of its
/// ticket, and the people named in its field `co_handlers`. A login may come several times.
pub fn handlers(view: &Value) -> impl Iterator<Item = &str> {
    let lists = [&view["_ticket"]["assignees"], &view["_ticket"]["co_handlers"], &view[CO_HANDLERS]];
    lists.into_iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str)
}

/// Whether a record is the work of `login`: assigned to the person, or created by the person.
pub fn is_handled_by<'a>(login: &str, created_by: &str, mut handlers: impl Iterator<Item = &'a str>) -> bool {
    created_by == login || handlers.any(|handler| handler == login)
}

/// Whether a view of this type may name handlers.
pub fn names_handlers(record_type: &RecordType) -> bool {
    record_type.fields.values().any(|field| field.merge == Merge::Events || field.name == CO_HANDLERS)
}

#[cfg(test)]
mod tests {
    use gridledger_schema::set::SchemaSet;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_handled_by_those_it_names_and_by_its_creator() {
        let ticket = json!({ "assignees": ["h1"], "co_handlers": ["h2", 7] });
        let view = json!({ "_ticket": ticket, "co_handlers": ["h3", "h1"], "followers": ["h4"] });
        assert_eq!(handlers(&view).collect::<Vec<_>>(), ["h1", "h2", "h3", "h1"]);
        assert_eq!(handlers(&json!({ "co_handlers": "h1" })).count(), 0);
        for (login, handles) in [("h1", true), ("h2", true), ("h3", true), ("w1", true), ("h4", false)] {
            assert_eq!(is_handled_by(login, "w1", handlers(&view)), handles, "{login}");
        }
        let schema = SchemaSet::builtin();
        let names = |name| names_handlers(schema.record_type(name).expect("a type"));
        assert!(names("ticket") && !names("person"));
    }
}
