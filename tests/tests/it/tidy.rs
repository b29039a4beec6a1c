//! The source tree is in order, and each check finds a tree that is not.

use gridledger_tests::tidy::{self, Finding, Tree};

type Check = fn(&Tree) -> Vec<Finding>;

#[track_caller]
fn workspace_passes(check: Check) {
    let findings = check(&Tree::of_workspace().expect("the workspace can be read"));
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "out of order:\n{}", lines.join("\n"));
}

/// The findings of a check in a made-up tree, one line each.
fn said(check: Check, files: &[(&str, &str)]) -> Vec<String> {
    check(&Tree::from_files(files.iter().copied())).iter().map(ToString::to_string).collect()
}

#[test]
fn the_workspace_is_read() {
    let tree = Tree::of_workspace().expect("the workspace can be read");
    assert!(tree.text("tests/tests/it/tidy.rs").is_some());
    assert!(tree.text("Cargo.toml").is_some());
    assert!(!tree.files().any(|(path, _)| path.contains("target/") || path.contains(".git/")));
}

#[test]
fn every_file_says_what_it_is_for() {
    workspace_passes(tidy::files_say_what_they_are_for);
    let advice = "begin with a `//! ` line that says what the file is for";
    assert_eq!(
        said(
            tidy::files_say_what_they_are_for,
            &[
                ("good.rs", "//! Areas.\n"),
                ("late.rs", "use a;\n//! Areas.\n"),
                ("mute.rs", "//! \n"),
                ("none.rs", "")
            ],
        ),
        [format!("late.rs:1: {advice}"), format!("mute.rs:1: {advice}"), format!("none.rs:1: {advice}")],
    );
}

#[test]
fn every_file_is_short() {
    workspace_passes(tidy::files_are_short);
    let longest = "\n".repeat(tidy::MAX_LINES);
    let too_long = "\n".repeat(tidy::MAX_LINES + 1);
    assert_eq!(
        said(tidy::files_are_short, &[("a.rs", longest.as_str()), ("b.rs", &too_long), ("c.md", &too_long)]),
        ["b.rs:601: cut the file: at most 600 lines"],
    );
}

#[test]
fn nothing_is_unfinished() {
    workspace_passes(tidy::nothing_is_unfinished);
    let late = format!("//! A.\n{}!()\n", "todo");
    let off = format!("#[{}]\nfn a() {{}}\n", "ignore");
    assert_eq!(
        said(tidy::nothing_is_unfinished, &[("a.rs", late.as_str()), ("b.rs", &off)]).len(),
        2,
        "an open end and a test switched off"
    );
}

#[test]
fn no_test_sleeps() {
    workspace_passes(tidy::tests_do_not_sleep);
    let nap = format!("std::thread::{}(d);\n", "sleep");
    assert_eq!(
        said(tidy::tests_do_not_sleep, &[("tests/src/a.rs", nap.as_str()), ("server/src/b.rs", &nap)]),
        [format!("tests/src/a.rs:1: `thread::{}`: wait for the thing itself, not for time", "sleep")],
    );
}

#[test]
fn only_proofs_look_past_the_read_log() {
    workspace_passes(tidy::only_checks_look_past_the_read_log);
    let look = "let all = engine.for_check().list(&query)?;\n";
    assert_eq!(
        said(
            tidy::only_checks_look_past_the_read_log,
            &[("tests/src/a.rs", look), ("client-sdk/src/client.rs", look)]
        ),
        ["client-sdk/src/client.rs:1: `.for_check()`: open the record for a purpose"],
    );
}

#[test]
fn every_error_code_is_documented() {
    workspace_passes(tidy::codes_are_documented);
    let codes =
        "match self {\n    Self::Malformed => \"malformed\",\n    Self::TooLarge => \"too_large\",\n}\n";
    assert_eq!(
        said(
            tidy::codes_are_documented,
            &[("schema/src/code.rs", codes), ("docs/protocol.md", "| `malformed` | too_large |")],
        ),
        ["schema/src/code.rs:3: describe `too_large` in docs/protocol.md"],
    );
    assert_eq!(
        said(tidy::codes_are_documented, &[("schema/src/code.rs", codes)]).len(),
        1,
        "the page is missing"
    );
    assert_eq!(
        said(tidy::codes_are_documented, &[("docs/protocol.md", "")]).len(),
        1,
        "the codes are missing"
    );
    let both = [("schema/src/code.rs", "enum Code {}"), ("docs/protocol.md", "")];
    assert_eq!(said(tidy::codes_are_documented, &both).len(), 1, "no code was found to check");
}

