//! Commands about the territory.

use serde_json::{Value, json};

use super::args::AreaCommand;
use super::say::{CliError, Speaker};
use crate::service::Service;
use crate::store::rows::people::NewArea;

/// Runs `admin area`.
pub fn area(service: &Service, command: &AreaCommand, speaker: Speaker) -> Result<(), CliError> {
    match command {
        AreaCommand::List => {
            list_areas(service, speaker);
            Ok(())
        }
        AreaCommand::Add { code, name, kind, parent } => {
            let parent = parent.clone();
            let (code, name) = (code.trim().to_owned(), name.trim().to_owned());
            let area = NewArea { code, parent, kind: kind.clone(), name, from: None, to: None };
            put_area(service, area, speaker)
        }
    }
}

fn list_areas(service: &Service, speaker: Speaker) {
    let tree = service.tree();
    let items: Vec<Value> = tree
        .iter()
        .map(|info| {
            let parent = info.parent.and_then(|no| tree.get(no)).map(|above| above.code.clone());
            json!({ "area": info.no, "code": info.code, "parent": parent, "kind": info.kind, "name": info.name })
        })
        .collect();
    speaker.list(&items, &["code", "parent", "kind", "name"]);
}

fn put_area(service: &Service, area: NewArea, speaker: Speaker) -> Result<(), CliError> {
    check_kind(service, &area)?;
    let code = area.code.clone();
    let (made, _) = service.store.put_areas(&[area])?;
    service.reload_tree()?;
    let (zh, en) = if made == 1 { ("已建立", "made") } else { ("已更新", "changed") };
    speaker.done(
        &json!({ "code": code, "made": made == 1 }),
        &format!("{zh} {code}"),
        &format!("{en} {code}"),
    );
    Ok(())
}

/// Checks that the schema set allows an area of this kind below its parent.
fn check_kind(service: &Service, area: &NewArea) -> Result<(), CliError> {
    let kinds = &service.schema.area_kinds;
    let Some(kind) = kinds.iter().find(|kind| kind.code == area.kind) else {
        let known: Vec<&str> = kinds.iter().map(|kind| kind.code.as_str()).collect();
        let known = known.join(", ");
        return Err(CliError::named(
            format!("没有区域类型“{}”；可用：{known}", area.kind),
            format!("there is no kind of area `{}`; there are: {known}", area.kind),
        ));
    };
    let Some(parent) = &area.parent else { return Ok(()) };
    let tree = service.tree();
    let Some(above) = tree.by_code(parent) else {
        return Err(CliError::named(format!("没有区域“{parent}”"), format!("there is no area `{parent}`")));
    };
    if kind.parents.contains(&above.kind) {
        return Ok(());
    }
    Err(CliError::named(
        format!("“{}”不能直接属于“{}”", kind.label.zh, above.kind),
        format!("a {} does not lie directly in a {}", kind.code, above.kind),
    ))
}
