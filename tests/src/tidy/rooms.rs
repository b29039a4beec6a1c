//! The rooms of the crates: `docs/rooms.toml` lists them, and which may use which. The sources are held against it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::imports::{Imports, Module, circles, read_imports};
use super::knots::find_knots;
use super::{Finding, Tree};

/// The map.
pub const MAP: &str = "docs/rooms.toml";
const PAGE: &str = "ARCHITECTURE.md";

/// The crates whose file circles are looked for, by the folders of their sources.
const CRATES: [&str; 8] = [
    "schema/src/",
    "sync-core/src/",
    "client-sdk/src/",
    "client-sdk/field/src/",
    "server/src/",
    "gridledger/src/",
    "tests/bench/src/",
    "tests/src/",
];

/// A room: a folder of a crate, a file beside the folders, or `.` for the other files beside them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Room {
    #[serde(rename = "room")]
    name: String,
    /// One sentence.
    is: String,
    /// The rooms it may use, all of which stand before it.
    uses: Vec<String>,
}

/// How the rooms of one crate hang together.
#[derive(Debug, PartialEq, Eq)]
pub struct House {
    /// Folders, and files beside them, that hold sources.
    pub rooms: usize,
    /// Pairs of rooms of which one uses the other.
    pub arrows: usize,
    /// The longest way down, in rooms; rooms that use each other stand on one floor.
    pub floors: usize,
    /// Pairs of rooms that use each other.
    pub mutual: usize,
}

/// The sources keep to the map: each folder is listed with a sentence, a room uses what the map says and nothing else, and
/// no more than two files use each other.
pub fn rooms_keep_to_the_map(tree: &Tree) -> Vec<Finding> {
    let map: BTreeMap<String, Vec<Room>> = match tree.text(MAP).map(toml::from_str) {
        Some(Ok(map)) => map,
        Some(Err(error)) => return vec![Finding::new(MAP, 0, format!("cannot be read: {error}"))],
        None => return vec![Finding::new(MAP, 0, "missing: list the rooms")],
    };
    let mut findings: Vec<Finding> =
        map.iter().flat_map(|(root, rooms)| check_crate(tree, root, rooms)).collect();
    findings.extend(CRATES.iter().flat_map(|root| check_circles(&read_imports(tree, root))));
    findings
}

fn check_crate(tree: &Tree, root: &str, rooms: &[Room]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let imports = read_imports(tree, &format!("{root}/"));
    let mut before = BTreeSet::new();
    for room in rooms {
        if !room.is.ends_with('.') || room.is.len() < 10 {
            findings.push(Finding::new(MAP, 0, format!("say in a sentence what {root}/{} is", room.name)));
        }
        for used in room.uses.iter().filter(|used| !before.contains(used.as_str())) {
            let wrong = format!("{root}/{} may not use {used}, which does not stand before it", room.name);
            findings.push(Finding::new(MAP, 0, wrong));
        }
        before.insert(room.name.as_str());
    }
    let mut used = BTreeSet::new();
    for (module, path) in &imports.files {
        // The root of a crate declares its rooms, and is in none.
        if !module.is_empty() && room_of(rooms, module).is_none() {
            findings.push(Finding::new(path, 0, format!("give its folder a line in {MAP}")));
        }
    }
    for arrow in &imports.arrows {
        let (Some(from), Some(to)) = (room_of(rooms, &arrow.from), room_of(rooms, &arrow.to)) else {
            continue;
        };
        if from.name == to.name {
            continue;
        }
        used.insert((from.name.as_str(), to.name.as_str()));
        if !from.uses.contains(&to.name) {
            let path = &imports.files[&arrow.from];
            let wrong = format!("room {} may not use {} ({})", from.name, to.name, arrow.to.join("::"));
            findings.push(Finding::new(path, arrow.line, wrong));
        }
    }
    for room in rooms {
        if !imports.files.keys().any(|module| room_of(rooms, module).is_some_and(|r| r.name == room.name)) {
            findings.push(Finding::new(MAP, 0, format!("{root}/{} is not there", room.name)));
        }
        for unused in room.uses.iter().filter(|other| !used.contains(&(room.name.as_str(), other.as_str()))) {
            findings.push(Finding::new(MAP, 0, format!("{root}/{} does not use {unused}", room.name)));
        }
        let row = row_of(tree, root, room);
        if !tree.text(PAGE).is_some_and(|page| page.lines().any(|line| line == row)) {
            findings.push(Finding::new(PAGE, 0, format!("put this row into the table of rooms: {row}")));
        }
    }
    findings
}

