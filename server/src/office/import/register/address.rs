//! A written address to its parts: road, number 号, building 栋, unit 单元, floor 楼, room 室.

use crate::office::import::fault::too_long;
use crate::office::import::fault::{Wrong, quoted};
use crate::office::import::text::{fold, squeeze};

/// Characters of a road.
pub const ROAD_CHARS_MAX: usize = 60;
/// Characters of any other part.
pub const PART_CHARS_MAX: usize = 20;

/// The parts of an address, without the words that name them: `4单元` is unit `4`. What is not known is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Address {
    pub road: String,
    pub number: String,
    pub building: String,
    pub unit: String,
    pub floor: String,
    pub room: String,
}

/// One part of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Road,
    Number,
    Building,
    Unit,
    Floor,
    Room,
}

impl Part {
    fn check(self, value: &str) -> Result<(), Wrong> {
        let max = if self == Part::Road { ROAD_CHARS_MAX } else { PART_CHARS_MAX };
        if value.chars().nth(max).is_some() { Err(too_long(max)) } else { Ok(()) }
    }
}

/// The words that close a part, longer ones first.
const SUFFIXES: &[(&str, Part)] = &[
    ("号楼", Part::Building),
    ("号院", Part::Number),
    ("单元", Part::Unit),
    ("号", Part::Number),
    ("栋", Part::Building),
    ("幢", Part::Building),
    ("座", Part::Building),
    ("门", Part::Unit),
    ("楼", Part::Floor),
    ("层", Part::Floor),
    ("室", Part::Room),
    ("房", Part::Room),
];

/// Behind `号` these make it the name of a road or a place, as in 三号桥.
const NAME_ENDINGS: &[char] = &['路', '街', '巷', '道', '线', '桥', '井', '村', '组', '弄'];

impl Address {
    pub const ALL: [Part; 6] =
        [Part::Road, Part::Number, Part::Building, Part::Unit, Part::Floor, Part::Room];

    pub fn part(&self, part: Part) -> &str {
        match part {
            Part::Road => &self.road,
            Part::Number => &self.number,
            Part::Building => &self.building,
            Part::Unit => &self.unit,
            Part::Floor => &self.floor,
            Part::Room => &self.room,
        }
    }

    pub fn part_mut(&mut self, part: Part) -> &mut String {
        match part {
            Part::Road => &mut self.road,
            Part::Number => &mut self.number,
            Part::Building => &mut self.building,
            Part::Unit => &mut self.unit,
            Part::Floor => &mut self.floor,
            Part::Room => &mut self.room,
        }
    }

    /// The six parts, from the road to the room.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        Self::ALL.iter().map(|part| self.part(*part))
    }

    fn is_free(&self, part: Part) -> bool {
        self.part(part).is_empty()
    }

    /// Whether it says which dwelling, not only which road or floor.
    pub fn names_a_dwelling(&self) -> bool {
        [Part::Number, Part::Building, Part::Room].iter().any(|part| !self.is_free(*part))
    }
}

/// The parts of a written address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub address: Address,
    /// Words that named no part; they went to the road or the room, where they lose nothing.
    pub loose: bool,
}

/// Reads an address such as `万寿路944号4单元3楼`, `滨河小区5栋1单元301` or `滨河小区5-1-301`.
pub fn parse(cell: &str) -> Result<Written, Wrong> {
    let text: Vec<char> = squeeze(&fold(cell)).replace('#', "号").replace("号号", "号").chars().collect();
    let mut written = Written { address: Address::default(), loose: false };
    let (mut at, mut words, mut tokens) = (0, String::new(), 0);
    while at < text.len() {
        let Some(token) = token(&text, at, &written.address) else {
            words.push(text[at]);
            at += 1;
            continue;
        };
        place_words(&mut written, std::mem::take(&mut words), tokens > 0);
        let slot = written.address.part_mut(token.part);
        if !slot.is_empty() {
            return Err(unclear(cell));
        }
        *slot = token.value;
        at = token.end;
        tokens += 1;
    }
    if !place_tail(&mut written, &words, tokens > 0) {
        return Err(unclear(cell));
    }
    for part in Address::ALL {
        part.check(written.address.part(part))?;
    }
    Ok(written)
}

