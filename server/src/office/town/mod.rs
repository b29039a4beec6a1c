//! A made-up town for trials: areas, staff and register as the spreadsheets that an office would bring.
//!
//! No person in it exists. Names come from lists; phone numbers come from a range (`12x 0000 …`) that no network
//! assigns. The same size and seed give the same bytes on every machine.
//!
//! Reading order: `territory`, `people`, `spreadsheets`; `rng` draws the random numbers.

mod people;
mod rng;
mod spreadsheets;
mod territory;

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use people::Register;
use rng::Rng;
use territory::Territory;

/// Grids of one town.
pub const GRIDS_MAX: u32 = 20_000;
/// Households of one grid.
pub const HOUSEHOLDS_PER_GRID_MAX: u32 = 1_000;
/// Households of one town: its register has at most four people each and stays within what an import takes.
pub const HOUSEHOLDS_MAX: u32 = 400_000;

/// The size of a town.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TownSize {
    pub grids: u32,
    pub households_per_grid: u32,
}

/// The counts of a town.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TownCounts {
    /// District, streets, communities and grids.
    pub areas: u32,
    pub streets: u32,
    pub communities: u32,
    pub grids: u32,
    /// People on the staff list.
    pub staff: u32,
    pub grid_heads: u32,
    /// Vacant ones included.
    pub dwellings: u32,
    pub households: u32,
    pub people: u32,
}

/// A town as three spreadsheets: UTF-8 with byte order mark, comma, `\r\n`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Town {
    pub areas: Vec<u8>,
    pub staff: Vec<u8>,
    pub register: Vec<u8>,
    pub counts: TownCounts,
}

/// The files of a town.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TownFiles {
    pub areas: PathBuf,
    pub staff: PathBuf,
    pub register: PathBuf,
    pub counts: TownCounts,
}

/// Makes a town. An error of kind `InvalidInput` if the size is zero or beyond the limits.
pub fn make(size: TownSize, seed: u64) -> io::Result<Town> {
    check(size)?;
    let mut rng = Rng::new(seed);
    let territory = Territory::draw(size.grids, &mut rng);
    let staff = people::staff(&territory, &mut rng);
    let register = Register::draw(&territory, size.households_per_grid, &mut rng);
    let counts = TownCounts {
        areas: territory.areas.len() as u32,
        streets: territory.streets,
        communities: territory.communities,
        grids: size.grids,
        staff: staff.len() as u32,
        grid_heads: territory.beats.len() as u32,
        dwellings: register.dwellings,
        households: register.households,
        people: register.people,
    };
    Ok(Town {
        areas: spreadsheets::areas(&territory)?,
        staff: spreadsheets::staff(&staff)?,
        register: spreadsheets::register(&register.rows)?,
        counts,
    })
}

/// Makes a town and writes `areas.csv`, `staff.csv` and `register.csv` into `dir`, which is created if need be.
pub fn write(dir: &Path, size: TownSize, seed: u64) -> io::Result<TownFiles> {
    let town = make(size, seed)?;
    fs::create_dir_all(dir)?;
    let put = |name: &str, bytes: &[u8]| -> io::Result<PathBuf> {
        let path = dir.join(name);
        fs::write(&path, bytes)?;
        Ok(path)
    };
    Ok(TownFiles {
        areas: put("areas.csv", &town.areas)?,
        staff: put("staff.csv", &town.staff)?,
        register: put("register.csv", &town.register)?,
        counts: town.counts,
    })
}

fn check(size: TownSize) -> io::Result<()> {
    let fits = (1..=GRIDS_MAX).contains(&size.grids)
        && (1..=HOUSEHOLDS_PER_GRID_MAX).contains(&size.households_per_grid)
        && size.grids * size.households_per_grid <= HOUSEHOLDS_MAX;
    if fits {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "a town has 1 to {GRIDS_MAX} grids of 1 to {HOUSEHOLDS_PER_GRID_MAX} households, {HOUSEHOLDS_MAX} in all"
        ),
    ))
}