/// A room's row in the table of `ARCHITECTURE.md`.
fn row_of(tree: &Tree, base: &str, room: &Room) -> String {
    let file = format!("{base}/{}.rs", room.name);
    let place = match room.name.as_str() {
        "." => format!("{base}/"),
        _ if tree.text(&file).is_some() => file,
        folder => format!("{base}/{folder}/"),
    };
    format!("| `{place}` | {} | {} |", room.is, room.uses.join(", "))
}

/// The room of a module: the longest listed folder that holds its file, `.` for files beside all folders.
fn room_of<'a>(rooms: &'a [Room], module: &Module) -> Option<&'a Room> {
    let holds = |room: &&Room| {
        let names: Vec<&str> = room.name.split('/').collect();
        module.len() >= names.len() && names.iter().zip(module).all(|(name, own)| name == own)
    };
    let listed = rooms.iter().filter(holds).max_by_key(|room| room.name.len());
    listed.or_else(|| rooms.iter().find(|room| room.name == "." && module.len() <= 1))
}

fn check_circles(imports: &Imports) -> Vec<Finding> {
    let circles = circles(imports).into_iter().map(|circle| {
        let names: Vec<String> = circle.iter().map(|module| module.join("::")).collect();
        let path = &imports.files[&circle[0]];
        Finding::new(path, 0, format!("{} files use each other: {}", names.len(), names.join(", ")))
    });
    circles.collect()
}

/// Counts the rooms of a crate as its folders show them: each first folder of `within` and each file beside them is a room.
pub fn survey(tree: &Tree, base: &str, within: &[&str]) -> House {
    let imports = read_imports(tree, base);
    let room = |module: &Module| {
        let inside = module.len() > within.len() && within.iter().zip(module).all(|(name, own)| name == own);
        inside.then(|| module[within.len()].clone())
    };
    let names: Vec<String> = imports.files.keys().filter_map(room).collect();
    let rooms: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let pairs: Vec<(String, String)> =
        imports.arrows.iter().filter_map(|arrow| Some((room(&arrow.from)?, room(&arrow.to)?))).collect();
    let arrows: BTreeSet<(&str, &str)> =
        pairs.iter().map(|(from, to)| (from.as_str(), to.as_str())).filter(|(from, to)| from != to).collect();
    let mutual = arrows.iter().filter(|(from, to)| from < to && arrows.contains(&(to, from))).count();
    House { rooms: rooms.len(), floors: floors(&rooms, &arrows), arrows: arrows.len(), mutual }
}

/// The longest way down. Rooms that reach each other are one knot, whose rooms stand one above the other, since none of
/// them can be understood without the rest.
fn floors(rooms: &BTreeSet<&str>, arrows: &BTreeSet<(&str, &str)>) -> usize {
    let knots = find_knots(rooms.iter().copied(), arrows.iter().copied());
    rooms.iter().map(|room| depth(&knots[room], arrows, &knots)).max().unwrap_or(0)
}

/// Each room of a crate as the map lists it, with the rooms that it uses.
pub fn list_arrows(tree: &Tree, root: &str) -> Vec<(String, Vec<String>)> {
    let map: BTreeMap<String, Vec<Room>> =
        tree.text(MAP).and_then(|text| toml::from_str(text).ok()).unwrap_or_default();
    let rooms = map.get(root).map_or(&[][..], Vec::as_slice);
    let imports = read_imports(tree, &format!("{root}/"));
    let uses = |room: &Room| {
        let from = imports
            .arrows
            .iter()
            .filter(|arrow| room_of(rooms, &arrow.from).is_some_and(|r| r.name == room.name));
        let to: BTreeSet<&str> =
            from.filter_map(|arrow| Some(room_of(rooms, &arrow.to)?.name.as_str())).collect();
        rooms
            .iter()
            .map(|other| other.name.clone())
            .filter(|name| *name != room.name && to.contains(name.as_str()))
            .collect()
    };
    rooms.iter().map(|room| (room.name.clone(), uses(room))).collect()
}

/// The rooms from this knot down, along the longest way.
fn depth<'a>(
    knot: &BTreeSet<&'a str>,
    arrows: &BTreeSet<(&'a str, &'a str)>,
    knots: &BTreeMap<&'a str, BTreeSet<&'a str>>,
) -> usize {
    let below = arrows.iter().filter(|(from, to)| knot.contains(from) && !knot.contains(to));
    let deepest = below.map(|(_, to)| depth(&knots[to], arrows, knots)).max();
    knot.len() + deepest.unwrap_or(0)
}
