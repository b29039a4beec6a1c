//! The people of a simulation, and how their rights end and begin.

use super::Simulation;

/// The people who may hold a phone: login, role, area. Those from `WIDE` on see only the records that they handle or
/// that they made.
pub(super) const PEOPLE: [(&str, &str, &str); 9] = [
    ("w1", "grid_worker", "G1"),
    ("w2", "grid_worker", "G1"),
    ("w3", "grid_worker", "G2"),
    ("h1", "grid_head", "G1"),
    ("d1", "dispatcher_community", "C"),
    ("g1", "general_grid_head", "C"),
    ("z1", "peacemaker", "G1"),
    ("z2", "deputy_grid_head", "C"),
    ("b1", "building_head", "G1"),
];
/// How many of them see all of their areas.
pub(super) const WIDE: usize = 6;

impl Simulation<'_> {
    /// An answer from before tells of rights and areas as they were: no phone takes one after a newer one.
    pub(super) fn old_answers_are_lost(&mut self) {
        self.players.iter_mut().for_each(|player| player.answers.clear());
    }

    /// Somebody's role ends; one that ended before is given again.
    pub(super) fn rights(&mut self) {
        self.put_right();
        let who = self.rng.range(1, self.people as i64 - 1) as usize;
        let (login, role, area) = PEOPLE[who];
        let ended = self.world.take(login, role, area);
        self.holds[who] = !ended;
        if ended {
            self.old_answers_are_lost();
            self.ends.push(self.world.service.now());
        } else {
            self.world.give(login, role, area);
        }
        self.note(format!("{login} {} {role}", if ended { "is no longer" } else { "is again" }));
        // Two grants of one moment would be one.
        self.world.pass(1);
    }
}
