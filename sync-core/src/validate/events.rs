//! This file judges a workflow's events. Each is judged by the ticket as its author had seen it, including
//! the entry's earlier events.

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Op, Target};
use gridledger_schema::limits;
use gridledger_schema::set::{Field, SchemaSet, VerbRule, Workflow};
use serde_json::{Map, Value};

use super::Subject;
use super::conditions::Conditions;
use super::explain::{refuse_part, refuse_value, shorten};
use super::grants::Actor;
use super::staged::Staged;
use crate::fold::{self, Event, FoldError, Outcome, Ticket, Verb};
use crate::rights::Rights;

/// The field in which a dispatcher names co-handlers.
const CO_HANDLERS: &str = "co_handlers";

/// Checks the events of an entry. `staged` already holds its other intents.
pub(super) fn check(
    rights: Rights<'_>,
    author: &str,
    entry: &Entry,
    subject: &Subject<'_>,
    staged: &Staged<'_>,
) -> Result<(), Refusal> {
    let steps: Vec<Step<'_>> = entry.intents.iter().filter_map(|intent| Step::read(&intent.op)).collect();
    if steps.is_empty() {
        return Ok(());
    }
    let record_type = subject.record_type;
    let workflow = record_type.workflow.as_ref().and_then(|name| rights.schema.workflow(name));
    let (Some(workflow), Some(field)) = (workflow, record_type.events_field()) else {
        let rule = format!("{} follows no workflow", record_type.name);
        return Err(Refusal::new(Code::OperationMismatch, rule));
    };
    check_room(field, subject, steps.len())?;
    let ticket = fold::fold(&subject.seen.events).map_err(|error| refuse_unfoldable(field, &error))?;
    let events = subject.seen.events.clone();
    let latest = fold::find_latest(&events);
    let on_the_spot = is_on_the_spot(entry, &steps);
    let schema = rights.schema;
    let mut course = Course {
        schema,
        workflow,
        field,
        author,
        entry,
        subject,
        staged,
        on_the_spot,
        ticket,
        events,
        latest,
    };
    steps.iter().try_for_each(|step| course.take_step(step))
}

/// One event of the entry.
struct Step<'a> {
    verb: &'a str,
    args: &'a Map<String, Value>,
}

impl<'a> Step<'a> {
    fn read(op: &'a Op) -> Option<Self> {
        match op {
            Op::Event { verb, args } => Some(Self { verb, args }),
            _ => None,
        }
    }
}

fn check_room(field: &Field, subject: &Subject<'_>, more: usize) -> Result<(), Refusal> {
    let most = field.max_items.map_or(limits::TICKET_EVENTS, |most| limits::TICKET_EVENTS.min(most as usize));
    let held = subject.seen.events.len().max(subject.now.events.len());
    if held + more > most {
        return Err(Refusal::of_field(Code::LimitExceeded, &field.name, format!("at most {most} events")));
    }
    Ok(())
}

/// 现场办: one person reports, accepts and finishes the ticket in one entry.
fn is_on_the_spot(entry: &Entry, steps: &[Step<'_>]) -> bool {
    let course = [Verb::Report, Verb::Accept, Verb::Start, Verb::Feedback].map(Verb::as_str);
    let verbs = steps.iter().map(|step| step.verb).take(course.len());
    matches!(entry.target, Target::Create { .. }) && verbs.eq(course)
}

fn refuse_unfoldable(field: &Field, error: &FoldError) -> Refusal {
    match error {
        FoldError::BadArgument { argument, expected, .. } => {
            refuse_value(&field.name, &format!("/{argument}: {expected}"))
        }
        _ => Refusal::of_field(Code::EventIllegal, &field.name, "the events before it do not fold"),
    }
}

/// A ticket while the entry's events are applied one by one.
struct Course<'a> {
    schema: &'a SchemaSet,
    workflow: &'a Workflow,
    field: &'a Field,
    author: &'a str,
    entry: &'a Entry,
    subject: &'a Subject<'a>,
    staged: &'a Staged<'a>,
    on_the_spot: bool,
    ticket: Ticket,
    events: Vec<Event>,
    /// The events that no other event has seen.
    latest: Vec<String>,
}

