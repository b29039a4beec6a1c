//! The people of a synthetic town: its staff, and who lives in its dwellings.

use super::rng::Rng;
use super::territory::Territory;

/// The year the town is drawn in; ages count from it.
const YEAR: u32 = 2026;
/// Chance in percent that a dwelling is let, stands empty beside a household's, or is shared by two households.
const RENTED: u32 = 22;
const EMPTY: u32 = 3;
const SHARED: u32 = 4;
/// Sizes of a household: one to four, 2.5 on average.
const SIZES: &[u32] = &[1, 1, 2, 2, 2, 3, 3, 3, 4, 4];

const SURNAMES: &[&str] = &[
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林", "何",
    "郭", "马", "罗", "梁", "宋", "郑", "谢", "韩", "唐", "冯", "于", "董", "萧", "程", "曹", "袁", "邓",
    "许", "傅", "沈", "曾", "欧阳", "上官",
];
const GIVEN_MALE: &[&str] = &[
    "伟", "强", "磊", "军", "洋", "勇", "杰", "涛", "明", "超", "平", "刚", "建", "辉", "鹏", "浩", "宇",
    "志", "文", "海",
];
const GIVEN_FEMALE: &[&str] = &[
    "芳", "娜", "敏", "静", "丽", "艳", "娟", "霞", "燕", "玲", "红", "梅", "兰", "雪", "慧", "婷", "莹",
    "洁", "云", "秀",
];
const GIVEN_ANY: &[&str] =
    &["", "", "晓", "玉", "子", "春", "国", "思", "永", "家", "安", "若", "景", "嘉", "乐"];
const ROADS: &[&str] = &[
    "滨河路",
    "育才路",
    "新华街",
    "和平路",
    "建设路",
    "朝阳街",
    "桃园路",
    "工农路",
    "青年路",
    "文昌街",
    "迎宾路",
    "书院街",
];

/// One person of the staff with one role.
pub struct Worker {
    pub login: String,
    pub name: String,
    pub phone: String,
    pub role: &'static str,
    /// Codes of areas.
    pub areas: Vec<String>,
}

/// The staff: a worker a grid, the heads of grids, a head and a dispatcher a community, a dispatcher a street, a
/// dispatcher and a supervisor of the district.
pub fn staff(town: &Territory, rng: &mut Rng) -> Vec<Worker> {
    let mut staff = Vec::new();
    let mut hire = |role: &'static str, prefix: &str, number: usize, areas: Vec<String>| {
        let (name, phone) = (name(rng.pick(SURNAMES), rng.percent(50), rng), phone(rng));
        staff.push(Worker { login: format!("{prefix}{number:03}"), name, phone, role, areas });
    };
    let code = |at: usize| town.areas[at].code.clone();
    hire("supervisor", "sup", 1, vec![code(0)]);
    hire("dispatcher_district", "dd", 1, vec![code(0)]);
    for (n, (at, _)) in town.of_kind("街道").enumerate() {
        hire("dispatcher_street", "ds", n + 1, vec![code(at)]);
    }
    for (n, (at, _)) in town.of_kind("社区").enumerate() {
        hire("general_grid_head", "gh", n + 1, vec![code(at)]);
        hire("dispatcher_community", "dc", n + 1, vec![code(at)]);
    }
    for (n, beat) in town.beats.iter().enumerate() {
        hire("grid_head", "h", n + 1, beat.iter().map(|at| code(*at)).collect());
    }
    for (n, (at, _)) in town.of_kind("基础网格").enumerate() {
        hire("grid_worker", "w", n + 1, vec![code(at)]);
    }
    staff
}

/// One row of the register, as its cells: see [`super::spreadsheets::REGISTER_HEADINGS`].
pub type Cells = [String; 16];

/// The residents of the town.
#[derive(Default)]
pub struct Register {
    pub rows: Vec<Cells>,
    pub dwellings: u32,
    pub households: u32,
    pub people: u32,
}

impl Register {
    pub fn draw(town: &Territory, households_per_grid: u32, rng: &mut Rng) -> Register {
        let mut register = Register::default();
        for (at, (_, grid)) in town.of_kind("基础网格").enumerate() {
            let road = ROADS[(at / 7) % ROADS.len()];
            let mut doors = Doors::new(grid.code.clone(), road, at as u32 % 7 * 20 + 1);
            let mut left = households_per_grid;
            while left > 0 {
                if rng.percent(EMPTY) {
                    register.add_empty(doors.open());
                }
                let door = doors.open();
                register.dwellings += 1;
                if left > 1 && rng.percent(SHARED) {
                    register.add_household(&door, "出租", "东", rng);
                    register.add_household(&door, "出租", "西", rng);
                    left -= 2;
                } else {
                    let usage = if rng.percent(RENTED) { "出租" } else { "自住" };
                    register.add_household(&door, usage, "", rng);
                    left -= 1;
                }
            }
        }
        register
    }