struct Token {
    part: Part,
    value: String,
    end: usize,
}

/// A value and the word that closes it, if one begins here.
fn token(text: &[char], at: usize, so_far: &Address) -> Option<Token> {
    let below = below_ground(text, at);
    let is_below = below.is_some();
    let (value, close) = below.or_else(|| value(text, at))?;
    let (word, part) = SUFFIXES.iter().find(|(word, _)| starts_with(&text[close..], word))?;
    if is_below && *part != Part::Floor {
        return None;
    }
    let mut end = close + word.chars().count();
    let next = text.get(end);
    if *part == Part::Number && next.is_some_and(|c| NAME_ENDINGS.contains(c)) {
        return None;
    }
    let beyond_number = [Part::Building, Part::Unit, Part::Floor].iter().any(|part| !so_far.is_free(*part));
    let part = match part {
        Part::Number if beyond_number || !so_far.is_free(Part::Number) => Part::Room,
        Part::Floor if *word == "楼" && so_far.is_free(Part::Building) && has_unit(&text[end..]) => {
            Part::Building
        }
        part => *part,
    };
    if part == Part::Room && value.contains('-') {
        // 5-1-301室 holds more than the room; the tail knows how to share it out.
        return None;
    }
    let mut value = value;
    if part == Part::Number
        && next == Some(&'附')
        && let Some((attached, close)) = self::value(text, end + 1)
        && text.get(close) == Some(&'号')
    {
        value = format!("{value}附{attached}");
        end = close + 1;
    }
    Some(Token { part, value, end })
}

/// Words before the number of a floor that lies below the ground.
const BELOW_GROUND: &[&str] = &["地下", "负"];

/// The number of a floor below the ground, and where it ends: 负一, 地下2.
fn below_ground(text: &[char], at: usize) -> Option<(String, usize)> {
    let word = BELOW_GROUND.iter().find(|word| starts_with(&text[at..], word))?;
    let (value, end) = value(text, at + word.chars().count())?;
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| (format!("-{value}"), end))
}

/// A whole run of letters, digits and hyphens, or of Chinese numerals or cyclical signs, and where it ends.
fn value(text: &[char], at: usize) -> Option<(String, usize)> {
    let is_latin = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let run = |kind: &dyn Fn(char) -> bool| {
        let whole = text.get(at).is_some_and(|c| kind(*c)) && !(at > 0 && kind(text[at - 1]));
        whole.then(|| at + text[at..].iter().take_while(|c| kind(**c)).count())
    };
    if let Some(end) = run(&is_latin) {
        return Some((text[at..end].iter().collect::<String>().to_ascii_uppercase(), end));
    }
    if let Some(end) = run(&is_numeral) {
        return Some((chinese_number(&text[at..end])?.to_string(), end));
    }
    matches!(text.get(at)?, '甲' | '乙' | '丙' | '丁').then(|| (text[at].to_string(), at + 1))
}

fn starts_with(text: &[char], word: &str) -> bool {
    let mut rest = text.iter();
    word.chars().all(|c| rest.next() == Some(&c))
}

fn has_unit(rest: &[char]) -> bool {
    rest.windows(2).any(|pair| pair == ['单', '元'])
}

/// Words before a part belong to the road.
fn place_words(written: &mut Written, words: String, behind_a_part: bool) {
    let words = words.trim_matches(['-', ',', '，', '、', '.', ' ']);
    if !words.is_empty() {
        written.address.road.push_str(words);
        written.loose |= behind_a_part;
    }
}