#[test]
fn every_decision_is_indexed() {
    workspace_passes(tidy::decisions_are_indexed);
    let adr = "# A\n## Status\n## Context\n## Decision\n## Consequences\n## Rejected\n## Enforced by\n";
    assert_eq!(
        said(
            tidy::decisions_are_indexed,
            &[
                ("docs/adr/README.md", "[1](0001-a.md)\n[9](0009-gone.md)\n"),
                ("docs/adr/0001-a.md", adr),
                ("docs/adr/0001-b.md", adr),
                ("docs/adr/notes.md", adr),
            ],
        ),
        [
            "docs/adr/README.md:0: link `0001-b.md`",
            "docs/adr/0001-b.md:0: number 0001 is taken",
            "docs/adr/notes.md:0: name it NNNN-what-was-decided.md",
            "docs/adr/README.md:2: `0009-gone.md` is not there",
        ],
    );
    let cut = [("docs/adr/README.md", "[1](0001-a.md)"), ("docs/adr/0001-a.md", "# A\n## Status\n")];
    assert_eq!(said(tidy::decisions_are_indexed, &cut).len(), 1, "headings are missing");
    assert_eq!(
        said(tidy::decisions_are_indexed, &[]),
        ["docs/adr/README.md:0: missing: the index of the decisions"]
    );
}

#[test]
fn every_path_of_the_architecture_page_exists() {
    workspace_passes(tidy::architecture_names_what_exists);
    let page = "`schema/`, `schema/src/lib.rs`, `lib.rs`, `schema/records/*.json`, `schema/src`: there.\n\
                `POST /v1/sync`, `/v1/sync`, `application/cbor`, `area::Id`, `fold`: no paths.\n\
                `server/` `schema/src/gone.rs` `gone.md` `schema/records/*.cbor` `schema/src/lib.rs/`\n\
                ```\n`fenced/gone.rs`\n```\n    `indented/gone.rs`\n";
    let tree = [("ARCHITECTURE.md", page), ("schema/src/lib.rs", ""), ("schema/records/visit.json", "")];
    assert_eq!(
        said(tidy::architecture_names_what_exists, &tree),
        ["server/", "schema/src/gone.rs", "gone.md", "schema/records/*.cbor", "schema/src/lib.rs/"]
            .map(|word| format!("ARCHITECTURE.md:3: `{word}` does not exist")),
    );
    assert_eq!(
        said(tidy::architecture_names_what_exists, &[]),
        ["ARCHITECTURE.md:0: missing: the page that says where everything is"],
    );
}

#[test]
fn dependencies_point_one_way() {
    workspace_passes(tidy::dependencies_point_one_way);
    assert_eq!(
        said(
            tidy::dependencies_point_one_way,
            &[
                (
                    "schema/Cargo.toml",
                    "[package]\nname = \"gridledger-schema\"\n[dependencies]\nserde = \"1\"\n"
                ),
                ("sync-core/Cargo.toml", "[dependencies]\ngridledger-schema.workspace = true\n"),
                (
                    "client-sdk/Cargo.toml",
                    "[dev-dependencies]\ngridledger-server = { path = \"../server\" }\n"
                ),
                (
                    "server/Cargo.toml",
                    "[target.'cfg(unix)'.dependencies.gridledger-client]\npath = \"../client-sdk\"\n"
                ),
                ("extra/Cargo.toml", "[package]\n"),
            ],
        ),
        [
            "client-sdk/Cargo.toml:2: `client-sdk` must not know `gridledger-server`",
            "extra/Cargo.toml:0: give this crate its place in tests/src/tidy/manifest.rs",
            "server/Cargo.toml:1: `server` must not know `gridledger-client`",
        ],
    );
}

