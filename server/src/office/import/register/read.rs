//! A row of the register to its values.

use std::collections::HashMap;

use super::address::{self, Address, Part, incomplete, parse_part};
use crate::calendar::date::Date;
use crate::office::import::cell::{choice, code, name, phones, text};
use crate::office::import::columns::Column;
use crate::office::import::date::{parse_date, parse_year};
use crate::office::import::fault::{Report, Wrong, quoted};
use crate::office::import::places::Places;
use crate::office::import::staff::PERSON_NAME_CHARS_MAX;
use crate::office::import::words::Words;
use crate::office::import::workbook::Row;

/// Characters of a note.
pub const NOTE_CHARS_MAX: usize = 500;
/// Characters of a household's label.
pub const LABEL_CHARS_MAX: usize = 60;
/// The label of a dwelling's household where the file gives none.
pub const LABEL_DEFAULT: &str = "1";

pub const COLUMNS: &[Column] = &[
    Column::required(
        "area",
        "网格编码 网格 网格代码 网格编号 所属网格 所在网格 区域编码 grid grid_code area_code",
    ),
    Column::optional("address", "地址 详细地址 住址 居住地址 现住址 家庭住址 家庭地址 房屋地址 full_address"),
    Column::optional("road", "道路 路 街路巷 街道路巷 路名 街巷 小区 小区名称 street_name"),
    Column::optional("number", "号 门牌号 门牌 门号 号码 house_number"),
    Column::optional("building", "楼栋 栋 幢 楼号 栋号 楼栋号 block"),
    Column::optional("unit", "单元 单元号"),
    Column::optional("floor", "楼层 楼 层 层数 所在楼层"),
    Column::optional("room", "室 房号 房间 房间号 室号 房间号码 apartment flat"),
    Column::optional("use", "房屋用途 用途 房屋性质 房屋使用情况 房屋类型 usage dwelling_use"),
    Column::optional("label", "户 户标识 户名 户号 家庭 户别 household household_label"),
    Column::optional("relation_to_head", "与户主关系 户主关系 关系 家庭关系 relation relationship"),
    Column::optional("name", "姓名 名字 居民姓名 人员姓名 full_name"),
    Column::optional("gender", "性别 sex"),
    Column::optional(
        "birth_year",
        "出生年份 出生年 出生日期 出生年月 出生年月日 生日 birth birthday birth_date date_of_birth",
    ),
    Column::optional(
        "phone",
        "电话 手机 手机号 手机号码 联系电话 联系方式 电话号码 phones mobile telephone tel",
    )
    .multiline(),
    Column::optional(
        "kind",
        "居住类型 人员类型 居住类别 人员类别 居住性质 人口类型 人户状态 residency residency_kind",
    ),
    Column::optional(
        "from",
        "入住日期 起始日期 居住起始日期 迁入日期 来此日期 入住时间 since start moved_in",
    ),
    Column::optional("notes", "备注 说明 note remark remarks").multiline(),
    Column::optional(
        "dwelling_no",
        "房屋编码 房屋编号 房屋代码 标准地址编码 地址编码 房屋标识 dwelling_number dwelling_code",
    ),
    Column::optional(
        "household_no",
        "户编号 户编码 家庭编号 家庭编码 户籍编号 户标识码 household_number household_code",
    ),
    Column::optional(
        "person_no",
        "人员编号 人员编码 人口编号 人口编码 居民编号 居民编码 person_number person_code",
    ),
];

/// The address columns. A file needs at least one of them.
pub const ADDRESS_COLUMNS: &[&str] = &["address", "road", "number", "building", "unit", "floor", "room"];

const PARTS: [(&str, Part); 6] = [
    ("road", Part::Road),
    ("number", Part::Number),
    ("building", Part::Building),
    ("unit", Part::Unit),
    ("floor", Part::Floor),
    ("room", Part::Room),
];

/// The uses of a dwelling.
pub const USES: &[&str] = &["self", "rented", "vacant", "shop", "public"];

/// The genders of a person.
pub const GENDERS: &[&str] = &["male", "female", "unknown"];

/// The kinds of residency.
pub const KINDS: &[&str] = &["registered", "resident", "floating", "other"];

/// The relations to the head of the household.
pub const RELATIONS: &[&str] =
    &["head", "spouse", "child", "parent", "grandchild", "other_relative", "tenant", "non_relative"];

/// The values of one row.
pub struct Values {
    pub area: String,
    pub address: Address,
    /// The office's own numbers, where the spreadsheet has columns for them.
    pub dwelling_no: Option<String>,
    pub household_no: Option<String>,
    pub usage: Option<&'static str>,
    pub label: Option<String>,
    pub note: Option<String>,
    pub person: Option<Person>,
}

/// The person of a row.
pub struct Person {
    pub name: String,
    /// The office's own number.
    pub number: Option<String>,
    pub relation: Option<&'static str>,
    pub gender: Option<&'static str>,
    pub birth_year: Option<u16>,
    pub phones: Vec<String>,
    pub kind: Option<&'static str>,
    pub from: Option<Date>,
}

/// Reads rows, and remembers which areas it has asked for.
pub struct Reader<'a> {
    today: Date,
    places: &'a Places<'a>,
    words: &'a Words,
    asked: HashMap<String, Result<String, Wrong>>,
}

