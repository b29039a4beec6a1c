//! The table as text: a request, then each answer with who gets it. `*` is everybody who is not named at that request.

use std::collections::{BTreeMap, BTreeSet};

/// The answers that each persona gets, by request.
#[derive(Debug, Default)]
pub struct Table(BTreeMap<String, BTreeMap<String, String>>);

/// Everybody else.
const REST: &str = "*";

impl Table {
    /// Reads lines: a request at the margin; below it, indented, `answer: persona persona …`. `#` begins a remark.
    pub fn read(text: &str) -> Self {
        let mut table = Self::default();
        let mut request = String::new();
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            let Some(answer) = line.strip_prefix("  ") else {
                line.trim_end().clone_into(&mut request);
                assert!(!table.0.contains_key(&request), "{request} is there twice");
                table.0.insert(request.clone(), BTreeMap::new());
                continue;
            };
            let (answer, personas) = answer.split_once(": ").expect("answer: personas");
            for persona in personas.split_whitespace() {
                table.note(&request, persona, answer.to_owned());
            }
        }
        table
    }

    /// Notes what somebody is told.
    pub fn note(&mut self, request: &str, persona: &str, answer: String) {
        let known = self.0.entry(request.to_owned()).or_default();
        let before = known.insert(persona.to_owned(), answer);
        assert_eq!(before, None, "{request}: {persona} is named twice");
    }

    /// The requests of the table.
    pub fn requests(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    /// The answers that somebody gets, by request.
    pub fn of(&self, persona: &str) -> BTreeMap<&str, &str> {
        self.0
            .iter()
            .filter_map(|(request, told)| {
                let said = told.get(persona).or_else(|| told.get(REST))?;
                Some((request.as_str(), said.as_str()))
            })
            .collect()
    }

    /// Every place in which what was seen is not what this table says.
    pub fn differences(&self, seen: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (request, told) in &seen.0 {
            let wanted = self.0.get(request);
            for (persona, said) in told {
                let wanted = wanted.and_then(|wanted| wanted.get(persona).or_else(|| wanted.get(REST)));
                if wanted != Some(said) {
                    let wanted = wanted.map_or("nothing", String::as_str);
                    found.push(format!("{request}: {persona} is told `{said}`, the table says `{wanted}`"));
                }
            }
            let named = wanted.into_iter().flat_map(BTreeMap::keys);
            let strange = named.filter(|persona| *persona != REST && !told.contains_key(*persona));
            found.extend(strange.map(|persona| format!("{request}: there is no {persona}")));
        }
        found
    }

    /// The lines of the requests in which another table differs from what was seen, as they would be right.
    pub fn lines_of(&self, wanted: &Self) -> String {
        let mut lines = Vec::new();
        for (request, told) in &self.0 {
            let one = Self([(request.clone(), told.clone())].into());
            if wanted.differences(&one).is_empty() {
                continue;
            }
            let mut by_answer: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
            for (persona, said) in told {
                by_answer.entry(said).or_default().push(persona);
            }
            let most = by_answer.iter().max_by_key(|(_, personas)| personas.len());
            let most = most.map(|(said, _)| *said);
            lines.push(request.clone());
            for (said, personas) in &by_answer {
                if Some(*said) != most {
                    lines.push(format!("  {said}: {}", personas.join(" ")));
                }
            }
            lines.extend(most.map(|said| format!("  {said}: {REST}")));
        }
        lines.join("\n")
    }
}
