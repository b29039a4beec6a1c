//! Themes: each history draws some of them, and has more of their events than others.

use super::{PEOPLE, Simulation};

/// Something that a history may have in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Roles that see some records of an area only, and tickets that go from one handler to another.
    Scopes,
    /// Areas that change again before phones heard of the first change; requests that arrive together.
    Chains,
    /// Restores from older backups, in an office that changes nothing else.
    Restores,
    /// Two processes on one phone's file.
    Processes,
    /// Answers that are made piece by piece, with something else between the pieces.
    Frames,
    /// Records with long texts.
    Heavy,
    /// Stores that are set back by hand.
    Snapshots,
    /// A device that lies after restores.
    Forged,
    /// Clocks that jump far: the server's, and phones'.
    Clocks,
    /// Large households, and splits around them.
    Households,
    /// Many edits of one text on what others have changed.
    Cost,
    /// Desks that keep ledgers of their own and ask for what is new.
    Ledgers,
}

/// Chances in a hundred of a theme to be in a history: about one theme each.
const CHANCES: usize = 9;
/// Requests that arrive together, after which a history has had enough of chains: each costs as much as thirty edits.
const TOGETHER: usize = 25;
/// … where somebody named the themes.
const CHANCES_OF_NAMED: usize = 70;

impl Theme {
    const ALL: [Self; 12] = [
        Self::Scopes,
        Self::Chains,
        Self::Restores,
        Self::Processes,
        Self::Frames,
        Self::Heavy,
        Self::Snapshots,
        Self::Forged,
        Self::Clocks,
        Self::Households,
        Self::Cost,
        Self::Ledgers,
    ];
}

/// The themes to choose from, and the chances of each. `GRIDLEDGER_THEMES=Clocks,Frames` plays these, and often;
/// `GRIDLEDGER_CHANCES=9` in nine of a hundred histories each.
fn played() -> (Vec<Theme>, usize) {
    let chances = std::env::var("GRIDLEDGER_CHANCES").ok();
    let chances = chances.map(|chances| chances.parse().expect("chances in a hundred"));
    let Ok(named) = std::env::var("GRIDLEDGER_THEMES") else {
        return (Theme::ALL.to_vec(), chances.unwrap_or(CHANCES));
    };
    let of_name = |name: &str| Theme::ALL.into_iter().find(|theme| format!("{theme:?}") == name);
    let named = named.split(',').map(|name| of_name(name).expect("a theme's name"));
    (named.collect(), chances.unwrap_or(CHANCES_OF_NAMED))
}

impl Simulation<'_> {
    /// Chooses what is in this history.
    pub(super) fn choose_themes(&mut self) {
        let (played, chances) = played();
        for theme in played {
            if self.rng.percent(chances) {
                self.themes.push(theme);
            }
        }
        if self.office_is_quiet() {
            self.themes.retain(|theme| *theme != Theme::Chains);
        }
        if self.themes.contains(&Theme::Scopes) {
            self.people = PEOPLE.len();
        }
        self.note(format!("themes: {:?}", self.themes));
    }

    /// Nobody changes the territory, erases or ends a role: whatever goes from a screen was taken by a restore.
    pub(super) fn office_is_quiet(&self) -> bool {
        self.themes.contains(&Theme::Restores)
    }

    /// Brings in whoever the themes need.
    pub(super) fn begin_themes(&mut self) -> Result<(), String> {
        for theme in self.themes.clone() {
            match theme {
                Theme::Scopes => self.narrow_people_join()?,
                Theme::Ledgers => self.desks_open(),
                Theme::Forged => self.liar_comes(),
                Theme::Restores
                | Theme::Clocks
                | Theme::Households
                | Theme::Cost
                | Theme::Snapshots
                | Theme::Chains
                | Theme::Processes
                | Theme::Frames
                | Theme::Heavy => {}
            }
        }
        Ok(())
    }

    /// One step of a theme of this history.
    pub(super) fn themed(&mut self, player: usize) -> Result<(), String> {
        match *self.rng.pick(&self.themes.clone()) {
            Theme::Scopes => self.hand_over(),
            Theme::Restores => {
                self.back_up_or_restore();
                Ok(())
            }
            Theme::Chains if self.tally.together < TOGETHER => self.chain(),
            Theme::Processes => self.other_process(player),
            Theme::Frames => self.between_frames(player),
            Theme::Heavy => self.heavy(player),
            Theme::Ledgers => self.pull_ledger(),
            Theme::Snapshots => self.snapshot_or_set_back(),
            Theme::Forged => self.forge(),
            Theme::Clocks => self.clock_jumps(player),
            Theme::Households if self.tally.households == 0 => self.large_household(),
            Theme::Cost if self.tally.splices == 0 => self.many_splices(),
            Theme::Chains | Theme::Households | Theme::Cost => self.edit(player),
        }
    }
}