    fn add_empty(&mut self, mut door: Cells) {
        "空置".clone_into(&mut door[7]);
        self.rows.push(door);
        self.dwellings += 1;
    }

    fn add_household(&mut self, door: &Cells, usage: &str, label: &str, rng: &mut Rng) {
        self.households += 1;
        let mut members = Members::new(rng);
        let year = rng.between(2005, 2025);
        let from = format!("{year}-{:02}-{:02}", rng.between(1, 12), rng.between(1, 28));
        for n in 0..rng.pick(SIZES) {
            let member = members.next(n, rng);
            let kind = match usage {
                "出租" => rng.pick(&["流动", "流动", "常住"]),
                _ => rng.pick(&["户籍", "户籍", "户籍", "常住"]),
            };
            let born_here = member.birth >= year;
            let since = if born_here { format!("{}-12-31", member.birth) } else { from.clone() };
            let mut row = door.clone();
            usage.clone_into(&mut row[7]);
            label.clone_into(&mut row[8]);
            row[9..15].clone_from_slice(&member.cells(kind));
            row[15] = since;
            self.rows.push(row);
            self.people += 1;
        }
    }
}

/// The doors of a grid, building after building: two or three units of six floors with two rooms each.
struct Doors {
    area: String,
    road: &'static str,
    number: u32,
    opened: u32,
}

impl Doors {
    fn new(area: String, road: &'static str, number: u32) -> Doors {
        Doors { area, road, number, opened: 0 }
    }

    fn open(&mut self) -> Cells {
        let units = 2 + self.number % 2;
        let (building, within) = (self.opened / (units * 12), self.opened % (units * 12));
        let (unit, floor, room) = (within / 12 + 1, within % 12 / 2 + 1, within % 2 + 1);
        self.opened += 1;
        let mut cells = Cells::default();
        self.area.clone_into(&mut cells[0]);
        self.road.clone_into(&mut cells[1]);
        cells[2] = format!("{}号", self.number);
        cells[3] = format!("{}栋", building + 1);
        cells[4] = format!("{unit}单元");
        cells[5] = format!("{floor}楼");
        cells[6] = format!("{floor}{room:02}");
        cells
    }
}

/// The members of a household, the head first.
struct Members {
    surname: &'static str,
    /// The head's year of birth.
    birth: u32,
    is_man: bool,
    used: Vec<String>,
}

struct Member {
    relation: &'static str,
    name: String,
    is_man: bool,
    birth: u32,
    phone: String,
}

impl Members {
    fn new(rng: &mut Rng) -> Members {
        let birth = YEAR - rng.between(24, 82);
        Members { surname: rng.pick(SURNAMES), birth, is_man: rng.percent(60), used: Vec::new() }
    }

    fn next(&mut self, n: u32, rng: &mut Rng) -> Member {
        let (relation, is_man, birth, surname) = match n {
            0 => ("户主", self.is_man, self.birth, self.surname),
            1 => ("配偶", !self.is_man, self.birth + rng.below(6), rng.pick(SURNAMES)),
            _ => {
                let is_man = rng.percent(51);
                let birth = (self.birth + rng.between(22, 36)).min(YEAR - 1);
                (if is_man { "儿子" } else { "女儿" }, is_man, birth, self.surname)
            }
        };
        let name = loop {
            let name = name(surname, is_man, rng);
            if !self.used.contains(&name) {
                break name;
            }
        };
        self.used.push(name.clone());
        let phone = if YEAR - birth < 14 { String::new() } else { phone(rng) };
        Member { relation, name, is_man, birth, phone }
    }
}

impl Member {
    fn cells(self, kind: &str) -> [String; 6] {
        let gender = if self.is_man { "男" } else { "女" };
        [
            self.relation.to_owned(),
            self.name,
            gender.to_owned(),
            self.birth.to_string(),
            self.phone,
            kind.to_owned(),
        ]
    }
}

fn name(surname: &str, is_man: bool, rng: &mut Rng) -> String {
    let given = rng.pick(if is_man { GIVEN_MALE } else { GIVEN_FEMALE });
    format!("{surname}{}{given}", rng.pick(GIVEN_ANY))
}

/// Eleven digits in a range that no network gives out.
fn phone(rng: &mut Rng) -> String {
    format!("12{}0000{:04}", rng.below(10), rng.below(10_000))
}
