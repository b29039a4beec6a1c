//! The people who handle a record.

use serde_json::Value;

/// The logins of the people that a record's view (a JSON object) assigns it to: the assignees and co-handlers of its ticket,
/// and the people named in its field `co_handlers`.
pub fn handlers(view: &Value) -> impl Iterator<Item = &str> {
    let lists = [&view["_ticket"]["assignees"], &view["_ticket"]["co_handlers"], &view["co_handlers"]];
    lists.into_iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str)
}