#[test]
fn the_rule_crates_share_one_ban_list() {
    workspace_passes(tidy::rule_crates_share_one_ban_list);
    let apart = [("schema/clippy.toml", "a"), ("sync-core/clippy.toml", "b")];
    assert_eq!(said(tidy::rule_crates_share_one_ban_list, &apart).len(), 1);
    assert_eq!(said(tidy::rule_crates_share_one_ban_list, &[]).len(), 1, "they are missing");
}

#[test]
fn rooms_keep_to_the_map() {
    const MAP: &str = "\"server/src\" = [
        { room = \"low\", is = \"The lower room.\", uses = [] },
        { room = \"high\", is = \"The upper room.\", uses = [\"low\"] },
    ]";
    const PAGE: &str =
        "| `server/src/low/` | The lower room. |  |\n| `server/src/high/` | The upper room. | low |";
    workspace_passes(tidy::rooms_keep_to_the_map);
    let house = |low: &str, high: &str, map: &str| {
        let files = [
            ("docs/rooms.toml", map),
            ("ARCHITECTURE.md", PAGE),
            ("server/src/lib.rs", "pub mod high;\npub mod low;\n"),
            ("server/src/low/mod.rs", "mod a;\nmod b;\nmod c;\npub use a::Thing;\n"),
            ("server/src/low/a.rs", low),
            ("server/src/low/b.rs", "use super::a::Thing;\n"),
            ("server/src/low/c.rs", "use super::b::Other;\n"),
            ("server/src/high/mod.rs", high),
        ];
        said(tidy::rooms_keep_to_the_map, &files)
    };
    let uses = "use crate::low::Thing;\n";
    assert_eq!(house("pub struct Thing;\n", uses, MAP), Vec::<String>::new());
    assert_eq!(
        house("pub struct Thing;\nfn up() {\n    crate::high::call();\n}\n", uses, MAP),
        ["server/src/low/a.rs:3: room low may not use high (high)"],
        "no room uses one above it"
    );
    assert_eq!(
        house("use super::c::Third;\npub struct Thing;\n", uses, MAP),
        ["server/src/low/a.rs:0: 3 files use each other: low::a, low::b, low::c"],
        "no more than two files use each other"
    );
    assert_eq!(
        house("pub struct Thing;\n#[cfg(test)]\nmod tests {\n    use crate::high::call;\n}\n", uses, MAP),
        Vec::<String>::new(),
        "a unit test may use what it likes"
    );
    assert_eq!(house("", "", MAP), ["docs/rooms.toml:0: server/src/high does not use low"]);
    let mute = MAP.replace("The lower room.", "");
    assert_eq!(house("", uses, &mute)[0], "docs/rooms.toml:0: say in a sentence what server/src/low is");
    let short = "\"server/src\" = [{ room = \"low\", is = \"The lower room.\", uses = [] }]";
    assert_eq!(
        house("", uses, short),
        ["server/src/high/mod.rs:0: give its folder a line in docs/rooms.toml"]
    );
}

#[test]
fn each_word_of_the_glossary_stands_once() {
    workspace_passes(tidy::glossary_has_each_word_once);
    let page =
        "| word | means |\n|---|---|\n| area | a |\n| feed | b |\n| Area | c |\n\n| area | elsewhere |\n";
    assert_eq!(
        said(tidy::glossary_has_each_word_once, &[("docs/glossary.md", page)]),
        ["docs/glossary.md:5: `area` has a row in line 3 already"],
    );
}

#[test]
fn comments_name_their_subject() {
    workspace_passes(tidy::comments_name_their_subject);
    let hidden = "//! Areas.\n/// Who asks.\nfn a() {} // Of course.\n    // Whose it is.\n// Whoever asks.\n//! - What is asked.\n";
    assert_eq!(
        said(tidy::comments_name_their_subject, &[("a.rs", hidden)]),
        ["`Who`", "`Whose`", "`What`"]
            .iter()
            .zip([2, 4, 6])
            .map(|(word, line)| format!("a.rs:{line}: begin with the subject, not with {word}"))
            .collect::<Vec<_>>(),
    );
}