impl Course<'_> {
    fn take_step(&mut self, step: &Step<'_>) -> Result<(), Refusal> {
        let known = self.workflow.verb(step.verb).zip(step.verb.parse::<Verb>().ok());
        let Some((rule, verb)) = known else {
            return Err(refuse_value(&self.field.name, &format!("there is no verb {}", shorten(step.verb))));
        };
        // In 现场办, a role that may start the work may also accept it.
        let lender = self.find_lender(verb);
        self.check_role(rule, lender)?;
        self.check_legal(rule, verb)?;
        self.check_arguments(rule, step.args)?;
        self.check_claims(verb, step.args)?;
        self.check_circumstances(rule, lender, step.args)?;
        self.make_conditions(verb, step.args).check(rule)?;
        self.advance(verb, step.args)
    }

    fn refuse(&self, code: Code, rule: impl Into<String>) -> Refusal {
        Refusal::of_field(code, &self.field.name, rule)
    }

    /// The rule that allows an actor where the verb's own rule does not.
    fn find_lender(&self, verb: Verb) -> Option<&VerbRule> {
        let lends = self.on_the_spot && verb == Verb::Accept;
        self.workflow.verb(Verb::Start.as_str()).filter(|_| lends)
    }

    fn check_role(&self, rule: &VerbRule, lender: Option<&VerbRule>) -> Result<(), Refusal> {
        if [Some(rule), lender].into_iter().flatten().any(|rule| rule.roles.contains(&self.entry.role)) {
            return Ok(());
        }
        Err(self.refuse(Code::EventForbidden, format!("{} may not {}", self.entry.role, rule.name)))
    }

    /// Checks the state by the fold's table, and by the workflow file where it is narrower.
    fn check_legal(&self, rule: &VerbRule, verb: Verb) -> Result<(), Refusal> {
        let by_file = match self.ticket.state {
            None => rule.from.is_empty(),
            Some(state) => rule.from.iter().any(|from| from == state.as_str()),
        };
        if by_file && fold::is_legal(verb, self.ticket.state) {
            return Ok(());
        }
        let rule = match self.ticket.state {
            None => "a ticket begins with report".to_owned(),
            Some(state) if rule.from.is_empty() => {
                format!("no {verb} in {state}: only once, at the beginning")
            }
            Some(state) => format!("no {verb} in {state}: only in {}", rule.from.join(", ")),
        };
        Err(self.refuse(Code::EventIllegal, rule))
    }

    fn check_arguments(&self, rule: &VerbRule, args: &Map<String, Value>) -> Result<(), Refusal> {
        rule.check_args(args).map_err(|fault| refuse_part(&self.field.name, &rule.args, &fault))
    }

    /// Checks an event's claims. They must match what its author saw, and a level must change in the right
    /// direction.
    fn check_claims(&self, verb: Verb, args: &Map<String, Value>) -> Result<(), Refusal> {
        let Ticket { level, cycle, .. } = self.ticket;
        let number = |arg: &str| args.get(arg).and_then(Value::as_u64);
        let claim = |arg: &str, is: u64| match number(arg) {
            Some(claimed) if claimed != is => {
                Err(refuse_value(&self.field.name, &format!("/{arg}: must be {is}")))
            }
            _ => Ok(()),
        };
        match (verb, number("to")) {
            (Verb::Feedback, _) => claim("level_seen", level.into()),
            (Verb::Reopen, _) => claim("cycle_seen", cycle.into()),
            (Verb::Escalate, Some(to)) if to <= level.into() => {
                Err(self.refuse(Code::EventIllegal, format!("escalate: only to a level above {level}")))
            }
            (Verb::DeEscalate, Some(to)) if to >= level.into() => {
                Err(self.refuse(Code::EventIllegal, format!("de_escalate: only to a level below {level}")))
            }
            _ => Ok(()),
        }
    }

    fn check_circumstances(
        &self,
        rule: &VerbRule,
        lender: Option<&VerbRule>,
        args: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        let co_handlers = self.staged.seen.get(CO_HANDLERS).and_then(Value::as_array);
        let actor = Actor {
            author: self.author,
            role: &self.entry.role,
            ticket: &self.ticket,
            events: &self.events,
            co_handlers: co_handlers.map_or(&[], Vec::as_slice),
        };
        if [Some(rule), lender].into_iter().flatten().any(|rule| actor.may_act(rule, args)) {
            return Ok(());
        }
        let only = actor.describe_circumstances(rule);
        Err(self.refuse(Code::EventForbidden, format!("{} by {}: only {only}", rule.name, self.entry.role)))
    }

    fn make_conditions<'b>(&'b self, verb: Verb, args: &'b Map<String, Value>) -> Conditions<'b> {
        Conditions {
            schema: self.schema,
            field: &self.field.name,
            verb,
            args,
            author: self.author,
            role: &self.entry.role,
            at: self.entry.at,
            ticket: &self.ticket,
            events: &self.events,
            now: self.subject.now,
            fields: &self.staged.seen,
            record_type: self.subject.record_type,
        }
    }

    /// Folds the event in. Its id is provisional. Its parents are the latest events, as deriving will find
    /// them.
    fn advance(&mut self, verb: Verb, args: &Map<String, Value>) -> Result<(), Refusal> {
        let id = format!("new.{}", self.events.len() - self.subject.seen.events.len());
        let event = Event {
            id: id.clone(),
            verb,
            actor: self.author.to_owned(),
            at: self.entry.at,
            parents: std::mem::replace(&mut self.latest, vec![id.clone()]),
            args: args.clone(),
        };
        fold::fold_on(&mut self.ticket, &event).map_err(|error| refuse_unfoldable(self.field, &error))?;
        self.events.push(event);
        if self.ticket.outcomes.get(&id) != Some(&Outcome::Applied) {
            return Err(self.refuse(Code::EventIllegal, format!("{verb} would have no effect")));
        }
        Ok(())
    }
}
