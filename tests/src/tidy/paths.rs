//! The paths that `ARCHITECTURE.md` names.

use super::{Finding, Tree, has_extension};

const PAGE: &str = "ARCHITECTURE.md";

/// A word in backticks with one of these endings is a file, with or without a folder before it.
const FILE_ENDINGS: [&str; 6] = ["rs", "md", "toml", "json", "sh", "cddl"];

/// First parts of what looks like a path and is a media type.
const MEDIA: [&str; 3] = ["application", "text", "multipart"];

/// Every path in backticks in `ARCHITECTURE.md` exists.
///
/// A word is a path when it has a `/` that it does not begin with (`/v1/sync` is a route), or ends like a file. It is
/// written from the root of the workspace, except that a bare file name may lie anywhere; a `*` stands for any part of a
/// name. What stands in a fenced or indented block is not read.
pub fn architecture_names_what_exists(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.text(PAGE) else {
        return vec![Finding::new(PAGE, 0, "missing: the page that says where everything is")];
    };
    let mut findings = Vec::new();
    let mut fenced = false;
    for (index, line) in page.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced || line.starts_with("    ") {
            continue;
        }
        for word in line.split('`').skip(1).step_by(2) {
            if is_path(word) && !exists(tree, word) {
                findings.push(Finding::new(PAGE, index + 1, format!("`{word}` does not exist")));
            }
        }
    }
    findings
}

fn is_path(word: &str) -> bool {
    if word.starts_with('/') || word.contains([' ', '<', '>', '{', '}', ':', '(', '=', '"', '…']) {
        return false;
    }
    match word.split_once('/') {
        Some((first, _)) => !MEDIA.contains(&first),
        None => {
            !word.starts_with(['.', '*']) && FILE_ENDINGS.iter().any(|ending| has_extension(word, ending))
        }
    }
}

fn exists(tree: &Tree, word: &str) -> bool {
    let path = word.trim_end_matches('/');
    tree.files().any(|(file, _)| {
        if !path.contains('/') && !word.ends_with('/') {
            return file == path || file.ends_with(&format!("/{path}"));
        }
        let part: Vec<&str> = file.split('/').collect();
        let wanted: Vec<&str> = path.split('/').collect();
        part.len() >= wanted.len()
            && (word.ends_with('/') && part.len() > wanted.len() || !word.ends_with('/'))
            && part.iter().zip(&wanted).all(|(part, wanted)| fits(part, wanted))
    })
}

/// Does a name fit a pattern in which one `*` may stand for anything?
fn fits(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name == pattern,
        Some((before, after)) => {
            name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
        }
    }
}