/// Places the rest of a text: numbers fill the parts that are still free, counted from the room; words go to the note.
fn place_tail(written: &mut Written, tail: &str, behind_a_part: bool) -> bool {
    let tail = tail.trim_matches(['-', ',', '，', '、', '.', ' ']);
    let is_number = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let tail = tail.strip_suffix(['室', '房', '号']).filter(|rest| rest.ends_with(is_number)).unwrap_or(tail);
    let cut = tail.trim_end_matches(is_number).len();
    let (words, numbers) = tail.split_at(cut);
    let numbers = if numbers.contains(|c: char| c.is_ascii_digit()) { numbers } else { "" };
    let words = if numbers.is_empty() { tail } else { words };
    let road_so_far = !written.address.road.is_empty();
    if !words.is_empty() && behind_a_part && numbers.is_empty() {
        written.address.room.push_str(words);
        written.loose = true;
    } else {
        place_words(written, words.to_owned(), behind_a_part);
    }
    let numbers: Vec<&str> = numbers.split('-').filter(|number| !number.is_empty()).collect();
    let address = &written.address;
    let slots: &[Part] = match numbers.len() {
        0 => &[],
        1 if !behind_a_part && !road_so_far && !address.road.is_empty() => &[Part::Number],
        1 => &[Part::Room],
        2 if address.is_free(Part::Building) => &[Part::Building, Part::Room],
        2 => &[Part::Unit, Part::Room],
        3 => &[Part::Building, Part::Unit, Part::Room],
        _ => return false,
    };
    if slots.iter().any(|slot| !address.is_free(*slot)) {
        return false;
    }
    for (slot, number) in slots.iter().zip(numbers) {
        *written.address.part_mut(*slot) = number.to_ascii_uppercase();
    }
    true
}

/// A cell of one part: the closing word goes, Chinese numerals become digits.
pub fn parse_part(part: Part) -> impl Fn(&str) -> Result<String, Wrong> {
    move |cell| {
        let text = squeeze(&fold(cell));
        let value = if part == Part::Road { text } else { bare(part, &text) };
        part.check(&value)?;
        Ok(value)
    }
}

fn bare(part: Part, text: &str) -> String {
    let words: &[&str] = match part {
        Part::Road => &[],
        Part::Number => &["号院", "号", "#"],
        Part::Building => &["号楼", "#楼", "栋", "幢", "座", "楼", "#", "号"],
        Part::Unit => &["单元", "门"],
        Part::Floor => &["楼", "层"],
        Part::Room => &["室", "房", "号"],
    };
    let stripped = words.iter().find_map(|word| text.strip_suffix(word)).filter(|rest| !rest.is_empty());
    let chars: Vec<char> = stripped.unwrap_or(text).chars().collect();
    if part == Part::Floor
        && let Some((below, end)) = below_ground(&chars, 0)
        && end == chars.len()
    {
        return below;
    }
    match chinese_number(&chars) {
        Some(number) => number.to_string(),
        None => chars.into_iter().collect::<String>().to_ascii_uppercase(),
    }
}

fn is_numeral(c: char) -> bool {
    numeral(c).is_some() || matches!(c, '十' | '百')
}

fn numeral(c: char) -> Option<u32> {
    let digits = ['〇', '一', '二', '三', '四', '五', '六', '七', '八', '九'];
    match c {
        '零' => Some(0),
        '两' => Some(2),
        _ => digits.iter().position(|digit| *digit == c).map(|at| at as u32),
    }
}

/// The number a run of Chinese numerals says, up to 999; also digit by digit, as in 三〇二.
fn chinese_number(run: &[char]) -> Option<u32> {
    if run.is_empty() || run.len() > 6 || !run.iter().copied().all(is_numeral) {
        return None;
    }
    if run.iter().all(|c| numeral(*c).is_some()) {
        return Some(run.iter().fold(0, |sum, c| sum * 10 + numeral(*c).unwrap_or(0)));
    }
    let (mut sum, mut digit) = (0, None);
    for c in run {
        match (c, numeral(*c)) {
            ('十', _) => sum += 10 * digit.take().unwrap_or(1),
            ('百', _) => sum += 100 * digit.take().unwrap_or(1),
            (_, Some(value)) => digit = Some(value),
            _ => return None,
        }
    }
    Some(sum + digit.unwrap_or(0))
}

fn unclear(cell: &str) -> Wrong {
    let shown = quoted(cell);
    Wrong::new(
        "address_unclear",
        format!("无法拆分地址 {shown}，请分列填写道路、号、楼栋、单元、楼层、室"),
        format!(
            "the address {shown} is unclear; give road, number, building, unit, floor and room columns of their own"
        ),
    )
}

/// The fault of an address that says no more than a road.
pub fn incomplete() -> Wrong {
    Wrong::new(
        "address_incomplete",
        "地址缺少号、楼栋或室，无法确定是哪一户房屋",
        "the address has no number, building or room, so it names no dwelling",
    )
}
