//! A phone for tests that kill it: `phone STORE SERVER CODE STEP…`. A step is `sync`, `list`, `person` (a new one),
//! `withdraw` (everybody's consent), `people`, or a text that a new patrol carries. What is durable is printed the
//! moment the call returned. `PHONE_DAYS_AHEAD` puts its clock forward.

use gridledger_core::calendar::DAY_MS;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use gridledger_client::engine::Clock;
use gridledger_client::{Client, ClientError, Intents, Options, OwnEdit, Query, RecordId, SentState};
use gridledger_tests::at_rest;

type Failure = Box<dyn std::error::Error>;

fn say(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().ok_or("phone STORE SERVER CODE STEP…");
    let (store, server, code) = (next()?, next()?, next()?);
    let options = Options { clock: days_ahead()?, ..Options::default() };
    let client = Client::open(store, &at_rest::lock(), options)?;
    if client.status()?.enrolled {
        client.engine().set_server(&server)?;
    } else {
        client.enrol(&server, &code)?;
    }
    for step in args {
        match step.as_str() {
            "sync" => sync(&client).await?,
            "list" => list(&client)?,
            "person" => person(&client)?,
            "withdraw" => withdraw(&client)?,
            "people" => people(&client)?,
            note => match create(&client, note) {
                Ok(record) => say(&format!("saved {record} {note}"))?,
                // Before the first sync there are no areas to create it in.
                Err(ClientError::Refused(refusal)) => say(&format!("refused {refusal}"))?,
                Err(error) => return Err(error.into()),
            },
        }
    }
    Ok(())
}

fn days_ahead() -> Result<Option<Clock>, Failure> {
    let Ok(days) = std::env::var("PHONE_DAYS_AHEAD") else {
        return Ok(None);
    };
    let ahead = days.parse::<i64>()? * DAY_MS;
    Ok(Some(Arc::new(move || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(0, |now| now.as_millis() as i64) + ahead
    })))
}

async fn sync(client: &Client) -> Result<(), Failure> {
    match client.sync().await {
        Ok(report) if report.healed > 0 => return Err("the digests differed".into()),
        Ok(_) => say("synced")?,
        Err(error) => say(&format!("no sync: {error}"))?,
    }
    for OwnEdit { record, state, .. } in client.receipts(1_000)? {
        if matches!(state, SentState::Sent | SentState::InLedger) {
            say(&format!("received {record}"))?;
        }
    }
    Ok(())
}

fn list(client: &Client) -> Result<(), Failure> {
    for record in client.list(&Query::default())? {
        let (note, pending) = (record.view["coverage_note"].as_str().unwrap_or("?"), record.pending);
        say(&format!("holds {} {note} {pending}", record.id))?;
    }
    Ok(())
}

fn create(client: &Client, note: &str) -> Result<RecordId, ClientError> {
    let intents = Intents::new()
        .put("started", 1_767_571_200_000_i64)
        .put("coverage_note", note)
        .increment("posters_removed", 1);
    client.create("patrol", "G1", intents)
}

/// Somebody who may be called.
fn person(client: &Client) -> Result<(), Failure> {
    let number = serde_json::Map::from_iter([("number".to_owned(), "13812340987".into())]);
    let person =
        Intents::new().put("name", "赵某").add("consents", "phone_contact").set_child("phones", "m", number);
    match client.create("person", "G1", person) {
        Ok(record) => say(&format!("saved {record}")),
        Err(ClientError::Refused(refusal)) => say(&format!("refused {refusal}")),
        Err(error) => Err(error.into()),
    }
}

fn withdraw(client: &Client) -> Result<(), Failure> {
    for person in client.list(&Query::of_type("person"))? {
        if person.view["consents"][0] == "phone_contact" {
            let saved = client.edit(person.id, Intents::new().remove("consents", "phone_contact"))?;
            say(&format!("withdrawn {}", saved.record))?;
        }
    }
    Ok(())
}

fn people(client: &Client) -> Result<(), Failure> {
    for person in client.list(&Query::of_type("person"))? {
        say(&format!("person {} {} {}", person.id, person.view, person.pending))?;
    }
    Ok(())
}
