//! Desks that keep a ledger of their own, ask for what is new, and at the end have what a fresh pull gives.

use std::collections::BTreeMap;

use gridledger_schema::code::Code;
use serde_json::Value;

use super::{Simulation, text};
use crate::office::{Clerk, Pulled};

/// The people at the desks.
const CLERK: &str = "c1";
/// The questions of the desks: a type, and conditions.
const QUESTIONS: [(&str, &[(&str, &str)]); 7] = [
    ("ticket", &[("state", "HANDLING")]),
    ("ticket", &[("assignees", "h1")]),
    ("ticket", &[("assignees", "z1")]),
    ("ticket", &[("urgency", "2")]),
    ("household", &[("status", "vacant")]),
    ("dwelling", &[("use", "rented")]),
    ("ticket", &[]),
];

/// A ledger kept at a desk.
pub(super) struct Desk {
    of: &'static str,
    asks: &'static [(&'static str, &'static str)],
    since: Option<String>,
    rows: BTreeMap<String, Value>,
}

impl Simulation<'_> {
    /// Desks begin with nothing.
    pub(super) fn desks_open(&mut self) {
        self.world.user(CLERK, "dispatcher_street", "S");
        for _ in 0..2 {
            let (of, asks) = *self.rng.pick(&QUESTIONS);
            let (since, rows) = (None, BTreeMap::new());
            self.desks.push(Desk { of, asks, since, rows });
        }
    }

    /// A desk asks for what is new.
    pub(super) fn pull_ledger(&mut self) -> Result<(), String> {
        let desk = self.rng.below(self.desks.len());
        let limit = self.rng.range(1, 6);
        self.pull_on(desk, limit as usize)
    }

    fn pull_on(&mut self, desk: usize, limit: usize) -> Result<(), String> {
        let service = self.world.service.clone();
        let clerk = Clerk::new(&service, CLERK);
        self.note(format!("desk {desk} pulls {limit} rows at a time"));
        loop {
            let Desk { of, asks, since, rows } = &mut self.desks[desk];
            let page = match page(&clerk, of, asks, since.as_deref(), limit) {
                // Another generation of the server: the desk begins again.
                Err(Code::ServerEpochChanged) => {
                    (*since, *rows) = (None, BTreeMap::new());
                    continue;
                }
                page => page.map_err(|code| format!("a ledger: {code}"))?,
            };
            for record in page.left {
                rows.remove(&record.to_string());
            }
            for row in page.rows {
                rows.insert(row["id"].as_str().unwrap_or_default().to_owned(), row);
            }
            *since = Some(page.cursor);
            self.tally.pulled += 1;
            if !page.more {
                return Ok(());
            }
        }
    }

    /// Every desk has what a fresh pull gives.
    pub(super) fn desks_are_right(&mut self) -> Result<(), String> {
        for desk in 0..self.desks.len() {
            self.pull_on(desk, 5)?;
            let service = self.world.service.clone();
            let clerk = Clerk::new(&service, CLERK);
            let Desk { of, asks, rows, .. } = &self.desks[desk];
            let fresh = page(&clerk, of, asks, None, 10_000).map_err(text)?;
            let fresh: BTreeMap<String, Value> = fresh
                .rows
                .into_iter()
                .map(|row| (row["id"].as_str().unwrap_or_default().to_owned(), row))
                .collect();
            if *rows != fresh {
                return Err(format!(
                    "the desk that asks for {of} {asks:?} has\n{rows:?}\nand a fresh pull gives\n{fresh:?}"
                ));
            }
        }
        Ok(())
    }
}

fn page(
    clerk: &Clerk<'_>,
    of: &str,
    asks: &[(&str, &str)],
    since: Option<&str>,
    limit: usize,
) -> Result<Pulled, Code> {
    let limit = limit.to_string();
    let mut query = asks.to_vec();
    query.push(("limit", limit.as_str()));
    query.extend(since.map(|since| ("since", since)));
    clerk.page(of, &query).map_err(|error| error.code())
}
