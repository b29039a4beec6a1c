//! The sentences of an explanation, in Chinese and English.

use gridledger_core::calendar::Zone;
use gridledger_core::fold::{Event, Flag, Outcome, State};
use gridledger_schema::set::Workflow;

use super::{Explanation, Step, verb_word};
use crate::lang::Lang;

pub(crate) fn lines(
    explanation: &Explanation,
    workflow: Option<&Workflow>,
    lang: Lang,
    zone: &Zone,
) -> Vec<String> {
    let words = Words { workflow, lang, zone };
    let mut lines = words.standing(explanation);
    let flags = explanation.ticket.flags.iter();
    lines.extend(flags.map(|flag| lang.pick(flag_zh(*flag), flag_en(*flag)).to_owned()));
    let steps = explanation.steps.iter().enumerate();
    lines.extend(steps.map(|(at, step)| format!("{}. {}", at + 1, words.step(step))));
    lines
}

struct Words<'a> {
    workflow: Option<&'a Workflow>,
    lang: Lang,
    zone: &'a Zone,
}

impl Words<'_> {
    fn state(&self, state: Option<State>) -> String {
        let Some(state) = state else {
            return self.lang.pick("未上报", "Not reported").to_owned();
        };
        let label = self.workflow.and_then(|workflow| workflow.state(state.as_str()));
        let word = label.map_or(state.as_str(), |label| self.lang.of(&label.label));
        match self.lang {
            Lang::Zh => format!("{word}（{state}）"),
            Lang::En => format!("{word} ({state})"),
        }
    }

    fn level(&self, level: u8) -> String {
        let levels = self.workflow.map(|workflow| &workflow.levels);
        let label = levels.and_then(|levels| levels.get(usize::from(level)));
        let word = label.map_or("", |label| self.lang.of(label));
        match self.lang {
            Lang::Zh => format!("第 {level} 级（{word}）"),
            Lang::En => format!("level {level} ({word})"),
        }
    }

    fn verb<'v>(&'v self, event: &'v Event) -> &'v str {
        verb_word(self.workflow, event.verb.as_str(), self.lang)
    }

    /// The ticket's state, and the people who handle it.
    fn standing(&self, explanation: &Explanation) -> Vec<String> {
        let ticket = &explanation.ticket;
        let (state, level, cycle) = (self.state(ticket.state), self.level(ticket.level), ticket.cycle);
        let who = |people: &[String]| {
            if people.is_empty() {
                self.lang.pick("无", "nobody").to_owned()
            } else {
                people.join(self.lang.pick("、", ", "))
            }
        };
        let (assignees, helpers) = (who(&ticket.assignees), who(&ticket.co_handlers));
        match self.lang {
            Lang::Zh => vec![
                format!("状态：{state}，{level}，第 {cycle} 轮。"),
                format!("承办人：{assignees}；协办人：{helpers}。"),
            ],
            Lang::En => vec![
                format!("State: {state}, {level}, cycle {cycle}."),
                format!("Assigned to: {assignees}; helped by: {helpers}."),
            ],
        }
    }

    fn step(&self, step: &Step) -> String {
        let event = &step.event;
        let (at, actor, verb, became) =
            (self.zone.write_iso(event.at), &event.actor, self.verb(event), self.became(step));
        match self.lang {
            Lang::Zh => format!("{at} {actor} {verb}：{became}"),
            Lang::En => format!("{at} {actor}: {verb}. {became}"),
        }
    }

    fn became(&self, step: &Step) -> String {
        let lang = self.lang;
        match step.outcome {
            Outcome::Applied => lang.pick("已生效。", "It took effect.").to_owned(),
            Outcome::Forwarded => lang
                .pick("已转到并入的工单。", "It went on to the ticket this one was merged into.")
                .to_owned(),
            Outcome::Superseded { state } => {
                let state = self.state(state);
                match lang {
                    Lang::Zh => format!("未生效：轮到它时工单已是{state}。已保留，并告知本人。"),
                    Lang::En => {
                        format!(
                            "It had no effect: the ticket was {state} by then. It is kept and its author is told."
                        )
                    }
                }
            }
            Outcome::Proposal => self.proposal(step),
        }
    }

    fn proposal(&self, step: &Step) -> String {
        let lang = self.lang;
        if !step.unseen.is_empty() {
            let named = |event: &Event| match lang {
                Lang::Zh => format!("{}的{}", event.actor, self.verb(event)),
                Lang::En => format!("{} by {}", self.verb(event), event.actor),
            };
            let unseen: Vec<String> = step.unseen.iter().map(named).collect();
            let unseen = unseen.join(lang.pick("、", ", "));
            return match lang {
                Lang::Zh => format!("作为提议保留：本人当时没有看到{unseen}。"),
                Lang::En => format!("It is kept as a proposal: its author had not seen {unseen}."),
            };
        }
        if step.was_applied {
            return lang
                .pick(
                    "作为提议保留：同时有人上报上级，由上级核查。",
                    "It is kept as a proposal: somebody escalated at the same time, the upper level checks.",
                )
                .to_owned();
        }
        lang.pick("作为提议保留，等人确认。", "It is kept as a proposal for somebody to confirm.").to_owned()
    }
}

const fn flag_zh(flag: Flag) -> &'static str {
    match flag {
        Flag::ChecksDisagree => "注意：两次核查结论不同，继续办理。",
        Flag::ClosedWhileEscalated => "注意：办结的同时有人上报上级，由上级核查。",
        Flag::ClosureHadNotSeenEverything => "注意：有一次销号或作废没有看到全部待答复事项，只作提议。",
        Flag::OpeningKept => "注意：有一次上报、退查或重开与当时状态不符，仍须答复。",
        Flag::QuestionKept => "注意：退回时的问题保留在案，办理继续。",
        Flag::VoidOverruled => "注意：作废时已有人在办理，作废只作异议保留。",
    }
}

const fn flag_en(flag: Flag) -> &'static str {
    match flag {
        Flag::ChecksDisagree => "Note: two checks disagree; the work goes on.",
        Flag::ClosedWhileEscalated => {
            "Note: it was finished while somebody escalated it; the upper level checks."
        }
        Flag::ClosureHadNotSeenEverything => {
            "Note: a closing or voiding had not seen all that is owed an answer; it is a proposal."
        }
        Flag::OpeningKept => {
            "Note: an opening did not fit the state it met; it is owed an answer all the same."
        }
        Flag::QuestionKept => "Note: the question of a return stays attached; the work goes on.",
        Flag::VoidOverruled => "Note: it was voided while somebody worked on it; the voiding is a dissent.",
    }
}
