//! Rights, asked all at once: every route, every frame of a sync and every step of a plan is asked by every role, held now, held
//! elsewhere, ended and not yet begun, by nobody and by a revoked account. One table says what each is told.

mod requests;
mod table;
mod town;

use std::collections::BTreeSet;

use gridledger_tests::routes::ROUTES;

use requests::REQUESTS;
use table::Table;
use town::Town;

const TABLE: &str = include_str!("../../../fixtures/rights.txt");

#[test]
fn everybody_is_told_what_the_table_says() {
    let mut town = Town::open();
    let mut seen = Table::default();
    for at in 0..town.personas.len() {
        for (request, ask) in REQUESTS {
            let said = ask(&mut town, at);
            seen.note(request, &town.personas[at].name, said);
        }
    }
    assert_eq!(seen.of("ended"), seen.of("nobody"), "a role that has ended is no role");
    assert_eq!(seen.of("future"), seen.of("nobody"), "a role that has not begun is no role");
    let wanted = Table::read(TABLE);
    let differences = wanted.differences(&seen);
    assert!(
        differences.is_empty(),
        "the table and what is so differ:\n{}\nas it is:\n{}",
        differences.join("\n"),
        seen.lines_of(&wanted)
    );
}

#[test]
fn every_route_is_in_the_table() {
    let asked: BTreeSet<String> = REQUESTS
        .iter()
        .map(|(request, _)| request.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    let missing: Vec<String> = ROUTES
        .iter()
        .map(|route| format!("{} {}", route.method, route.pattern))
        .filter(|route| !asked.contains(route))
        .collect();
    assert_eq!(missing, [""; 0]);
    let known: BTreeSet<&str> = REQUESTS.iter().map(|(request, _)| *request).collect();
    let listed: BTreeSet<String> = Table::read(TABLE).requests();
    let listed: BTreeSet<&str> = listed.iter().map(String::as_str).collect();
    assert_eq!(known, listed, "each request has its lines, and no line is of another");
}
