//! The office's sheets as they are: workbooks, titles, merged cells, words; what cannot be taken is set aside, corrected, and comes
//! again. A staff list is compared with the roles that are held.

use super::office::{Office, json};

const HEADINGS: &str = "网格编码,地址,与户主关系,姓名,性别,出生年份,电话,入住日期\n";

fn office() -> Office {
    let office = Office::open();
    office.grid();
    let grid = ["admin", "area", "add", "G1", "--kind", "basic_grid", "--name", "社区一格", "--parent", "C"];
    office.done(&grid);
    office
}

fn write(office: &Office, name: &str, text: impl AsRef<[u8]>) {
    std::fs::write(office.path(name), text).expect("a file");
}

#[test]
fn a_workbook_is_taken_as_it_is_and_a_bad_row_is_set_aside_and_comes_again() {
    let office = office();
    write(&office, "register.xlsx", include_bytes!("../fixtures/register.xlsx"));
    let import = ["admin", "--json", "import", "register", "register.xlsx"];
    let rehearsed = office.run(&[&import[..], &["--dry-run"]].concat());
    let outlook = json(&String::from_utf8_lossy(&rehearsed.stdout));
    assert_eq!((rehearsed.status.code(), outlook["new"].as_array().map(Vec::len)), (Some(1), Some(10)));
    let taken = office.run(&import);
    let report = json(&String::from_utf8_lossy(&taken.stdout));
    assert_eq!(report["created"]["person"], 3, "{report}");
    let said = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert!(said.contains("line 6 [性别]") && said.contains("register.set-aside.csv"), "{said}");
    assert_eq!(taken.status.code(), Some(1), "some rows were not imported");

    let aside = std::fs::read_to_string(office.path("register.set-aside.csv")).expect("the rows set aside");
    assert!(
        aside.starts_with('\u{feff}') && aside.contains("未导入原因") && aside.contains("钱四"),
        "{aside}"
    );
    assert!(!aside.contains("陆一"), "{aside}");
    write(&office, "again.csv", aside.replace("雄", "男"));
    let again = json(&office.done(&["admin", "--json", "import", "register", "again.csv"]));
    assert_eq!(again["created"]["person"], 1, "{again}");

    let same = json(&String::from_utf8_lossy(&office.run(&import).stdout));
    assert_eq!((&same["created"], same["changed"].as_array().map(Vec::len)), (&json("{}"), Some(0)));
    assert!(
        std::path::Path::new(&office.path("register.set-aside-2.csv")).exists(),
        "no file is written over"
    );
}

#[test]
fn a_household_whose_first_row_is_bad_is_set_aside_whole_and_stands_by_itself() {
    let office = office();
    let rows =
        "G1,滨河路1号101,户主,陆一,雄,1980,,\n,,配偶,陈二,女,1982,,\nG1,滨河路1号102,户主,赵三,男,1990,,\n";
    write(&office, "r.csv", [HEADINGS, rows].concat());
    assert_eq!(office.fails(&["admin", "import", "register", "r.csv", "--aside", "bad.csv"]).0, Some(1));
    let aside = std::fs::read_to_string(office.path("bad.csv")).expect("the rows set aside");
    assert!(aside.contains("G1,滨河路1号101,配偶,陈二"), "{aside}");
    write(&office, "again.csv", aside.replace("雄", "男"));
    let again = json(&office.done(&["admin", "--json", "import", "register", "again.csv"]));
    assert_eq!((&again["created"]["person"], &again["created"]["household"]), (&json("2"), &json("1")));
}

#[test]
fn a_deployment_adds_words_of_its_own() {
    let office = office();
    let sheet = "所属片儿,住哪儿,姓名,与户主关系\nG1,滨河路1号101,陆一,当家的\n";
    write(&office, "r.csv", sheet);
    assert_eq!(office.fails(&["admin", "import", "register", "r.csv"]).0, Some(1));
    let words = r#"{ "lists": { "relation": { "head": "当家的" } }, "headings": { "area": "所属片儿", "address": "住哪儿" } }"#;
    write(&office, "words.json", words);
    let import = ["admin", "--json", "import", "register", "r.csv", "--words", "words.json"];
    assert_eq!(json(&office.done(&import))["created"]["person"], 1);
    std::fs::create_dir(office.path("schema")).expect("a folder");
    write(&office, "schema/words.json", words);
    let import = ["admin", "--json", "--schema", "schema", "import", "register", "r.csv"];
    assert_eq!(json(&office.done(&import))["unchanged"], 4);
}

#[test]
fn a_staff_list_shows_what_it_no_longer_names_and_ends_it_when_told() {
    let office = office();
    let grid = ["admin", "area", "add", "G2", "--kind", "basic_grid", "--name", "社区二格", "--parent", "C"];
    office.done(&grid);
    let head = "登录名,姓名,角色,网格\n";
    write(&office, "1.csv", [head, "w1,某甲,网格员,G1\nw2,某乙,网格员,社区二格\n"].concat());
    office.done(&["admin", "import", "staff", "1.csv"]);
    // Whoever holds a kind of role that the list does not have was given it elsewhere.
    let privacy =
        ["admin", "user", "add", "po", "--name", "某丙", "--role", "privacy_officer", "--area", "C"];
    office.done(&privacy);
    write(&office, "2.csv", [head, "w1,某甲,网格员,G2\n"].concat());
    let shown = office.done(&["admin", "import", "staff", "2.csv", "--dry-run"]);
    for line in [
        "role added: w1 grid_worker@G2",
        "w1 grid_worker@G1: the sheet does not name",
        "w2 grid_worker@G2: not in the sheet",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let kept = json(&office.done(&["admin", "--json", "import", "staff", "2.csv"]));
    assert_eq!((&kept["ended"], kept["not_named"].as_array().map(Vec::len)), (&json("0"), Some(2)));
    let ended = json(&office.done(&["admin", "--json", "import", "staff", "2.csv", "--end-roles"]));
    assert_eq!(ended["ended"], 2);
    let again = json(&office.done(&["admin", "--json", "import", "staff", "2.csv", "--end-roles"]));
    assert_eq!((&again["changed"], &again["ended"]), (&json("0"), &json("0")));
}

#[test]
fn a_row_of_the_staff_list_that_cannot_be_read_ends_nobodys_role() {
    let office = office();
    let head = "登录名,姓名,角色,网格\n";
    write(&office, "1.csv", [head, "w1,某甲,网格员,G1\nw2,某乙,网格员,G1\n"].concat());
    office.done(&["admin", "import", "staff", "1.csv"]);
    write(&office, "2.csv", [head, "w1,某甲,网格员,G1\nw2,某乙,网格王,G1\n"].concat());
    let output = office.run(&["admin", "--json", "import", "staff", "2.csv", "--end-roles"]);
    assert_eq!(json(&String::from_utf8_lossy(&output.stdout))["ended"], 0);
    assert_eq!(output.status.code(), Some(1));
}
