//! This file reads one workflow file.

use super::bounds::WORKFLOW_MAX;
use super::json::At;
use super::names::{Names, check_name, read_coded, read_label, read_word};
use super::read_kind::read_kind;
use super::{Condition, Kind, Party, SchemaError, VerbGrant, VerbRule, Workflow, WorkflowState};
use std::collections::{BTreeMap, BTreeSet};

const PARTIES: [(&str, Party); 3] =
    [("handler", Party::Handler), ("self_claim", Party::SelfClaim), ("reporter", Party::Reporter)];

/// Reads the workflow `name` from the root of its file.
pub(super) fn read_workflow(at: &At, name: &str, names: &Names) -> Result<Workflow, SchemaError> {
    at.allow_only(&["description", "label", "states", "levels", "args", "common_args", "verbs"])?;
    let states = read_coded(&at.need("states")?, WORKFLOW_MAX, read_state)?;
    let args = read_arguments(&at.need("args")?, names)?;
    let reader = VerbReader { names, states: &states, args: &args, common: read_common_args(at, &args)? };
    let mut verbs = BTreeMap::new();
    let verbs_at = at.need("verbs")?;
    for (verb, verb_at) in verbs_at.entries()? {
        verbs.insert(verb.to_owned(), reader.read_verb(&verb_at, verb)?);
    }
    if verbs.is_empty() || verbs.len() > WORKFLOW_MAX {
        return verbs_at.fail(format!("{} verbs, 1 to {WORKFLOW_MAX} are allowed", verbs.len()));
    }
    let levels = at.need("levels")?.items()?.iter().map(read_label).collect::<Result<_, _>>()?;
    Ok(Workflow { name: name.to_owned(), label: read_label(&at.need("label")?)?, states, verbs, levels })
}

fn read_state(at: &At, code: String) -> Result<WorkflowState, SchemaError> {
    at.allow_only(&["code", "label", "open"])?;
    check_name(at, &code.to_ascii_lowercase())?;
    Ok(WorkflowState { code, label: read_label(&at.need("label")?)?, open: at.need("open")?.boolean()? })
}

/// Reads every argument that any verb takes, by name. An argument means the same in all verbs.
fn read_arguments(at: &At, names: &Names) -> Result<BTreeMap<String, Kind>, SchemaError> {
    let mut args = BTreeMap::new();
    for (name, arg) in at.entries()? {
        check_name(&arg, name)?;
        super::banned::check_name(&arg, name)?;
        args.insert(name.to_owned(), read_kind(&arg, names, &[], 3)?);
    }
    Ok(args)
}

fn read_common_args(at: &At, args: &BTreeMap<String, Kind>) -> Result<Vec<String>, SchemaError> {
    at.get("common_args").map_or(Ok(Vec::new()), |list| read_arg_names(&list, args))
}

fn read_arg_names(at: &At, args: &BTreeMap<String, Kind>) -> Result<Vec<String>, SchemaError> {
    let mut out = Vec::new();
    for item in at.items()? {
        let name = item.text()?;
        if !args.contains_key(name) {
            return item.fail(format!("unknown argument `{name}`"));
        }
        out.push(name.to_owned());
    }
    Ok(out)
}

struct VerbReader<'a> {
    names: &'a Names,
    states: &'a [WorkflowState],
    args: &'a BTreeMap<String, Kind>,
    common: Vec<String>,
}

impl VerbReader<'_> {
    fn read_verb(&self, at: &At, name: &str) -> Result<VerbRule, SchemaError> {
        check_name(at, name)?;
        at.allow_only(&["label", "from", "to", "who", "args", "required_args", "conditions", "offline"])?;
        let list = |key| at.get(key).map_or(Ok(Vec::new()), |list| read_arg_names(&list, self.args));
        let (optional, required_args) = (list("args")?, list("required_args")?);
        let all: BTreeSet<&String> = self.common.iter().chain(&optional).chain(&required_args).collect();
        let grants = at
            .need("who")?
            .items()?
            .iter()
            .map(|item| self.read_grant(item))
            .collect::<Result<Vec<_>, _>>()?;
        let conditions = at.get("conditions").map_or(Ok(Vec::new()), |list| list.items())?;
        let mut roles: Vec<String> = Vec::new();
        for role in grants.iter().flat_map(|grant| &grant.roles) {
            if !roles.contains(role) {
                roles.push(role.clone());
            }
        }
        Ok(VerbRule {
            name: name.to_owned(),
            label: read_label(&at.need("label")?)?,
            from: at
                .need("from")?
                .items()?
                .iter()
                .map(|item| self.read_known_state(item))
                .collect::<Result<_, _>>()?,
            to: at.get("to").map(|to| self.read_known_state(&to)).transpose()?,
            roles,
            grants,
            args: all.into_iter().map(|arg| (arg.clone(), self.args[arg].clone())).collect(),
            required_args,
            conditions: conditions
                .iter()
                .map(|item| read_word(item, &Condition::ALL, "condition"))
                .collect::<Result<_, _>>()?,
            offline: at.get("offline").map_or(Ok(true), |offline| offline.boolean())?,
        })
    }

    fn read_known_state(&self, at: &At) -> Result<String, SchemaError> {
        let code = at.text()?;
        if !self.states.iter().any(|state| state.code == code) {
            return at.fail(format!("unknown state `{code}`"));
        }
        Ok(code.to_owned())
    }

    fn read_grant(&self, at: &At) -> Result<VerbGrant, SchemaError> {
        at.allow_only(&["roles", "at_level", "to_level", "as"])?;
        Ok(VerbGrant {
            roles: self.names.role_list(&at.need("roles")?)?,
            at_level: at.get("at_level").map(|span| read_level_span(&span)).transpose()?,
            to_level: at.get("to_level").map(|span| read_level_span(&span)).transpose()?,
            as_party: at.get("as").map(|party| read_word(&party, &PARTIES, "party")).transpose()?,
        })
    }
}

/// Reads `[from, to]`, both ends included.
fn read_level_span(at: &At) -> Result<(u8, u8), SchemaError> {
    let ends = at.items()?;
    let [from, to] = ends.as_slice() else {
        return at.fail("must be a list of two levels");
    };
    let from = from.integer(0, 4)?;
    Ok((from as u8, to.integer(from, 4)? as u8))
}