impl<'a> Reader<'a> {
    pub fn new(today: Date, places: &'a Places<'a>, words: &'a Words) -> Reader<'a> {
        Reader { today, places, words, asked: HashMap::new() }
    }

    /// Whether a row is the head of its household.
    pub fn is_head(&self, row: &Row<'_>) -> bool {
        self.words.code("relation", row.cell("relation_to_head")) == Some("head")
    }

    /// The values of a row; `None` if it has a fault.
    pub fn read(&mut self, row: &Row<'_>, report: &mut Report) -> Option<Values> {
        let before = report.fault_count();
        let area = row.need(report, "area", |cell| self.area(cell));
        let address = read_address(row, report);
        let usage = row.take(report, "use", choice(self.words, "use", USES));
        let label = row.take(report, "label", name(LABEL_CHARS_MAX));
        let note = row.take(report, "notes", text(NOTE_CHARS_MAX));
        let dwelling_no = row.take(report, "dwelling_no", code);
        let household_no = row.take(report, "household_no", code);
        let person = self.person(row, report);
        if report.fault_count() > before {
            return None;
        }
        Some(Values { area: area?, address: address?, dwelling_no, household_no, usage, label, note, person })
    }

    fn area(&mut self, cell: &str) -> Result<String, Wrong> {
        let places = self.places;
        let asked = self.asked.entry(cell.to_owned());
        asked.or_insert_with(|| places.find(cell)).clone()
    }

    fn person(&self, row: &Row<'_>, report: &mut Report) -> Option<Person> {
        let name = row.take(report, "name", name(PERSON_NAME_CHARS_MAX));
        let number = row.take(report, "person_no", code);
        let relation = row.take(report, "relation_to_head", choice(self.words, "relation", RELATIONS));
        let gender = row.take(report, "gender", choice(self.words, "gender", GENDERS));
        let birth_year = row.take(
            report,
            "birth_year",
            parse_unless_nothing(self.words, |cell: &str| self.birth_year(cell)),
        );
        let birth_year = birth_year.flatten();
        let phones = row.take(report, "phone", phones(self.words)).unwrap_or_default();
        let kind = row.take(report, "kind", choice(self.words, "residency_kind", KINDS));
        let from = row.take(report, "from", parse_unless_nothing(self.words, parse_date)).flatten();
        let Some(name) = name else {
            let about_a_person = ["relation_to_head", "gender", "birth_year", "phone"];
            if row.cell("name").is_empty() && about_a_person.iter().any(|column| !row.cell(column).is_empty())
            {
                row.fault(report, "name", nameless());
            }
            return None;
        };
        Some(Person { name, number, relation, gender, birth_year, phones, kind, from })
    }

    fn birth_year(&self, cell: &str) -> Result<u16, Wrong> {
        let year = parse_year(cell)?;
        if year <= self.today.year() { Ok(year) } else { Err(unborn(year)) }
    }
}

/// A value, or none where the cell says in words that there is none.
fn parse_unless_nothing<T>(
    words: &Words,
    parse: impl Fn(&str) -> Result<T, Wrong>,
) -> impl Fn(&str) -> Result<Option<T>, Wrong> {
    move |cell| {
        if words.is_nothing(cell) { Ok(None) } else { parse(cell).map(Some) }
    }
}

/// The address of a row: the parts of their own columns, and from the written address what these leave open.
fn read_address(row: &Row<'_>, report: &mut Report) -> Option<Address> {
    let before = report.fault_count();
    let written = row.take(report, "address", address::parse);
    if written.as_ref().is_some_and(|written| written.loose) {
        row.warn(report, "address", loose(row.cell("address")));
    }
    let mut whole = written.map(|written| written.address).unwrap_or_default();
    for (column, part) in PARTS {
        let Some(value) = row.take(report, column, parse_part(part)) else {
            continue;
        };
        let slot = whole.part_mut(part);
        if slot.is_empty() {
            *slot = value;
        } else if *slot != value {
            let wrong = contradiction(slot, &value);
            row.fault(report, column, wrong);
        }
    }
    if report.fault_count() == before && !whole.names_a_dwelling() {
        let column = if row.cell("address").is_empty() { "number" } else { "address" };
        row.fault(report, column, incomplete());
    }
    (report.fault_count() == before).then_some(whole)
}

fn nameless() -> Wrong {
    Wrong::new("no_name", "填写了人员信息但没有姓名", "says something about a person but not the name")
}

fn unborn(year: u16) -> Wrong {
    Wrong::new(
        "future_birth",
        format!("出生年份 {year} 在将来"),
        format!("the year of birth {year} is to come"),
    )
}

fn loose(cell: &str) -> Wrong {
    let shown = quoted(cell);
    Wrong::new(
        "address_loose",
        format!("地址 {shown} 中有未归类的文字，已并入道路或室"),
        format!("words in the address {shown} name no part; they are kept in the road or the room"),
    )
}

fn contradiction(written: &str, own: &str) -> Wrong {
    let (written, own) = (quoted(written), quoted(own));
    Wrong::new(
        "address_contradiction",
        format!("此列为 {own}，地址列中为 {written}"),
        format!("this column says {own}, the address says {written}"),
    )
}
