//! The areas of a synthetic town: one district, its streets, their communities, the grids, and who heads which grids.

use super::rng::Rng;

/// Grids of a community, as far as the town's number allows.
const GRIDS_PER_COMMUNITY: (u32, u32) = (6, 10);
/// Communities of a street.
const COMMUNITIES_PER_STREET: u32 = 9;
/// 63 heads look after 342 grids, as in a town with three levels of grids.
const HEADS: (u32, u32) = (63, 342);

const DISTRICT: (&str, &str) = ("QH", "青禾区");
const PLACE_FIRST: &[&str] =
    &["云", "松", "柳", "清", "晴", "竹", "荷", "枫", "石", "溪", "梅", "桂", "青", "白", "银", "长"];
const PLACE_SECOND: &[&str] =
    &["岭", "塘", "湾", "桥", "坪", "泉", "坡", "洲", "屏", "林", "涧", "埠", "岗", "渡", "浦", "谷"];

/// One area of the town.
pub struct Area {
    pub code: String,
    pub parent: Option<usize>,
    /// The Chinese word for the kind.
    pub kind: &'static str,
    pub name: String,
}

/// All areas, parents before children.
pub struct Territory {
    pub areas: Vec<Area>,
    pub streets: u32,
    pub communities: u32,
    /// The grids of each head, all in one community.
    pub beats: Vec<Vec<usize>>,
}

impl Territory {
    pub fn draw(grids: u32, rng: &mut Rng) -> Territory {
        let root =
            Area { code: DISTRICT.0.to_owned(), parent: None, kind: "区", name: DISTRICT.1.to_owned() };
        let mut town = Territory { areas: vec![root], streets: 0, communities: 0, beats: Vec::new() };
        let (mut street, mut done) = (0, 0);
        for (at, size) in community_sizes(grids, rng).into_iter().enumerate() {
            let at = at as u32;
            if at.is_multiple_of(COMMUNITIES_PER_STREET) {
                town.streets += 1;
                let name = format!("{}街道", place_name(town.streets * 37));
                street = town.add(0, town.streets, "街道", name);
            }
            town.communities += 1;
            let name = format!("{}社区", place_name(at));
            let community = town.add(street, at % COMMUNITIES_PER_STREET + 1, "社区", name.clone());
            let members: Vec<usize> =
                (1..=size).map(|n| town.add(community, n, "基础网格", format!("{name}第{n}网格"))).collect();
            town.share_out(&members, heads(done + size) - heads(done));
            done += size;
        }
        town
    }

    pub fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = (usize, &Area)> {
        self.areas.iter().enumerate().filter(move |(_, area)| area.kind == kind)
    }

    fn add(&mut self, parent: usize, number: u32, kind: &'static str, name: String) -> usize {
        let code = format!("{}-{number:02}", self.areas[parent].code);
        self.areas.push(Area { code, parent: Some(parent), kind, name });
        self.areas.len() - 1
    }

    /// Shares the grids of a community out among so many heads, as evenly as it goes.
    fn share_out(&mut self, grids: &[usize], heads: u32) {
        let (count, heads) = (grids.len(), heads as usize);
        let bounds = (0..heads).map(|head| head * count / heads..(head + 1) * count / heads);
        self.beats.extend(bounds.map(|range| grids[range].to_vec()).filter(|beat| !beat.is_empty()));
    }
}

/// The heads of the first so many grids, rounded up.
fn heads(grids: u32) -> u32 {
    (grids * HEADS.0).div_ceil(HEADS.1)
}

/// Six to ten grids each; the last ones give and take so that none falls short, unless the town itself does.
fn community_sizes(grids: u32, rng: &mut Rng) -> Vec<u32> {
    let (low, high) = GRIDS_PER_COMMUNITY;
    let mut sizes = Vec::new();
    let mut left = grids;
    while left > high {
        // The rest must again be a sum of communities of legal size, so it is at least `low`.
        let size = rng.between(low, high).min(left - low);
        sizes.push(size);
        left -= size;
    }
    sizes.push(left);
    sizes
}

/// A name of two characters; the list repeats, with a numeral, after 256.
fn place_name(n: u32) -> String {
    let (first, second) = (n % 16, (n / 16 + n * 5) % 16);
    let round = n / 256;
    let numeral = if round == 0 { String::new() } else { format!("{}", round + 1) };
    format!("{}{}{numeral}", PLACE_FIRST[first as usize], PLACE_SECOND[second as usize])
}
