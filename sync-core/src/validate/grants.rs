//! This file checks the grants of a workflow's verb: role, relation to the ticket, and level.

use gridledger_schema::set::{Party, VerbGrant, VerbRule};
use serde_json::{Map, Value};

use crate::fold::{Event, Ticket, Verb};

/// An author in relation to a ticket at one moment.
pub(super) struct Actor<'a> {
    pub(super) author: &'a str,
    /// The role that the author acts under.
    pub(super) role: &'a str,
    /// The ticket as the author saw it.
    pub(super) ticket: &'a Ticket,
    /// The ticket's events, in time order.
    pub(super) events: &'a [Event],
    /// The co-handlers named in the record's fields.
    pub(super) co_handlers: &'a [Value],
}

impl Actor<'_> {
    /// Whether one of the rule's grants allows the actor to do it with these arguments.
    pub(super) fn may_act(&self, rule: &VerbRule, args: &Map<String, Value>) -> bool {
        rule.grants.iter().any(|grant| self.allows(grant, args))
    }

    fn allows(&self, grant: &VerbGrant, args: &Map<String, Value>) -> bool {
        let within = |span: Option<(u8, u8)>, level: Option<u64>| {
            span.is_none_or(|(from, to)| {
                level.is_some_and(|level| (from.into()..=to.into()).contains(&level))
            })
        };
        grant.roles.iter().any(|role| role == self.role)
            && within(grant.at_level, Some(self.ticket.level.into()))
            && within(grant.to_level, args.get("to").and_then(Value::as_u64))
            && grant.as_party.is_none_or(|party| self.is_party(party))
    }

    fn is_party(&self, party: Party) -> bool {
        match party {
            Party::Handler => {
                let named = self.ticket.assignees.iter().chain(&self.ticket.co_handlers);
                named.into_iter().any(|who| who == self.author)
                    || self.co_handlers.iter().any(|who| who == self.author)
            }
            Party::SelfClaim => self.ticket.assignees.is_empty(),
            Party::Reporter => find_reporter(self.events) == Some(self.author),
        }
    }

    /// The circumstances under which the role may use the verb, in words.
    pub(super) fn describe_circumstances(&self, rule: &VerbRule) -> String {
        let mine = rule.grants.iter().filter(|grant| grant.roles.iter().any(|role| role == self.role));
        mine.map(describe_grant).collect::<Vec<_>>().join("; or ")
    }
}

/// The author of the ticket's report.
pub(super) fn find_reporter(events: &[Event]) -> Option<&str> {
    events.iter().find(|event| event.verb == Verb::Report).map(|event| event.actor.as_str())
}

fn describe_grant(grant: &VerbGrant) -> String {
    let span = |word: &str, span: Option<(u8, u8)>| {
        span.map(|(from, to)| {
            if from == to { format!("{word} level {from}") } else { format!("{word} levels {from} to {to}") }
        })
    };
    let relation = grant.as_party.map(|party| match party {
        Party::Handler => "as one of its handlers".to_owned(),
        Party::SelfClaim => "while nobody is assigned".to_owned(),
        Party::Reporter => "as who reported it".to_owned(),
    });
    let parts = [span("at", grant.at_level), span("to", grant.to_level), relation];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
