//! The direction of dependencies, read from the manifests: schema ← sync-core ← { client-sdk, server } ← { gridledger, tests }.

use super::{Finding, Tree};

/// Each member's folder and the crates of this workspace that it may name, for its own tests too.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("schema", &[]),
    ("sync-core", &["gridledger-schema"]),
    ("client-sdk", &["gridledger-schema", "gridledger-core"]),
    ("client-sdk/field", &["gridledger-schema", "gridledger-core", "gridledger-client"]),
    ("server", &["gridledger-schema", "gridledger-core"]),
    ("gridledger", &["gridledger-schema", "gridledger-core", "gridledger-client", "gridledger-server"]),
    ("tests/bench", &["gridledger-schema", "gridledger-core", "gridledger-client", "gridledger-server"]),
    (
        "tests",
        &[
            "gridledger-schema",
            "gridledger-core",
            "gridledger-client",
            "gridledger-server",
            "gridledger-bench",
            "gridledger",
        ],
    ),
];

/// No member of the workspace names a crate that stands beside or after it; every member has a place in the order.
pub fn dependencies_point_one_way(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        let Some(folder) = path.strip_suffix("/Cargo.toml") else {
            continue;
        };
        let Some((_, may_name)) = MAY_NAME.iter().find(|(member, _)| *member == folder) else {
            findings.push(Finding::new(path, 0, "give this crate its place in tests/src/tidy/manifest.rs"));
            continue;
        };
        for (line, name) in dependencies(text) {
            if name.starts_with("gridledger") && !may_name.contains(&name) {
                findings.push(Finding::new(path, line, format!("`{folder}` must not know `{name}`")));
            }
        }
    }
    findings
}

/// Line and name of every dependency of a manifest: for building, for its tests, for one platform.
fn dependencies(manifest: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_dependencies = false;
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(table) = line.strip_prefix('[') {
            let table = table.split(']').next().unwrap_or_default().trim();
            in_dependencies = table.ends_with("dependencies");
            // `[dependencies.name]` is a dependency of its own.
            if let Some((_, name)) = table.rsplit_once("dependencies.") {
                found.push((index + 1, name));
            }
        } else if in_dependencies && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default().trim_matches('"');
            if !name.is_empty() {
                found.push((index + 1, name));
            }
        }
    }
    found
}
