//! The words of comments and of the glossary.

use std::collections::BTreeMap;

use super::{Finding, Tree};

/// Words that hide the subject of a sentence: the thing is to be named.
const HIDING: [&str; 4] = ["Who", "What", "Of", "Whose"];

/// No line of a comment begins with a word that hides its subject.
pub fn comments_name_their_subject(tree: &Tree) -> Vec<Finding> {
    tree.rust_files()
        .flat_map(|(path, text)| {
            let hiding =
                text.lines().enumerate().filter_map(|(index, line)| Some((index, hiding_word(line)?)));
            hiding.map(move |(index, word)| {
                Finding::new(path, index + 1, format!("begin with the subject, not with `{word}`"))
            })
        })
        .collect()
}

fn hiding_word(line: &str) -> Option<&'static str> {
    let comment = line.trim_start().strip_prefix("//")?.trim_start_matches(['/', '!']).trim_start();
    let comment = comment.strip_prefix("- ").unwrap_or(comment);
    let first = comment.split(|c: char| !c.is_alphanumeric()).next()?;
    HIDING.into_iter().find(|word| *word == first)
}

/// Each word of the glossary has one row, and the rows stand in order.
pub fn glossary_has_each_word_once(tree: &Tree) -> Vec<Finding> {
    const PAGE: &str = "docs/glossary.md";
    let Some(page) = tree.text(PAGE) else {
        return vec![Finding::new(PAGE, 0, "missing: the page that says what words mean")];
    };
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    let mut findings = Vec::new();
    let rows = page.lines().enumerate().skip_while(|(_, line)| !line.starts_with("|--"));
    for (index, line) in rows.skip(1).take_while(|(_, line)| line.starts_with('|')) {
        let word = line.split('|').nth(1).unwrap_or_default().trim().to_lowercase();
        if let Some(before) = first.insert(word.clone(), index + 1) {
            findings.push(Finding::new(
                PAGE,
                index + 1,
                format!("`{word}` has a row in line {before} already"),
            ));
        }
    }
    findings
}
