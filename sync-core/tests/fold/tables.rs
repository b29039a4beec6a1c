//! These tests check the names and the sequential table against the pages of the domain.

use gridledger_core::fold::{Flag, State, Verb, is_legal};

#[test]
fn the_sequential_table() {
    let table = [
        ("void", "REPORTED RETURNED ACCEPTED"),
        ("merge", "REPORTED RETURNED ACCEPTED ASSIGNED"),
        ("return", "REPORTED ACCEPTED"),
        ("evaluate", "CLOSED"),
        ("close", "FEEDBACK"),
        ("suspend", "ASSIGNED HANDLING"),
        ("extend", "ACCEPTED ASSIGNED HANDLING SUSPENDED"),
        ("de_escalate", "ACCEPTED ASSIGNED HANDLING"),
        ("assign", "ACCEPTED ASSIGNED HANDLING"),
        ("resubmit", "RETURNED"),
        ("accept", "REPORTED"),
        ("start", "ACCEPTED ASSIGNED"),
        ("resume", "SUSPENDED"),
        ("unmerge", "MERGED"),
        ("feedback", "ACCEPTED ASSIGNED HANDLING SUSPENDED"),
        ("verify_fail", "FEEDBACK"),
        ("escalate", "REPORTED ACCEPTED ASSIGNED HANDLING SUSPENDED"),
        ("reopen", "CLOSED EVALUATED VOID"),
    ];
    assert_eq!(table.len() + 1, Verb::ALL.len());
    assert!(is_legal(Verb::Report, None));
    for state in State::ALL {
        assert!(!is_legal(Verb::Report, Some(state)));
    }
    for (verb, states) in table {
        let verb: Verb = verb.parse().expect("a verb");
        let legal: Vec<&str> =
            State::ALL.into_iter().filter(|&state| is_legal(verb, Some(state))).map(State::as_str).collect();
        assert_eq!(legal.join(" "), states, "{verb}");
        assert!(!is_legal(verb, None), "{verb}");
    }
}

#[test]
fn a_name_is_the_same_in_text_and_in_json() {
    for verb in Verb::ALL {
        assert_eq!(serde_json::json!(verb), verb.as_str());
        assert_eq!(verb.as_str().parse(), Ok(verb));
    }
    for state in State::ALL {
        assert_eq!(serde_json::json!(state), state.as_str());
        assert_eq!(state.as_str().parse(), Ok(state));
    }
    for flag in Flag::ALL {
        assert_eq!(serde_json::json!(flag), flag.as_str());
    }
    assert_eq!("return_".parse::<Verb>().unwrap_err().to_string(), "\"return_\" is not a ticket verb");
    assert!("reported".parse::<State>().is_err());
}

#[test]
fn the_chinese_names_differ() {
    let mut labels = State::ALL.map(State::label_zh).to_vec();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), State::ALL.len());
}
