//! The one builder of areas that tests make.

use gridledger_server::service::Service;
use gridledger_server::store::rows::people::NewArea;

/// An area named after its code. An empty parent means none.
pub fn area(code: &str, parent: &str, kind: &str) -> NewArea {
    NewArea {
        code: code.to_owned(),
        parent: (!parent.is_empty()).then(|| parent.to_owned()),
        kind: kind.to_owned(),
        name: format!("{code}区域"),
        from: None,
        to: None,
    }
}

/// Areas from rows of code, parent and kind.
pub fn areas(rows: &[(&str, &str, &str)]) -> Vec<NewArea> {
    rows.iter().map(|(code, parent, kind)| area(code, parent, kind)).collect()
}

/// Adds areas to a server and makes it read its territory again.
#[track_caller]
pub fn add_areas(service: &Service, areas: &[NewArea]) {
    service.store.put_areas(areas).expect("the store takes the areas");
    service.reload_tree().expect("the territory can be read");
}
